package streams

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seagate/storage"
)

// Durability is what a message that was accepted survives.
type Durability string

const (
	// OnDisk survives the death of the process and of the machine.
	OnDisk Durability = "disk"
	// InMemory survives nothing, and costs no disk.
	InMemory Durability = "memory"
)

// A Policy is how a topic keeps its messages.
type Policy struct {
	Durability Durability
	Retention  storage.Retention
}

// Overrides are what of the policy was set for one topic. What is nil is as
// Options.Policy has it.
type Overrides struct {
	Durability *Durability
	Age        *time.Duration
	Bytes      *int64
	Messages   *uint64
}

func (o Overrides) over(p Policy) Policy {
	replace(&p.Durability, o.Durability)
	replace(&p.Retention.Age, o.Age)
	replace(&p.Retention.Bytes, o.Bytes)
	replace(&p.Retention.Messages, o.Messages)
	return p
}

func replace[T any](v *T, by *T) {
	if by != nil {
		*v = *by
	}
}

// ErrDurabilityFixed: the topic has had messages, which cannot move, or has
// readers.
var ErrDurabilityFixed = errors.New("streams: a topic that has had messages keeps its durability")

// Policy returns what was set for the topic, and what holds. The durability
// that holds is the one with which the topic began.
func (t *Topic) Policy() (set Overrides, holds Policy) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.overrides, t.policyLocked()
}

func (t *Topic) policyLocked() Policy {
	p := t.overrides.over(t.net.opts.Policy)
	p.Durability = t.durability
	return p
}

// SetOverrides replaces what was set for the topic, durably. Another
// durability is possible only as long as the topic has had no message and has
// no readers.
func (t *Topic) SetOverrides(ctx context.Context, o Overrides) error {
	if o.Durability != nil {
		if err := t.mayBecome(*o.Durability); err != nil {
			return err
		}
	}
	if err := t.store(ctx, func(r *record) { r.setOverrides(o) }); err != nil {
		return err
	}
	t.net.retention.look(t)
	return nil
}

// mayBecome checks early what become checks again.
func (t *Topic) mayBecome(d Durability) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if d != t.durability && t.used() {
		return fmt.Errorf("%w: it is %s", ErrDurabilityFixed, t.durability)
	}
	return nil
}

// used says whether anybody may know the topic's log: it has had a message, is
// about to, or has readers.
func (t *Topic) used() bool {
	return t.begun > t.answered || t.readers.Load() > 0 || t.log.Bounds().Next > 1
}

// becomeLocked gives an unused topic a log of another durability.
func (t *Topic) becomeLocked(d Durability) error {
	if d == t.durability || t.used() {
		return nil
	}
	log, err := t.net.openLog(t.id, d)
	if err != nil {
		return err
	}
	t.log, t.durability = log, d
	return nil
}

// Policy is how topics keep messages for which nothing else is set.
func (n *Network) Policy() Policy { return n.opts.Policy }

// openLog returns the topic's log in the store of that durability.
func (n *Network) openLog(id ID, d Durability) (storage.Log, error) {
	log, err := n.logs(d).OpenLog(context.Background(), id.recordKey())
	if err != nil {
		return nil, fmt.Errorf("open topic %q: %w", id.Name, err)
	}
	return log, nil
}

func (n *Network) logs(d Durability) storage.Logs {
	if d == InMemory {
		return n.stores.Memory
	}
	return n.stores.Disk
}
