package groups_test

import (
	"sync/atomic"
	"testing"
	"time"

	"seagate/groups"
	"seagate/streams"
)

// A taker is a takeAll that tells when all takers together have taken as many messages as wanted.
type taker struct {
	*takeAll
	left  *atomic.Int64 // of the messages that are wanted
	taken chan struct{}
}

func (q *taker) Deliver(b *streams.Batch, share []groups.Share) (int, uint64) {
	n, tag := q.takeAll.Deliver(b, share)
	if q.left.Add(-int64(n)) == 0 {
		q.taken <- struct{}{}
	}
	return n, tag
}

// What a message allocates on its way from the sender through a group to its acknowledgement is
// bounded, and does not depend on how many members there are.
func TestHandOverAndAcknowledgementAllocateLittle(t *testing.T) {
	const batch = 64
	for _, explicit := range []bool{false, true} {
		for _, members := range []int{1, 8} {
			// However slow the machine is, no window shrinks.
			f := newFixture(t, groups.Options{TagCredit: groups.TagCredit{First: batch, Most: 2 * batch, Target: time.Hour}}, streams.Options{Workers: 1})
			var left atomic.Int64
			taken := make(chan struct{}, 1)
			var all []*taker
			for range members {
				q := &taker{&takeAll{member: &member{}}, &left, taken}
				opts := groups.JoinOptions{Explicit: explicit, Credit: 1024}
				ms, err := f.groups().Join(t.Context(), f.out.Topic(), theGroup, opts, q)
				if err != nil {
					t.Fatal(err)
				}
				ms.Start()
				q.ms = ms
				all = append(all, q)
			}
			payloads := make([][]byte, batch)
			for i := range payloads {
				payloads[i] = make([]byte, 256)
			}
			n := testing.AllocsPerRun(100, func() {
				left.Store(batch)
				f.out.Send(payloads, func(streams.Sent, error) {})
				<-taken // the one worker has called all members, and calls none before the next Send
				for _, q := range all {
					q.acknowledge(explicit)
				}
			})
			// One is the message itself. Checkpoints, and under the race detector goroutines,
			// allocate beside it.
			if perMessage := n / batch; perMessage > 2 {
				t.Errorf("explicit %t, %d members: %v allocations for each message", explicit, members, perMessage)
			}
		}
	}
}
