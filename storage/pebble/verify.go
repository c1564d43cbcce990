package pebble

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

var (
	errMissing   = errors.New("writes are missing")
	errMalformed = errors.New("not written by this program")
)

// verify checks that the folder still holds everything that was written to it,
// or nothing at all if it is new.
//
// Pebble believes its list of files: if the end of that list is damaged, it
// goes on with the files that are named before, and removes the others. So the
// check comes first, on a database that is opened for reading only and leaves
// everything where it is. It costs one reading of all records, and of the ends
// of all logs.
func (f *folder) verify(isNew bool, w *witness) (s state, err error) {
	db, err := f.openForReading()
	switch {
	case isNew && errors.Is(err, pebble.ErrDBDoesNotExist):
		return state{}, nil
	case err != nil:
		return state{}, openError(f.dir, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if isNew {
		return state{}, openError(f.dir, verifyEmpty(db))
	}
	s, logs, err := verifyContents(db, w)
	if err == nil {
		err = f.verifyLeftovers(db, logs)
	}
	return s, openError(f.dir, err)
}

// openForReading opens the database so that nothing in the folder changes.
func (f *folder) openForReading() (*pebble.DB, error) {
	db, err := f.openDatabase(&pebble.Options{
		ReadOnly: true,
		EventListener: &pebble.EventListener{
			DataCorruption: func(pebble.DataCorruptionInfo) {}, // the error says it
		},
	})
	switch {
	case err == nil, errors.Is(err, pebble.ErrDBDoesNotExist):
		return db, err
	case !isRefusal(err):
		return nil, damaged(f.dir, err)
	}
	return nil, openError(f.dir, err)
}

// verifyEmpty is for a database that was being made when the power went. One
// that holds something was made by somebody else, or has lost its marker.
func verifyEmpty(db *pebble.DB) error {
	it, err := db.NewIter(nil)
	if err != nil {
		return err
	}
	if it.First() {
		err = fmt.Errorf("it holds data but no file marker.%s.*: %w", formatMarker, errMalformed)
	}
	return errors.Join(err, it.Close())
}

func verifyContents(db *pebble.DB, w *witness) (state, []storedLog, error) {
	want, err := readState(db)
	if err != nil {
		return state{}, nil, err
	}
	if err := want.verifyRevision(w); err != nil {
		return state{}, nil, err
	}
	logs, err := readHeads(db)
	if err != nil {
		return state{}, nil, err
	}
	sum, _, err := sumRecords(db)
	if err != nil {
		return state{}, nil, err
	}
	if err := want.verifySum(sum + sumHeads(logs)); err != nil {
		return state{}, nil, err
	}
	if err := verifyNumbers(logs, want.numbers); err != nil {
		return state{}, nil, err
	}
	return want, logs, verifyEnds(db, logs)
}

func (s state) verifySum(sum uint64) error {
	if s.sum == sum {
		return nil
	}
	return fmt.Errorf("%w: the newest MANIFEST file is damaged, or another file was removed", errMissing)
}

func (s state) verifyRevision(w *witness) error {
	if s.revision >= w.revision {
		return nil
	}
	return fmt.Errorf("%w: the newest of them is number %d, but number %d was acknowledged (to go on with what is left, remove the file marker.%s.*)",
		errMissing, s.revision, w.revision, witnessMarker)
}

// readState returns the zero state if nothing was ever written.
func readState(db *pebble.DB) (state, error) {
	b, closer, err := db.Get(stateKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	defer closer.Close()
	return decodeState(b)
}

// sumRecords returns the sum of all records, and how many there are.
func sumRecords(db *pebble.DB) (sum uint64, records int, err error) {
	err = each(db, kindRecord, func(key, value []byte) error {
		_, revision, err := decodeRecordValue(value)
		sum += recordHash(key, revision)
		records++
		return err
	})
	return sum, records, err
}
