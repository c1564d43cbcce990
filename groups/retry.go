package groups

import (
	"fmt"
	"sync"
	"time"

	"seagate/groups/progress"
	"seagate/internal/panics"
	"seagate/streams"
)

// requeueLocked queues a message that was in flight, to be handed out again. It
// counts as a delivery, but not as a failure.
func (g *group) requeueLocked(h handOut) {
	a := g.progress.Attempts(h.message.Seq)
	a.Deliveries = h.attempt + 1
	g.progress.SetAttempts(h.message.Seq, a)
	g.retryQueue.push(queued{h.message})
}

// failLocked counts a failure of a message that was in flight. The message is handed
// out again, at once or after a delay, or becomes a dead letter.
func (g *group) failLocked(h handOut, reason string, delay time.Duration) {
	a := g.progress.Attempts(h.message.Seq)
	a.Deliveries, a.Failures = h.attempt+1, a.Failures+1
	isDead := g.hasFailedLocked(a)
	if isDead {
		a.Reason = reason
	}
	g.progress.SetAttempts(h.message.Seq, a)
	switch {
	case isDead:
		g.deadLetterLocked(h.message, a)
	case delay > 0:
		g.delayLocked(h.message, delay)
	default:
		g.retryQueue.push(queued{h.message})
	}
}

// hasFailedLocked reports whether a message has failed Options.MaxDeliveries times.
func (g *group) hasFailedLocked(a progress.Attempts) bool {
	opts := &g.registry.opts
	return opts.DeadLetter != nil && opts.MaxDeliveries > 0 && int64(a.Failures) >= int64(opts.MaxDeliveries)
}

func (g *group) delayLocked(m *streams.Message, delay time.Duration) {
	due := g.registry.now() + delay
	g.delayed.push(delayed{m, due})
	g.setAsideBytes += len(m.Payload)
	g.wakeAtLocked(due)
}

// A deadLetterAttempt is a message that was passed to Options.DeadLetter, or waits
// for it. After a move there may be a new attempt for the same message; the
// pointers tell them apart.
type deadLetterAttempt struct{ message *streams.Message }

// deadLetterLocked queues a call of Options.DeadLetter. The group is done with the
// message when the call has succeeded.
func (g *group) deadLetterLocked(m *streams.Message, a progress.Attempts) {
	if g.deadLettering == nil {
		g.deadLettering = map[uint64]*deadLetterAttempt{}
	}
	attempt := &deadLetterAttempt{m}
	g.deadLettering[m.Seq] = attempt
	g.setAsideBytes += len(m.Payload)
	letter := DeadLetter{g.key, m, int(a.Deliveries), a.Reason}
	if letter.Reason == "" { // unknown, because the message failed before a restart
		letter.Reason = fmt.Sprintf("not processed in %d deliveries", a.Failures)
	}
	r := g.registry
	var once sync.Once
	done := func(err error) {
		once.Do(func() {
			defer r.deadLetters.settled()
			g.deadLetterDone(attempt, err)
		})
	}
	r.deadLetters.add(func() { r.opts.DeadLetter(letter, done) })
}

// deadLetterDone handles the outcome of an attempt. After a move, the outcome of an
// old attempt changes only the counters.
func (g *group) deadLetterDone(attempt *deadLetterAttempt, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.deadLettered++
		g.registry.deadLettered.Add(1)
	}
	m := attempt.message
	if g.deadLettering[m.Seq] != attempt {
		return
	}
	delete(g.deadLettering, m.Seq)
	g.setAsideBytes -= len(m.Payload)
	switch {
	case err == nil:
		g.settleOneLocked(m.Seq, DeadLettered, nil, g.progress.Attempts(m.Seq).Deliveries)
	case g.in != nil:
		g.delayLocked(m, g.registry.opts.DeadLetterRetry)
	}
	g.markLocked()
	g.wakeIfHeldLocked()
}

// wakeAtLocked sets the timer to call onTime no later than at, in terms of
// Registry.now. The group has members.
func (g *group) wakeAtLocked(at time.Duration) {
	if g.timerAt > 0 && g.timerAt <= at {
		return
	}
	g.timerAt = at
	if wait := at - g.registry.now(); g.timer == nil {
		g.timer = time.AfterFunc(wait, g.onTime)
	} else {
		g.timer.Reset(wait)
	}
}

// onTime queues the messages whose delay is over, and those whose acknowledgement
// is late. The timer calls it.
func (g *group) onTime() {
	defer panics.Contain("timer", g.lookLater)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.in == nil {
		return
	}
	g.timerAt = 0
	now := g.registry.now()
	moved := g.endDelaysLocked(now)
	for _, ms := range g.members {
		moved = g.expireLocked(ms, now) || moved
	}
	if moved {
		g.markLocked()
		g.wakeLocked()
	}
	g.setTimerLocked()
}

// lookLater lets the timer call onTime again after a panic.
func (g *group) lookLater() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timerAt = 0
	if g.in != nil {
		g.wakeAtLocked(g.registry.now() + time.Second)
	}
}

func (g *group) endDelaysLocked(now time.Duration) (moved bool) {
	for len(g.delayed) > 0 && g.delayed[0].due <= now {
		m := g.delayed.pop().message
		g.setAsideBytes -= len(m.Payload)
		g.retryQueue.push(queued{m})
		moved = true
	}
	return moved
}

// expireLocked takes messages from a member that did not acknowledge them in time.
// They count as failed, unless the member panicked.
func (g *group) expireLocked(ms *Membership, now time.Duration) (moved bool) {
	if !ms.inFlight.explicit {
		return false
	}
	for h := ms.inFlight.oldest(); h != nil && h.deadline <= now; h = ms.inFlight.oldest() {
		taken := ms.inFlight.takeOldest()
		ms.bytes -= len(taken.message.Payload)
		moved = true
		if ms.state == dead {
			g.requeueLocked(taken)
			continue
		}
		g.failLocked(taken, fmt.Sprintf("not acknowledged within %v", g.registry.opts.AckTimeout), 0)
		if g.deadLettering[taken.message.Seq] == nil {
			if g.overdue == nil {
				g.overdue = map[uint64]*Membership{}
			}
			g.overdue[taken.message.Seq] = ms
		}
	}
	return moved
}

// setTimerLocked sets the timer for the next delay or deadline.
func (g *group) setTimerLocked() {
	if len(g.delayed) > 0 {
		g.wakeAtLocked(g.delayed[0].due)
	}
	for _, ms := range g.members {
		if !ms.inFlight.explicit {
			continue
		}
		if h := ms.inFlight.oldest(); h != nil && h.deadline < never {
			g.wakeAtLocked(h.deadline)
		}
	}
}
