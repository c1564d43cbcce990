package streams

import (
	"errors"
	"fmt"
	"time"

	"seagate/internal/clock"
	"seagate/internal/quota"
	"seagate/storage"
)

// Options of a Network. All fields must be set, but for those that say otherwise.
type Options struct {
	// Workers is the number of goroutines that deliver, at least 1. One per
	// processor is right.
	Workers int

	// NewWriter makes the Writer of a worker, or returns nil. Nil if there are none.
	NewWriter func() Writer

	// TailMessages and TailBytes bound the newest messages that each topic
	// keeps in memory: their number, and the bytes of their payloads. Both are
	// at least 1. The newest message is kept however large it is, and so are
	// messages that a consumer which keeps up has not been offered yet.
	TailMessages int
	TailBytes    int

	// TopicsPerSpace is how many topics a space may have, at least 1.
	TopicsPerSpace int

	// Policy is how topics keep messages if they have no Overrides.
	Policy Policy

	// MemoryBytes bounds the messages of each topic that is InMemory, is not transient,
	// and has no bound in Overrides.Bytes. 0 is no bound.
	MemoryBytes int64

	// RefuseMemory refuses Overrides that keep a topic in memory.
	RefuseMemory bool

	// Quotas counts what spaces use and refuses what exceeds their quotas. nil
	// refuses nothing.
	Quotas *quota.Book

	// RepeatWindow is how long a key of Topic.SendOnce is remembered: more
	// than 0, at most storage.MaxAppendWindow.
	RepeatWindow time.Duration

	// RetentionInterval is the time after which each topic is trimmed to its
	// policy, more than 0. A topic that grows fast is trimmed earlier.
	RetentionInterval time.Duration

	// Clock is the time by which messages grow old. Open tells it the time of the newest
	// message.
	Clock *clock.Clock

	// Observer is told how topics stand. Nil if there is no other network.
	Observer Observer

	// OnPanic is called when a method of a Consumer, a Provider or the Observer, or the
	// function of a Task, panicked. who is the one that was called, or the Consumer that
	// the Task belongs to. value is what recover returned. The goroutine that panicked
	// calls it. After a panic the in topic of a Consumer has ended, except for a Task. A
	// Provider is not called any more, and its out topic stays open.
	OnPanic func(who, value any)
}

// validate returns one error that names every field that is wrong.
func (o Options) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(o.Workers >= 1, "Workers is %d, must be at least 1", o.Workers)
	check(o.TailMessages >= 1, "TailMessages is %d, must be at least 1", o.TailMessages)
	check(o.TailBytes >= 1, "TailBytes is %d, must be at least 1", o.TailBytes)
	check(o.TopicsPerSpace >= 1, "TopicsPerSpace is %d, must be at least 1", o.TopicsPerSpace)
	check(o.Policy.Durability == OnDisk || o.Policy.Durability == InMemory,
		"Policy.Durability is %q, must be %q or %q", o.Policy.Durability, OnDisk, InMemory)
	check(o.RepeatWindow > 0 && o.RepeatWindow <= storage.MaxAppendWindow,
		"RepeatWindow is %v, must be more than 0 and at most %v", o.RepeatWindow, storage.MaxAppendWindow)
	check(o.RetentionInterval > 0, "RetentionInterval is %v, must be more than 0", o.RetentionInterval)
	check(o.Clock != nil, "Clock is not set")
	check(o.OnPanic != nil, "OnPanic is not set")
	if errs == nil {
		return nil
	}
	return fmt.Errorf("streams: invalid options: %w", errors.Join(errs...))
}
