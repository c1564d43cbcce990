package latest_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"seagate/internal/latest"
)

func same(a, b int64) bool { return a == b }

func TestChangesAreToldOnceAndTheLastOneAlways(t *testing.T) {
	var value, calls, last atomic.Int64
	var telling atomic.Bool
	teller := latest.New(value.Load, same, func(v int64) {
		if telling.Swap(true) {
			t.Error("told by two goroutines at a time")
		}
		calls.Add(1)
		last.Store(v)
		telling.Store(false)
	})
	teller.News() // the first value, although it is zero
	teller.News()
	if calls.Load() != 1 {
		t.Errorf("told %d times, want once", calls.Load())
	}
	var changing sync.WaitGroup
	for range 8 {
		changing.Go(func() {
			for range 1000 {
				value.Add(1)
				teller.News()
			}
		})
	}
	changing.Wait()
	if last.Load() != 8000 {
		t.Errorf("the last value told is %d, want 8000", last.Load())
	}
}

// Whoever is told may bring news, and is called again when it has returned.
func TestNewsFromWithin(t *testing.T) {
	var value int64
	var told []int64
	var teller *latest.Teller[int64]
	teller = latest.New(func() int64 { return value }, same, func(v int64) {
		told = append(told, v)
		switch v {
		case 0, 1:
			value++
			teller.News()
		case 2:
			value++
			teller.News()
			teller.Stop()
		}
	})
	teller.News()
	if want := []int64{0, 1, 2}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

// News does not wait for a call that is under way, which is followed by another.
func TestNewsDoNotWait(t *testing.T) {
	var value atomic.Int64
	begun, goOn := make(chan int64), make(chan bool)
	teller := latest.New(value.Load, same, func(v int64) { begun <- v; <-goOn })
	var telling sync.WaitGroup
	telling.Go(teller.News)
	<-begun
	value.Store(1)
	teller.News()
	value.Store(2)
	teller.News()
	goOn <- true
	if v := <-begun; v != 2 {
		t.Errorf("told %d, want 2", v)
	}
	goOn <- true
	telling.Wait()
}
