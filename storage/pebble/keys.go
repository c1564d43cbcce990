package pebble

import (
	"encoding/binary"
	"hash/fnv"
)

// A key begins with its kind, so that each kind is one range of the database:
//
//	+-----+
//	| 's' |                       →  revision (8), sum (8)     see state
//	+-----+-------+----+-----+
//	| 'r' | table | 00 | key |    →  revision (8), value       a record
//	+-----+-------+----+-----+
//
// Numbers are big-endian. Table and key contain no NUL, so the first one ends
// the table, and no table's range reaches into another's. Within a table the
// order of the database is the byte order of the keys.
const (
	kindState  = 's'
	kindRecord = 'r'
)

const (
	revisionSize = 8
	stateSize    = 16
)

// A state is about all records together. Every batch that changes records
// brings it along.
type state struct {
	// revision is that of the newest write, be it a deletion. It is kept apart
	// from the records because a deleted one takes its revision with it, and a
	// revision must not come back.
	revision uint64

	// sum is that of the hashes of all records' keys and revisions, so that
	// records which went missing as a whole are missed.
	sum uint64
}

// put, with the current revision under the key (0 if there is none), accounts
// for a write of the record.
func (s *state) put(key []byte, current uint64) (revision uint64) {
	s.delete(key, current)
	s.sum += recordHash(key, s.revision)
	return s.revision
}

// delete accounts for the deletion of a record.
func (s *state) delete(key []byte, current uint64) {
	s.revision++
	if current != 0 {
		s.sum -= recordHash(key, current)
	}
}

func recordHash(key []byte, revision uint64) uint64 {
	h := fnv.New64a()
	h.Write(key)
	h.Write(binary.BigEndian.AppendUint64(nil, revision))
	return h.Sum64()
}

var stateKey = []byte{kindState}

func encodeState(s state) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, stateSize), s.revision)
	return binary.BigEndian.AppendUint64(b, s.sum)
}

func decodeState(b []byte) (state, error) {
	if len(b) != stateSize {
		return state{}, errMalformed
	}
	return state{revision: binary.BigEndian.Uint64(b), sum: binary.BigEndian.Uint64(b[8:])}, nil
}

func recordKey(table, key string) []byte {
	b := make([]byte, 0, len(table)+len(key)+2)
	b = append(b, kindRecord)
	b = append(b, table...)
	b = append(b, 0)
	return append(b, key...)
}

// recordRange returns the bounds of the records in table whose keys start with
// prefix: from lower on, before upper.
func recordRange(table, prefix string) (lower, upper []byte) {
	lower = recordKey(table, prefix)
	upper = recordKey(table, prefix)
	for upper[len(upper)-1] == 0xff { // not for ever: the kind is something else
		upper = upper[:len(upper)-1]
	}
	upper[len(upper)-1]++
	return lower, upper
}

// recordValue leaves room for the revision, which only the committer knows.
func recordValue(value []byte) []byte {
	return append(make([]byte, revisionSize, revisionSize+len(value)), value...)
}

func decodeRecordValue(b []byte) (value []byte, revision uint64, err error) {
	if len(b) < revisionSize {
		return nil, 0, errMalformed
	}
	return b[revisionSize:], binary.BigEndian.Uint64(b), nil
}
