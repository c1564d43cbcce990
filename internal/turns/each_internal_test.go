package turns

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestOneAtATimeHoldsALock(t *testing.T) {
	var lock Each[string]
	n := 0 // guarded by the lock
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := range 500 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+j)%7 == 0 {
					cancel() // gives up, unless the lock is free
				}
				end, err := lock.Take(ctx, "a")
				if err == nil {
					n++
					end()
				}
				cancel()
			}
		})
	}
	all.Wait()
	if end, err := lock.Take(t.Context(), "a"); err != nil || n == 0 {
		t.Errorf("nobody holds the lock, and it cannot be taken: %v", err)
	} else {
		end()
	}
	if len(lock.locks) > 0 {
		t.Error("a lock that nobody holds keeps something")
	}
}

func TestALockOfEachIsGivenInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lock Each[string]
		end, _ := lock.Take(t.Context(), "a")
		if lock.Try("a") != nil {
			t.Error("two hold the lock")
		}
		var got []int
		for i := range 4 {
			ctx, cancel := context.WithCancel(t.Context())
			if i == 1 {
				ctx, cancel = context.WithTimeout(ctx, time.Second) // leaves the queue
			}
			go func() {
				defer cancel()
				end, err := lock.Take(ctx, "a")
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
			t.Errorf("the lock was given to %v", got)
		}
	})
}

func TestLocksOfOtherKeysAreFree(t *testing.T) {
	var lock Each[string]
	end, _ := lock.Take(t.Context(), "a")
	other := lock.Try("b")
	if other == nil {
		t.Fatal("a lock that nobody holds cannot be taken")
	}
	other()
	end()
	if len(lock.locks) > 0 {
		t.Error("a lock that nobody holds keeps something")
	}
}
