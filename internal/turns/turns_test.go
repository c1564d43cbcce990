package turns_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seagate/internal/turns"
)

// A caller of a quiet key waits for one caller of the busy one, of which there are many.
func TestKeysAreServedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lock turns.Turns
		var order []string
		if err := lock.Take(t.Context(), "busy"); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"busy", "busy", "busy", "quiet", "busy"} {
			go func() {
				if err := lock.Take(t.Context(), key); err != nil {
					t.Error(err)
				}
				order = append(order, key)
				lock.Give()
			}()
			synctest.Wait()
		}
		lock.Give()
		synctest.Wait()
		if want := []string{"busy", "quiet", "busy", "busy", "busy"}; !slices.Equal(order, want) {
			t.Errorf("served %q, want %q", order, want)
		}
	})
}

func TestTakeGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lock turns.Turns
		if err := lock.Take(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := lock.Take(ctx, "b"); err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
		if err := lock.Take(ctx, "b"); err != context.DeadlineExceeded {
			t.Errorf("after the end: got %v", err)
		}
		lock.Give()
		if err := lock.Take(t.Context(), "c"); err != nil {
			t.Error(err)
		}
	})
}

// One holds the lock at a time, and nobody is forgotten, while callers give up.
func TestTurnsUnderContention(t *testing.T) {
	var lock turns.Turns
	var wait sync.WaitGroup
	holders := 0
	for i := range 16 {
		wait.Go(func() {
			for n := range 500 {
				ctx, cancel := context.WithCancel(context.Background())
				if n%3 == 0 {
					go cancel()
				}
				if lock.Take(ctx, string(rune('a'+i%3))) == nil {
					if holders++; holders != 1 {
						t.Errorf("%d hold the lock", holders)
					}
					holders--
					lock.Give()
				}
				cancel()
			}
		})
	}
	wait.Wait()
	if err := lock.Take(t.Context(), "a"); err != nil {
		t.Error(err)
	}
}

func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := turns.Turns{Places: 2}
		var held []int
		for i := range 4 {
			go func() {
				if !lock.TakeUnless(nil, "a") {
					t.Error("it gave up")
				}
				held = append(held, i)
			}()
			synctest.Wait()
		}
		for want := 2; want <= 4; want++ {
			if len(held) != want {
				t.Fatalf("%d of 4 got a place, want %d", len(held), want)
			}
			lock.Give()
			synctest.Wait()
		}
		lock.Give()
		for range 2 { // all places are free again
			if !lock.TakeUnless(nil, "b") {
				t.Error("it gave up")
			}
		}
		gone := make(chan struct{})
		close(gone)
		if lock.TakeUnless(gone, "c") {
			t.Error("a third has a place")
		}
	})
}
