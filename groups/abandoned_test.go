package groups_test

import (
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/streams"
)

// singleUse is how a client joins that makes up a group for each subscription.
var singleUse = groups.JoinOptions{SingleUse: true}

// forgetful has a timeout for abandoned groups, and a longer one for others.
var forgetful = groups.Options{AbandonedTimeout: time.Hour, IdleTimeout: 24 * time.Hour}

// Which groups are abandoned, and how long each is kept.
func TestAbandonedGroupsAreForgottenSooner(t *testing.T) {
	const short, long = time.Hour, 3 * time.Hour // each second costs a checkpoint
	tests := []struct {
		name string
		live func(t *testing.T, f *fixture) // the life of the group, until nobody is left
		kept time.Duration
	}{
		{"one member", func(t *testing.T, f *fixture) {
			f.joinWith(t, "c", "g", all(), singleUse).ms.Leave()
		}, short},
		{"one member that comes back", func(t *testing.T, f *fixture) {
			f.joinWith(t, "c", "g", all(), singleUse).ms.Leave()
			f.joinWith(t, "c", "g", all(), singleUse).ms.Leave()
		}, long},
		{"two members", func(t *testing.T, f *fixture) {
			a, b := f.joinWith(t, "c", "g", all(), singleUse), f.joinWith(t, "c", "g", all(), singleUse)
			a.ms.Leave()
			b.ms.Leave()
		}, long},
		{"one member that may come back", func(t *testing.T, f *fixture) {
			f.join(t, "c", "g", all()).ms.Leave()
		}, long},
		{"moved with its member", func(t *testing.T, f *fixture) {
			m := f.joinWith(t, "c", "g", all(), singleUse)
			move(t, f)
			m.ms.Leave()
		}, long},
		{"moved after its member has left", func(t *testing.T, f *fixture) {
			f.joinWith(t, "c", "g", all(), singleUse).ms.Leave()
			move(t, f)
		}, long},
		{"one member, and a crash", func(t *testing.T, f *fixture) {
			f.joinWith(t, "c", "g", all(), singleUse)
			time.Sleep(2 * time.Second)
			f.crash(t)
		}, short},
		{"moved, and a restart", func(t *testing.T, f *fixture) {
			f.joinWith(t, "c", "g", all(), singleUse).ms.Leave()
			move(t, f)
			f.restart(t)
		}, long},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, groups.Options{AbandonedTimeout: short, IdleTimeout: long}, streams.Options{})
				test.live(t, f)
				time.Sleep(test.kept - time.Second)
				synctest.Wait()
				if s := f.stat(t); s.Abandoned != (test.kept == short) {
					t.Errorf("abandoned is %v", s.Abandoned)
				}
				time.Sleep(time.Minute + 2*time.Second)
				synctest.Wait()
				if _, err := f.groups().Get(t.Context(), theGroup); err != groups.ErrNotFound {
					t.Errorf("still there: %v", err)
				}
			})
		})
	}
}

func move(t *testing.T, f *fixture) {
	t.Helper()
	if _, err := f.groups().Move(t.Context(), f.out.Topic(), theGroup, streams.Earliest(), false); err != nil {
		t.Fatal(err)
	}
}

// However long the gateway was stopped, members have ten minutes to return.
func TestAMemberReturnsToAnAbandonedGroupAfterALongStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, forgetful, streams.Options{})
		f.joinWith(t, "c", "g", all(), singleUse)
		f.send("1")
		synctest.Wait()
		if err := f.registry.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Hour)
		f.open(t)
		time.Sleep(10*time.Minute - time.Second)
		back := f.joinWith(t, "c", "g", all(), singleUse)
		synctest.Wait()
		back.want(t, "1")
		if s := f.stat(t); s.Abandoned {
			t.Error("a group with a member counts as abandoned")
		}
	})
}

// The lag of an abandoned group means nothing, and would hide that of others.
func TestAbandonedGroupsAreCountedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, forgetful, streams.Options{})
		for _, name := range []string{"1", "2", "3"} {
			f.joinWith(t, "c", name, all(), singleUse).ms.Leave()
		}
		f.send("a", "b", "c")
		f.join(t, "c", "real", all()).ms.Leave()
		f.joinWith(t, "c", "present", all(), singleUse)
		f.send("d")
		synctest.Wait()
		o := f.registry.Overview(10)
		if o.Groups != 5 || o.Abandoned != 3 || o.Members != 1 {
			t.Errorf("%d groups, %d abandoned, %d members", o.Groups, o.Abandoned, o.Members)
		}
		if len(o.Worst) != 2 || o.Worst[0].Lag != 1 || o.Worst[1].Lag != 1 {
			t.Errorf("the worst are %+v", o.Worst)
		}
	})
}

// At the bound of a client, an abandoned group makes way before a longer idle one that
// somebody may come back to.
func TestAbandonedGroupsAreEvictedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{PerClient: 3}, streams.Options{})
		exists := func(name string) bool {
			_, err := f.groups().Get(t.Context(), nameOf("c", name))
			return err == nil
		}
		for _, name := range []string{"kept", "old", "young"} {
			opts := singleUse
			opts.SingleUse = name != "kept"
			f.joinWith(t, "c", name, all(), opts).ms.Leave()
			time.Sleep(time.Second)
		}
		f.join(t, "c", "n1", all())
		if !exists("kept") || exists("old") || !exists("young") {
			t.Error("the oldest abandoned group was not evicted")
		}
		f.join(t, "c", "n2", all())
		if !exists("kept") || exists("young") {
			t.Error("the other abandoned group was not evicted")
		}
		f.join(t, "c", "n3", all())
		if exists("kept") {
			t.Error("nothing was evicted")
		}
	})
}
