package merge_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seagate/streams"
	"seagate/streams/merge"
)

// A model is the synchronizer as the documents word it: all that came is in
// memory, and everything is looked at again after every event.
type model struct {
	wait   time.Duration
	topics []*modelTopic
	room   int
	full   bool
	last   float64
	begun  bool
	now    time.Time
	out    []string
	drops  []string
}

type modelTopic struct {
	priority                    int
	pending                     []modelMessage
	registered, paused, deleted bool
	spoke, since                time.Time
	passed, quiet, shown, holds bool
	last, bound                 float64
	timed, heard                bool
}

type modelMessage struct {
	number int
	at     float64
}

func (m *model) canGo(first int) bool {
	at := m.topics[first].pending[0].at
	can := true
	for i, t := range m.topics {
		t.holds = i != first && len(t.pending) == 0 && !t.deleted && m.mightBeEarlier(t, at) && m.waitedFor(t)
		if t.holds && t.since.IsZero() {
			t.since = m.now
		}
		can = can && !t.holds
	}
	return can
}

func (m *model) mightBeEarlier(t *modelTopic, at float64) bool {
	known, lowest := m.begun, m.last
	if t.heard && (!known || t.bound > lowest) {
		known, lowest = true, t.bound
	}
	return !known || lowest < at
}

func (m *model) goesFirst(i, j int) bool {
	if p, q := m.topics[i].priority, m.topics[j].priority; p != q {
		return p > q
	}
	return i < j
}

func (m *model) waitedFor(t *modelTopic) bool {
	if t.paused || t.passed || t.quiet {
		return false
	}
	if !t.since.IsZero() && !m.now.Before(t.since.Add(m.wait)) {
		t.passed = true
		return false
	}
	return t.registered || m.now.Before(t.spoke.Add(m.wait))
}

func (m *model) settle() {
	for !m.full {
		first := -1
		for i, t := range m.topics {
			if len(t.pending) == 0 {
				continue
			}
			if first < 0 || t.pending[0].at < m.topics[first].pending[0].at ||
				t.pending[0].at == m.topics[first].pending[0].at && m.goesFirst(i, first) {
				first = i
			}
		}
		for _, t := range m.topics {
			t.holds = false
		}
		if first < 0 {
			m.forgetHolds()
			return
		}
		if !m.canGo(first) {
			m.forgetHolds()
			return
		}
		if m.room == 0 {
			m.full = true // nobody holds the sink up
			m.forgetHolds()
			return
		}
		t := m.topics[first]
		head := t.pending[0]
		t.pending = t.pending[1:]
		m.room--
		m.last, m.begun = head.at, true
		m.out = append(m.out, fmt.Sprintf("%d/%d@%v %v", first, head.number, head.at, m.now.UnixNano()))
	}
}

// forgetHolds ends the holds of the topics that hold nobody up any more.
func (m *model) forgetHolds() {
	for _, t := range m.topics {
		if !t.holds {
			t.since = time.Time{}
		}
	}
}

// advanceTo lets time pass, and looks whenever a wait is over.
func (m *model) advanceTo(to time.Time) {
	for {
		next := to
		for _, t := range m.topics {
			for _, start := range []time.Time{t.spoke, t.since} {
				if due := start.Add(m.wait); !start.IsZero() && due.After(m.now) && due.Before(next) {
					next = due
				}
			}
		}
		m.now = next
		m.settle()
		if next.Equal(to) {
			return
		}
	}
}

func (m *model) send(i, number int, at float64, timed, visible bool) {
	t := m.topics[i]
	switch {
	case !visible:
		t.quiet = !t.shown
		if timed && (!t.heard || at > t.bound) {
			t.heard, t.bound = true, at
		}
		return
	case !timed:
		m.drops = append(m.drops, fmt.Sprintf("%d untimed", i))
	case t.timed && at < t.last || m.begun && at < m.last:
		m.drops = append(m.drops, fmt.Sprintf("%d late", i))
	default:
		t.pending = append(t.pending, modelMessage{number, at})
		t.last, t.timed = at, true
	}
	t.spoke, t.since, t.passed, t.quiet, t.shown = m.now, time.Time{}, false, false, true
}

// A trial is one run of a merge beside its model.
type trial struct {
	t      *testing.T
	rand   *rand.Rand
	net    *streams.Network
	model  *model
	sink   *sink
	merge  *merge.Merge
	topics []*streams.Topic
	outs   []*streams.OutTopic
	number []int
	clock  float64
}

// TestMergeAgreesWithTheModel compares what comes out, when, and what is
// dropped, under random timestamps, priorities, pauses, providers that come and
// go, silences, deletions, filters, and a sink that is full at times.
func TestMergeAgreesWithTheModel(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runTrial(t, seed) })
		})
	}
}

