package format

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// ReadState returns the state. It is zero if nothing was ever written.
func ReadState(db pebble.Reader) (State, error) {
	b, closer, err := db.Get(StateKey())
	if errors.Is(err, pebble.ErrNotFound) {
		return State{}, nil
	}
	if err != nil {
		return State{}, err
	}
	defer closer.Close()
	return DecodeState(b)
}

// A Log is a log that is stored.
type Log struct {
	Name string
	Head
	Hash uint64 // see HeadHash
}

// ReadLogs returns all logs in the order of their numbers.
func ReadLogs(db pebble.Reader) (logs []Log, err error) {
	err = Each(db, KindHead, func(key, value []byte) error {
		head, err := DecodeHead(value)
		if err != nil {
			return fmt.Errorf("log %q: %w", key[1:], err)
		}
		logs = append(logs, Log{string(key[1:]), head, HeadHash(key, value)})
		return nil
	})
	slices.SortFunc(logs, func(a, b Log) int { return cmp.Compare(a.Number, b.Number) })
	return logs, err
}

// AllOf bounds an iterator to the keys of one kind.
func AllOf(kind byte) *pebble.IterOptions {
	return &pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}}
}

// Each calls do for each key of a kind, in their order, until it returns an
// error. key and value are valid until do returns.
func Each(db pebble.Reader, kind byte, do func(key, value []byte) error) (err error) {
	it, err := db.NewIter(AllOf(kind))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }() // Close returns the iterator's error as well
	for it.First(); it.Valid(); it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if err := do(it.Key(), value); err != nil {
			return err
		}
	}
	return nil
}
