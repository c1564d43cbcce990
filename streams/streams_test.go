package streams_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/streamstest"
)

var topicID = streams.ID{Space: "jail", Name: "boiler"}

func open(t testing.TB, opts streams.Options) *streams.Network {
	t.Helper()
	return openOn(t, memory.New(), opts)
}

// openOn returns a network whose disk is the given engine.
func openOn(t testing.TB, disk storage.Engine, opts streams.Options) *streams.Network {
	t.Helper()
	n, err := streams.Open(context.Background(), streams.Stores{Records: disk, Disk: disk, Memory: memory.New()}, streamstest.Options(opts))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func provide(t testing.TB, n *streams.Network) *streams.OutTopic {
	t.Helper()
	topic, err := n.Topic(topicID)
	if err != nil {
		t.Fatal(err)
	}
	out, err := topic.Out()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func send(t testing.TB, out *streams.OutTopic, payloads ...string) {
	t.Helper()
	raw := make([][]byte, len(payloads))
	for i, p := range payloads {
		raw[i] = []byte(p)
	}
	out.Send(raw, func(_ uint64, err error) {
		if err != nil {
			t.Errorf("Send: %v", err)
		}
	})
}

// recorder is a consumer that writes down what it is told, as text.
type recorder struct {
	mu     sync.Mutex
	in     *streams.InTopic
	room   int // messages it takes until given more; -1: all
	events []string

	resumed int // calls of Resumed
}

func (r *recorder) note(format string, args ...any) {
	r.events = append(r.events, fmt.Sprintf(format, args...))
}

func (r *recorder) Deliver(p *streams.Batch) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, m := range p.Messages {
		if r.room == 0 {
			return i
		}
		if r.room > 0 {
			r.room--
		}
		r.note("%d:%s", m.Seq, m.Payload)
	}
	return len(p.Messages)
}

func (r *recorder) State(s streams.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note("registered=%v paused=%v", s.Registered, s.Paused)
}

func (r *recorder) Gap(first, last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note("gap %d-%d", first, last)
}

func (r *recorder) Resumed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resumed++
}

func (r *recorder) End(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == streams.ErrDeleted {
		r.note("end")
	} else {
		r.note("failed: %v", err)
	}
}

func (r *recorder) giveRoom(n int) {
	r.mu.Lock()
	r.room = n
	r.mu.Unlock()
	r.in.Resume()
}

func (r *recorder) want(t *testing.T, events ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if got, want := strings.Join(r.events, ", "), strings.Join(events, ", "); got != want {
		t.Errorf("consumer was told\n %s\nwant\n %s", got, want)
	}
}

func join(t testing.TB, topic *streams.Topic, room int, shard uint32) (*recorder, streams.Joined) {
	t.Helper()
	return joinFrom(t, topic, room, shard, streams.Latest())
}

func joinFrom(t testing.TB, topic *streams.Topic, room int, shard uint32, from streams.StartAt) (*recorder, streams.Joined) {
	t.Helper()
	r := &recorder{room: room}
	in, joined, err := topic.In(t.Context(), r, shard, from)
	if err != nil {
		t.Fatal(err)
	}
	r.in = in
	return r, joined
}

func TestDeliveryIsInOrderFromTheJoinOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		out := provide(t, n)
		send(t, out, "before")
		r, joined := join(t, out.Topic(), -1, 0)
		send(t, out, "a", "b") // after the position was taken, before delivery began
		r.in.Start()
		send(t, out, "c")
		synctest.Wait()
		if joined.Next != 2 {
			t.Errorf("joined at %d, want 2", joined.Next)
		}
		r.want(t, "2:a", "3:b", "4:c")
		n.Close()
	})
}

func TestSlowConsumerReadsOnFromItsCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		out := provide(t, n)
		slow, _ := join(t, out.Topic(), 1, 0)
		quick, _ := join(t, out.Topic(), -1, 0)
		slow.in.Start()
		quick.in.Start()
		send(t, out, "a", "b", "c")
		synctest.Wait()
		quick.want(t, "1:a", "2:b", "3:c")
		slow.want(t, "1:a")
		slow.giveRoom(1)
		synctest.Wait()
		slow.want(t, "1:a", "2:b")
		slow.giveRoom(-1)
		send(t, out, "d")
		synctest.Wait()
		slow.want(t, "1:a", "2:b", "3:c", "4:d")
		n.Close()
	})
}

func TestStateTravelsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		n := open(t, streams.Options{})
		out := provide(t, n)
		r, joined := join(t, out.Topic(), 1, 0)
		r.in.Start()
		if !joined.Registered || joined.Paused {
			t.Errorf("joined in state %+v, want registered and not paused", joined.State)
		}
		send(t, out, "a", "b")
		if err := out.Topic().SetPaused(ctx, true); err != nil {
			t.Fatal(err)
		}
		out.Send([][]byte{[]byte("x")}, func(_ uint64, err error) {
			if err != streams.ErrPaused {
				t.Errorf("Send to a paused topic: %v, want ErrPaused", err)
			}
		})
		if err := out.Topic().SetPaused(ctx, false); err != nil {
			t.Fatal(err)
		}
		send(t, out, "c")
		out.Close()
		synctest.Wait()
		r.want(t, "1:a")
		r.giveRoom(-1)
		synctest.Wait()
		r.want(t, "1:a", "2:b", "registered=true paused=true", "registered=true paused=false", "3:c", "registered=false paused=false")
		n.Close()
	})
}

func TestRequestedFollowsTheReaders(t *testing.T) {
	n := open(t, streams.Options{})
	out := provide(t, n)
	if out.Topic().Requested() {
		t.Error("requested before anybody listens")
	}
	r, _ := join(t, out.Topic(), -1, 0)
	if !out.Topic().Requested() {
		t.Error("not requested though somebody listens")
	}
	r.in.Close()
	r.in.Close()
	if out.Topic().Requested() {
		t.Error("requested after the only listener left")
	}
}

func TestHeaderAndPauseOutliveTheNetwork(t *testing.T) {
	ctx := t.Context()
	records := memory.New()
	n := openOn(t, records, streams.Options{})
	topic, _ := n.Topic(topicID)
	if err := topic.SetHeader(ctx, []byte(`{"progress":7}`)); err != nil {
		t.Fatal(err)
	}
	if err := topic.SetPaused(ctx, true); err != nil {
		t.Fatal(err)
	}
	n.Close()

	n = openOn(t, records, streams.Options{})
	topic, _ = n.Topic(topicID)
	if string(topic.Header()) != `{"progress":7}` || !topic.Info().Paused {
		t.Errorf("after reopening: header %s, paused %v", topic.Header(), topic.Info().Paused)
	}
	if err := topic.SetHeader(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if topic.Header() != nil || !topic.Info().Paused {
		t.Error("clearing the header did more or less than that")
	}
}

func TestDeleteEndsReadersAndForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		n := open(t, streams.Options{})
		out := provide(t, n)
		if err := out.Topic().SetHeader(ctx, []byte(`1`)); err != nil {
			t.Fatal(err)
		}
		r, _ := join(t, out.Topic(), -1, 0)
		r.in.Start()
		send(t, out, "a")
		if err := n.DeleteSpace(ctx, topicID.Space); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.want(t, "1:a", "end")
		out.Send([][]byte{nil}, func(_ uint64, err error) {
			if err != streams.ErrDeleted {
				t.Errorf("Send: %v, want ErrDeleted", err)
			}
		})
		if _, _, err := out.Topic().In(context.Background(), r, 0, streams.Latest()); err != streams.ErrDeleted {
			t.Errorf("In: %v, want ErrDeleted", err)
		}
		if err := out.Topic().SetHeader(ctx, []byte(`2`)); err != streams.ErrDeleted {
			t.Errorf("SetHeader: %v, want ErrDeleted", err)
		}
		fresh, _ := n.Topic(topicID)
		if fresh.Header() != nil || fresh.Info().Next != 1 {
			t.Error("the topic made anew is not empty")
		}
		n.Close()
	})
}

func TestTopicsPerSpaceAreBounded(t *testing.T) {
	n := open(t, streams.Options{TopicsPerSpace: 2})
	for i, want := range []error{nil, nil, streams.ErrTooManyTopics} {
		if _, err := n.Topic(streams.ID{Space: "a", Name: fmt.Sprint(i)}); err != want {
			t.Errorf("topic %d: %v, want %v", i, err, want)
		}
	}
	if _, err := n.Topic(streams.ID{Space: "b", Name: "0"}); err != nil {
		t.Errorf("another space: %v", err)
	}
}

// panicker panics on its first message.
type panicker struct{ recorder }

func (*panicker) Deliver(*streams.Batch) int { panic("boom") }

func TestPanicEndsOnlyItsConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told streams.Consumer
		n := open(t, streams.Options{OnPanic: func(c streams.Consumer, _ any) { told = c }})
		out := provide(t, n)
		bad := &panicker{}
		in, _, _ := out.Topic().In(context.Background(), bad, 0, streams.Latest())
		in.Start()
		good, _ := join(t, out.Topic(), -1, 0)
		good.in.Start()
		send(t, out, "a")
		synctest.Wait()
		send(t, out, "b")
		synctest.Wait()
		good.want(t, "1:a", "2:b")
		if told != streams.Consumer(bad) {
			t.Errorf("OnPanic was told of %v", told)
		}
		n.Close()
	})
}

