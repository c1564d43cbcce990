package streams_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seagate/storage"
	"seagate/streams"
)

// A tagFilter passes messages with the tag as payload. It counts what it is asked.
type tagFilter struct {
	tag   string
	index *tagIndex // nil: none has it
	asked atomic.Int64
}

func (f *tagFilter) passes(m *streams.Message) bool { return string(m.Payload) == f.tag }

func (f *tagFilter) Passes(b *streams.Batch) bool {
	f.asked.Add(1)
	b.Spend(len(b.Messages))
	return slices.ContainsFunc(b.Messages, f.passes)
}

func (f *tagFilter) Index() streams.FilterIndex {
	if f.index == nil {
		return nil
	}
	return f.index
}

// A tagIndex finds filters by the payloads of a batch. It finds some more, now and then.
type tagIndex struct {
	mu      sync.Mutex
	filters map[string]*tagFilter
	excess  *tagFilter
}

func (x *tagIndex) Find(b *streams.Batch) iter.Seq[streams.Filter] {
	x.mu.Lock()
	defer x.mu.Unlock()
	var found []streams.Filter
	if x.excess != nil {
		found = append(found, x.excess)
	}
	for _, m := range b.Messages {
		if f := x.filters[string(m.Payload)]; f != nil {
			found = append(found, f) // several times
		}
	}
	return slices.Values(found)
}

func newTagIndex(tags int) *tagIndex {
	x := &tagIndex{filters: map[string]*tagFilter{}}
	for tag := range tags {
		x.filters[fmt.Sprint(tag)] = &tagFilter{tag: fmt.Sprint(tag), index: x}
	}
	return x
}

// A picky consumer takes what its filter passes, as long as it has room, and writes it down.
type picky struct {
	filter *tagFilter // nil for none
	owner  *streams.Owner
	in     *streams.InTopic
	next   uint64 // where it joined
	oldest bool   // it asked for the oldest message: what was dropped before it began is no gap
	work   int    // that each call costs

	mu     sync.Mutex // guards what follows
	room   int        // -1: for all
	got    []uint64
	gaps   [][2]uint64
	states []streams.State
	calls  int
	closed bool
}

func (c *picky) Filter() streams.Filter {
	if c.filter == nil {
		return nil
	}
	return c.filter
}

func (c *picky) Owner() *streams.Owner { return c.owner }

func (c *picky) Deliver(b *streams.Batch) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	b.Spend(c.work)
	for i, m := range b.Messages {
		if c.filter != nil && !c.filter.passes(m) {
			continue
		}
		if c.room == 0 {
			return i
		}
		c.room = max(c.room-1, -1)
		c.got = append(c.got, m.Seq)
	}
	return len(b.Messages)
}

func (c *picky) State(s streams.State) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.room == 0 {
		return false
	}
	c.states = append(c.states, s)
	return true
}

func (c *picky) Gap(first, last uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gaps = append(c.gaps, [2]uint64{first, last})
}

func (c *picky) Resumed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.room != 0
}

func (c *picky) End(error) {}

func (c *picky) giveRoom(n int) {
	c.mu.Lock()
	c.room = n
	c.mu.Unlock()
	c.in.Resume()
}

func (c *picky) join(t *testing.T, topic *streams.Topic, shard uint32, from streams.StartAt) {
	t.Helper()
	if c.owner != nil {
		shard = c.owner.Shard()
	}
	in, joined, err := topic.In(context.Background(), c, shard, from)
	if err != nil {
		t.Fatal(err)
	}
	c.in, c.next = in, joined.Next
	in.Start()
}

// check holds what the consumer got against the messages of the topic, of which payloads has
// that of number n at n-1.
func (c *picky) check(t *testing.T, payloads []string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	rest, gaps, from := c.got, c.gaps, c.next
	if c.oldest && len(rest) > 0 {
		from = rest[0]
		if len(gaps) > 0 {
			from = min(from, gaps[0][0])
		}
	}
	for seq := from; seq <= uint64(len(payloads)); seq++ {
		if len(gaps) > 0 && seq > gaps[0][1] {
			gaps = gaps[1:]
		}
		lost := len(gaps) > 0 && seq >= gaps[0][0]
		want := !lost && (c.filter == nil || c.filter.tag == payloads[seq-1])
		if got := len(rest) > 0 && rest[0] == seq; got {
			rest = rest[1:]
			if !want {
				t.Fatalf("a consumer got message %d, lost %v, with payload %s", seq, lost, payloads[seq-1])
			}
		} else if want && !c.closed {
			t.Fatalf("a consumer from %d on did not get message %d; it got %v and gaps %v", c.next, seq, c.got, c.gaps)
		}
	}
	if len(rest) > 0 {
		t.Fatalf("a consumer got %v after all", rest)
	}
}

