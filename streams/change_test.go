package streams_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"seagate/storage/memory"
	"seagate/streams"
)

// remembered is how many changes of state a topic remembers.
const remembered = 256

// behind returns a reader that has been offered the first message and has no room for it,
// and the topic's provider.
func behind(t *testing.T) (*streams.Network, *recorder, *streams.OutTopic) {
	n := openOn(t, memory.New(), streams.Options{})
	out := provide(t, n)
	r, _ := join(t, out.Topic(), 0, 0)
	r.in.Start()
	sendNumbers(t, out, 1, 1)
	synctest.Wait()
	return n, r, out
}

func told(paused bool) string { return fmt.Sprintf("registered=true paused=%v", paused) }

// A reader is told of each change in its place, up to the number that a topic remembers.
func TestAReaderThatIsBehindIsToldOfEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, out := behind(t)
		want := []string{"1:1"}
		for i := range remembered - 1 { // the first is that of the provider
			out.SetPaused(i%2 == 0)
			want = append(want, told(i%2 == 0))
			if i%10 == 0 {
				sendNumbers(t, out, 2+i/10, 2+i/10)
				want = append(want, fmt.Sprintf("%d:%[1]d", 2+i/10))
			}
		}
		r.giveRoom(-1)
		synctest.Wait()
		r.want(t, want...)
		if skipped := n.SkippedChanges(); skipped != 0 {
			t.Errorf("%d changes were skipped", skipped)
		}
		n.Close()
	})
}

// Of too many changes between two messages only the last one counts.
func TestChangesThatHoldForNoMessageAreForgottenFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, out := behind(t)
		out.SetPaused(true)
		sendNumbers(t, out, 2, 2)
		const changes = 10*remembered + 1
		for i := range changes {
			out.SetPaused(i%2 == 1)
		}
		sendNumbers(t, out, 3, 3)
		r.giveRoom(-1)
		synctest.Wait()
		r.mu.Lock()
		events := r.events
		r.mu.Unlock()
		if len(events) > remembered+3 || events[1] != told(true) || events[2] != "2:2" ||
			events[len(events)-2] != told(false) || events[len(events)-1] != "3:3" {
			t.Errorf("%d events, %v ... %v", len(events), events[:3], events[len(events)-2:])
		}
		for i := 4; i < len(events)-1; i++ {
			if events[i] == events[i-1] {
				t.Fatalf("the same state is told twice: %v", events[i-1:i+1])
			}
		}
		if skipped := int(n.SkippedChanges()); skipped < changes-remembered {
			t.Errorf("%d changes are counted as skipped, of %d", skipped, changes)
		}
		n.Close()
	})
}

// If each change holds for a message the oldest are forgotten, and counted.
func TestTheOldestChangesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, out := behind(t)
		const changes = remembered + 11
		want, known := []string{"1:1"}, told(false)
		for i := range changes {
			out.SetPaused(i%2 == 0)
			sendNumbers(t, out, i+2, i+2)
			if state := told(i%2 == 0); i >= changes-remembered && state != known {
				want, known = append(want, state), state
			}
			want = append(want, fmt.Sprintf("%d:%[1]d", i+2))
		}
		r.giveRoom(-1)
		synctest.Wait()
		r.want(t, want...)
		if skipped := n.SkippedChanges(); skipped != changes-remembered {
			t.Errorf("%d changes are counted as skipped, want %d", skipped, changes-remembered)
		}
		n.Close()
	})
}
