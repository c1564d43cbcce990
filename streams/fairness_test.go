package streams_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"seagate/streams"
)

// A costly consumer writes down when it is called, and charges for it.
type costly struct {
	counter
	name  string
	work  int
	log   *callLog
	owner *streams.Owner
	then  func() // nil: nothing
}

type callLog struct {
	mu    sync.Mutex
	calls []string
}

func (l *callLog) note(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, name)
}

// before returns how many calls there were before the first of that name, -1 if there was
// none.
func (l *callLog) before(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, call := range l.calls {
		if call == name {
			return i
		}
	}
	return -1
}

func (c *costly) Deliver(b *streams.Batch) int {
	c.log.note(c.name)
	b.Spend(c.work)
	if c.then != nil {
		c.then()
	}
	return c.counter.Deliver(b)
}

func (c *costly) Owner() *streams.Owner { return c.owner }

func startReader(t *testing.T, topic *streams.Topic, c streams.Consumer, shard uint32, from streams.StartAt) {
	t.Helper()
	in, _, err := topic.In(context.Background(), c, shard, from)
	if err != nil {
		t.Fatal(err)
	}
	in.Start()
}

func newTopic(t *testing.T, n *streams.Network, space string) (*streams.Topic, *streams.OutTopic) {
	t.Helper()
	topic, err := n.Topic(streams.ID{Space: space, Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := topic.Out(nil)
	if err != nil {
		t.Fatal(err)
	}
	return topic, out
}

// Forty costly readers of one message are one pass. A message of another space is
// delivered in the middle of it.
func TestAPassIsInterruptedForAnotherSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{Workers: 1})
		defer n.Close()
		log := &callLog{}
		hostile, out := newTopic(t, n, "hostile")
		neighbour, neighbourOut := newTopic(t, n, "neighbour")
		startReader(t, neighbour, &costly{name: "neighbour", log: log}, 0, streams.Latest())
		for i := range 40 {
			c := &costly{name: "hostile", work: 150_000, log: log}
			if i == 10 {
				c.then = func() {
					sent := make(chan struct{})
					go neighbourOut.Send([][]byte{[]byte("1")}, func(streams.Sent, error) { close(sent) })
					<-sent
				}
			}
			startReader(t, hostile, c, 0, streams.Latest())
		}
		synctest.Wait()
		send(t, out, "1")
		synctest.Wait()
		if n := log.before("neighbour"); n < 11 || n > 15 {
			t.Errorf("the neighbour was served after %d calls, want about 11", n)
		}
		if len(log.calls) != 41 {
			t.Errorf("%d calls, want 41", len(log.calls))
		}
	})
}

// In a pass over the readers of a topic, the thousand of one connection delay the one of
// another little, live or not. All get everything.
func TestAnOwnerOfManyReadersDelaysOthersLittle(t *testing.T) {
	for _, from := range []streams.StartAt{streams.Latest(), streams.Earliest()} {
		synctest.Test(t, func(t *testing.T) {
			n := open(t, streams.Options{Workers: 1})
			defer n.Close()
			log := &callLog{}
			topic, out := newTopic(t, n, "jail")
			if from == streams.Earliest() {
				send(t, out, "1")
				synctest.Wait()
			}
			owner := streams.NewOwner(0)
			var many []*costly
			for range 1000 {
				c := &costly{name: "many", work: 1000, log: log, owner: owner}
				many = append(many, c)
				startReader(t, topic, c, owner.Shard(), from)
			}
			log.mu.Lock()
			log.calls = nil // of those that had a message before
			log.mu.Unlock()
			one := &costly{name: "one", log: log, owner: streams.NewOwner(0)}
			startReader(t, topic, one, 0, from)
			synctest.Wait()
			for i := range 3 {
				send(t, out, fmt.Sprint(i))
				synctest.Wait()
			}
			if got := log.before("one"); got < 0 || got > 200 {
				t.Errorf("from %v: the one reader was served after %d calls", from, got)
			}
			want := one.n
			for i, c := range many {
				if c.n != want {
					t.Errorf("from %v: reader %d got %d messages, want %d", from, i, c.n, want)
				}
			}
		})
	}
}

// Batches get smaller while their delivery is costly, and large again.
func TestCostlyBatchesAreSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{Workers: 1})
		defer n.Close()
		topic, out := newTopic(t, n, "jail")
		c := &sized{perMessage: 5_000}
		startReader(t, topic, c, 0, streams.Latest())
		payloads := make([]string, 5000)
		send(t, out, payloads...)
		synctest.Wait()
		last := c.sizes[len(c.sizes)-2] // behind it comes what is left
		if last > 40 || c.n != len(payloads) {
			t.Errorf("%d messages came, in the end %d at a time", c.n, last)
		}
		c.perMessage = 0
		send(t, out, payloads...)
		synctest.Wait()
		if last := c.sizes[len(c.sizes)-2]; last < 80 {
			t.Errorf("in the end there were %d messages at a time", last)
		}
	})
}

type sized struct {
	counter
	perMessage int
	sizes      []int
}

func (s *sized) Deliver(b *streams.Batch) int {
	s.sizes = append(s.sizes, len(b.Messages))
	b.Spend(s.perMessage * len(b.Messages))
	return s.counter.Deliver(b)
}
