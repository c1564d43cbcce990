package streams_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"seagate/streams"
)

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
		var told any
		n := open(t, streams.Options{OnPanic: func(who, _ any) { told = who }})
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
		if told != any(bad) {
			t.Errorf("OnPanic was told of %v", told)
		}
		n.Close()
	})
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

func TestMemoIsMadeOncePerBatch(t *testing.T) {
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
