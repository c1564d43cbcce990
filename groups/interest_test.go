package groups_test

import (
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/streams"
)

// A producer that sleeps while nobody listens must not starve a group whose
// members are away: the group counts with and without them, also after a
// restart, which wakes no group and reads no log for it.
func TestAGroupRequestsItsTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{IdleTimeout: time.Hour, Checkpoint: time.Second}, streams.Options{})
		wantInterest := func(when string, want int) {
			t.Helper()
			if i := f.out.Topic().Interest(); i != (streams.Interest{Groups: want}) {
				t.Errorf("%s: %+v, want %d groups", when, i, want)
			}
		}
		wantInterest("before", 0)
		a := f.join(t, "c", "g", all())
		b := f.join(t, "c", "g", all())
		f.join(t, "c", "h", all()).ms.Leave()
		wantInterest("with members", 2)
		a.ms.Leave()
		b.ms.Leave()
		wantInterest("without members", 2)
		f.restart(t)
		// The registry that was closed has counted its groups too.
		f.net.RemoveGroup(boiler)
		f.net.RemoveGroup(boiler)
		wantInterest("after a restart", 2)
		if n := f.out.Topic().Info().Readers; n != 0 {
			t.Errorf("%d groups read the topic after a restart", n)
		}
		if err := f.groups().Delete(theGroup); err != nil {
			t.Fatal(err)
		}
		wantInterest("after the deletion of one", 1)
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		wantInterest("after the other was idle for too long", 0)
		f.close()
	})
}
