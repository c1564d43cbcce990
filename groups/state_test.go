package groups_test

import (
	"testing"
	"testing/synctest"

	"seagate/groups"
	"seagate/streams"
)

// stateful is a member that wants to know the state of its topic.
func stateful(m *member, deaf *bool) groups.JoinOptions {
	return groups.JoinOptions{State: func(s streams.State) bool {
		if *deaf {
			return false
		}
		m.note("registered=%v paused=%v after %d", s.Registered, s.Paused, len(m.got))
		return true
	}}
}

func TestMembersAreToldOfTheStateInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		m, deaf := all(), false
		f.joinWith(t, "c", "g", m, stateful(m, &deaf))
		if s := m.ms.State(); !s.Registered || s.Paused {
			t.Errorf("joined in state %+v", s)
		}
		f.send("a")
		f.out.SetPaused(true)
		f.send("b", "c")
		f.out.SetPaused(false)
		synctest.Wait()
		const told = "registered=true paused=true after 1, registered=true paused=false after 3"
		if got := m.told(); got != told {
			t.Errorf("told %s, want %s", got, told)
		}
		m.want(t, "a", "b", "c")
		late := all()
		f.out.SetPaused(true)
		synctest.Wait()
		f.joinWith(t, "c", "g", late, stateful(late, &deaf))
		if !late.ms.State().Paused {
			t.Error("a later member joined in another state")
		}
		f.out.Close()
		synctest.Wait()
		if got := late.told(); got != "registered=false paused=false after 0" {
			t.Errorf("the later member was told %s", got)
		}
		f.close()
	})
}

// A member without room is told the latest state when it has room, before any
// message that came behind it. It holds up no other member.
func TestAMemberWithoutRoomIsToldTheLatestState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		m, other := all(), all()
		deaf, hears := true, false
		f.joinWith(t, "c", "g", m, stateful(m, &deaf))
		f.out.SetPaused(true)
		synctest.Wait()
		f.send("a", "b")
		synctest.Wait()
		m.want(t)
		f.joinWith(t, "c", "g", other, stateful(other, &hears))
		synctest.Wait()
		other.want(t, "a", "b")
		f.out.Close()
		synctest.Wait()
		other.ms.Leave()
		f.send("c")
		deaf = false
		m.ms.Resume()
		synctest.Wait()
		if got := m.told(); got != "registered=false paused=false after 0" {
			t.Errorf("told %s", got)
		}
		f.close()
	})
}

// Between Join and Start the state may change.
func TestTheStateChangesBeforeStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		f.join(t, "c", "g", all()).ms.Resume()
		m, deaf := all(), false
		ms, err := f.groups().Join(t.Context(), f.out.Topic(), theGroup, stateful(m, &deaf), m)
		if err != nil {
			t.Fatal(err)
		}
		f.out.SetPaused(true)
		synctest.Wait()
		if m.told() != "" {
			t.Errorf("told %s before Start", m.told())
		}
		ms.Start()
		synctest.Wait()
		if got := m.told(); got != "registered=true paused=true after 0" {
			t.Errorf("told %s", got)
		}
		f.close()
	})
}
