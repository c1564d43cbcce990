package pebble

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// tablesOf returns which files are tables of a database.
func tablesOf(db *pebble.DB) func(name string) bool {
	levels, err := db.SSTables()
	if err != nil {
		return func(string) bool { return true }
	}
	names := map[string]bool{}
	for _, level := range levels {
		for _, table := range level {
			names[table.BackingSSTNum.String()+".sst"] = true
		}
	}
	return func(name string) bool { return names[name] }
}

func (f *folder) openTable(name string) (*sstable.Reader, error) {
	file, err := f.files.Open(f.files.PathJoin(f.dir, name), vfs.RandomReadsOption)
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

// verifyLeftovers looks into the tables that the database does not name. A
// crash leaves some: they are being written, or have just been replaced. But
// the list of tables may also have lost its end, and a log its middle with the
// tables that it named there, where neither the sum of the records nor the ends
// of logs tell. Then there are entries in them that are nowhere else.
func (f *folder) verifyLeftovers(db *pebble.DB, logs []storedLog) error {
	names, err := f.files.List(f.dir)
	if err != nil {
		return err
	}
	inUse := tablesOf(db)
	left := slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".sst") || inUse(name) })
	if len(left) == 0 {
		return nil
	}
	byNumber := make(map[uint64]*storedLog, len(logs))
	for i := range logs {
		byNumber[logs[i].number] = &logs[i]
	}
	for _, name := range left {
		if err := f.verifyLeftover(db, name, byNumber); err != nil {
			return err
		}
	}
	return nil
}

// verifyLeftover returns an error if a table has an entry that its log should
// have, and has not. A table that cannot be read was being written.
func (f *folder) verifyLeftover(db *pebble.DB, name string, logs map[uint64]*storedLog) (err error) {
	defer func() { _ = recover() }() // how Pebble meets some kinds of damage
	r, err := f.openTable(name)
	if err != nil {
		return nil
	}
	defer r.Close()
	entries := allOf(kindEntry)
	left, err := r.NewIter(sstable.NoTransforms, entries.LowerBound, entries.UpperBound, sstable.AssertNoBlobHandles)
	if err != nil {
		return nil
	}
	defer left.Close()
	kept, err := db.NewIter(entries)
	if err != nil {
		return err
	}
	defer kept.Close()
	for kv := left.First(); kv != nil; kv = left.Next() {
		number, seq, err := decodeEntryKey(kv.K.UserKey)
		l := logs[number]
		if err != nil || kv.K.Kind() != pebble.InternalKeyKindSet || l == nil || seq < l.first || seq >= l.next {
			continue
		}
		if !kept.SeekGE(kv.K.UserKey) || !bytes.Equal(kept.Key(), kv.K.UserKey) {
			if err := kept.Error(); err != nil {
				return err
			}
			return fmt.Errorf("%w: the newest MANIFEST file is damaged: file %s, which it does not name, has entry %d of log %q, and no other has", errMissing, name, seq, l.name)
		}
	}
	return nil
}
