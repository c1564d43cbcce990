package groups

import (
	"container/heap"
	"fmt"
	"sync"
	"time"

	"seagate/streams"
)

// failLocked takes back what a member of explicit acknowledgement failed to
// process. It is handed out again, at once or after a delay, or becomes a dead
// letter.
func (g *group) failLocked(h handed, reason string, delay time.Duration) {
	a := g.attempts[h.message.Seq]
	a.deliveries = h.attempt + 1
	a.failures++
	if g.failedLocked(a) {
		a.reason = reason
		g.tried(h.message.Seq, a)
		g.buryLocked(h.message, a)
		return
	}
	g.tried(h.message.Seq, a)
	if delay > 0 {
		g.delayLocked(h.message, delay)
		return
	}
	heap.Push(&g.returned, h.message)
}

// failedLocked says whether a message has failed as often as it may.
func (g *group) failedLocked(a attempts) bool {
	opts := &g.registry.opts
	return opts.DeadLetter != nil && opts.MaxDeliveries > 0 && int64(a.failures) >= int64(opts.MaxDeliveries)
}

func (g *group) delayLocked(m *streams.Message, delay time.Duration) {
	due := g.registry.now() + delay
	heap.Push(&g.delayed, delayed{m, due})
	g.aside += len(m.Payload)
	g.alarmLocked(due)
}

// A burial is a message on its way to be a dead letter.
type burial struct{ message *streams.Message }

// buryLocked has the message made a dead letter. It is not done before that
// has succeeded.
func (g *group) buryLocked(m *streams.Message, a attempts) {
	if g.burying == nil {
		g.burying = map[uint64]*burial{}
	}
	b := &burial{m}
	g.burying[m.Seq] = b
	g.aside += len(m.Payload)
	letter := DeadLetter{g.key, m, int(a.deliveries), a.reason}
	if letter.Reason == "" { // it failed before a restart
		letter.Reason = fmt.Sprintf("not processed in %d deliveries", a.failures)
	}
	r := g.registry
	var once sync.Once
	done := func(err error) {
		once.Do(func() {
			defer r.letters.arrive()
			g.buried(b, err)
		})
	}
	r.errands.add(func() {
		r.letters.send()
		r.opts.DeadLetter(letter, done)
	})
}

// buried takes the outcome of a burial. One that a move has overtaken changes
// nothing, except what is counted.
func (g *group) buried(b *burial, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.deadLettered++
		g.registry.deadLettered.Add(1)
	}
	seq := b.message.Seq
	if g.burying[seq] != b {
		return
	}
	delete(g.burying, seq)
	g.aside -= len(b.message.Payload)
	switch {
	case err == nil:
		g.add(seq, seq)
	case g.in != nil:
		g.delayLocked(b.message, g.registry.opts.DeadLetterRetry)
	}
	g.markLocked()
	if g.held > 0 && g.hasRoomLocked(g.held) {
		g.wakeLocked()
	}
}

// alarmLocked has the group woken at a time, or earlier.
func (g *group) alarmLocked(at time.Duration) {
	if g.alarm == 0 || at < g.alarm {
		g.alarm = at
		g.registry.alarms.set(g, at)
	}
}

// ring takes back what was not acknowledged in time, and ends delays that are
// over.
func (g *group) ring(now time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.alarm = 0
	moved := g.endDelaysLocked(now)
	for _, ms := range g.members {
		moved = g.expireLocked(ms, now) || moved
	}
	if moved {
		g.markLocked()
		g.wakeLocked()
	}
	g.nextAlarmLocked()
}

func (g *group) endDelaysLocked(now time.Duration) (any bool) {
	for len(g.delayed) > 0 && g.delayed[0].due <= now {
		m := heap.Pop(&g.delayed).(delayed).message
		g.aside -= len(m.Payload)
		heap.Push(&g.returned, m)
		any = true
	}
	return any
}

// expireLocked takes from a member what it should have acknowledged by now. It
// is no failure of the messages if the member panicked.
func (g *group) expireLocked(ms *Membership, now time.Duration) (any bool) {
	if !ms.held.explicit {
		return false
	}
	for h := ms.held.oldest(); h != nil && h.deadline <= now; h = ms.held.oldest() {
		taken := ms.held.takeOldest()
		ms.bytes -= len(taken.message.Payload)
		any = true
		if ms.state == dead {
			g.returnLocked(taken)
			continue
		}
		g.failLocked(taken, fmt.Sprintf("not acknowledged within %v", g.registry.opts.AckTimeout), 0)
		if g.late == nil {
			g.late = map[uint64]*Membership{}
		}
		if g.burying[taken.message.Seq] == nil {
			g.late[taken.message.Seq] = ms
		}
	}
	return any
}

// nextAlarmLocked asks to be woken when something is next due.
func (g *group) nextAlarmLocked() {
	if len(g.delayed) > 0 {
		g.alarmLocked(g.delayed[0].due)
	}
	for _, ms := range g.members {
		if !ms.held.explicit {
			continue
		}
		if h := ms.held.oldest(); h != nil && h.deadline != never {
			g.alarmLocked(h.deadline)
		}
	}
}
