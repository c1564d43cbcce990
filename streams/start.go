package streams

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seagate/storage"
)

// A StartAt says where in a topic to begin. The zero value is Latest.
type StartAt struct {
	kind  startKind
	seq   uint64
	time  time.Time
	epoch string
}

type startKind uint8

const (
	latest startKind = iota
	earliest
	atSeq
	sinceTime
)

// Latest starts behind all messages.
func Latest() StartAt { return StartAt{} }

// Earliest starts at the oldest message that is kept.
func Earliest() StartAt { return StartAt{kind: earliest} }

// At starts at seq, which may be the number of the next message.
func At(seq uint64) StartAt { return StartAt{kind: atSeq, seq: seq} }

// Since starts at the first message that was accepted at t or later.
func Since(t time.Time) StartAt { return StartAt{kind: sinceTime, time: t} }

// In returns s as a position in one epoch of the topic. In any other epoch it
// is an ErrPosition. An empty epoch means any.
func (s StartAt) In(epoch string) StartAt {
	s.epoch = epoch
	return s
}

// IsEarliest reports whether s is Earliest.
func (s StartAt) IsEarliest() bool { return s.kind == earliest }

// Seq returns the number that s is At, if it is.
func (s StartAt) Seq() (seq uint64, ok bool) { return s.seq, s.kind == atSeq }

// Time returns the time that s is Since, if it is.
func (s StartAt) Time() (t time.Time, ok bool) { return s.time, s.kind == sinceTime }

// Epoch returns the epoch that In gave s, or "".
func (s StartAt) Epoch() string { return s.epoch }

// ErrPosition reports a position outside the topic.
var ErrPosition = errors.New("streams: no such position")

// A PositionError is an ErrPosition that says what is wrong with the position,
// and what the topic has.
type PositionError struct {
	Reason string
	Bounds storage.Bounds
}

// Error returns the reason and where the topic is.
func (e *PositionError) Error() string {
	return fmt.Sprintf("%s; the next message of the stream will be %d of epoch %s", e.Reason, e.Bounds.Next, e.Bounds.Epoch)
}

// Is makes every PositionError an ErrPosition.
func (e *PositionError) Is(target error) bool { return target == ErrPosition }

// Locate resolves a start to the number of a message: at least the first that
// is kept, and at most Next, which is not there yet. It may read from disk. It
// returns a PositionError if the topic has no such position, and ErrDeleted.
func (t *Topic) Locate(ctx context.Context, from StartAt) (uint64, error) {
	seq, b, err := t.locate(ctx, from)
	return max(seq, b.First), err
}

// locate is Locate, except that a number given by At may be below the first
// that is kept.
func (t *Topic) locate(ctx context.Context, from StartAt) (uint64, storage.Bounds, error) {
	log, err := t.openLog()
	if err != nil {
		return 0, storage.Bounds{}, err
	}
	b := log.Bounds()
	if from.epoch != "" && from.epoch != b.Epoch {
		return 0, b, &PositionError{fmt.Sprintf("the position is of epoch %s", from.epoch), b}
	}
	switch from.kind {
	case earliest:
		return b.First, b, nil
	case atSeq:
		if from.seq == 0 || from.seq > b.Next {
			return 0, b, &PositionError{fmt.Sprintf("there is no message %d", from.seq), b}
		}
		return from.seq, b, nil
	case sinceTime:
		seq, err := log.Find(ctx, from.time)
		return seq, b, topicError(err)
	default:
		return b.Next, b, nil
	}
}
