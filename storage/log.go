package storage

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"
)

var (
	// ErrNoLog reports that the log was deleted. OpenLog begins a new one.
	ErrNoLog = errors.New("storage: the log was deleted")
	// ErrNoSpace reports that too little space is left to append, or to write a
	// record: see Records.Put. Logs can still be read, trimmed and deleted, and
	// records can be deleted.
	ErrNoSpace = errors.New("storage: too little space is left to append")
	// ErrTrimmed reports that the requested entry is no longer in the log.
	ErrTrimmed = errors.New("storage: the log begins later")
	// ErrKeyReused reports an append with the key of an earlier append, but with
	// other payloads or another header.
	ErrKeyReused = errors.New("storage: the key was used for something else")
	// ErrTooManyKeys reports that the engine remembers as many keys as it may.
	ErrTooManyKeys = errors.New("storage: too many keys are remembered")
)

// An Entry is one message of a log. It never changes. All readers share its
// Payload, so nobody may write to it.
type Entry struct {
	Seq     uint64
	Time    time.Time // UTC, never before the time of the previous entry
	Payload []byte
}

// An Append is a request to append to a log.
type Append struct {
	// Payloads are appended in order, all or none. There is at least one. They
	// belong to the log afterwards.
	Payloads [][]byte

	// Key, if not empty, makes the append happen once. An append with the same
	// key, payloads and header, within the Window of the first, appends nothing and
	// succeeds with what the first one got, even if that was trimmed since. The
	// engine remembers the key over restarts. With a Window of zero it remembers
	// nothing.
	Key    string
	Window time.Duration

	// Header, if not nil, becomes the header of the log in the same step: it is
	// durable if and only if the entries are. A repeat does not set it again.
	// It belongs to the log afterwards. See Log.Header.
	Header []byte

	// Refusal, if not nil, makes the append fail with this error, unless it
	// repeats an earlier one.
	Refusal error

	// Done is called exactly once, by a goroutine of the engine or before
	// Append returns. It reports that the entries are as durable as the engine
	// makes them, or why there are none: ErrNoLog, ErrNoSpace, ErrKeyReused,
	// ErrTooManyKeys, ErrInvalid, ErrClosed or Refusal. The calls for one log
	// come one at a time, in the order of its sequence numbers. If the engine
	// fails for good, Done may never be called. It may be nil.
	//
	// Append may be waiting for a Done to return. So Done must not block or
	// append, nor take a lock that is held while calling Append.
	Done func(Appended, error)
}

// A LogHeader is the header of a log.
type LogHeader struct {
	Seq   uint64 // number of the last entry that was appended with it; 0 if there is no header
	Value []byte // shared, so nobody may write to it
}

// Bytes returns the length of all payloads.
func (a *Append) Bytes() int64 {
	var n int64
	for _, payload := range a.Payloads {
		n += int64(len(payload))
	}
	return n
}

// Appended is the result of an Append.
type Appended struct {
	First  uint64    // number of the first entry; the others follow without gaps
	Time   time.Time // of all entries
	Repeat bool      // an earlier Append with the same key made the entries
}

// Bounds describe the durable part of a log.
type Bounds struct {
	// First is the number of the oldest entry, and Next the one that the next
	// entry gets. They are equal in an empty log. Next is 1 in a log that never
	// had an entry.
	First, Next uint64

	FirstTime, LastTime time.Time // of the oldest and the newest entry; zero in an empty log
	Bytes               int64     // of the payloads of all entries
	Keys                int       // that are remembered, perhaps with some that have just expired: see Append.Key

	// Epoch changes when the log may differ from what somebody has read of it:
	// it was deleted and begun again, or was restored from a backup. A position
	// is valid only within one epoch. At most 32 letters and digits.
	Epoch string

	// ID identifies the log. It stays the same when the log is restored from a
	// backup. No two logs have the same.
	ID string
}

// A Retention says what a log may keep. A field that is not positive sets no
// limit. Only Age makes a log drop its newest entry.
type Retention struct {
	Age      time.Duration // drop entries older than this
	Bytes    int64         // keep at most this many bytes of payload
	Messages uint64        // keep at most this many entries

	// Now is the time from which Age counts back. The zero Time means the machine's clock,
	// or the time of the newest entry if that is later.
	Now time.Time
}

// Tenant returns the tenant that a log belongs to: the part of the log's name before the first
// slash, or all of it. A busy engine serves tenants in turn, so that no tenant waits for everything
// that another one appends.
func Tenant(log string) string {
	tenant, _, _ := strings.Cut(log, "/")
	return tenant
}

// A Log is a sequence of entries, numbered from 1 without gaps. Only appending
// and trimming change it. It is safe for concurrent use.
type Log interface {
	// Append appends to the log. It may block while the engine is busy, and
	// returns before the entries are durable; see Append.Done. Appends of one
	// goroutine happen in their order.
	Append(a Append)

	// Bounds returns the bounds of the log as they are now. Those of a deleted
	// log are empty, and those of a closed engine are its last ones. It does not
	// block.
	Bounds() Bounds

	// Header returns what Append.Header set last. It stays when the entries that
	// it came with are trimmed. It returns ErrNoLog if the log was deleted.
	Header(ctx context.Context) (LogHeader, error)

	// Read returns entries in order, beginning with the number from: at most
	// maxMessages entries with at most maxBytes of payload together. It returns
	// the first one, if it exists, whatever the limits say. At Next and beyond it
	// returns none. It returns ErrTrimmed if the log begins later, and ErrNoLog if it
	// was deleted.
	Read(ctx context.Context, from uint64, maxMessages, maxBytes int) ([]Entry, error)

	// Find returns the number of the first entry that is not older than t, or
	// Next if all are.
	Find(ctx context.Context, t time.Time) (uint64, error)

	// Trim durably removes the oldest entries that r does not allow to keep.
	// The numbers of the others stay, and so do the keys of appends. If ctx ends
	// the wait, the removal may still happen.
	Trim(ctx context.Context, r Retention) error
}

// Logs is a set of logs by name. A name is non-empty UTF-8 without NUL, of at
// most MaxKey bytes; a call with any other name returns ErrInvalid. Logs is safe
// for concurrent use.
type Logs interface {
	// OpenLog returns the log with this name. If there is none it begins one,
	// which exists durably from its first Append or Trim on. Two calls return
	// the same Log.
	OpenLog(ctx context.Context, name string) (Log, error)

	// Logs yields the names of all logs that exist, in their byte order.
	Logs(ctx context.Context) iter.Seq2[string, error]

	// DeleteLog durably removes the log with all its entries and keys. It
	// succeeds if there is no such log. Later calls of the Log return ErrNoLog.
	// If ctx ends the wait, the deletion may still happen.
	DeleteLog(ctx context.Context, name string) error
}
