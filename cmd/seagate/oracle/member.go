package oracle

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"seagate/client"
)

// A groupRun runs one consumer group.
type groupRun struct {
	*Oracle
	*Group
	spec groupSpec

	once    sync.Once
	created chan struct{} // closed once the group exists, and Start is set
	asked   Instant       // when its first member first asked; owned by that member

	mu        sync.Mutex      // guards what follows, and what is in Group
	settled   map[ID]bool     // received, or acknowledged by explicit members
	accounted map[uint64]bool // numbers that are settled, missing, or have a dead letter
	open      map[uint64]bool // numbers not in accounted; nil until the final log is known
	final     map[ID]uint64   // the numbers in the final log
}

// A groupSpec is what the members of a group do.
type groupSpec struct {
	from     client.Position
	meta     bool
	explicit func(member int) bool
	late     bool // it begins up to a second after the run does
	slow     bool // its first member sometimes stops reading
	ungroup  bool // its members subscribe without a group
}

func nobody(int) bool    { return false }
func everybody(int) bool { return true }
func half(i int) bool    { return i%2 == 1 }

func (o *Oracle) groupSpecs() []groupSpec {
	specs := []groupSpec{
		{from: client.Earliest(), explicit: nobody},
		{meta: true, explicit: nobody, late: true, slow: o.options.Keep > 0},
		{from: client.Earliest(), meta: true, explicit: everybody},
		{from: client.Earliest(), meta: true, explicit: half},
	}
	if o.options.Keep > 0 {
		specs[0].meta = true // without meta, members are not told what is missing
	}
	if o.options.Shared {
		specs = append(specs, groupSpec{meta: true, explicit: nobody, ungroup: true})
	}
	return specs
}

func (o *Oracle) newGroup(stream string, spec groupSpec) *groupRun {
	g := &groupRun{Oracle: o, spec: spec, created: make(chan struct{}), settled: map[ID]bool{}, accounted: map[uint64]bool{},
		Group: &Group{Stream: stream, Members: o.options.Members, Explicit: spec.explicit(0)}}
	if !spec.ungroup {
		g.Name = uuid.NewString()
	}
	return g
}

// A member is one member of a group. It implements role.
type member struct {
	*consumer
	group    *groupRun
	index    int
	explicit bool
	pending  []Entry // received, and not acknowledged yet
}

func (g *groupRun) newMember(index int) (*member, error) {
	c, err := g.newConsumer(g.Group.Stream, g.target, g.spec.slow && index == 0)
	if err != nil {
		return nil, err
	}
	return &member{consumer: c, group: g, index: index, explicit: g.spec.explicit(index)}, nil
}

// run repeats sessions until the group is done. The first member creates the group,
// and the others wait for it.
func (m *member) run() {
	g := m.group
	if m.index == 0 {
		if g.spec.late {
			pause(m.publishing, time.Duration(m.random.Int64N(int64(time.Second))))
		}
		g.asked = m.clock.now()
	} else {
		select {
		case <-g.created:
		case <-m.consuming.Done():
			m.link.close()
			return
		}
	}
	m.consumer.run(m)
}

func (m *member) nextOptions() client.SubscribeOptions {
	m.pending = nil
	spec := m.group.spec
	return client.SubscribeOptions{Group: m.group.Name, From: spec.from, Meta: spec.meta, Explicit: m.explicit}
}

func (m *member) failed(err error) {
	g := m.group
	g.mu.Lock()
	defer g.mu.Unlock()
	g.Failure = err.Error()
	g.once.Do(func() { close(g.created) })
}

func (m *member) began(l *listening) {
	g := m.group
	g.mu.Lock()
	defer g.mu.Unlock()
	g.Sessions = append(g.Sessions, l.Session)
	g.once.Do(func() {
		l.AskedAt = g.asked
		g.Group.Start = 1
		if l.Meta {
			g.Group.Start = l.Joined.Next
		}
		close(g.created)
	})
}

func (m *member) ended(l *listening) {
	for _, e := range m.pending {
		m.settleUpTo(l, e)
	}
}

func (m *member) take(l *listening, e *Event) {
	switch {
	case e.Missing != (client.Missing{}):
		m.group.account(e.Missing.From, e.Missing.To)
	case m.explicit && m.leaving:
		m.settleUpTo(l, e.Entry)
	case m.explicit:
		m.handle(l, *e)
	default:
		m.group.settle(e.Entry)
	}
}

// settleUpTo settles a message that the session does not acknowledge itself, if an
// earlier AckUpTo included it.
func (m *member) settleUpTo(l *listening, e Entry) {
	if e.Seq > l.UpTo {
		return
	}
	if l.Acks[e.Seq].Asked == 0 {
		l.Acks[e.Seq] = Ack{Asked: m.clock.now()}
	}
	m.group.settle(e)
}

func (m *member) complete(l *listening) bool {
	m.flush(l)
	return m.group.done(m.logs[m.stream])
}

