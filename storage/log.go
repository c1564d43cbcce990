package storage

import (
	"context"
	"errors"
	"iter"
	"time"
)

var (
	// ErrNoLog: the log was deleted. Open it again to make a new one.
	ErrNoLog = errors.New("storage: the log was deleted")
	// ErrNoSpace: the store is too full to append to. What is there can be read and trimmed, and records can be written.
	ErrNoSpace = errors.New("storage: too little space is left to append")
	// ErrTrimmed: what was asked for is no longer in the log.
	ErrTrimmed = errors.New("storage: the log begins later")
	// ErrKeyReused: an append with this key was made before, with other payloads.
	ErrKeyReused = errors.New("storage: the key was used for something else")
	// ErrTooManyKeys: as many keys are remembered as the engine may.
	ErrTooManyKeys = errors.New("storage: too many keys are remembered")
)

// What is appended together becomes durable together, so there is an end to how
// much that is: MaxAppend payloads, and MaxAppendBytes of them together. One
// that is alone may be as long.
const (
	MaxEntry       = 256 << 20
	MaxAppend      = 1_000_000
	MaxAppendBytes = MaxEntry
)

// MaxAppendKey is the longest Append.Key, in bytes, and MaxAppendWindow the
// longest Append.Window.
const (
	MaxAppendKey    = 1024
	MaxAppendWindow = 366 * 24 * time.Hour
)

// An Entry is one message of a log. It never changes, and its Payload is
// shared by all who read it.
type Entry struct {
	Seq     uint64
	Time    time.Time // UTC; never before that of the entry before it
	Payload []byte
}

// An Append is a request to add to a log.
type Append struct {
	// Payloads are added, all or none, in order. There is at least one. They
	// belong to the log afterwards.
	Payloads [][]byte

	// Key, if it is not empty, makes the append happen once: one with the
	// same key and payloads, within the first one's Window, adds nothing and
	// succeeds with what the first got, even if that was trimmed since. It is
	// remembered over restarts. A window of zero remembers nothing.
	Key    string
	Window time.Duration

	// Refusal, if it is not nil, is what comes of the append unless it is a
	// repeat of one that was made.
	Refusal error

	// Done is called exactly once, by a goroutine of the engine or before
	// Append returns, when the entries are as durable as the engine makes
	// them, or with why there are none: ErrNoLog, ErrNoSpace, ErrKeyReused,
	// ErrTooManyKeys, ErrInvalid, ErrClosed, Refusal. The calls of one log
	// come one at a time and in the order of its sequence numbers. It must
	// not block or append, nor want a lock that somebody holds who appends:
	// Append may be waiting for it. If the engine fails for good it may never
	// be called.
	Done func(Appended, error)
}

// Appended is what came of an Append.
type Appended struct {
	First  uint64    // number of the first of the entries; the others follow without holes
	Time   time.Time // of all of them
	Repeat bool      // they were there already, by an earlier Append with the same key
}

// Bounds are what a log holds, as far as it is durable.
type Bounds struct {
	// First is the number of the oldest entry that is there, Next the one
	// that the next entry will get. They are equal if there is none; Next is
	// 1 in a log that never had one.
	First, Next uint64

	FirstTime, LastTime time.Time // of the oldest and the newest entry; zero if there is none
	Bytes               int64     // of the payloads from First on

	// Epoch changes when the log may no longer be what somebody read of it:
	// when it was deleted and made anew, or came back from a backup. A
	// position is good only together with it. At most 32 letters and digits.
	Epoch string

	// ID is that of the log itself. It stays when the log comes back from a
	// backup, and is never that of two logs.
	ID string
}

// A Retention says what a log may keep. A field of zero or less bounds nothing.
// Nothing in it makes a log drop its newest entry, except Age.
type Retention struct {
	Age      time.Duration // entries that are older go
	Bytes    int64         // so that the payloads take no more
	Messages uint64        // so that there are no more
}

// A Log is a sequence of entries, numbered from 1 without holes. Appending
// and trimming are the only changes. Safe for concurrent use.
type Log interface {
	// Append adds to the log. It may block while the engine has much to do,
	// and returns before the entries are durable: see Append.Done. Appends
	// that one goroutine makes are added in their order.
	Append(a Append)

	// Bounds returns what the log holds now: nothing if it was deleted, and
	// what it held last after the engine was closed. It does not block.
	Bounds() Bounds

	// Read returns entries from the given number on, in order: at least one
	// if there is one, otherwise at most maxMessages of them with no more
	// than maxBytes of payload. It returns none at Next and beyond. If the
	// log begins later it returns ErrTrimmed, and if it was deleted ErrNoLog.
	Read(ctx context.Context, from uint64, maxMessages, maxBytes int) ([]Entry, error)

	// Find returns the number of the first entry that is not older than t, or
	// Next if all are.
	Find(ctx context.Context, t time.Time) (uint64, error)

	// Trim removes, durably, the oldest entries that r does not let be kept.
	// Numbers stay as they are, and so do the keys of appends. If ctx ends the
	// wait, it may still happen.
	Trim(ctx context.Context, r Retention) error
}

// Logs is a set of logs, by name. Names are non-empty UTF-8 without NUL, no
// longer than MaxKey; anything else is ErrInvalid. Safe for concurrent use.
type Logs interface {
	// OpenLog returns the log with this name. If there is none it begins one,
	// which comes to be, durably, with the first Append or Trim. Two calls
	// return the same log.
	OpenLog(ctx context.Context, name string) (Log, error)

	// Logs yields the names of the logs that there are, in their byte order.
	Logs(ctx context.Context) iter.Seq2[string, error]

	// DeleteLog removes the log with everything in it, durably. To delete
	// what is not there is no error. What is done with the Log afterwards is
	// ErrNoLog. If ctx ends the wait, it may still happen.
	DeleteLog(ctx context.Context, name string) error
}
