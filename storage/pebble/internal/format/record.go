package format

import "encoding/binary"

// RevisionSize is how many bytes a record's revision takes in front of its value.
const RevisionSize = 8

// RecordKey returns the key of a record.
func RecordKey(table, key string) []byte {
	b := make([]byte, 0, len(table)+len(key)+2)
	b = append(b, KindRecord)
	b = append(b, table...)
	b = append(b, 0)
	return append(b, key...)
}

// RecordRange returns the bounds of the records in table whose keys start with
// prefix: at least lower and below upper.
func RecordRange(table, prefix string) (lower, upper []byte) {
	lower = RecordKey(table, prefix)
	upper = RecordKey(table, prefix)
	for upper[len(upper)-1] == 0xff { // ends at the kind at the latest
		upper = upper[:len(upper)-1]
	}
	upper[len(upper)-1]++
	return lower, upper
}

// NewRecordValue returns the stored form of a value with revision 0; see
// SetRevision.
func NewRecordValue(value []byte) []byte {
	return append(make([]byte, RevisionSize, RevisionSize+len(value)), value...)
}

// SetRevision sets the revision in the stored form of a record.
func SetRevision(stored []byte, revision uint64) { binary.BigEndian.PutUint64(stored, revision) }

// DecodeRecordValue returns a value that shares the memory of b.
func DecodeRecordValue(b []byte) (value []byte, revision uint64, err error) {
	if len(b) < RevisionSize {
		return nil, 0, ErrMalformed
	}
	return b[RevisionSize:], binary.BigEndian.Uint64(b), nil
}
