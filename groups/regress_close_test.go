package groups_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/storage/memory"
	"seagate/streams"
)

// A Join whose ctx ended while the record was written leaves a record that no
// Delete, DeleteTopic or DeleteClient finds; after a restart there is a group.
func TestOrphanRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecords()
		f := newFixtureOn(t, memory.New(), r, groups.Options{}, streams.Options{})
		r.fail(context.Canceled, true)
		if _, err := f.join0(t, "c", "g", all()); err == nil {
			t.Fatal("joined")
		}
		r.fail(nil, false)
		if err := f.registry.Delete(theGroup); err != nil {
			t.Logf("Delete: %v", err)
		}
		if err := f.registry.DeleteTopic(boiler); err != nil {
			t.Fatal(err)
		}
		f.restart(t)
		if s, err := f.registry.Get(t.Context(), theGroup); !errors.Is(err, groups.ErrNotFound) {
			t.Errorf("after a restart there is %+v, %v", s, err)
		}
	})
}

// Letters that were accepted before a clean Close come again afterwards.
func TestLettersAtClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		letters := map[uint64]int{}
		var first func(error)
		opts := groups.Options{MaxDeliveries: 1, DeadLetter: func(l groups.DeadLetter, done func(error)) {
			mu.Lock()
			letters[l.Message.Seq]++
			mu.Unlock()
			if l.Message.Seq == 1 {
				first = done
				return
			}
			if first != nil {
				first(nil) // the first letter is safe, and the registry was told
				first = nil
			}
			time.Sleep(time.Second)
			done(nil)
		}}
		f := newFixture(t, opts, streams.Options{})
		m := f.joinExplicitly(t, all())
		f.send("1", "2")
		synctest.Wait()
		if _, err := m.ms.Nack([]uint64{1, 2}, "bad", 0); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		f.restart(t) // clean
		f.joinExplicitly(t, all())
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if letters[1] != 1 || letters[2] != 1 {
			t.Errorf("letters: %v, want one of each after a clean restart", letters)
		}
	})
}

// A gap that was noticed while the only member had not started is told to
// nobody.
func TestGapToldToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, smallTail)
		m := f.join(t, "c", "g", &member{room: 0})
		f.sendNumbers(1, 10)
		synctest.Wait()
		m.ms.Leave()
		f.trim(t, 5)
		ms, err := f.join0(t, "c", "g", all())
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		ms.Leave() // its connection ended before Start
		next := f.join(t, "c", "g", all())
		synctest.Wait()
		if next.told() != "gap 1-5" {
			t.Errorf("the next member was told %q of the gap; stat %+v", next.told(), f.stat(t))
		}
	})
}

// Members that left are kept by what they did not acknowledge in time and
// nobody else accepts.
func TestLateLeak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		f.join(t, "c", "g", &member{room: -1, taboo: "x"}) // stays
		for range 20 {
			m := f.joinExplicitly(t, &member{room: 1})
			f.send("x", "x")
			synctest.Wait()
			time.Sleep(40 * time.Second) // it is full, so nothing is handed out again
			m.ms.Leave()
			synctest.Wait()
		}
		if n := f.registry.LateOf(theGroup); n > 0 {
			t.Errorf("%d entries of members that left, position %d", n, f.stat(t).Position)
		}
	})
}
