package format

import (
	"encoding/binary"
	"hash/fnv"
)

const (
	stateSize  = 3*8 + idSize
	stateSize1 = 2 * 8 // in format 1
)

// State describes the database as a whole. Every batch stores it.
type State struct {
	// Revision is the number of the newest change: a write or deletion of a
	// record, or a change of a log. It is not derived from the records, because
	// a deleted record takes its revision with it and no revision may be used
	// twice.
	Revision uint64

	// Sum is the sum of one hash for each record, of its key and revision, and
	// for each log, of its name and head. A record or log that is missing
	// changes the sum.
	Sum uint64

	// Numbers is how many numbers were given to logs.
	Numbers uint64

	// Incarnation changes when the folder may have lost entries that somebody
	// has read. It is zero in a folder that never lost any.
	Incarnation ID
}

// StateKey returns the key of the state.
func StateKey() []byte { return []byte{KindState} }

// PutRecord accounts for a write of the record with this key and returns its
// revision. current is the revision it replaces, 0 for none.
func (s *State) PutRecord(key []byte, current uint64) (revision uint64) {
	s.DeleteRecord(key, current)
	s.Sum += RecordHash(key, s.Revision)
	return s.Revision
}

// DeleteRecord accounts for the deletion of a record with the revision current.
func (s *State) DeleteRecord(key []byte, current uint64) {
	s.Revision++
	if current != 0 {
		s.Sum -= RecordHash(key, current)
	}
}

// ReplaceHead accounts for a change of a log's head. The arguments are HeadHash
// of the old and of the new head, 0 for none.
func (s *State) ReplaceHead(old, new uint64) {
	s.Revision++
	s.Sum += new - old
}

// RecordHash is what a record adds to the sum.
func RecordHash(key []byte, revision uint64) uint64 {
	h := fnv.New64a()
	h.Write(key)
	h.Write(binary.BigEndian.AppendUint64(nil, revision))
	return h.Sum64()
}

// HeadHash is what a log adds to the sum.
func HeadHash(key, value []byte) uint64 {
	h := fnv.New64a()
	h.Write(key)
	h.Write([]byte{0})
	h.Write(value)
	return h.Sum64()
}

// Encode returns the stored form of the state.
func (s State) Encode() []byte {
	b := appendUint64s(make([]byte, 0, stateSize), s.Revision, s.Sum, s.Numbers)
	return append(b, s.Incarnation[:]...)
}

// DecodeState is the inverse of Encode. It accepts the state of format 1 as well.
func DecodeState(b []byte) (State, error) {
	if len(b) != stateSize && len(b) != stateSize1 {
		return State{}, ErrMalformed
	}
	s := State{Revision: uint64At(b, 0), Sum: uint64At(b, 8)}
	if len(b) == stateSize {
		s.Numbers, s.Incarnation = uint64At(b, 16), ID(b[24:])
	}
	return s, nil
}

func appendUint64s(b []byte, fields ...uint64) []byte {
	for _, field := range fields {
		b = binary.BigEndian.AppendUint64(b, field)
	}
	return b
}

func uint64At(b []byte, at int) uint64 { return binary.BigEndian.Uint64(b[at:]) }
