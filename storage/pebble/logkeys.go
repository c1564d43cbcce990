package pebble

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"time"

	"seagate/storage"
	"seagate/storage/internal/once"
)

// Keys of logs. The heads say by which number a log goes everywhere else, so
// that one which is made anew finds nothing of the old one:
//
//	+-----+------+
//	| 'l' | name |                            →  head, see encodeHead
//	+-----+------+----+---------+
//	| 'm' | number (8) | seq (8) |            →  time (8), end (8), payload      an entry
//	+-----+------------+---------+---+
//	| 'k' | number (8) | expires (8) | key (16) |  →  first, count, sum, time (8 each)  an append's key
//	+-----+------------+-------------+----------+
//
// Times are nanoseconds since 1970. The end of an entry is how many bytes of
// payload the log has had up to and including it. So time and end both grow
// with the sequence number, without holes, and what is sought by either is
// found by halving.
const (
	kindHead  = 'l'
	kindEntry = 'm'
	kindKey   = 'k'
)

const (
	idSize         = 16
	headSize       = 7*8 + idSize
	entryKeySize   = 1 + 8 + 8
	entryFieldSize = 8 + 8
	markKeySize    = 1 + 8 + 8 + len(once.Key{})
	markSize       = 4 * 8
)

// A head is what a log is as a whole.
type head struct {
	number uint64 // 0 as long as it is not on disk
	id     [idSize]byte

	first, next         uint64
	before, end         uint64 // the ends of the entries first-1 and next-1
	firstTime, lastTime int64  // firstTime is 0 if there is no entry; lastTime is that of the newest there ever was

	deleted bool // not stored
}

func newHead(id [idSize]byte) head { return head{id: id, first: 1, next: 1} }

func (h *head) isEmpty() bool { return h.first == h.next }

func (h *head) bounds(id, epoch string) storage.Bounds {
	b := storage.Bounds{First: h.first, Next: h.next, Bytes: int64(h.end - h.before), Epoch: epoch, ID: id}
	if !h.isEmpty() {
		b.FirstTime, b.LastTime = asTime(h.firstTime), asTime(h.lastTime)
	}
	return b
}

func asTime(nanos int64) time.Time { return time.Unix(0, nanos).UTC() }

func encodeHead(h head) []byte {
	b := make([]byte, 0, headSize)
	b = binary.BigEndian.AppendUint64(b, h.number)
	b = append(b, h.id[:]...)
	for _, field := range []uint64{h.first, h.next, h.before, h.end, uint64(h.firstTime), uint64(h.lastTime)} {
		b = binary.BigEndian.AppendUint64(b, field)
	}
	return b
}

func decodeHead(b []byte) (head, error) {
	if len(b) != headSize {
		return head{}, errMalformed
	}
	h := head{number: binary.BigEndian.Uint64(b), id: [idSize]byte(b[8:])}
	field := func(i int) uint64 { return binary.BigEndian.Uint64(b[8+idSize+8*i:]) }
	h.first, h.next, h.before, h.end = field(0), field(1), field(2), field(3)
	h.firstTime, h.lastTime = int64(field(4)), int64(field(5))
	if h.number == 0 || h.first == 0 || h.first > h.next || h.before > h.end || h.isEmpty() != (h.firstTime == 0) {
		return head{}, errMalformed
	}
	return h, nil
}

func headKey(name string) []byte {
	return append([]byte{kindHead}, name...)
}

// numberedKey is the beginning of all keys of a kind that belong to one log.
func numberedKey(kind byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, markKeySize), kind), number)
}

func entryKey(number, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(numberedKey(kindEntry, number), seq)
}

func decodeEntryKey(b []byte) (number, seq uint64, err error) {
	if len(b) != entryKeySize {
		return 0, 0, errMalformed
	}
	return binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint64(b[9:]), nil
}

// An entry is what is stored under an entryKey.
type entry struct {
	time    int64
	end     uint64
	payload []byte
}

// before is the end of the entry before it.
func (e *entry) before() uint64 { return e.end - uint64(len(e.payload)) }

func putEntry(b []byte, e entry) {
	binary.BigEndian.PutUint64(b, uint64(e.time))
	binary.BigEndian.PutUint64(b[8:], e.end)
	copy(b[entryFieldSize:], e.payload)
}

// decodeEntry returns one whose payload lies in b.
func decodeEntry(b []byte) (entry, error) {
	if len(b) < entryFieldSize {
		return entry{}, errMalformed
	}
	e := entry{int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:]), b[entryFieldSize:]}
	if e.time <= 0 || e.end < uint64(len(e.payload)) {
		return entry{}, errMalformed
	}
	return e, nil
}

// expiryKey is below the keys of the log's marks that expire then or later.
func expiryKey(number uint64, expires int64) []byte {
	return binary.BigEndian.AppendUint64(numberedKey(kindKey, number), uint64(expires))
}

func markKey(number uint64, m once.Mark) []byte {
	return append(expiryKey(number, m.Expires.UnixNano()), m.Key[:]...)
}

func encodeMark(m once.Mark) []byte {
	b := make([]byte, 0, markSize)
	for _, field := range []uint64{m.First, m.Count, m.Sum, uint64(m.Time.UnixNano())} {
		b = binary.BigEndian.AppendUint64(b, field)
	}
	return b
}

func decodeMark(key, b []byte) (number uint64, m once.Mark, err error) {
	if len(key) != markKeySize || len(b) != markSize {
		return 0, once.Mark{}, errMalformed
	}
	field := func(i int) uint64 { return binary.BigEndian.Uint64(b[8*i:]) }
	return binary.BigEndian.Uint64(key[1:]), once.Mark{
		Key:     once.Key(key[17:]),
		First:   field(0),
		Count:   field(1),
		Sum:     field(2),
		Time:    asTime(int64(field(3))),
		Expires: asTime(int64(binary.BigEndian.Uint64(key[9:]))),
	}, nil
}

var text32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// publicID and epoch are what others know the log by. Only the epoch depends
// on the incarnation of the folder.
func publicID(id [idSize]byte) string { return text32.EncodeToString(id[:]) }

func epochOf(id, incarnation [idSize]byte) string {
	sum := sha256.Sum256(append(id[:], incarnation[:]...))
	return text32.EncodeToString(sum[:idSize])
}