func runTrial(t *testing.T, seed uint64) {
	tr := &trial{t: t, rand: rand.New(rand.NewPCG(seed, 7)), net: open(t, streams.Options{})}
	defer tr.net.Close()
	tr.model = &model{wait: time.Duration(1+tr.rand.IntN(50)) * time.Millisecond, room: 1 << 30, now: time.Now()}
	sources := []merge.Source{}
	for i := range 2 + tr.rand.IntN(4) {
		topic := topicOf(t, tr.net, fmt.Sprint(i))
		priority := tr.rand.IntN(3)
		tr.topics, tr.outs, tr.number = append(tr.topics, topic), append(tr.outs, nil), append(tr.number, 0)
		tr.model.topics = append(tr.model.topics, &modelTopic{priority: priority})
		sources = append(sources, merge.Source{Topic: topic, Priority: priority, Visible: visible})
	}
	for range tr.rand.IntN(6) { // before joining
		tr.step()
	}
	for _, topic := range tr.model.topics {
		topic.pending, topic.timed, topic.heard, topic.bound, topic.last = nil, false, false, 0, 0
		topic.since, topic.passed = time.Time{}, false
	}
	tr.model.out, tr.model.drops, tr.model.begun = nil, nil, false
	tr.sink = &sink{room: 1 << 30}
	by, _ := merge.Path("$.t")
	var err error
	if tr.merge, err = merge.Open(t.Context(), sources, merge.Options{By: by, Wait: tr.model.wait}, tr.sink); err != nil {
		t.Fatal(err)
	}
	tr.sink.merge = tr.merge
	tr.merge.Start()
	synctest.Wait()
	for range 60 {
		tr.step()
	}
	tr.resume(1 << 30)
	time.Sleep(time.Second)
	synctest.Wait()
	tr.model.advanceTo(time.Now())
	tr.merge.Close()
	tr.compare()
}

// compare checks both, and the invariant itself.
func (tr *trial) compare() {
	got, want := tr.sink.out, tr.model.out
	if !slices.Equal(got, want) {
		tr.t.Fatalf("came out\n %s\nwant\n %s", strings.Join(got, "\n "), strings.Join(want, "\n "))
	}
	slices.Sort(tr.sink.drops)
	slices.Sort(tr.model.drops)
	if !slices.Equal(tr.sink.drops, tr.model.drops) {
		tr.t.Fatalf("dropped %v, want %v", tr.sink.drops, tr.model.drops)
	}
	if !slices.IsSorted(tr.sink.stamps) {
		tr.t.Fatalf("the timestamps decrease: %v", tr.sink.stamps)
	}
}

// step lets a random time pass and does one thing.
func (tr *trial) step() {
	pause := time.Duration(tr.rand.Int64N(int64(2 * time.Millisecond)))
	if tr.rand.IntN(10) == 0 {
		pause = time.Duration(tr.rand.Int64N(int64(2 * tr.model.wait)))
	}
	time.Sleep(pause)
	synctest.Wait()
	tr.model.advanceTo(time.Now())
	i := tr.rand.IntN(len(tr.topics))
	switch kind := tr.rand.IntN(40); {
	case kind < 28:
		tr.send(i)
	case kind < 33:
		tr.provide(i)
	case kind < 36:
		if tr.outs[i] != nil {
			paused := tr.rand.IntN(2) == 0
			tr.outs[i].SetPaused(paused)
			tr.model.topics[i].paused = paused
		}
	case kind < 37 && tr.sink != nil && tr.rand.IntN(4) == 0:
		tr.outs[i] = nil
		tr.model.topics[i].deleted = true
		if err := tr.net.Delete(tr.t.Context(), tr.topics[i].ID()); err != nil {
			tr.t.Fatal(err)
		}
	case kind >= 37 && tr.sink != nil:
		tr.resume(tr.rand.IntN(6))
	}
	synctest.Wait()
	tr.model.settle()
}

func (tr *trial) resume(room int) {
	tr.sink.setRoom(room)
	tr.merge.Resume()
	tr.model.room, tr.model.full = room, false
	synctest.Wait()
	tr.model.settle()
}

func (tr *trial) provide(i int) {
	t := tr.model.topics[i]
	if t.deleted {
		return
	}
	if tr.outs[i] == nil {
		tr.outs[i], _, _ = tr.topics[i].Out(nil)
		t.registered = true
		return
	}
	tr.outs[i].Close()
	tr.outs[i] = nil
	t.registered, t.paused, t.spoke = false, false, time.Time{}
	if tr.sink == nil {
		t.spoke = tr.lastSpoke(i) // the merge has not seen the provider go
	}
}

func (tr *trial) lastSpoke(i int) time.Time {
	b := tr.topics[i].Bounds()
	if b.Next == 1 {
		return time.Time{}
	}
	messages, err := tr.topics[i].Read(tr.t.Context(), b.Next-1, 1, 1)
	if err != nil {
		tr.t.Fatal(err)
	}
	if len(visible(&streams.Batch{Messages: messages})) == 0 {
		return time.Time{}
	}
	return messages[0].Time
}

func (tr *trial) send(i int) {
	if tr.model.topics[i].deleted {
		return
	}
	tr.clock += float64(tr.rand.IntN(3))
	at := tr.clock + float64(tr.rand.IntN(7)-3)
	stamp, timed := fmt.Sprint(at), true
	switch tr.rand.IntN(12) {
	case 0:
		stamp, timed = `"noon"`, false
	case 1:
		stamp = `"` + time.Unix(int64(at), 0).UTC().Format(time.RFC3339) + `"`
	}
	tr.number[i]++
	show := tr.rand.IntN(6) > 0
	err := sendTo(tr.topics[i], fmt.Sprintf(`{"t":%s,"hidden":%t}`, stamp, !show))
	if err != nil {
		tr.t.Fatal(err)
	}
	m := tr.model.topics[i]
	if tr.sink == nil { // before joining only the last message counts
		m.shown, m.quiet, m.spoke = show, !show, time.Time{}
		if show {
			m.spoke = time.Now()
		}
		return
	}
	tr.model.send(i, tr.number[i], at, timed, show)
}