// Each of many consumers with filters gets exactly what its filter passes, in order, while
// others come and go, are full, and retention drops messages.
func TestFilteredConsumersGetWhatPasses(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			w := newFilterWorld(t, rand.New(rand.NewPCG(seed, 11)))
			defer w.net.Close()
			for range 200 {
				w.step()
				if w.random.IntN(3) == 0 {
					synctest.Wait()
				}
			}
			w.settle()
		})
	}
}

// A filterWorld is a topic with consumers that have filters.
type filterWorld struct {
	*testing.T
	random    *rand.Rand
	net       *streams.Network
	out       *streams.OutTopic
	index     *tagIndex
	others    []*tagFilter // that no index has
	owners    []*streams.Owner
	consumers []*picky
	payloads  []string
}

const worldTags = 12

func newFilterWorld(t *testing.T, random *rand.Rand) *filterWorld {
	policy := streams.Policy{Retention: storage.Retention{Messages: 60}}
	n := open(t, streams.Options{Workers: 2, TailMessages: 20, RetentionInterval: time.Second, Policy: policy})
	w := &filterWorld{T: t, random: random, net: n, out: provide(t, n), index: newTagIndex(worldTags)}
	for tag := range worldTags {
		w.others = append(w.others, &tagFilter{tag: fmt.Sprint(tag)})
	}
	for i := range 3 {
		w.owners = append(w.owners, streams.NewOwner(uint32(i)))
	}
	return w
}

// step does something at random.
func (w *filterWorld) step() {
	switch w.random.IntN(12) {
	case 0, 1, 2, 3:
		var payloads []string
		for range 1 + w.random.IntN(8) {
			payloads = append(payloads, fmt.Sprint(w.random.IntN(worldTags)))
		}
		w.payloads = append(w.payloads, payloads...)
		send(w.T, w.out, payloads...)
	case 4, 5, 6:
		w.join()
	case 7:
		if c := w.pick(); c != nil {
			c.in.Close()
			c.mu.Lock()
			c.closed = true
			c.mu.Unlock()
		}
	case 8, 9:
		if c := w.pick(); c != nil {
			c.giveRoom(w.random.IntN(10) - 1)
		}
	case 10:
		w.out.SetPaused(!w.out.IsPaused())
	case 11:
		time.Sleep(time.Second) // until retention has trimmed the topic
	}
}

func (w *filterWorld) pick() *picky {
	if len(w.consumers) == 0 {
		return nil
	}
	return w.consumers[w.random.IntN(len(w.consumers))]
}

func (w *filterWorld) join() {
	c := &picky{room: w.random.IntN(30) - 1, work: w.random.IntN(3) * 60_000}
	tag := w.random.IntN(worldTags)
	switch w.random.IntN(5) {
	case 0:
	case 1:
		c.filter = w.others[tag]
	default:
		c.filter = w.index.filters[fmt.Sprint(tag)]
	}
	if w.random.IntN(2) == 0 {
		c.owner = w.owners[w.random.IntN(len(w.owners))]
	}
	from := streams.Latest()
	if w.random.IntN(3) == 0 {
		from = streams.Earliest()
	}
	c.oldest = from == streams.Earliest()
	c.join(w.T, w.out.Topic(), w.random.Uint32N(4), from)
	w.consumers = append(w.consumers, c)
	if w.random.IntN(8) == 0 {
		w.index.mu.Lock()
		w.index.excess = c.filter
		if c.filter != nil && c.filter.index == nil {
			w.index.excess = nil
		}
		w.index.mu.Unlock()
	}
}

// settle lets everybody get everything, and checks it.
func (w *filterWorld) settle() {
	for _, c := range w.consumers {
		c.giveRoom(-1)
	}
	synctest.Wait()
	var ins []*streams.InTopic
	for _, c := range w.consumers {
		c.check(w.T, w.payloads)
		if n := len(c.states); n > 0 && !c.closed && c.states[n-1].Paused != w.out.IsPaused() {
			w.Errorf("a consumer was told %+v last, and the topic is paused: %v", c.states, w.out.IsPaused())
		}
		if !c.closed {
			ins = append(ins, c.in)
		}
	}
	end := uint64(len(w.payloads)) + 1
	for i, at := range streams.Positions(w.Context(), ins) {
		if at != end {
			w.Errorf("in topic %d stands at %d, want %d", i, at, end)
		}
	}
	got := 0
	for _, c := range w.consumers {
		got += len(c.got)
	}
	if len(ins) < 10 || got < 100 {
		w.Errorf("%d consumers and %d messages: too few to show anything", len(ins), got)
	}
}

