package streams

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"seagate/internal/quota"
	"seagate/storage"
)

// Durability is what accepted messages survive.
type Durability string

const (
	// OnDisk messages survive the end of the process and of the machine.
	OnDisk Durability = "disk"
	// InMemory messages survive nothing, and need no disk.
	InMemory Durability = "memory"
)

// A Policy is how a topic keeps its messages.
type Policy struct {
	Durability Durability
	Retention  storage.Retention
}

// Overrides are the parts of the policy that are set for one topic. A nil field
// is as in Options.Policy.
type Overrides struct {
	Durability *Durability
	Age        *time.Duration // stored in whole seconds
	Bytes      *int64
	Messages   *uint64
}

// over returns p with the parts replaced that are set.
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

// ErrDurabilityFixed reports that a topic's durability cannot change, because
// it has had messages, which cannot move, or has readers, or is transient.
var ErrDurabilityFixed = errors.New("streams: a topic that has had messages keeps its durability")

// ErrNotAllowed reports Overrides that the operator does not allow.
var ErrNotAllowed = errors.New("streams: the operator does not allow this")

// Policy returns the policy of topics without Overrides.
func (n *Network) Policy() Policy { return n.opts.Policy }

// Policy returns the topic's overrides and the policy that results. The
// durability of that policy is the one of the topic's log.
func (t *Topic) Policy() (set Overrides, holds Policy) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.overrides, t.policyLocked()
}

func (t *Topic) policyLocked() Policy {
	p := t.overrides.over(t.net.opts.Policy)
	p.Durability = t.durability
	keep := &p.Retention
	if own := t.overrides.Bytes; t.durability == InMemory && !t.transient && (own == nil || *own <= 0) {
		keep.Bytes = least(keep.Bytes, t.net.opts.MemoryBytes)
	}
	maximum := t.maximum()
	keep.Age = least(keep.Age, maximum.Age)
	keep.Bytes = least(keep.Bytes, maximum.Bytes)
	return p
}

// maximum returns the most that the operator lets a topic of the space keep.
func (t *Topic) maximum() storage.Retention {
	account := t.net.opts.Quotas.Account(t.id.Space)
	return storage.Retention{
		Age:   time.Duration(account.Limit(quota.RetentionAge)) * time.Second,
		Bytes: account.Limit(quota.RetentionBytes),
	}
}

// least returns the lower of two bounds. A value that is not positive is no bound.
func least[T ~int64](a, b T) T {
	if a <= 0 || b > 0 && b < a {
		return b
	}
	return a
}

// checkMaximum returns an error that names everything in o that the operator does not allow.
func (t *Topic) checkMaximum(o Overrides) error {
	most := t.maximum()
	var wrong []string
	if o.Age != nil && most.Age > 0 && (*o.Age <= 0 || *o.Age > most.Age) {
		wrong = append(wrong, fmt.Sprintf("the age of messages must be from 1s to %v", most.Age))
	}
	if o.Bytes != nil && most.Bytes > 0 && (*o.Bytes <= 0 || *o.Bytes > most.Bytes) {
		wrong = append(wrong, fmt.Sprintf("the bytes must be from 1 to %d", most.Bytes))
	}
	if o.Durability != nil && *o.Durability == InMemory && t.net.opts.RefuseMemory && t.policyOfDisk() {
		wrong = append(wrong, "streams cannot be kept in memory here")
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrNotAllowed, strings.Join(wrong, ", "))
}

func (t *Topic) policyOfDisk() bool {
	_, holds := t.Policy()
	return holds.Durability == OnDisk
}

// SetOverrides replaces the topic's overrides, durably. It returns
// ErrDurabilityFixed if they ask for another durability and the topic has had
// messages, has readers, or is transient. It returns ErrNotAllowed if the
// operator does not allow them.
func (t *Topic) SetOverrides(ctx context.Context, o Overrides) error {
	if err := t.checkMaximum(o); err != nil {
		return err
	}
	if o.Durability != nil {
		if err := t.checkDurability(*o.Durability); err != nil {
			return err
		}
	}
	if err := t.store(ctx, func(r *record) { r.setOverrides(o) }); err != nil {
		return err
	}
	t.net.retention.trimSoon(t)
	return nil
}

func (t *Topic) checkDurability(d Durability) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if d != t.durability && (t.usedLocked() || t.transient) {
		return fmt.Errorf("%w: it is %s", ErrDurabilityFixed, t.durability)
	}
	return nil
}

// usedLocked reports whether somebody may know the topic's log: it has had a
// message, is about to get one, or has readers.
func (t *Topic) usedLocked() bool {
	return t.begun > t.answered || t.readers.Load() > 0 || t.log.Bounds().Next > 1
}

// setDurabilityLocked gives the topic a log of another durability, unless it is
// used or transient.
func (t *Topic) setDurabilityLocked(d Durability) error {
	if d == t.durability || t.usedLocked() || t.transient {
		return nil
	}
	log, err := t.net.openLog(t.id, d)
	if err != nil {
		return err
	}
	t.log, t.epoch, t.durability = log, log.Bounds().Epoch, d
	return nil
}

// openLog returns the topic's log in the store of that durability.
func (n *Network) openLog(id ID, d Durability) (storage.Log, error) {
	logs := n.stores.Disk
	if d == InMemory {
		logs = n.stores.Memory
	}
	log, err := logs.OpenLog(context.Background(), id.recordKey())
	if err != nil {
		return nil, fmt.Errorf("open topic %q: %w", id.Name, err)
	}
	return log, nil
}
