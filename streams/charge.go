package streams

import (
	"seagate/internal/quota"
)

// What a message costs beside its payload, in bytes: about what the engines and the tail need
// for it. Without it, a jail could fill a disk with empty messages.
const (
	diskOverhead   = 64
	memoryOverhead = 128
	tailOverhead   = 64
)

// A charge is what a topic adds to the use of its jail. Guarded by Topic.mu.
//
// A send reserves its bytes before the log gets them, so that concurrent sends cannot exceed the
// quota together. Everything else is settled: the charge is set to what the log says that it
// has, so that no mistake lasts.
type charge struct {
	account      *quota.Account
	disk, memory int64 // as they were charged
	tail         int64
	reserved     int64 // by sends that the log has not answered
	keys         int64 // as they were charged
	reservedKeys int64
	released     bool // the topic is gone from the stores
}

// cost returns what a send adds to the log.
func cost(messages, bytes, overhead int) int64 { return int64(bytes) + int64(messages)*int64(overhead) }

func (t *Topic) overheadLocked() int {
	if t.durability == InMemory {
		return memoryOverhead
	}
	return diskOverhead
}

func (t *Topic) resourceLocked() quota.Resource {
	if t.durability == InMemory {
		return quota.Memory
	}
	return quota.Disk
}

// reserveLocked charges a send before the log gets it, or returns a *quota.Exceeded.
func (t *Topic) reserveLocked(keyed bool, messages, bytes int) error {
	c := &t.charge
	if c.account == nil {
		return nil
	}
	if keyed {
		t.settleLocked() // some keys may have expired
		if err := c.account.Reserve(quota.MessageIDs, 1); err != nil {
			return err
		}
	}
	n := cost(messages, bytes, t.overheadLocked())
	if err := c.account.Reserve(t.resourceLocked(), n); err != nil {
		if keyed {
			c.account.Add(quota.MessageIDs, -1)
		}
		return err
	}
	c.reserved += n
	if keyed {
		c.keys++
		c.reservedKeys++
	}
	if t.durability == InMemory {
		c.memory += n
		if c.account.Crowded() {
			t.net.relief.begin()
		}
	} else {
		c.disk += n
	}
	return nil
}

// answeredLocked takes back what a send reserved, whether or not the log has it now.
func (t *Topic) answeredLocked(keyed bool, messages, bytes int) {
	if t.charge.account == nil {
		return
	}
	if keyed {
		t.charge.reservedKeys--
	}
	t.charge.reserved -= cost(messages, bytes, t.overheadLocked())
	t.settleLocked()
}

// settleLocked charges what the topic has in the stores.
func (t *Topic) settleLocked() {
	c := &t.charge
	if c.account == nil {
		return
	}
	var disk, memory, keys int64
	if !c.released {
		b := t.log.Bounds()
		keys = int64(b.Keys) + c.reservedKeys
		kept := cost(int(b.Next-b.First), int(b.Bytes), t.overheadLocked()) + c.reserved
		headers := int64(len(t.set.value) + len(t.sent.Value))
		memory = headers
		if t.durability == InMemory {
			memory += kept
		} else {
			disk += kept
		}
		if !t.transient {
			disk += headers
		}
	}
	c.account.Add(quota.Disk, disk-c.disk)
	c.account.Add(quota.Memory, memory-c.memory)
	c.account.Add(quota.MessageIDs, keys-c.keys)
	c.disk, c.memory, c.keys = disk, memory, keys
}

// settleTailLocked charges the tail. While the jail, or all jails together, have more in memory
// than they may, the tail gives way: what no reader needs of it is dropped, since it can be read
// from the log.
func (t *Topic) settleTailLocked() {
	c := &t.charge
	if c.account == nil {
		return
	}
	if c.account.AddTail(t.tailGrowthLocked()) {
		t.tail.dropBefore(min(t.floor(), t.next))
		c.account.AddTail(t.tailGrowthLocked())
		t.net.relief.begin()
	}
}

// tailGrowthLocked returns what the tail costs more than was charged, and notes it as charged.
func (t *Topic) tailGrowthLocked() int64 {
	now := int64(0)
	if !t.charge.released { // otherwise nobody would take the charge back
		now = int64(t.tail.count) * tailOverhead
		if t.durability != InMemory { // otherwise the log has the payloads in memory anyway
			now += int64(t.tail.bytes)
		}
	}
	grown := now - t.charge.tail
	t.charge.tail = now
	return grown
}

// shrinkTail drops what no reader needs of the tail.
func (t *Topic) shrinkTail() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tail.dropBefore(min(t.floor(), t.next))
	t.charge.account.AddTail(t.tailGrowthLocked())
}

// release takes back the whole charge of a topic that is gone from the stores.
func (t *Topic) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.charge.released = true
	t.tail.dropBefore(min(t.floor(), t.next))
	t.charge.account.AddTail(t.tailGrowthLocked())
	t.settleLocked()
}
