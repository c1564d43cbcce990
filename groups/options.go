package groups

import (
	"errors"
	"fmt"
	"time"

	"seagate/streams"
)

var (
	// ErrTooManyGroups reports that the client has as many groups as Options
	// allow, and none of them may be evicted.
	ErrTooManyGroups = errors.New("groups: the client has too many groups")
	// ErrNotFound reports that there is no such group.
	ErrNotFound = errors.New("groups: no such group")
	// ErrNotExplicit reports that the member acknowledges by tags, not by
	// numbers.
	ErrNotExplicit = errors.New("groups: the member does not acknowledge explicitly")
	// ErrClosed reports that the registry was closed before the call.
	ErrClosed = errors.New("groups: closed")
)

// A Key names a group. A group id means nothing outside its client, and a
// client nothing outside its space. Space, topic and client contain no slash.
type Key struct {
	Topic  streams.ID
	Client string
	Group  string
}

// A Name names a group among those of its topic. Names are in the order of
// their clients, and then of their groups.
type Name struct{ Client, Group string }

// Name returns the group's name among those of its topic.
func (k Key) Name() Name     { return Name{k.Client, k.Group} }
func (k Key) client() client { return client{k.Topic.Space, k.Client} }

// Credit is how much a member may have in flight. One message is always
// allowed, however large.
type Credit struct {
	Messages int // at least 1
	Bytes    int // of payload; at least 1
}

// explicitCredit is how many messages a member may have in flight that
// acknowledges explicitly and does not ask for a number. Options.AckTimeout
// runs for all that a member holds: with many more, a member that takes its
// time with each would fail messages that it has not looked at.
const explicitCredit = 100

// MaxWindow is the largest Options.Window: the record of a group, at its
// largest, has to fit into one value of the store.
const MaxWindow = 140_000

// A DeadLetter is a message that failed as often as it may.
type DeadLetter struct {
	Key        Key
	Message    *streams.Message
	Deliveries int    // how often it was handed out
	Reason     string // of the last failure, in the member's words if it gave any
}

// Options of a Registry. Every field has to be set, unless it says otherwise.
type Options struct {
	// Credit is that of each member.
	Credit Credit

	// PerClient is how many groups a client may have, at least 1. See
	// Topic.Join.
	PerClient int

	// Window is how many messages beyond its position a group reads, from 1 to
	// MaxWindow. A message that nobody acknowledges holds up those that come so
	// many numbers after it.
	Window int

	// SetAsideBytes is how much payload of a group may wait for a delay or for
	// its dead letter, at least 1. While it is more, nothing new is handed out.
	SetAsideBytes int

	// Checkpoint is how often the records of groups that changed are written,
	// more than 0. What was acknowledged since may be delivered again after a
	// crash.
	Checkpoint time.Duration

	// IdleTimeout is after how long without members a group is deleted, more
	// than 0. It may take a minute longer.
	IdleTimeout time.Duration

	// AckTimeout is how long a member that acknowledges explicitly has for each
	// message, more than 0.
	AckTimeout time.Duration

	// MaxDeliveries is the number of failures after which a message is
	// dead-lettered; 0 disables it.
	MaxDeliveries int

	// DeadLetter takes a message that failed MaxDeliveries times, and calls
	// done once, at any time and from any goroutine: with nil when the letter
	// is safe, upon which the group is done with the message, or with an error,
	// upon which it is tried again after DeadLetterRetry. It is called by one
	// goroutine at a time, without locks. It may block, which holds up other
	// dead letters and nothing else. After a crash a letter may come again.
	// nil disables dead letters.
	DeadLetter func(letter DeadLetter, done func(error))

	// DeadLetterRetry is how long a dead letter waits that was refused, more
	// than 0.
	DeadLetterRetry time.Duration

	// OnPanic is told of a member that panicked. It is handed nothing any more
	// and should leave. It is called without locks, from whichever goroutine
	// called the member, and must not block.
	OnPanic func(m Member, value any)

	// OnError is told of a record that could not be written or deleted, which
	// is tried again. It is called without locks and from several goroutines.
	OnError func(key Key, err error)
}

// check returns what is wrong with the options.
func (o *Options) check() error {
	for name, n := range map[string]int64{
		"Credit.Messages": int64(o.Credit.Messages),
		"Credit.Bytes":    int64(o.Credit.Bytes),
		"PerClient":       int64(o.PerClient),
		"Window":          int64(o.Window),
		"SetAsideBytes":   int64(o.SetAsideBytes),
		"Checkpoint":      int64(o.Checkpoint),
		"IdleTimeout":     int64(o.IdleTimeout),
		"AckTimeout":      int64(o.AckTimeout),
		"DeadLetterRetry": int64(o.DeadLetterRetry),
	} {
		if n < 1 {
			return fmt.Errorf("groups: Options.%s is %d, at least 1 is needed", name, n)
		}
	}
	switch {
	case o.Window > MaxWindow:
		return fmt.Errorf("groups: a window of %d messages, at most %d are allowed", o.Window, MaxWindow)
	case o.MaxDeliveries < 0:
		return fmt.Errorf("groups: Options.MaxDeliveries is %d", o.MaxDeliveries)
	case o.OnPanic == nil || o.OnError == nil:
		return errors.New("groups: Options.OnPanic and OnError are needed")
	}
	return nil
}
