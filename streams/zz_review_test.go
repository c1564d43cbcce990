package streams_test

import (
	"sync/atomic"
	"testing"
	"time"

	"seagate/streams"
)

type trickle struct {
	in    atomic.Pointer[streams.InTopic]
	room  int
	every time.Duration
	per   int
	gaps  atomic.Int64
}

func (c *trickle) Deliver(p *streams.Pass) int {
	n := min(c.room, len(p.Messages))
	c.room -= n
	if n < len(p.Messages) {
		c.room = c.per
		time.AfterFunc(c.every, func() { c.in.Load().Resume() })
	}
	return n
}
func (c *trickle) State(streams.State)    {}
func (c *trickle) Gap(first, last uint64) { c.gaps.Add(1) }
func (c *trickle) End()                   {}

func TestReviewSlowConsumersThrottle(t *testing.T) {
	for _, slow := range []int{0, 1, 10, 100, 1000} {
		n := open(t, streams.Options{Workers: 2, TailMessages: 10_000})
		out := provide(t, n)
		var all []*trickle
		for i := range slow {
			c := &trickle{per: 300, room: 300, every: time.Millisecond}
			in, _, err := out.Topic().In(c, uint32(i))
			if err != nil {
				t.Fatal(err)
			}
			c.in.Store(in)
			in.Start()
			all = append(all, c)
		}
		quick, _ := join(t, out.Topic(), -1, 0)
		_ = quick
		payload := make([]byte, 100)
		start := time.Now()
		sent, worst := 0, time.Duration(0)
		for time.Since(start) < 2*time.Second {
			at := time.Now()
			out.Send([][]byte{payload}, func(uint64, error) {})
			worst = max(worst, time.Since(at))
			sent++
		    if quick != nil { quick.in.Close(); quick = nil }
		}
		gaps := int64(0)
		for _, c := range all {
			gaps += c.gaps.Load()
		}
		t.Logf("%d slow consumers: %d sent in 2 s, worst Send %v, %d gaps", slow, sent, worst, gaps)
		n.Close()
	}
}
