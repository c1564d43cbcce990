package groups

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"seagate/internal/clock"
	"seagate/internal/quota"
	"seagate/streams"
)

var (
	// ErrTooManyGroups reports that the client already has Options.PerClient
	// groups, or its space as many as its quota allows, and none of the client's can
	// be evicted.
	ErrTooManyGroups = errors.New("groups: the client or its jail has too many groups")
	// ErrNotFound reports that there is no such group.
	ErrNotFound = errors.New("groups: no such group")
	// ErrNotExplicit reports that the member acknowledges tags, not sequence
	// numbers.
	ErrNotExplicit = errors.New("groups: the member does not acknowledge explicitly")
	// ErrDrained is why a membership ends after Membership.Drain.
	ErrDrained = errors.New("groups: the member has left, and everything that it was handed is settled")
	// ErrClosed reports that the registry was closed before the call.
	ErrClosed = errors.New("groups: closed")
)

// A Key names a group among all groups. Each client has its own group names, and
// each space its own clients. Space, topic and client must not contain a slash.
type Key struct {
	Topic  streams.ID
	Client string
	Group  string
}

// A Name names a group among those of its topic. Names are sorted by client, and
// then by group.
type Name struct{ Client, Group string }

// BearersPrefix begins the names of groups of the bearers of a client's tokens. They
// have a budget of their own: Options.PerClient holds for them and for the other
// groups of the client separately, and neither evict the other.
const BearersPrefix = "~"

// Name returns the group's name among those of its topic.
func (k Key) Name() Name { return Name{k.Client, k.Group} }
func (k Key) client() client {
	return client{k.Topic.Space, k.Client, strings.HasPrefix(k.Group, BearersPrefix)}
}

// Credit is how much a member may have in flight. One message is always
// allowed, however large.
type Credit struct {
	Messages int // of an explicit member; at least 1
	Bytes    int // of payload, of any member; at least 1
}

// explicitCredit is the default credit of an explicit member, in messages.
// Options.AckTimeout runs for all its messages at once. With more credit, a slow
// member would let messages time out before it has looked at them.
const explicitCredit = 100

// MaxWindow is the largest Options.Window, in messages. With it, the largest record
// of a group still fits into one value of the store.
const MaxWindow = 140_000

// A DeadLetter is a message that failed Options.MaxDeliveries times.
type DeadLetter struct {
	Key        Key
	Message    *streams.Message
	Deliveries int    // how often the message was handed out
	Reason     string // of the last failure: that of the Nack, or a text of this package
}

// Options of a Registry. Every field must be set, unless its comment says otherwise.
type Options struct {
	// Credit is the limit of each member.
	Credit Credit

	// TagCredit is the limit of each member that acknowledges tags, in messages.
	TagCredit TagCredit

	// PerClient is how many groups a client may have, at least 1. See
	// Topic.Join.
	PerClient int

	// Quotas bounds and counts the groups of each space. It may be nil.
	Quotas *quota.Book

	// Window is how many sequence numbers a group reads from its position on, from
	// 1 to MaxWindow. The group stops when the window is full, so a message that
	// nobody acknowledges holds up all messages after the window.
	Window int

	// SetAsideBytes bounds the payload of a group that waits for a delay or for
	// DeadLetter, in bytes, at least 1. While it is reached, nothing new is handed
	// out; messages that are already in flight may still exceed it.
	SetAsideBytes int

	// Checkpoint is the interval at which changed groups are written, more than 0.
	// After a crash, messages that were acknowledged since the last checkpoint may
	// be delivered again.
	Checkpoint time.Duration

	// IdleTimeout is the time without members after which a group is deleted, more
	// than 0. The deletion may come a minute later, and not in the first ten
	// minutes after Open, or the timeout if that is shorter.
	IdleTimeout time.Duration

	// AbandonedTimeout is IdleTimeout for abandoned groups, more than 0. They had one
	// member ever, which joined with JoinOptions.SingleUse, and were not moved. The
	// shorter of the two times counts.
	AbandonedTimeout time.Duration

	// Clock is the time by which groups without members grow old.
	Clock *clock.Clock

	// AckTimeout is the time in which an explicit member must acknowledge each
	// message, more than 0.
	AckTimeout time.Duration

	// MaxDeliveries is the number of failures after which a message is
	// dead-lettered; 0 disables it.
	MaxDeliveries int

	// DeadLetter takes a message that failed MaxDeliveries times. It must call
	// done once, at any time and from any goroutine. done(nil) means that the
	// dead letter is durable: the group is done with the message. An error means
	// that DeadLetter is called again after DeadLetterRetry. It is called by one
	// goroutine at a time, without locks. If it blocks, it delays only other dead
	// letters. After a crash it may be called again with the same message.
	// nil disables dead letters.
	DeadLetter func(letter DeadLetter, done func(error))

	// DeadLetterRetry is the delay before a failed dead letter is retried, more
	// than 0.
	DeadLetterRetry time.Duration

	// OnPanic is called when a method of a member panicked, with the value of
	// recover. The member gets no more messages; its owner should call
	// Membership.Leave. OnPanic is called without locks, in the goroutine that
	// called the member, and must not block.
	OnPanic func(m Member, value any)

	// OnError is called when a record could not be written or deleted. The
	// registry tries again. OnError is called from several goroutines at once,
	// and perhaps while the group's record is locked, so it must not call the
	// registry.
	OnError func(key Key, err error)
}

// check returns an error if a field is out of its range.
func (o *Options) check() error {
	for name, n := range map[string]int64{
		"Credit.Messages":  int64(o.Credit.Messages),
		"Credit.Bytes":     int64(o.Credit.Bytes),
		"TagCredit.First":  int64(o.TagCredit.First),
		"TagCredit.Most":   int64(o.TagCredit.Most),
		"TagCredit.Target": int64(o.TagCredit.Target),
		"PerClient":        int64(o.PerClient),
		"Window":           int64(o.Window),
		"SetAsideBytes":    int64(o.SetAsideBytes),
		"Checkpoint":       int64(o.Checkpoint),
		"IdleTimeout":      int64(o.IdleTimeout),
		"AbandonedTimeout": int64(o.AbandonedTimeout),
		"AckTimeout":       int64(o.AckTimeout),
		"DeadLetterRetry":  int64(o.DeadLetterRetry),
	} {
		if n < 1 {
			return fmt.Errorf("groups: Options.%s is %d, must be at least 1", name, n)
		}
	}
	switch {
	case o.Window > MaxWindow:
		return fmt.Errorf("groups: Options.Window is %d, must be at most %d", o.Window, MaxWindow)
	case o.MaxDeliveries < 0:
		return fmt.Errorf("groups: Options.MaxDeliveries is %d, must not be negative", o.MaxDeliveries)
	case o.Clock == nil || o.OnPanic == nil || o.OnError == nil:
		return errors.New("groups: Options.Clock, OnPanic and OnError must be set")
	}
	return nil
}
