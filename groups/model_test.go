package groups_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/storage"
	"seagate/streams"
)

// model knows what must hold for the messages of a topic and one group, whatever
// the members do and however often the process dies.
type model struct {
	*testing.T
	*fixture
	rng *rand.Rand

	mu      sync.Mutex // guards what follows
	sent    uint64
	lives   int // of the process
	members []*actor
	begun   bool // the group was made
	untold  bool // gaps may wait for a member that does not leave
	crashed bool // since the beginning

	done      map[uint64]bool // acknowledged, lost, or a dead letter, ever
	now       map[uint64]bool // those of them since the last crash, or settled then
	settled   map[uint64]bool // those of them that a checkpoint has certainly written
	delivered map[uint64]int  // how often
	optional  map[uint64]bool // messages that somebody may not see
	told      map[uint64]bool // as missing
	heard     map[uint64]bool // those of them of which somebody said so
}

// actor is a member that records what it holds.
type actor struct {
	model    *model
	ms       *groups.Membership
	explicit bool
	blind    bool // to optional messages
	room     int
	tag      uint64
	holds    []holding
	gaps     []holding
	drains   bool // it leaves: nothing may come
	ended    bool // by ErrDrained
}

type holding struct {
	seq, tag uint64
	at       time.Time // when it was delivered
	returned bool      // by Nack
	acking   bool      // an acknowledgement is under way
}

func (a *actor) Visible(b *streams.Batch) []int {
	if !a.blind {
		return nil
	}
	return indices(b, func(payload string) bool { return !strings.HasPrefix(payload, "x") })
}

func (a *actor) Deliver(b *streams.Batch, share []groups.Share) (int, uint64) {
	m := a.model
	m.mu.Lock()
	defer m.mu.Unlock()
	n := min(len(share), a.room)
	if a.drains {
		m.Errorf("a member that leaves was handed %d messages", len(share))
	}
	for _, s := range share[:n] {
		a.tag++
		a.room--
		m.deliveredLocked(b.Messages[s.Index].Seq, s.Attempt)
	}
	for _, s := range share[:n] { // all of a share carry the last tag
		a.holds = append(a.holds, holding{seq: b.Messages[s.Index].Seq, tag: a.tag, at: time.Now()})
	}
	return n, a.tag
}

func (m *model) deliveredLocked(seq uint64, attempt int) {
	if m.now[seq] {
		m.Errorf("%d was delivered after it was done", seq)
	}
	if want := m.delivered[seq]; attempt > want || !m.crashed && attempt < want {
		m.Errorf("%d was delivered as attempt %d, after %d", seq, attempt, want)
	}
	m.delivered[seq]++
}

func (a *actor) Gap(first, last uint64) (tag uint64, told bool) {
	a.model.mu.Lock()
	defer a.model.mu.Unlock()
	a.tag++
	for seq := first; seq <= last; seq++ {
		a.model.doneLocked(seq)
		a.model.told[seq] = true
		a.gaps = append(a.gaps, holding{seq: seq, tag: a.tag})
	}
	return a.tag, true
}

// hear confirms the gaps up to a tag.
func (a *actor) hear(tag uint64) {
	a.model.mu.Lock()
	for _, g := range a.gaps {
		a.model.heard[g.seq] = a.model.heard[g.seq] || g.tag <= tag
	}
	a.model.mu.Unlock()
	a.ms.Ack(tag)
}

// End checks that a member that leaves has settled everything that it was handed.
func (a *actor) End(err error) {
	m := a.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != groups.ErrDrained || !a.drains || a.ended {
		m.Errorf("the end: %v", err)
	}
	a.ended = true
	for _, h := range a.holds {
		late := a.explicit && time.Since(h.at) >= 30*time.Second
		if !m.done[h.seq] && !h.returned && !h.acking && !late {
			m.Errorf("a member has left with %d in flight", h.seq)
		}
	}
}

func (m *model) doneLocked(seq uint64) { m.done[seq], m.now[seq] = true, true }

