package integrity

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"seagate/storage/pebble/internal/format"
)

// Contents are what an engine needs to know of a database before it writes.
type Contents struct {
	State format.State
	Logs  []format.Log // in the order of their numbers
}

// Verify checks that the folder still holds everything that was written to it,
// and returns its state and the heads of its logs. If isNew, the folder must
// hold nothing. Errors that show damage are ErrDamaged.
//
// Pebble believes its list of tables: if the end of the list is damaged, it
// opens the database with the tables that are listed before and removes all
// others. So Verify must come before the folder is opened for writing. It opens
// the database for reading, which changes nothing.
func (f Folder) Verify(isNew bool, m *DurableMarker) (c Contents, err error) {
	db, err := f.openForReading()
	switch {
	case isNew && errors.Is(err, pebble.ErrDBDoesNotExist):
		return Contents{}, nil
	case err != nil:
		return Contents{}, openError(f.Dir, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if isNew {
		return Contents{}, openError(f.Dir, verifyEmpty(db))
	}
	c, err = readContents(db, m)
	if err == nil {
		err = f.verifyUnlisted(db, c.Logs)
	}
	return c, openError(f.Dir, err)
}

// verifyEmpty accepts a database whose creation a power cut interrupted. One
// that holds data belongs to another program, or has lost its marker.
func verifyEmpty(db *pebble.DB) error {
	it, err := db.NewIter(nil)
	if err != nil {
		return err
	}
	if it.First() {
		err = fmt.Errorf("it holds data but no file marker.%s.*: %w", formatMarker, format.ErrMalformed)
	}
	return errors.Join(err, it.Close())
}

// readContents reads what Contents need, and verifies it.
func readContents(db *pebble.DB, m *DurableMarker) (c Contents, err error) {
	if c.State, err = format.ReadState(db); err != nil {
		return c, err
	}
	if err := verifyRevision(c.State, m); err != nil {
		return c, err
	}
	if c.Logs, err = format.ReadLogs(db); err != nil {
		return c, err
	}
	sum, _, err := sumRecords(db)
	if err != nil {
		return c, err
	}
	if err := verifySum(c.State, sum, c.Logs); err != nil {
		return c, err
	}
	if err := verifyNumbers(c.Logs, c.State.Numbers); err != nil {
		return c, err
	}
	return c, verifyEnds(db, c.Logs)
}

func verifyRevision(s format.State, m *DurableMarker) error {
	if s.Revision >= m.revision {
		return nil
	}
	return fmt.Errorf("%w: the newest of them is number %d, but number %d was acknowledged (to go on with what is left, remove the file marker.%s.*)",
		ErrMissing, s.Revision, m.revision, durableMarker)
}

func verifySum(s format.State, records uint64, logs []format.Log) error {
	sum := records
	for _, l := range logs {
		sum += l.Hash
	}
	if s.Sum == sum {
		return nil
	}
	return fmt.Errorf("%w: the newest MANIFEST file is damaged, or another file was removed", ErrMissing)
}

// sumRecords returns the sum of all records' hashes, and their number.
func sumRecords(db *pebble.DB) (sum uint64, records int, err error) {
	err = format.Each(db, format.KindRecord, func(key, value []byte) error {
		_, revision, err := format.DecodeRecordValue(value)
		sum += format.RecordHash(key, revision)
		records++
		return err
	})
	return sum, records, err
}

// verifyNumbers expects the logs in the order of their numbers.
func verifyNumbers(logs []format.Log, newest uint64) error {
	last := uint64(0)
	for _, l := range logs {
		if l.Number == last || l.Number > newest {
			return fmt.Errorf("log %q: %w: number %d is not its own", l.Name, format.ErrMalformed, l.Number)
		}
		last = l.Number
	}
	return nil
}

// verifyEnds checks that each log begins and ends as its head says, and that no
// entries lie between the logs. It does not read what is inside of a log.
func verifyEnds(db *pebble.DB, logs []format.Log) (err error) {
	it, err := db.NewIter(format.AllOf(format.KindEntry))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	it.First()
	for _, l := range logs {
		if l.IsEmpty() {
			continue
		}
		if err := verifyLogEnds(it, &l); err != nil {
			return fmt.Errorf("log %q: %w", l.Name, err)
		}
	}
	if it.Valid() {
		return fmt.Errorf("%w: there is an entry of no log, or beyond the end of one (key %x)", ErrMissing, it.Key())
	}
	return it.Error()
}

// verifyLogEnds expects the iterator at the log's first entry, and leaves it
// after the last.
func verifyLogEnds(it *pebble.Iterator, l *format.Log) error {
	first, err := endAt(it, l, l.First)
	if err != nil {
		return err
	}
	it.SeekLT(format.LogPrefix(format.KindEntry, l.Number+1))
	last, err := endAt(it, l, l.Next-1)
	if err != nil {
		return err
	}
	it.Next()
	if first.before != l.Before || first.time != l.FirstTime || last.end != l.End || last.time != l.LastTime {
		return fmt.Errorf("%w: entries %d and %d are not those that it began and ended with", ErrMissing, l.First, l.Next-1)
	}
	return nil
}

// A logEnd is an entry without its payload, which the iterator owns.
type logEnd struct {
	time        int64
	before, end uint64
}

func endAt(it *pebble.Iterator, l *format.Log, seq uint64) (logEnd, error) {
	switch {
	case it.Error() != nil:
		return logEnd{}, it.Error()
	case !it.Valid() || !bytes.Equal(it.Key(), format.EntryKey(l.Number, seq)):
		return logEnd{}, fmt.Errorf("%w: it does not begin or end with entry %d", ErrMissing, seq)
	}
	b, err := it.ValueAndErr()
	if err != nil {
		return logEnd{}, err
	}
	e, err := format.DecodeEntry(b)
	return logEnd{e.Time, e.Before(), e.End}, err
}
