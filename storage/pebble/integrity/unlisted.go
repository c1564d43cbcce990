package integrity

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"seagate/storage/pebble/internal/format"
)

// tableSuffix ends the names of the files that hold tables.
const tableSuffix = ".sst"

// listedIn returns a function that reports whether a file is a table of the database. If the
// list cannot be read, the function reports true for every file.
func listedIn(db *pebble.DB) func(name string) bool {
	levels, err := db.SSTables()
	if err != nil {
		return func(string) bool { return true }
	}
	names := map[string]bool{}
	for _, level := range levels {
		for _, table := range level {
			names[table.BackingSSTNum.String()+tableSuffix] = true
		}
	}
	return func(name string) bool { return names[name] }
}

func (f Folder) openTable(name string) (*sstable.Reader, error) {
	file, err := f.FS.Open(f.FS.PathJoin(f.Dir, name), vfs.RandomReadsOption)
	if err != nil {
		return nil, err
	}
	readable, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return nil, err
	}
	options := &pebble.Options{}
	options.EnsureDefaults()
	return sstable.NewReader(context.Background(), readable, options.MakeReaderOptions())
}

// verifyUnlisted reads the tables that the database does not list. A crash
// leaves some: they were being written, or had just been replaced. But if the
// list lost its end, such a table may hold the middle of a log. Neither the sum
// nor the ends of logs show that, but then the table has entries that no listed
// table has.
func (f Folder) verifyUnlisted(db *pebble.DB, logs []format.Log) error {
	names, err := f.FS.List(f.Dir)
	if err != nil {
		return err
	}
	listed := listedIn(db)
	unlisted := slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, tableSuffix) || listed(name) })
	if len(unlisted) == 0 {
		return nil
	}
	byNumber := make(map[uint64]*format.Log, len(logs))
	for i := range logs {
		byNumber[logs[i].Number] = &logs[i]
	}
	for _, name := range unlisted {
		if err := f.verifyUnlistedTable(db, name, byNumber); err != nil {
			return err
		}
	}
	return nil
}

// verifyUnlistedTable returns an error if the table has an entry that its log
// should have and the database lacks. A table that cannot be read was being
// written when the process ended.
func (f Folder) verifyUnlistedTable(db *pebble.DB, name string, logs map[uint64]*format.Log) (err error) {
	defer func() { _ = recover() }() // Pebble panics about some kinds of damage
	r, err := f.openTable(name)
	if err != nil {
		return nil
	}
	defer r.Close()
	all := format.AllOf(format.KindEntry)
	entries, err := r.NewIter(sstable.NoTransforms, all.LowerBound, all.UpperBound, sstable.AssertNoBlobHandles)
	if err != nil {
		return nil
	}
	defer entries.Close()
	kept, err := db.NewIter(all)
	if err != nil {
		return err
	}
	defer kept.Close()
	for kv := entries.First(); kv != nil; kv = entries.Next() {
		number, seq, err := format.DecodeEntryKey(kv.K.UserKey)
		l := logs[number]
		if err != nil || kv.K.Kind() != pebble.InternalKeyKindSet || l == nil || seq < l.First || seq >= l.Next {
			continue
		}
		if !kept.SeekGE(kv.K.UserKey) || !bytes.Equal(kept.Key(), kv.K.UserKey) {
			if err := kept.Error(); err != nil {
				return err
			}
			return fmt.Errorf("%w: the newest MANIFEST file is damaged: file %s, which it does not name, has entry %d of log %q, and no other has", ErrMissing, name, seq, l.Name)
		}
	}
	return nil
}