// Publishers that outrun the workers are held, not served with gaps to those
// who keep up.
func TestSendersWaitForTheWorkersNotForTheSlow(t *testing.T) {
	n := open(t, streams.Options{TailMessages: 16, Workers: 2})
	out := provide(t, n)
	var consumers []*recorder
	for i := range 8 {
		r, _ := join(t, out.Topic(), -1, uint32(i))
		r.in.Start()
		consumers = append(consumers, r)
	}
	stuck, _ := join(t, out.Topic(), 0, 0)
	stuck.in.Start()
	const total = 20_000
	done := make(chan struct{})
	ended := &waiter{done: done, last: total}
	in, _, _ := out.Topic().In(context.Background(), ended, 1, streams.Latest())
	in.Start()
	for range total {
		send(t, out, "x")
	}
	<-done
	n.Close()
	for _, r := range consumers {
		for _, e := range r.events {
			if strings.HasPrefix(e, "gap") {
				t.Fatalf("a consumer that always has room was told of a %s", e)
			}
		}
	}
}

// waiter closes done when it has seen the message numbered last.
type waiter struct {
	recorder
	done chan struct{}
	last uint64
}

func (w *waiter) Deliver(p *streams.Batch) int {
	if p.Messages[len(p.Messages)-1].Seq == w.last {
		close(w.done)
	}
	return len(p.Messages)
}

// A consumer of random appetite that resumes itself from another goroutine.
type moody struct {
	recorder
	rng  *rand.Rand
	seen []uint64
	done chan struct{}
	last uint64
}

func (m *moody) Deliver(p *streams.Batch) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(p.Messages)
	if m.rng.IntN(3) == 0 {
		n = m.rng.IntN(n + 1)
	}
	for _, msg := range p.Messages[:n] {
		m.seen = append(m.seen, msg.Seq)
	}
	if n < len(p.Messages) {
		go m.in.Resume()
	}
	if len(m.seen) > 0 && m.seen[len(m.seen)-1] == m.last {
		close(m.done)
	}
	return n
}

func TestNoGapNoRepeatWhateverTheAppetite(t *testing.T) {
	const total = 3000
	n := open(t, streams.Options{Workers: 3})
	out := provide(t, n)
	var all []*moody
	var joins sync.WaitGroup
	for i := range 40 {
		m := &moody{rng: rand.New(rand.NewPCG(uint64(i), 1)), done: make(chan struct{}), last: total}
		all = append(all, m)
		joins.Go(func() {
			in, _, err := out.Topic().In(context.Background(), m, uint32(i), streams.Latest())
			if err != nil {
				t.Error(err)
				return
			}
			m.in = in
			in.Start()
		})
	}
	for range total - 1 {
		send(t, out, "x")
	}
	joins.Wait()
	send(t, out, "last")
	for i, m := range all {
		<-m.done
		m.mu.Lock()
		for k := 1; k < len(m.seen); k++ {
			if m.seen[k] != m.seen[k-1]+1 {
				t.Fatalf("consumer %d: %d after %d", i, m.seen[k], m.seen[k-1])
			}
		}
		m.mu.Unlock()
	}
}

func TestMemoIsMadeOncePerPass(t *testing.T) {
	type key struct{ id int }
	p := &streams.Batch{}
	made := 0
	for range 3 {
		for id := range 2 {
			if got := p.Memo(key{id}, func() any { made++; return id * 10 }); got != id*10 {
				t.Errorf("Memo(%d) = %v", id, got)
			}
		}
	}
	if made != 2 {
		t.Errorf("made %d memos, want 2", made)
	}
}

type counter struct{ n int }

func (c *counter) Deliver(p *streams.Batch) int { c.n += len(p.Messages); return len(p.Messages) }
func (*counter) State(streams.State)            {}
func (*counter) Gap(uint64, uint64)             {}
func (*counter) Resumed()                       {}
func (*counter) End(error)                      {}

func BenchmarkFanOut(b *testing.B) {
	for _, subscribers := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(subscribers), func(b *testing.B) {
			n := open(b, streams.Options{})
			out := provide(b, n)
			for i := range subscribers {
				in, _, _ := out.Topic().In(context.Background(), &counter{}, uint32(i), streams.Latest())
				in.Start()
			}
			payload := [][]byte{make([]byte, 256)}
			b.ReportAllocs()
			for b.Loop() {
				out.Send(payload, func(uint64, error) {})
			}
		})
	}
}

func TestResumedIsCalledWhateverTheInTopicDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		out := provide(t, n)
		r, _ := join(t, out.Topic(), -1, 0)
		r.in.Start()
		synctest.Wait()
		r.in.Resume() // live, with nothing to read
		synctest.Wait()
		r.in.Resume()
		synctest.Wait()
		send(t, out, "a")
		synctest.Wait()
		if r.want(t, "1:a"); r.resumed != 2 {
			t.Errorf("Resumed was called %d times, want 2", r.resumed)
		}
		r.in.Close()
		r.in.Resume()
		synctest.Wait()
		if r.resumed != 2 {
			t.Error("Resumed was called after Close")
		}
		n.Close()
	})
}
