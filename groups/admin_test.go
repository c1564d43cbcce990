package groups_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/storage/memory"
	"seagate/streams"
)

func TestListGoesThroughAllGroupsOfATopic(t *testing.T) {
	f := newFixture(t, groups.Options{}, streams.Options{})
	var want []string
	for _, client := range []string{"a", "aa", "b"} {
		for _, group := range []string{"", "1", "10", "2"} {
			f.join(t, client, group, all())
			want = append(want, client+"/"+group)
		}
	}
	other, err := f.net.Topic(streams.ID{Space: "jail", Name: "other"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.registry.Topic(other.ID()).Join(t.Context(), other, nameOf("a", "3"), groups.JoinOptions{}, all()); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{1, 5, 11, 12, 13, 0, -1, groups.MaxPage + 1} {
		var got []string
		var after *groups.Name
		for more := true; more; {
			var page []groups.Stat
			page, more, err = f.groups().List(t.Context(), after, limit)
			if err != nil || limit > 0 && len(page) > limit || len(page) == 0 {
				t.Fatalf("a page of %d: %v", len(page), err)
			}
			for _, s := range page {
				got = append(got, s.Key.Client+"/"+s.Key.Group)
				after = &groups.Name{Client: s.Key.Client, Group: s.Key.Group}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %q, want %q", limit, got, want)
		}
	}
	if page, more, err := f.registry.Topic(streams.ID{Space: "jail", Name: "none"}).List(t.Context(), nil, 5); len(page) > 0 || more || err != nil {
		t.Errorf("of no topic: %v, %v, %v", page, more, err)
	}
}

func TestAPageHasNoMoreThanMaxPage(t *testing.T) {
	f := newFixture(t, groups.Options{}, streams.Options{})
	for i := range groups.MaxPage + 1 {
		f.join(t, "c", fmt.Sprint(i), all())
	}
	for _, limit := range []int{0, groups.MaxPage, groups.MaxPage + 7} {
		if page, more, err := f.groups().List(t.Context(), nil, limit); len(page) != groups.MaxPage || !more || err != nil {
			t.Errorf("limit %d: %d groups, more: %v, %v", limit, len(page), more, err)
		}
	}
}

func TestGetSaysHowTheGroupIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		began := time.Now().UTC()
		a := f.joinExplicitly(t, all())
		f.join(t, "c", "g", &member{room: 0})
		f.send("1")
		time.Sleep(time.Second)
		f.sendNumbers(2, 5)
		time.Sleep(time.Second)
		wantCount(t, 2)(a.ms.AckSeqs([]uint64{1, 3}))
		want := groups.Stat{
			Key: theKey, Members: 2, Explicit: 1, Position: 2, Lag: 3, LagTime: time.Second, InFlight: 3,
			CreatedAt: began, LastActive: time.Now().UTC(),
		}
		if s := f.stat(t); s != want {
			t.Errorf("got\n%+v, want\n%+v", s, want)
		}
		wantCount(t, 3)(a.ms.AckUpTo(5))
		want.Position, want.Lag, want.LagTime, want.InFlight = 6, 0, 0, 0
		if s := f.stat(t); s != want {
			t.Errorf("got\n%+v, want\n%+v", s, want)
		}
		if _, err := f.groups().Get(t.Context(), nameOf("c", "none")); err != groups.ErrNotFound {
			t.Errorf("no group: %v", err)
		}
	})
}

func TestOverview(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		for i := range 5 {
			m := f.joinWith(t, "c", fmt.Sprint(i), all(), groups.JoinOptions{Explicit: true})
			f.send("x")
			synctest.Wait()
			if i == 3 {
				m.ms.Leave()
			}
		}
		f.joinWith(t, "c", "3", &member{room: 1}, groups.JoinOptions{Explicit: true})
		synctest.Wait()
		o := f.registry.Overview(2)
		if o.Groups != 5 || o.Members != 5 || o.InFlight != 5+4+3+1+1 || o.Redelivered != 1 {
			t.Errorf("%+v", o)
		}
		var worst []string
		for _, s := range o.Worst {
			worst = append(worst, fmt.Sprintf("%s lags by %d", s.Key.Group, s.Lag))
		}
		if got := strings.Join(worst, ", "); got != "0 lags by 5, 1 lags by 4" {
			t.Errorf("worst: %s", got)
		}
		for n, want := range map[int]int{-1: 0, 0: 0, 5: 5, 9: 5} {
			if got := len(f.registry.Overview(n).Worst); got != want {
				t.Errorf("the worst %d are %d", n, got)
			}
		}
	})
}

