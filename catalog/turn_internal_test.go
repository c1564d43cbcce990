package catalog

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

func TestOneAtATimeHasATurn(t *testing.T) {
	var turn turn
	n := 0 // guarded by turn
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := range 500 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+j)%7 == 0 {
					cancel() // gives up, unless the turn is free
				}
				end, err := turn.take(ctx)
				if err == nil {
					n++
					end()
				}
				cancel()
			}
		})
	}
	all.Wait()
	if end, err := turn.take(t.Context()); err != nil || n == 0 {
		t.Errorf("nobody has the turn, and it cannot be taken: %v", err)
	} else {
		end()
	}
	if turn.queue.Load() != nil || len(nobodyWaits.waiting) > 0 {
		t.Error("a turn that nobody has keeps something")
	}
}

func TestATurnIsGivenInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turn turn
		end, _ := turn.take(t.Context())
		if turn.try() {
			t.Error("two have the turn")
		}
		var got []int
		for i := range 4 {
			ctx, cancel := context.WithCancel(t.Context())
			if i == 1 {
				ctx, cancel = context.WithTimeout(ctx, time.Second) // leaves the queue
			}
			go func() {
				defer cancel()
				end, err := turn.take(ctx)
				if i == 1 {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("who gave up got %v", err)
					}
					return
				}
				got = append(got, i)
				end()
			}()
			synctest.Wait()
		}
		time.Sleep(2 * time.Second)
		end()
		synctest.Wait()
		if len(got) != 3 || got[0] != 0 || got[1] != 2 || got[2] != 3 {
			t.Errorf("the turn was given to %v", got)
		}
	})
}

// There are thousands of streams, and almost none is being changed.
func TestAStreamAtRestIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Stream{}); n > 96 {
		t.Errorf("a stream takes %d bytes", n)
	}
}
