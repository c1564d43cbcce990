package groups_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/streams"
)

// deadLetterSink records dead letters. It calls done with err, or stores done in hold.
type deadLetterSink struct {
	mu      sync.Mutex
	letters []string
	err     error
	hold    []func(error) // calls that wait, if holding
	holding bool
}

func (m *deadLetterSink) take(l groups.DeadLetter, done func(error)) {
	m.mu.Lock()
	m.letters = append(m.letters, fmt.Sprintf("%s of %s/%s after %d: %s", l.Message.Payload, l.Key.Client, l.Key.Group, l.Deliveries, l.Reason))
	err, holding := m.err, m.holding
	if holding {
		m.hold = append(m.hold, done)
	}
	m.mu.Unlock()
	if !holding {
		done(err)
		done(errors.New("the first one counts"))
	}
}

func (m *deadLetterSink) set(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

func (m *deadLetterSink) want(t *testing.T, letters ...string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if got, want := strings.Join(m.letters, "\n"), strings.Join(letters, "\n"); got != want {
		t.Errorf("dead letters\n%s\nwant\n%s", got, want)
	}
}

func withDeadLetters(m *deadLetterSink) groups.Options {
	return groups.Options{MaxDeliveries: 3, DeadLetter: m.take}
}

// failOne makes a member acknowledge the second of two messages, and nack the first,
// which becomes a dead letter after one failure.
func failOne(t *testing.T, m *deadLetterSink) (*fixture, *member) {
	t.Helper()
	opts := withDeadLetters(m)
	opts.MaxDeliveries = 1
	f := newFixture(t, opts, streams.Options{})
	a := f.joinExplicitly(t, all())
	f.sendNumbers(1, 2)
	synctest.Wait()
	wantCount(t, 1)(a.ms.Nack([]uint64{1}, "bad", 0))
	wantCount(t, 1)(a.ms.AckSeqs([]uint64{2}))
	return f, a
}

func TestAMessageThatFailsTooOftenBecomesADeadLetter(t *testing.T) {
	fail := map[string]struct {
		how    func(t *testing.T, m *member)
		reason string
	}{
		"nack":    {func(t *testing.T, m *member) { wantCount(t, 1)(m.ms.Nack([]uint64{1}, "bad news", 0)) }, "bad news"},
		"delayed": {func(t *testing.T, m *member) { wantCount(t, 1)(m.ms.Nack([]uint64{1}, "later", 9*time.Second)) }, "later"},
		"timeout": {func(t *testing.T, m *member) { time.Sleep(20 * time.Second) }, "not acknowledged within 30s"},
	}
	for name, test := range fail {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var m deadLetterSink
				f := newFixture(t, withDeadLetters(&m), streams.Options{})
				a := f.joinExplicitly(t, all())
				f.send("1")
				for range 3 {
					synctest.Wait()
					m.want(t)
					test.how(t, a)
					time.Sleep(10 * time.Second)
				}
				synctest.Wait()
				a.want(t, "1", "1", "1")
				a.wantAttempts(t, 0, 1, 2)
				m.want(t, "1 of c/g after 3: "+test.reason)
				f.wantAt(t, 2, 0)
				if s := f.stat(t); s.DeadLettered != 1 || f.registry.Overview(0).DeadLettered != 1 {
					t.Errorf("%+v", s)
				}
				f.send("2")
				synctest.Wait()
				a.want(t, "1", "1", "1", "2")
			})
		})
	}
}

// Leaving is not a failure, and members that acknowledge by tags have no failures.
func TestWhatDoesNotCountAsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m deadLetterSink
		f := newFixture(t, withDeadLetters(&m), streams.Options{})
		f.send("0")
		for i := range 5 {
			a := f.joinWith(t, "c", "g", all(), groups.JoinOptions{From: streams.Earliest(), Explicit: i%2 == 0})
			synctest.Wait()
			a.want(t, "0")
			a.wantAttempts(t, i)
			time.Sleep(20 * time.Second)
			a.ms.Leave()
		}
		b := f.join(t, "c", "g", all())
		time.Sleep(time.Hour)
		synctest.Wait()
		b.want(t, "0")
		m.want(t)
	})
}

func TestWithoutDeadLettersAMessageIsTriedForEver(t *testing.T) {
	var m deadLetterSink
	for name, opts := range map[string]groups.Options{
		"no limit": {DeadLetter: m.take},
		"no place": {MaxDeliveries: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, opts, streams.Options{})
				a := f.joinExplicitly(t, all())
				f.send("1")
				synctest.Wait()
				for range 9 {
					wantCount(t, 1)(a.ms.Nack([]uint64{1}, "", 0))
					synctest.Wait()
				}
				a.wantAttempts(t, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
				m.want(t)
			})
		})
	}
}

func TestADeadLetterThatIsRefusedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := deadLetterSink{err: errors.New("full")}
		f, a := failOne(t, &m)
		const letter = "1 of c/g after 1: bad"
		synctest.Wait()
		m.want(t, letter)
		f.wantAt(t, 1, 1)
		time.Sleep(10*time.Second - 1)
		synctest.Wait()
		m.want(t, letter)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		m.want(t, letter, letter)
		m.set(nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		m.want(t, letter, letter, letter)
		f.wantAt(t, 3, 0)
		a.want(t, "1", "2")
	})
}

// A message that has failed too often becomes a dead letter, and is handed to
// nobody, even if the members leave or the process dies first.
func TestADeadLetterOutlivesMembersAndTheProcess(t *testing.T) {
	for name, happen := range map[string]func(*testing.T, *fixture){
		"members": func(*testing.T, *fixture) { time.Sleep(2 * time.Second) },
		"process": func(t *testing.T, f *fixture) { time.Sleep(2 * time.Second); f.crash(t) },
		"restart": func(t *testing.T, f *fixture) { f.restart(t) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := deadLetterSink{err: errors.New("full")}
				f, a := failOne(t, &m)
				a.ms.Leave()
				synctest.Wait()
				happen(t, f)
				f.wantAt(t, 1, 1)
				m.set(nil)
				b := f.joinExplicitly(t, all())
				synctest.Wait()
				m.want(t, "1 of c/g after 1: bad", "1 of c/g after 1: not processed in 1 deliveries")
				f.wantAt(t, 3, 0)
				b.want(t)
			})
		})
	}
}

// The outcome of a dead letter may come after the members have left, or the group
// was moved or deleted.
func TestOutcomesThatComeLate(t *testing.T) {
	tests := []struct {
		name   string
		happen func(*testing.T, *fixture, *member)
		at     uint64 // 0: the group is gone
	}{
		{"no members", func(t *testing.T, f *fixture, a *member) { a.ms.Leave(); time.Sleep(2 * time.Second) }, 3},
		{"other members", func(t *testing.T, f *fixture, a *member) {
			a.ms.Leave()
			b := f.joinExplicitly(t, all())
			synctest.Wait()
			b.want(t)
		}, 3},
		{"moved", func(t *testing.T, f *fixture, a *member) {
			if _, err := f.groups().Move(t.Context(), f.out.Topic(), theGroup, streams.Earliest(), false); err != nil {
				t.Error(err)
			}
		}, 1},
		{"deleted", func(t *testing.T, f *fixture, a *member) {
			if err := f.groups().Delete(theGroup); err != nil {
				t.Error(err)
			}
		}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := deadLetterSink{holding: true}
				f, a := failOne(t, &m)
				synctest.Wait()
				test.happen(t, f, a)
				m.hold[0](nil)
				synctest.Wait()
				if len(m.letters) != 1 {
					t.Errorf("letters %q", m.letters)
				}
				if n := f.registry.Overview(0).DeadLettered; n != 1 {
					t.Errorf("%d dead letters are counted", n)
				}
				switch s, err := f.groups().Get(t.Context(), theGroup); {
				case test.at == 0 && err != groups.ErrNotFound:
					t.Errorf("the group is there: %+v, %v", s, err)
				case test.at != 0 && s.Position != test.at:
					t.Errorf("the group is at %d, want %d", s.Position, test.at)
				}
			})
		})
	}
}

// While dead letters wait to be stored, what is set aside is bounded, and nobody
// can acknowledge them any more.
func TestDeadLettersThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := deadLetterSink{holding: true}
		opts := withDeadLetters(&m)
		opts.MaxDeliveries, opts.SetAsideBytes = 1, 2
		f := newFixture(t, opts, streams.Options{})
		a := f.joinExplicitly(t, all())
		f.sendNumbers(1, 2)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		f.send("3")
		synctest.Wait()
		a.want(t, "1", "2")
		wantCount(t, 0)(a.ms.AckUpTo(2))
		f.wantAt(t, 1, 3)
		m.hold[0](nil)
		synctest.Wait()
		a.want(t, "1", "2", "3")
	})
}

// A dead letter that is stored when the registry is closed, or while Close waits,
// is not stored again.
func TestDeadLettersThatAreSafeDoNotComeAgainAfterClose(t *testing.T) {
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