// How often explicit members do something special, once in so many messages.
const (
	busyEvery   = 41  // give a message back
	forgetEvery = 131 // leave a message unacknowledged
	upToEvery   = 29  // acknowledge everything up to a message
	pendingMax  = 32
)

// handle acknowledges, returns or ignores a message, as an explicit member does.
func (m *member) handle(l *listening, e Event) {
	fresh := e.Seq > l.UpTo && l.Acks[e.Seq].Asked == 0
	if fresh && m.options.MaxDeliveries > 0 && poisonous(e.ID) && m.group.Explicit {
		m.nack(l, e.Seq, poisonReason, 0)
		return
	}
	if fresh && l.Nacks[e.Seq] == 0 && !m.options.Calm && m.failSometimes(l, e.Seq) {
		return
	}
	m.pending = append(m.pending, e.Entry)
	if m.random.IntN(pendingMax/4) == 0 || len(m.pending) >= pendingMax {
		m.flush(l)
	}
}

// failSometimes returns some messages with a nack, and leaves some unacknowledged. It
// reports whether it did.
func (m *member) failSometimes(l *listening, seq uint64) bool {
	switch {
	case m.random.IntN(busyEvery) == 0:
		m.nack(l, seq, "busy", time.Duration(m.random.Int64N(int64(pollEvery))))
		return true
	case m.random.IntN(forgetEvery) == 0 && m.options.AckTimeout > 0 && m.options.AckTimeout <= forgetTimeout && !m.isFinal():
		return true
	}
	return false
}

func (m *member) nack(l *listening, seq uint64, reason string, delay time.Duration) {
	l.Nacks[seq]++
	ctx, cancel := m.answerTime()
	defer cancel()
	m.note(l.sub.Nack(ctx, client.NackOptions{Reason: reason, Delay: delay}, seq))
}

// flush acknowledges the pending messages, unless the connection has ended.
func (m *member) flush(l *listening) {
	if len(m.pending) == 0 || l.conn.Err() != nil {
		return
	}
	pending := m.pending
	m.pending = nil
	seqs, asked := make([]uint64, len(pending)), m.clock.now()
	for i, e := range pending {
		seqs[i] = e.Seq
		l.Acks[e.Seq] = Ack{Asked: asked}
	}
	ctx, cancel := m.answerTime()
	defer cancel()
	err := l.sub.Ack(ctx, seqs...)
	for _, e := range pending {
		if err == nil {
			l.Acks[e.Seq] = Ack{asked, m.clock.now()}
		}
		m.group.settle(e)
	}
	m.note(err)
	if err == nil && !m.options.Calm && !m.group.Explicit && m.random.IntN(upToEvery) == 0 {
		m.ackUpTo(ctx, l, seqs[len(seqs)-1])
	}
}

// ackUpTo acknowledges everything up to a number. That includes messages that the
// member left unacknowledged or has not received yet. So it must not be used in
// groups whose messages become dead letters.
func (m *member) ackUpTo(ctx context.Context, l *listening, seq uint64) {
	asked := m.clock.now()
	l.UpTo = max(l.UpTo, seq)
	for _, e := range l.Events {
		if e.Seq != 0 && e.Seq <= seq && l.Acks[e.Seq].Asked == 0 {
			l.Acks[e.Seq] = Ack{Asked: asked}
			m.group.settle(e.Entry)
		}
	}
	m.note(l.sub.AckUpTo(ctx, seq))
}

func (m *member) answerTime() (context.Context, context.CancelFunc) {
	return context.WithTimeout(m.consuming, m.options.Patience)
}

// note reports an acknowledgement that the gateway refused.
func (m *member) note(err error) {
	if !temporary(err) {
		m.surprise(m.stream, "an acknowledgement was refused: %v", err)
	}
}

// settle records that the group needs no further delivery of a message.
func (g *groupRun) settle(e Entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.settled[e.ID] = true
	if e.Seq == 0 {
		e.Seq = g.final[e.ID]
	}
	g.accountLocked(e.Seq, e.Seq)
}

// account records that no member will settle the numbers from first to last, because
// their messages are missing or dead letters.
func (g *groupRun) account(first, last uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.accountLocked(first, last)
}

func (g *groupRun) accountLocked(first, last uint64) {
	for seq := first; seq <= last; seq++ {
		g.accounted[seq] = true
		delete(g.open, seq)
	}
}

// done reports whether every number up to the end of the final log is accounted
// for. Numbers that the log has dropped count when a member is told of them.
func (g *groupRun) done(log *Log) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open == nil {
		g.open, g.final = map[uint64]bool{}, map[ID]uint64{}
		for seq := g.Group.Start; seq < log.Next; seq++ {
			if !g.accounted[seq] {
				g.open[seq] = true
			}
		}
		for _, e := range log.Entries {
			g.final[e.ID] = e.Seq
			if g.settled[e.ID] {
				delete(g.open, e.Seq)
			}
		}
	}
	return len(g.open) == 0
}

// close stores the numbers that are still open in Group.Open, sorted.
func (g *groupRun) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.Open = slices.Sorted(maps.Keys(g.open))
}
