package pebble

import (
	"encoding/binary"
	"hash/fnv"
)

// A key begins with its kind, so that each kind is one range of the database:
//
//	+-----+
//	| 's' |                       →  revision, sum, numbers (8 each), incarnation (16)  see state
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
	stateSize    = 3*8 + idSize
	stateSize1   = 2 * 8 // in format 1, which had no logs
)

// A state is about all that is stored together. Every batch brings it along.
type state struct {
	// revision is that of the newest write, be it a deletion. It is kept apart
	// from the records because a deleted one takes its revision with it, and a
	// revision must not come back. What is appended to logs counts as well.
	revision uint64

	// sum is that of the hashes of all records' keys and revisions and of all
	// logs' heads, so that what went missing as a whole is missed.
	sum uint64

	// numbers is how many logs were given a number.
	numbers uint64

	// incarnation changes when the folder may no longer hold what somebody
	// read of it. It is zero in one that never lost anything.
	incarnation [idSize]byte
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

// replaceHead accounts for a change of a log's head. The hashes are those of
// before and after, 0 for none.
func (s *state) replaceHead(before, after uint64) {
	s.revision++
	s.sum += after - before
}

func headHash(key, value []byte) uint64 {
	h := fnv.New64a()
	h.Write(key)
	h.Write([]byte{0})
	h.Write(value)
	return h.Sum64()
}

func recordHash(key []byte, revision uint64) uint64 {
	h := fnv.New64a()
	h.Write(key)
	h.Write(binary.BigEndian.AppendUint64(nil, revision))
	return h.Sum64()
}

var stateKey = []byte{kindState}

func encodeState(s state) []byte {
	b := make([]byte, 0, stateSize)
	for _, field := range []uint64{s.revision, s.sum, s.numbers} {
		b = binary.BigEndian.AppendUint64(b, field)
	}
	return append(b, s.incarnation[:]...)
}

func decodeState(b []byte) (state, error) {
	if len(b) != stateSize && len(b) != stateSize1 {
		return state{}, errMalformed
	}
	s := state{revision: binary.BigEndian.Uint64(b), sum: binary.BigEndian.Uint64(b[8:])}
	if len(b) == stateSize {
		s.numbers, s.incarnation = binary.BigEndian.Uint64(b[16:]), [idSize]byte(b[24:])
	}
	return s, nil
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
