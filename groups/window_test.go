package groups_test

import (
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/streams"
)

// A pacer is a member that counts what it was handed, and acknowledges it after a
// time.
type pacer struct {
	*testing.T
	*member
}

// newPacer returns the only member of a group, whose topic has more messages than it
// is handed.
func newPacer(t *testing.T, c groups.TagCredit, opts groups.JoinOptions) pacer {
	f := newFixture(t, groups.Options{TagCredit: c}, streams.Options{})
	m := f.joinWith(t, "c", "g", all(), opts)
	f.send(numbers(1, 5000)...)
	synctest.Wait()
	return pacer{t, m}
}

// wantNext expects that n messages were handed over since the last call, and
// acknowledges them after a time.
func (p pacer) wantNext(n int, after time.Duration) {
	p.Helper()
	if got, _ := p.take(); len(got) != n {
		p.Fatalf("handed %d messages, want %d", len(got), n)
	}
	time.Sleep(after)
	p.ms.Ack(p.tag)
	synctest.Wait()
}

// paced begins with 16 messages, of at most 100.
var paced = groups.TagCredit{First: 16, Most: 100, Target: time.Second}

// Deployed clients have room for 100 messages, and acknowledge what they have not
// processed yet.
func TestAMemberThatAcknowledgesTagsStartsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(t, paced, groups.JoinOptions{})
		for _, n := range []int{16, 32, 64, 100, 100} {
			p.wantNext(n, 500*time.Millisecond)
		}
	})
}

// Twice as much would be late, so the window stays as it is.
func TestAWindowGrowsOnlyIfTwiceAsMuchIsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(t, paced, groups.JoinOptions{})
		p.wantNext(16, 0)
		p.wantNext(32, 600*time.Millisecond)
		p.wantNext(32, time.Second)
		p.wantNext(32, 500*time.Millisecond)
		p.wantNext(64, 0)
	})
}

// A member that takes 100 ms for each message reads ten a second.
func TestALateAcknowledgementShrinksTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(t, paced, groups.JoinOptions{})
		p.wantNext(16, 0)
		p.wantNext(32, 3200*time.Millisecond)
		p.wantNext(10, time.Minute)
		p.wantNext(1, time.Hour) // one may always be in flight
		for _, n := range []int{1, 2, 4, 8} {
			p.wantNext(n, 0)
		}
	})
}

// A member that is slow from its first message on is not taken for one that is far
// away.
func TestTheFirstAcknowledgementIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(t, paced, groups.JoinOptions{})
		p.wantNext(16, 9*time.Second)
		p.wantNext(2, 0)
	})
}

// The time on the network is the same for one message and for a thousand. A
// member that is far away needs a large window more than others.
func TestADistantMemberGetsTheWholeWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(t, paced, groups.JoinOptions{})
		for _, n := range []int{16, 32, 64, 100, 100} {
			p.wantNext(n, 900*time.Millisecond)
		}
	})
}

// A member that gets few messages shows nothing about many.
func TestAWindowThatIsNotFullDoesNotGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{TagCredit: paced}, streams.Options{})
		m := f.join(t, "c", "g", all())
		for range 10 {
			f.send(numbers(1, 15)...)
			synctest.Wait()
			m.ms.Ack(m.tag)
		}
		m.take()
		f.send(numbers(1, 100)...)
		synctest.Wait()
		pacer{t, m}.wantNext(16, 0)
	})
}

func TestWhoseWindowIsWhose(t *testing.T) {
	tests := []struct {
		name string
		opts groups.JoinOptions
		want int
	}{
		{"tags", groups.JoinOptions{}, 16},
		{"tags, with less credit", groups.JoinOptions{Credit: 7}, 7},
		{"tags, with more credit", groups.JoinOptions{Credit: 1000}, 16},
		{"explicit", groups.JoinOptions{Explicit: true}, 100},
		{"explicit, with more credit", groups.JoinOptions{Explicit: true, Credit: 1000}, 1000},
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			p := newPacer(t, paced, test.opts)
			if got := p.count(); got != test.want {
				t.Errorf("%s: handed %d messages, want %d", test.name, got, test.want)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(t, paced, groups.JoinOptions{Credit: 20})
		p.wantNext(16, 0)
		p.wantNext(20, 0)
		p.wantNext(20, 0)
	})
}
