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

// Latest is behind everything that is there.
func Latest() StartAt { return StartAt{} }

// Earliest is the oldest message that is kept.
func Earliest() StartAt { return StartAt{kind: earliest} }

// At is the message with this number, be it the next one that is accepted.
func At(seq uint64) StartAt { return StartAt{kind: atSeq, seq: seq} }

// Since is the first message that was accepted at t or later.
func Since(t time.Time) StartAt { return StartAt{kind: sinceTime, time: t} }

// In returns f as it was read in an epoch of the topic: in another one it is
// nowhere. "" is any.
func (f StartAt) In(epoch string) StartAt {
	f.epoch = epoch
	return f
}

// ErrPosition: the position is none of this topic's.
var ErrPosition = errors.New("streams: no such position")

// A PositionError says why a position is none, and where the topic is. It is
// an ErrPosition.
type PositionError struct {
	Reason string
	Bounds storage.Bounds
}

// Error says what is wrong and what there is.
func (e *PositionError) Error() string {
	return fmt.Sprintf("%s; the next message of the stream will be %d of epoch %s", e.Reason, e.Bounds.Next, e.Bounds.Epoch)
}

// Is makes every PositionError an ErrPosition.
func (e *PositionError) Is(target error) bool { return target == ErrPosition }

// Locate returns the number of the message that comes first from there, which
// is none yet if it is that of the next one. It is never one that the topic no
// longer keeps.
func (t *Topic) Locate(ctx context.Context, from StartAt) (uint64, error) {
	seq, b, err := t.locate(ctx, from)
	return max(seq, b.First), err
}

// locate is Locate, except that a number is left as it is, also where the
// topic begins later.
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

// Bounds returns what the topic keeps. It does not block.
func (t *Topic) Bounds() storage.Bounds {
	log, err := t.openLog()
	if err != nil {
		return storage.Bounds{First: 1, Next: 1}
	}
	return log.Bounds()
}

// Readable returns Bounds, as an in topic that is opened now would have them:
// the tail may hold messages that the log has dropped.
func (t *Topic) Readable() storage.Bounds {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.deleted {
		return storage.Bounds{First: 1, Next: 1}
	}
	return t.readableLocked()
}

func (t *Topic) readableLocked() storage.Bounds {
	b := t.log.Bounds()
	b.First = min(b.First, t.tailFirstLocked())
	return b
}

// Read returns messages from the given number on: at least one if there is
// one, otherwise at most so many with at most so much payload. If the topic
// begins later it returns storage.ErrTrimmed.
func (t *Topic) Read(ctx context.Context, from uint64, maxMessages, maxBytes int) ([]*Message, error) {
	log, err := t.openLog()
	if err != nil {
		return nil, err
	}
	entries, err := log.Read(ctx, from, maxMessages, maxBytes)
	if err != nil {
		return nil, topicError(err)
	}
	run := make([]*Message, len(entries))
	for i, e := range entries {
		run[i] = &Message{Seq: e.Seq, Time: e.Time, Payload: e.Payload}
	}
	return run, nil
}

// topicError gives the errors of a log the names that they have here.
func topicError(err error) error {
	if errors.Is(err, storage.ErrNoLog) {
		return ErrDeleted
	}
	return err
}

func (t *Topic) openLog() (storage.Log, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.deleted {
		return nil, ErrDeleted
	}
	return t.log, nil
}
