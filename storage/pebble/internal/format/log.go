package format

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"time"

	"seagate/storage/internal/dedup"
)

// Sizes of an entry's key, and of its value without the payload, in bytes.
const (
	EntryKeySize   = 1 + 8 + 8
	EntryFieldSize = 8 + 8
)

const (
	idSize        = 16
	headSize      = 8 + idSize + 6*8
	appendKeySize = 1 + 8 + 8 + len(dedup.Key{})
	appendSize    = 4 * 8
)

// An ID is random and identifies a log, or an incarnation of the folder.
type ID [idSize]byte

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// String returns the id of a log as other packages see it.
func (id ID) String() string { return base32Text.EncodeToString(id[:]) }

// Epoch returns the epoch of the log with this id.
func (id ID) Epoch(incarnation ID) string {
	sum := sha256.Sum256(append(id[:], incarnation[:]...))
	return base32Text.EncodeToString(sum[:idSize])
}

// A Head describes a log as a whole.
type Head struct {
	Number uint64 // in the keys of the log; 0 in a log that is not stored yet
	ID     ID

	// First is the number of the oldest entry and Next the one that the next
	// entry gets. They are equal in an empty log.
	First, Next uint64

	// Before and End are the ends of the entries First-1 and Next-1; see Entry.
	Before, End uint64

	FirstTime int64 // of the oldest entry, 0 in an empty log
	LastTime  int64 // of the newest entry that there ever was
}

// IsEmpty reports whether the log has no entries.
func (h *Head) IsEmpty() bool { return h.First == h.Next }

// HeadKey returns the key of a log's head.
func HeadKey(name string) []byte { return append([]byte{KindHead}, name...) }

// Encode returns the stored form of the head.
func (h *Head) Encode() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, headSize), h.Number)
	b = append(b, h.ID[:]...)
	return appendUint64s(b, h.First, h.Next, h.Before, h.End, uint64(h.FirstTime), uint64(h.LastTime))
}

// DecodeHead is the inverse of Head.Encode.
func DecodeHead(b []byte) (Head, error) {
	if len(b) != headSize {
		return Head{}, ErrMalformed
	}
	field := func(i int) uint64 { return uint64At(b, 8+idSize+8*i) }
	h := Head{
		Number: uint64At(b, 0), ID: ID(b[8:]),
		First: field(0), Next: field(1),
		Before: field(2), End: field(3),
		FirstTime: int64(field(4)), LastTime: int64(field(5)),
	}
	if h.Number == 0 || h.First == 0 || h.First > h.Next || h.Before > h.End || h.IsEmpty() != (h.FirstTime == 0) {
		return Head{}, ErrMalformed
	}
	return h, nil
}

// LogPrefix returns the prefix of all keys of a kind that belong to one log.
func LogPrefix(kind byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, appendKeySize), kind), number)
}

// EntryKey returns the key of an entry.
func EntryKey(number, seq uint64) []byte {
	return AppendEntryKey(make([]byte, 0, EntryKeySize), number, seq)
}

// AppendEntryKey appends the key of an entry.
func AppendEntryKey(dst []byte, number, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(append(dst, KindEntry), number), seq)
}

// DecodeEntryKey is the inverse of EntryKey.
func DecodeEntryKey(b []byte) (number, seq uint64, err error) {
	if len(b) != EntryKeySize {
		return 0, 0, ErrMalformed
	}
	return uint64At(b, 1), uint64At(b, 9), nil
}

// An Entry is one message of a log. Time and End never fall as the sequence
// numbers rise, so that an entry is found by either with a binary search.
type Entry struct {
	Time    int64
	End     uint64 // bytes of payload ever appended to the log, up to and including this entry
	Payload []byte
}

// Before returns the end of the entry before this one.
func (e *Entry) Before() uint64 { return e.End - uint64(len(e.Payload)) }

// Put writes the stored form of the entry to b, which has room for it.
func (e *Entry) Put(b []byte) {
	binary.BigEndian.PutUint64(b, uint64(e.Time))
	binary.BigEndian.PutUint64(b[8:], e.End)
	copy(b[EntryFieldSize:], e.Payload)
}

// DecodeEntry is the inverse of Put. The payload shares the memory of b.
func DecodeEntry(b []byte) (Entry, error) {
	if len(b) < EntryFieldSize {
		return Entry{}, ErrMalformed
	}
	e := Entry{int64(uint64At(b, 0)), uint64At(b, 8), b[EntryFieldSize:]}
	if e.Time <= 0 || e.End < uint64(len(e.Payload)) {
		return Entry{}, ErrMalformed
	}
	return e, nil
}

// ExpiryKey returns a key below the append keys of the log that expire at that
// time or later, and above those that expire earlier.
func ExpiryKey(number uint64, expires int64) []byte {
	return binary.BigEndian.AppendUint64(LogPrefix(KindAppendKey, number), uint64(expires))
}

// AppendKey returns the key under which the key of an append is stored.
func AppendKey(number uint64, e dedup.Entry) []byte {
	return append(ExpiryKey(number, e.Expires.UnixNano()), e.Key[:]...)
}

// EncodeAppend returns what is stored under AppendKey.
func EncodeAppend(e dedup.Entry) []byte {
	return appendUint64s(make([]byte, 0, appendSize), e.First, e.Count, e.Sum, uint64(e.Time.UnixNano()))
}

// DecodeAppend is the inverse of AppendKey and EncodeAppend.
func DecodeAppend(key, b []byte) (number uint64, e dedup.Entry, err error) {
	if len(key) != appendKeySize || len(b) != appendSize {
		return 0, dedup.Entry{}, ErrMalformed
	}
	return uint64At(key, 1), dedup.Entry{
		Key:     dedup.Key(key[17:]),
		First:   uint64At(b, 0),
		Count:   uint64At(b, 8),
		Sum:     uint64At(b, 16),
		Time:    Time(int64(uint64At(b, 24))),
		Expires: Time(int64(uint64At(key, 9))),
	}, nil
}

// Time returns a stored time.
func Time(nanos int64) time.Time { return time.Unix(0, nanos).UTC() }

// headersTable is not valid UTF-8, so no caller has a table of that name.
const headersTable = "\xffheaders"

// LogHeaderKey returns the key of the record that holds the header of a log.
func LogHeaderKey(log string) []byte { return RecordKey(headersTable, log) }

// EncodeLogHeader returns the value of that record. seq is the number of the
// last entry that was appended with the header.
func EncodeLogHeader(seq uint64, header []byte) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(header)), seq), header...)
}

// DecodeLogHeader is the inverse of EncodeLogHeader. The header shares the
// memory of b.
func DecodeLogHeader(b []byte) (seq uint64, header []byte, err error) {
	if len(b) < 8 || uint64At(b, 0) == 0 {
		return 0, nil, ErrMalformed
	}
	return uint64At(b, 0), b[8:], nil
}