func TestMove(t *testing.T) {
	tests := []struct {
		name     string
		from     streams.StartAt
		position uint64
		lag      uint64
		again    uint64
		skipped  uint64
	}{
		{"earliest", streams.Earliest(), 1, 6, 2, 0},
		{"back", streams.At(2), 2, 5, 1, 0},
		{"on", streams.At(5), 5, 2, 0, 2},
		{"latest", streams.Latest(), 7, 0, 0, 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, groups.Options{}, streams.Options{TailMessages: 2})
				move := func(dryRun bool) {
					t.Helper()
					r, err := f.groups().Move(t.Context(), f.out.Topic(), theGroup, test.from, dryRun)
					if want := (groups.MoveResult{Was: 3, Position: test.position, Lag: test.lag, Again: test.again, Skipped: test.skipped}); err != nil || r != want {
						t.Errorf("moved %+v, %v; want %+v", r, err, want)
					}
				}
				a, b := f.joinExplicitly(t, all()), f.join(t, "c", "g", &member{room: 1})
				f.sendNumbers(1, 6)
				synctest.Wait()
				b.ms.Ack(1)
				wantCount(t, 1)(a.ms.AckSeqs([]uint64{1}))
				f.wantAt(t, 3, 4)
				move(true)
				f.wantAt(t, 3, 4)
				b.ms.Leave()
				synctest.Wait()
				move(false)
				f.crash(t) // it is durable
				f.wantAt(t, test.position, test.lag)
				c := f.joinExplicitly(t, all())
				synctest.Wait()
				c.want(t, numbers(int(test.position), 6)...)
				c.wantAttempts(t, make([]int, test.lag)...)
			})
		})
	}
}

// Members stay. What they hold is forgotten, and they are handed the messages from
// the new position on.
func TestMoveWhileMembersAreConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{Credit: groups.Credit{Messages: 4, Bytes: 100}}, streams.Options{TailMessages: 2})
		a := f.joinExplicitly(t, all())
		b := f.join(t, "c", "g", all())
		f.sendNumbers(1, 12)
		synctest.Wait()
		wantCount(t, 1)(a.ms.Nack([]uint64{1}, "", time.Minute))
		time.Sleep(31 * time.Second) // the rest of a's is taken back, and handed out again
		synctest.Wait()
		a.take()
		b.take()
		tag := b.tag
		if _, err := f.groups().Move(t.Context(), f.out.Topic(), theGroup, streams.At(11), false); err != nil {
			t.Fatal(err)
		}
		wantCount(t, 0)(a.ms.AckUpTo(10))
		b.ms.Ack(tag)
		synctest.Wait()
		gotA, attemptsA := a.take()
		gotB, attemptsB := b.take()
		got := slices.Sorted(slices.Values(slices.Concat(gotA, gotB)))
		if !slices.Equal(got, []string{"11", "12"}) || !slices.Equal(slices.Concat(attemptsA, attemptsB), []int{0, 0}) {
			t.Errorf("handed out %q and %q", gotA, gotB)
		}
		if n := f.out.Topic().Info().Readers; n != 1 {
			t.Errorf("%d readers of the topic", n)
		}
		time.Sleep(2 * time.Minute) // delays and deadlines of before mean nothing
		synctest.Wait()
		b.ms.Ack(b.tag)
		_, _ = a.ms.AckUpTo(12)
		f.wantAt(t, 13, 0)
	})
}

func TestMoveToAnInvalidPosition(t *testing.T) {
	f := newFixture(t, groups.Options{}, streams.Options{})
	if _, err := f.groups().Move(t.Context(), f.out.Topic(), theGroup, streams.Latest(), false); err != groups.ErrNotFound {
		t.Errorf("no group: %v", err)
	}
	f.join(t, "c", "g", all())
	for _, dryRun := range []bool{true, false} {
		if _, err := f.groups().Move(t.Context(), f.out.Topic(), theGroup, streams.At(9), dryRun); !errors.Is(err, streams.ErrPosition) {
			t.Errorf("no such position: %v", err)
		}
	}
	f.wantAt(t, 1, 0)
}

func TestAMoveThatCannotBeStoredMovesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, also := range []bool{false, true} {
			stored := newRecords()
			opts := groups.Options{OnError: func(groups.Key, error) {}}
			f := newFixtureOn(t, memory.New(), stored, opts, streams.Options{})
			a := f.join(t, "c", "g", all())
			f.sendNumbers(1, 2)
			synctest.Wait()
			a.ms.Ack(2)
			broken := errors.New("broken")
			stored.fail(broken, also)
			if _, err := f.groups().Move(t.Context(), f.out.Topic(), theGroup, streams.Earliest(), false); !errors.Is(err, broken) {
				t.Errorf("moved: %v", err)
			}
			stored.fail(nil, false)
			f.wantAt(t, 3, 0)
			time.Sleep(2 * time.Second)
			synctest.Wait()
			f.crash(t)
			f.wantAt(t, 3, 0)
		}
	})
}

func TestDeleteTellsTheMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.join(t, "c", "g", all())
		late := all()
		ms, err := f.tryJoin(t, "c", "g", late)
		if err != nil {
			t.Fatal(err)
		}
		other := f.join(t, "c", "h", all())
		f.send("1")
		synctest.Wait()
		if err := f.groups().Delete(theGroup); err != nil {
			t.Fatal(err)
		}
		if err := f.groups().Delete(theGroup); err != groups.ErrNotFound {
			t.Errorf("deleted twice: %v", err)
		}
		if late.told() != "" {
			t.Errorf("told %q before Start", late.told())
		}
		ms.Start()
		if a.told() != "deleted" || late.told() != "deleted" || other.told() != "" {
			t.Errorf("told %q, %q and %q", a.told(), late.told(), other.told())
		}
		a.ms.Ack(a.tag)
		a.ms.Leave()
		f.send("2")
		fresh := f.join(t, "c", "g", all())
		f.send("3")
		synctest.Wait()
		a.want(t, "1")
		fresh.want(t, "3")
		time.Sleep(time.Minute)
		f.crash(t)
		f.wantAt(t, 3, 1)
	})
}

func TestADeleteThatFailsDeletesNothing(t *testing.T) {
	for _, also := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			stored := newRecords()
			f := newFixtureOn(t, memory.New(), stored, groups.Options{}, streams.Options{})
			a := f.join(t, "c", "g", all())
			idle := f.join(t, "c", "h", all())
			f.sendNumbers(1, 2)
			synctest.Wait()
			idle.ms.Leave()
			time.Sleep(2 * time.Second)
			broken := errors.New("broken")
			stored.fail(broken, also)
			for _, group := range []string{"g", "h"} {
				if err := f.groups().Delete(nameOf("c", group)); !errors.Is(err, broken) {
					t.Errorf("deleted: %v", err)
				}
			}
			stored.fail(nil, false)
			a.ms.Ack(2)
			h := f.join(t, "c", "h", all())
			f.send("3")
			time.Sleep(2 * time.Second)
			synctest.Wait()
			a.want(t, "1", "2", "3")
			h.want(t, "1", "2", "3")
			f.crash(t)
			f.wantAt(t, 3, 1)
			if _, err := f.groups().Get(t.Context(), nameOf("c", "h")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDeletingManyGroups(t *testing.T) {
	space := streams.ID{Space: "other", Name: "boiler"}
	tests := []struct {
		name   string
		delete func(*groups.Registry) error
		left   []string
		told   string // the member of c in jail/boiler
	}{
		{"topic", func(r *groups.Registry) error { return r.Topic(boiler).DeleteAll() },
			[]string{"jail/kettle/c/g", "other/boiler/d/g"}, ""},
		{"space", func(r *groups.Registry) error { return r.DeleteSpace("jail") },
			[]string{"other/boiler/d/g"}, ""},
		{"client", func(r *groups.Registry) error { return r.DeleteClient("jail", "c") },
			[]string{"jail/boiler/d/g", "other/boiler/d/g"}, "deleted"},
		{"nobody", func(r *groups.Registry) error { return r.DeleteClient("jail", "e") },
			[]string{"jail/boiler/c/g", "jail/boiler/c/h", "jail/boiler/d/g", "jail/kettle/c/g", "other/boiler/d/g"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, groups.Options{}, streams.Options{})
			m := f.join(t, "c", "g", all())
			f.join(t, "c", "h", all()).ms.Leave()
			f.join(t, "d", "g", all())
			for id, client := range map[streams.ID]string{space: "d", {Space: "jail", Name: "kettle"}: "c"} {
				topic, err := f.net.Topic(id)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.registry.Topic(id).Join(t.Context(), topic, nameOf(client, "g"), groups.JoinOptions{}, all()); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.delete(f.registry); err != nil {
				t.Fatal(err)
			}
			if err := f.registry.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if keys := keysOf(t, f.records); !slices.Equal(keys, test.left) {
				t.Errorf("left are %q, want %q", keys, test.left)
			}
			if m.told() != test.told {
				t.Errorf("told %q, want %q", m.told(), test.told)
			}
		})
	}
}

// Members of a deleted topic receive what was sent before, then End, even if the
// groups have been deleted by then.
func TestTheEndOfATopicDeletesItsGroups(t *testing.T) {
	for _, also := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, groups.Options{}, streams.Options{})
			a := f.join(t, "c", "g", all())
			f.join(t, "c", "idle", all()).ms.Leave()
			f.send("1")
			if err := f.net.Delete(t.Context(), boiler); err != nil {
				t.Fatal(err)
			}
			if also {
				if err := f.groups().DeleteAll(); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			a.want(t, "1")
			if a.told() != "end" {
				t.Errorf("told %q", a.told())
			}
			if _, err := f.groups().Get(t.Context(), theGroup); err != groups.ErrNotFound {
				t.Errorf("the group is there: %v", err)
			}
			a.ms.Leave()
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if keys := keysOf(t, f.records); slices.Contains(keys, "jail/boiler/c/g") || also && len(keys) > 0 {
				t.Errorf("records %q", keys)
			}
		})
	}
}
