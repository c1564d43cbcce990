package groups

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"seagate/streams"
)

var (
	// ErrTooManyGroups: the client has as many groups as Options allow.
	ErrTooManyGroups = errors.New("groups: the client has too many groups")
	// ErrNotFound: there is no such group.
	ErrNotFound = errors.New("groups: no such group")
	// ErrNotExplicit: the member acknowledges by tags, not by numbers.
	ErrNotExplicit = errors.New("groups: the member does not acknowledge explicitly")
	// ErrClosed: the registry was closed before the call.
	ErrClosed = errors.New("groups: closed")
)

// A Key names a group: a group id means nothing outside its client, and a
// client nothing outside its space. Space, topic and client contain no slash.
type Key struct {
	Topic  streams.ID
	Client string
	Group  string
}

// Credit is how much a member may have been handed and not acknowledged. One
// message is always allowed, however large.
type Credit struct {
	Messages int
	Bytes    int
}

// DefaultCredit keeps a member busy over a round trip of 50 ms at 20,000
// messages a second.
func DefaultCredit() Credit { return Credit{Messages: 1024, Bytes: 1 << 20} }

// explicitCredit is that of members that acknowledge explicitly and do not say
// how much they want, in messages. Options.AckTimeout is for all that a member
// holds: with much more, one that takes its time with each of them would fail
// messages that it has not looked at.
const explicitCredit = 100

// MaxWindow is the largest Options.Window: a group's record, at its largest,
// has to fit into one value of the store.
const MaxWindow = 140_000

// A DeadLetter is a message that failed as often as it may.
type DeadLetter struct {
	Key        Key
	Message    *streams.Message
	Deliveries int    // how often it was handed out
	Reason     string // of the last failure, in the member's words if it gave any
}

// Options of a Registry. Where nothing else is said, zero is the default.
type Options struct {
	// Credit of each member. Default: DefaultCredit.
	Credit Credit

	// PerClient is how many groups a client may have, see Registry.Join.
	// Default 10,000.
	PerClient int

	// Window is how far beyond the first message that is not done a group
	// reads. A message that nobody acknowledges holds up those that come so
	// many numbers after it. Default 100,000, at most MaxWindow.
	Window int

	// AsideBytes is how much payload of a group may be set aside, waiting for
	// a delay or for its dead letter. While it is more, nothing new is handed
	// out. Default 64 MiB.
	AsideBytes int

	// Checkpoint is how often what changed is written. What was acknowledged
	// since may be delivered again after a crash. Default 1 s.
	Checkpoint time.Duration

	// IdleTimeout is after how long without members a group is deleted.
	// Default 7 days. It may take a minute longer.
	IdleTimeout time.Duration

	// AckTimeout is how long a member that acknowledges explicitly has for
	// each message. Default 30 s.
	AckTimeout time.Duration

	// MaxDeliveries is after how many failures a message becomes a dead
	// letter. 0, which is not the default, is never.
	MaxDeliveries int

	// DeadLetter takes a message that failed as often as it may, and calls
	// done once, at any time and from any goroutine: with nil when the letter
	// is safe, upon which the group is done with the message, or with an error,
	// upon which it is tried again after DeadLetterRetry. It is called by one
	// goroutine at a time, without locks, and may block, which holds up other
	// dead letters and nothing else. After a crash a letter may come again.
	// nil: there are no dead letters, however often a message fails.
	DeadLetter func(letter DeadLetter, done func(error))

	// DeadLetterRetry is how long a dead letter waits that was refused.
	// Default 10 s.
	DeadLetterRetry time.Duration

	// OnPanic is told of a member that panicked, which is handed nothing any
	// more and should leave. It is called with locks held: like a Member, it
	// must not block or call back. Default: logged with its stack.
	OnPanic func(m Member, value any)

	// OnError is told of a record that could not be written or deleted, which
	// is tried again. Default: logged.
	OnError func(key Key, err error)
}

// DefaultOptions has no DeadLetter.
func DefaultOptions() Options { return Options{MaxDeliveries: 5}.withDefaults() }

func (o Options) withDefaults() Options {
	credit := DefaultCredit()
	o.Credit.Messages = cmp.Or(o.Credit.Messages, credit.Messages)
	o.Credit.Bytes = cmp.Or(o.Credit.Bytes, credit.Bytes)
	o.PerClient = cmp.Or(o.PerClient, 10_000)
	o.Window = cmp.Or(o.Window, 100_000)
	o.AsideBytes = cmp.Or(o.AsideBytes, 64<<20)
	o.Checkpoint = cmp.Or(o.Checkpoint, time.Second)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 7*24*time.Hour)
	o.AckTimeout = cmp.Or(o.AckTimeout, 30*time.Second)
	o.DeadLetterRetry = cmp.Or(o.DeadLetterRetry, 10*time.Second)
	if o.OnPanic == nil {
		o.OnPanic = func(_ Member, v any) {
			slog.Error("a member of a group panicked", "panic", v, "stack", string(debug.Stack()))
		}
	}
	if o.OnError == nil {
		o.OnError = func(key Key, err error) {
			slog.Error("the record of a group could not be written", "topic", key.Topic.Name, "group", key.Group, "error", err)
		}
	}
	return o
}

func (o Options) check() error {
	if o.Window > MaxWindow {
		return fmt.Errorf("groups: a window of %d messages, at most %d are allowed", o.Window, MaxWindow)
	}
	return nil
}