func (m *model) bury(l groups.DeadLetter, done func(error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var err error
	if m.rng.IntN(3) == 0 {
		err = errors.New("not now")
	}
	lives := m.lives
	time.AfterFunc(time.Duration(m.rng.IntN(4))*time.Second, func() {
		m.mu.Lock()
		if err == nil {
			m.done[l.Message.Seq] = true
			m.now[l.Message.Seq] = m.now[l.Message.Seq] || m.lives == lives
		}
		m.mu.Unlock()
		done(err)
	})
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{
		T: t, rng: rand.New(rand.NewPCG(seed, 11)),
		done: map[uint64]bool{}, now: map[uint64]bool{}, settled: map[uint64]bool{},
		delivered: map[uint64]int{}, optional: map[uint64]bool{}, told: map[uint64]bool{}, heard: map[uint64]bool{},
	}
	m.fixture = newFixture(t, groups.Options{
		Credit:        groups.Credit{Messages: 6, Bytes: 1 << 20},
		Window:        25,
		SetAsideBytes: 60,
		MaxDeliveries: 3,
		DeadLetter:    m.bury,
	}, streams.Options{TailMessages: 10})
	return m
}

func (m *model) step() {
	ops := []func(){m.publish, m.publish, m.enter, m.leave, m.drain, m.ack, m.ack, m.ack, m.nack, m.makeRoom, m.wait, m.lose, m.die}
	ops[m.rng.IntN(len(ops))]()
	synctest.Wait()
	m.checkPosition()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.members = slices.DeleteFunc(m.members, func(a *actor) bool { return a.ended })
}

func (m *model) publish() {
	for range m.rng.IntN(12) {
		m.mu.Lock()
		m.sent++
		payload := fmt.Sprintf("%d", m.sent)
		if m.rng.IntN(10) == 0 {
			m.optional[m.sent] = true
			payload = "x" + payload
		}
		m.mu.Unlock()
		m.send(payload)
	}
}

func (m *model) enter() {
	if len(m.members) > 4 {
		return
	}
	a := &actor{model: m, explicit: m.rng.IntN(3) > 0, blind: m.rng.IntN(4) == 0, room: m.rng.IntN(30)}
	opts := groups.JoinOptions{Explicit: a.explicit, From: streams.Earliest()}
	ms, err := m.groups().Join(m.Context(), m.out.Topic(), theGroup, opts, a)
	if err != nil {
		m.Fatal(err)
	}
	a.ms = ms
	m.members = append(m.members, a)
	if !m.begun { // what was lost before is none of the group's
		m.begun = true
		for seq := uint64(1); seq < ms.Position(); seq++ {
			m.doneLocked(seq)
		}
	}
	ms.Start()
}

func (m *model) someone() *actor {
	if len(m.members) == 0 {
		return nil
	}
	return m.members[m.rng.IntN(len(m.members))]
}

func (m *model) leave() {
	if len(m.members) == 0 || m.rng.IntN(2) == 0 {
		return
	}
	i := m.rng.IntN(len(m.members))
	m.members[i].ms.Leave()
	m.members = append(m.members[:i], m.members[i+1:]...)
}

// drain lets a member leave once nothing is in flight to it.
func (m *model) drain() {
	a := m.someone()
	if a == nil || m.rng.IntN(2) == 0 {
		return
	}
	m.mu.Lock()
	a.drains = true // nothing is being delivered
	m.mu.Unlock()
	a.ms.Drain()
}

func (m *model) ack() {
	a := m.someone()
	if a == nil || len(a.holds) == 0 {
		return
	}
	h := a.holds[m.rng.IntN(len(a.holds))]
	if a.explicit {
		a.ackOne(h.seq)
		a.hear(h.tag)
		return
	}
	kept := a.holds[:0]
	m.mu.Lock()
	for _, held := range a.holds {
		if held.tag <= h.tag {
			m.doneLocked(held.seq)
		} else {
			kept = append(kept, held)
		}
	}
	a.holds = kept
	m.mu.Unlock()
	a.hear(h.tag)
}

// ackOne acknowledges a message that the member was handed, and that may have
// timed out since.
func (a *actor) ackOne(seq uint64) {
	a.model.mu.Lock()
	a.eachLocked(seq, func(h *holding) { h.acking = true }) // the member may end before AckSeqs returns
	a.model.mu.Unlock()
	n, err := a.ms.AckSeqs([]uint64{seq, a.model.sent + 1})
	a.model.mu.Lock()
	defer a.model.mu.Unlock()
	a.eachLocked(seq, func(h *holding) { h.acking = false })
	if err != nil || n > 1 {
		a.model.Errorf("acknowledged %d messages, %v", n, err)
	}
	if n == 1 {
		a.model.doneLocked(seq)
	}
}

// eachLocked calls f with what the member was handed of a message, which may have come twice.
func (a *actor) eachLocked(seq uint64, f func(*holding)) {
	for i := range a.holds {
		if a.holds[i].seq == seq {
			f(&a.holds[i])
		}
	}
}

func (m *model) nack() {
	a := m.someone()
	if a == nil || !a.explicit || len(a.holds) == 0 {
		return
	}
	h := a.holds[m.rng.IntN(len(a.holds))]
	m.mu.Lock()
	a.eachLocked(h.seq, func(h *holding) { h.returned = true })
	m.mu.Unlock()
	delay := time.Duration(m.rng.IntN(3)) * 700 * time.Millisecond
	if _, err := a.ms.Nack([]uint64{h.seq}, "no", delay); err != nil {
		m.Error(err)
	}
}

func (m *model) makeRoom() {
	a := m.someone()
	if a == nil {
		return
	}
	m.mu.Lock()
	a.room += m.rng.IntN(20)
	m.mu.Unlock()
	a.ms.Resume()
}

// wait advances the time. If that is at least the interval of checkpoints, what was
// done before is written.
func (m *model) wait() {
	d := time.Duration(m.rng.IntN(2500)) * time.Millisecond
	if m.rng.IntN(6) == 0 {
		d = 31 * time.Second
	}
	m.mu.Lock()
	var before []uint64
	for seq, done := range m.now {
		if done {
			before = append(before, seq)
		}
	}
	m.mu.Unlock()
	time.Sleep(d)
	synctest.Wait()
	if d < time.Second {
		return
	}
	for _, seq := range before {
		m.settled[seq] = true
	}
}

func (m *model) lose() {
	if m.rng.IntN(4) == 0 {
		m.trim(m, uint64(10+m.rng.IntN(40)))
	}
}

// die ends the process, with or without closing the registry.
func (m *model) die() {
	switch m.rng.IntN(8) {
	case 0:
		m.checkRecord()
		m.crash(m)
		m.mu.Lock()
		m.crashed = true
		clear(m.now)
		for seq := range m.settled {
			m.now[seq] = true
		}
		m.lives++
		m.mu.Unlock()
	case 1:
		m.restart(m)
		m.mu.Lock()
		m.lives++
		for seq, done := range m.now {
			if done {
				m.settled[seq] = true
			}
		}
		m.mu.Unlock()
	default:
		return
	}
	m.members = nil
}

// checkPosition checks that everything below the position is done.
func (m *model) checkPosition() {
	s, err := m.groups().Get(context.Background(), theGroup)
	if err == groups.ErrNotFound {
		return
	}
	if err != nil {
		m.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checkDoneLocked("the position", 1, s.Position-1)
}

// checkDoneLocked passes over what is lost and not told yet, since all members leave: finish
// finds that somebody is told.
func (m *model) checkDoneLocked(who string, first, last uint64) {
	if slices.ContainsFunc(m.members, func(a *actor) bool { return !a.drains }) {
		m.untold = false
	} else if len(m.members) > 0 {
		m.untold = true
	}
	if m.untold {
		first = max(first, m.out.Topic().Bounds().First)
	}
	for seq := first; seq <= last; seq++ {
		if !m.done[seq] && !m.optional[seq] {
			m.Fatalf("%s says that %d is done, and it is not", who, seq)
		}
	}
}

// checkRecord checks that the record is never ahead of what is done, and at most
// one interval behind.
func (m *model) checkRecord() {
	stored, err := m.records.Get(context.Background(), "groups", "jail/boiler/c/g")
	if errors.Is(err, storage.ErrNotFound) {
		return
	}
	var r struct {
		Position uint64
		Done     [][2]uint64
	}
	if err := errors.Join(err, json.Unmarshal(stored.Value, &r)); err != nil {
		m.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checkDoneLocked("the record", 1, r.Position-1)
	written := map[uint64]bool{}
	for _, s := range r.Done {
		m.checkDoneLocked("the record", s[0], s[1])
		for seq := s[0]; seq <= s[1]; seq++ {
			written[seq] = true
		}
	}
	for seq := range m.settled {
		if seq >= r.Position && !written[seq] {
			m.Errorf("%d was done before the last checkpoint, and is not written", seq)
		}
	}
}

// finish makes one member take and acknowledge everything.
func (m *model) finish() {
	m.finishDraining()
	for _, a := range m.members {
		a.ms.Leave()
	}
	m.members = nil
	a := &actor{model: m, explicit: true, room: 1 << 30}
	ms, err := m.groups().Join(m.Context(), m.out.Topic(), theGroup, groups.JoinOptions{Explicit: true, From: streams.Earliest()}, a)
	if err != nil {
		m.Fatal(err)
	}
	a.ms = ms
	ms.Start()
	for range 1000 {
		time.Sleep(5 * time.Second) // dead letters are tried again
		synctest.Wait()
		for _, h := range a.holds {
			a.ackOne(h.seq)
		}
		m.mu.Lock()
		a.holds = nil
		m.mu.Unlock()
		if m.stat(m).Lag == 0 {
			break
		}
	}
	a.hear(a.tag)
	m.wantAt(m, m.sent+1, 0)
	m.checkPosition()
	for seq := range m.told {
		if !m.heard[seq] {
			m.Errorf("nobody heard that %d is lost", seq)
		}
	}
}

// finishDraining lets those that leave settle what they hold: they have left then.
func (m *model) finishDraining() {
	for _, a := range m.members {
		if !a.drains || a.ended {
			continue
		}
		if !a.explicit { // an explicit one lets its messages time out
			m.mu.Lock()
			for _, h := range a.holds {
				m.doneLocked(h.seq)
			}
			m.mu.Unlock()
		}
		a.hear(a.tag)
	}
	time.Sleep(31 * time.Second)
	synctest.Wait()
	for _, a := range m.members {
		if a.drains && !a.ended {
			m.Error("a member that leaves has nothing in flight, and has not left")
		}
	}
}

func TestRandomOperationsAgainstAModel(t *testing.T) {
	for seed := range uint64(150) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newModel(t, seed)
				for range 250 {
					m.step()
				}
				m.finish()
			})
		})
	}
}