// A message costs what it concerns: of thousands of consumers that have filters of their own,
// the one that the index finds is called, and none that is asked for another message. What is
// hidden from a consumer does not make it stand behind.
func TestHiddenMessagesCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{Workers: 2})
		defer n.Close()
		out := provide(t, n)
		index := newTagIndex(2000)
		var consumers []*picky
		var ins []*streams.InTopic
		for i := range 2000 {
			c := &picky{filter: index.filters[fmt.Sprint(i)], room: -1}
			c.join(t, out.Topic(), uint32(i), streams.Latest())
			consumers, ins = append(consumers, c), append(ins, c.in)
		}
		synctest.Wait()
		for i := range 100 {
			send(t, out, fmt.Sprint(i))
			synctest.Wait()
		}
		calls, asked := 0, int64(0)
		for _, c := range consumers {
			calls += c.calls
			asked += c.filter.asked.Load()
		}
		if calls != 100 || asked != 100 {
			t.Errorf("100 messages for one consumer each take %d calls and %d looks at filters", calls, asked)
		}
		for i, at := range streams.Positions(t.Context(), ins) {
			if at != 101 {
				t.Fatalf("consumer %d stands at %d, want 101", i, at)
			}
		}
		out.SetPaused(true) // concerns all
		synctest.Wait()
		for i, c := range consumers {
			if len(c.states) != 1 {
				t.Fatalf("consumer %d was told of %d changes", i, len(c.states))
			}
		}
	})
}

// A filter that no index has is asked once for all consumers that have it.
func TestEqualFiltersAreAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{Workers: 1})
		defer n.Close()
		out := provide(t, n)
		hides, passes := &tagFilter{tag: "hidden"}, &tagFilter{tag: "shown"}
		consumers := map[*tagFilter][]*picky{}
		for range 50 {
			for _, f := range []*tagFilter{hides, passes} {
				c := &picky{filter: f, room: -1}
				c.join(t, out.Topic(), 0, streams.Latest())
				consumers[f] = append(consumers[f], c)
			}
		}
		synctest.Wait()
		send(t, out, "shown")
		synctest.Wait()
		for f, calls := range map[*tagFilter]int{hides: 0, passes: 1} {
			if asked := f.asked.Load(); asked != 1 {
				t.Errorf("the filter for %s was asked %d times", f.tag, asked)
			}
			for _, c := range consumers[f] {
				if c.calls != calls {
					t.Fatalf("a consumer for %s was called %d times, want %d", f.tag, c.calls, calls)
				}
			}
		}
	})
}

// A panickingFilter panics when it or its index is asked.
type panickingFilter struct{ inIndex bool }

func (panickingFilter) Passes(*streams.Batch) bool { panic("injected") }

func (f panickingFilter) Index() streams.FilterIndex {
	if f.inIndex {
		return f
	}
	return nil
}

func (panickingFilter) Find(*streams.Batch) iter.Seq[streams.Filter] { panic("injected") }

type panickingPicky struct {
	*picky
	with panickingFilter
}

func (p panickingPicky) Filter() streams.Filter { return p.with }

// A filter that panics harms no other consumer, and its own are offered everything.
func TestAFilterThatPanicsHidesNothing(t *testing.T) {
	for _, inIndex := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := open(t, streams.Options{Workers: 1})
			defer n.Close()
			out := provide(t, n)
			other := &picky{filter: &tagFilter{tag: "1"}, room: -1}
			other.join(t, out.Topic(), 0, streams.Latest())
			own := panickingPicky{&picky{room: -1}, panickingFilter{inIndex}}
			startReader(t, out.Topic(), own, 0, streams.Latest())
			synctest.Wait()
			send(t, out, "1", "2")
			synctest.Wait()
			if len(own.got) != 2 || len(other.got) != 1 {
				t.Errorf("in an index %v: got %v and %v", inIndex, own.got, other.got)
			}
		})
	}
}
