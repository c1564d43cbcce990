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
// everything where it is. It costs one reading of all records.
func (f *folder) verify(isNew bool, w *witness) (err error) {
	db, err := f.openDatabase(&pebble.Options{
		ReadOnly: true,
		EventListener: &pebble.EventListener{
			DataCorruption: func(pebble.DataCorruptionInfo) {}, // the error says it
		},
	})
	switch {
	case isNew && errors.Is(err, pebble.ErrDBDoesNotExist):
		return nil
	case err != nil && !isRefusal(err):
		return damaged(f.dir, err)
	case err != nil:
		return openError(f.dir, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if isNew {
		return openError(f.dir, verifyEmpty(db))
	}
	return openError(f.dir, verifyRecords(db, w))
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

func verifyRecords(db *pebble.DB, w *witness) error {
	want, err := readState(db)
	if err != nil {
		return err
	}
	if want.revision < w.revision {
		return fmt.Errorf("%w: the newest of them is number %d, but number %d was acknowledged (to go on with what is left, remove the file marker.%s.*)",
			errMissing, want.revision, w.revision, witnessMarker)
	}
	sum, err := sumRecords(db)
	if err == nil && sum != want.sum {
		err = fmt.Errorf("%w: the newest MANIFEST file is damaged, or another file was removed", errMissing)
	}
	return err
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

func sumRecords(db *pebble.DB) (sum uint64, err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindRecord}, UpperBound: []byte{kindRecord + 1}})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		b, err := it.ValueAndErr()
		if err != nil {
			return 0, err
		}
		_, revision, err := decodeRecordValue(b)
		if err != nil {
			return 0, err
		}
		sum += recordHash(it.Key(), revision)
	}
	return sum, nil // Close repeats the iterator's error, if it stopped at one
}
