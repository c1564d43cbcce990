package groups_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"seagate/groups"
	"seagate/streams"
)

// worker is an explicit member whose goroutine acknowledges, nacks, ignores
// messages and leaves at random.
type worker struct {
	ms   *groups.Membership
	work chan uint64
}

func (w *worker) Visible(*streams.Batch) []int   { return nil }
func (w *worker) Gap(_, _ uint64) (uint64, bool) { return 0, true }
func (w *worker) End(error)                      {}

func (w *worker) Deliver(b *streams.Batch, share []groups.Share) (int, uint64) {
	for i, s := range share {
		select {
		case w.work <- b.Messages[s.Index].Seq:
		default:
			return i, 0
		}
	}
	return len(share), 0
}

// serve handles messages until stop is closed, or it has handled enough of them.
func (w *worker) serve(rng *rand.Rand, enough int, done func(uint64), stop chan struct{}) {
	for range enough {
		select {
		case <-stop:
			return
		case seq := <-w.work:
			switch rng.IntN(8) {
			case 0: // forgotten
			case 1:
				_, _ = w.ms.Nack([]uint64{seq}, "no", time.Duration(rng.IntN(2))*time.Millisecond)
			default:
				if n, _ := w.ms.AckSeqs([]uint64{seq}); n == 1 {
					done(seq)
				}
			}
			w.ms.Resume()
		}
	}
}

// Without a crash, each message is acknowledged or dead-lettered exactly once.
func TestManyExplicitMembersAtOnce(t *testing.T) {
	const total, workers = 3000, 4
	var mu sync.Mutex
	seen := map[uint64]int{}
	all := make(chan struct{})
	done := func(seq uint64) {
		mu.Lock()
		defer mu.Unlock()
		if seen[seq]++; seen[seq] > 1 {
			t.Errorf("%d was done %d times", seq, seen[seq])
		}
		if len(seen) == total {
			close(all)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	f := newFixture(t, groups.Options{
		Credit: groups.Credit{Messages: 16, Bytes: 1 << 20}, Window: 500,
		AckTimeout: 20 * time.Millisecond, Checkpoint: time.Millisecond,
		MaxDeliveries: 3, DeadLetterRetry: time.Millisecond,
		DeadLetter: func(l groups.DeadLetter, answer func(error)) {
			if rng.IntN(3) == 0 {
				answer(errors.New("full"))
				return
			}
			done(l.Message.Seq)
			answer(nil)
		},
	}, streams.Options{})
	stop := make(chan struct{})
	var running sync.WaitGroup
	for i := range workers {
		running.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 9))
			for {
				select {
				case <-stop:
					return
				default:
				}
				w := &worker{work: make(chan uint64, 16)}
				opts := groups.JoinOptions{Explicit: true, From: streams.Earliest()}
				ms, err := f.groups().Join(t.Context(), f.out.Topic(), theGroup, opts, w)
				if err != nil {
					t.Error(err)
					return
				}
				w.ms = ms
				ms.Start()
				w.serve(rng, 50+rng.IntN(500), done, stop)
				ms.Leave()
			}
		})
	}
	for i := range total {
		f.send(fmt.Sprint(i))
	}
	select {
	case <-all:
	case <-time.After(30 * time.Second):
		mu.Lock()
		defer mu.Unlock()
		t.Errorf("%d of %d messages are done; %+v", len(seen), total, f.stat(t))
	}
	close(stop)
	running.Wait()
}
