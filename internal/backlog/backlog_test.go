package backlog_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"seagate/internal/backlog"
)

func TestItemsAreDoneInTurn(t *testing.T) {
	var done []int // no lock guards it but the order of the calls
	var adding sync.WaitGroup
	all := make(chan struct{})
	q := backlog.New(func(n int) {
		if done = append(done, n); len(done) == 100 {
			close(all)
		}
	})
	adding.Go(func() {
		for n := range 100 {
			q.Add(n)
		}
	})
	adding.Wait()
	<-all
	if !slices.IsSorted(done) {
		t.Errorf("done in the order %v", done)
	}
}

// The goroutine ends when there is nothing to do, and another one begins with the next item.
func TestNoGoroutineWaitsForItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
		var done atomic.Int32
		q := backlog.New(func(int) { done.Add(1) })
		for n := range 3 {
			q.Add(n)
			synctest.Wait()
		}
		if n := done.Load(); n != 3 {
			t.Errorf("%d are done", n)
		}
	})
}

func TestCloseDropsWhatHasNotBegun(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	var done atomic.Int32
	q := backlog.New(func(int) {
		begun <- struct{}{}
		<-end
		done.Add(1)
	})
	for n := range 3 {
		q.Add(n)
	}
	<-begun
	closed := make(chan int)
	go func() { closed <- q.Close() }()
	for q.Add(3) { // until Close has begun
	}
	select {
	case <-closed:
		t.Error("Close does not wait for the call under way")
	default:
	}
	close(end)
	if dropped := <-closed; dropped < 2 || done.Load() != 1 {
		t.Errorf("%d were dropped, and %d done", dropped, done.Load())
	}
}
