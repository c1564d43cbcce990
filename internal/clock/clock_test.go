package clock

import (
	"slices"
	"testing"
	"time"
)

// machine is a clock that a test sets.
type machine struct {
	wall, monotonic time.Duration
	changes         []Kind
}

func (m *machine) pass(d time.Duration) { m.wall += d; m.monotonic += d }

func (m *machine) clock() *Clock {
	return New(Options{Tolerance: time.Minute, StartTolerance: 24 * time.Hour, Patience: time.Hour,
		OnChange: func(change Change) { m.changes = append(m.changes, change.Kind) },
		Read:     func() (wall, monotonic time.Duration) { return m.wall, m.monotonic }})
}

const day = 24 * time.Hour

func want(t *testing.T, c *Clock, after time.Duration) {
	t.Helper()
	if got := c.Now().Sub(c.start); got != after {
		t.Errorf("%v have passed, want %v", got, after)
	}
}

func TestTimePassesAsOnTheMachine(t *testing.T) {
	m := &machine{}
	c := m.clock()
	want(t, c, 0)
	m.pass(time.Hour)
	want(t, c, time.Hour)
	m.wall += time.Minute // a correction
	want(t, c, time.Hour+time.Minute)
	m.wall -= 2 * time.Hour
	want(t, c, -time.Hour+time.Minute)
	m.pass(30 * day)
	want(t, c, 30*day-time.Hour+time.Minute)
	if m.changes != nil || c.Jumps() != 0 {
		t.Errorf("changes %q", m.changes)
	}
}

// A step of 8 days forward for 15 s deleted everything that was kept for 7 days.
func TestAJumpThatDoesNotLast(t *testing.T) {
	m := &machine{}
	c := m.clock()
	m.wall += 8 * day
	want(t, c, 0)
	m.pass(15 * time.Second)
	want(t, c, 15*time.Second)
	if c.Ahead() != 8*day {
		t.Errorf("ahead by %v", c.Ahead())
	}
	m.wall -= 8 * day
	want(t, c, 15*time.Second)
	m.wall += 8 * day // again: the time of the first jump does not count
	want(t, c, 15*time.Second)
	m.pass(time.Hour - 1)
	want(t, c, time.Hour+15*time.Second-1)
	m.wall -= 8 * day
	want(t, c, time.Hour+15*time.Second-1)
	if !slices.Equal(m.changes, []Kind{Jumped, Gone, Jumped, Gone}) || c.Jumps() != 2 || c.Ahead() != 0 {
		t.Errorf("changes %q, %d jumps, ahead by %v", m.changes, c.Jumps(), c.Ahead())
	}
}

func TestAJumpThatLasts(t *testing.T) {
	m := &machine{}
	c := m.clock()
	m.wall += 8 * day
	want(t, c, 0)
	m.pass(time.Hour)
	want(t, c, 8*day+time.Hour)
	m.pass(time.Hour)
	want(t, c, 8*day+2*time.Hour)
	if !slices.Equal(m.changes, []Kind{Jumped, Believed}) || c.Ahead() != 0 {
		t.Errorf("changes %q", m.changes)
	}
}

func TestAJumpOverAStart(t *testing.T) {
	m := &machine{}
	c := m.clock()
	c.StartAt(c.start.Add(-8 * day))
	want(t, c, -8*day)
	m.pass(30 * time.Minute)
	want(t, c, -8*day+30*time.Minute)
	m.pass(30 * time.Minute)
	want(t, c, time.Hour)
	if !slices.Equal(m.changes, []Kind{Jumped, Believed}) {
		t.Errorf("changes %q", m.changes)
	}
}

// A night is not a jump, and neither is an empty folder, nor a clock that was ahead.
func TestAnOrdinaryStart(t *testing.T) {
	for _, newest := range []time.Duration{0, -12 * time.Hour, -day, 8 * day} {
		m := &machine{}
		c := m.clock()
		c.StartAt(c.start.Add(newest))
		want(t, c, 0)
	}
	m := &machine{}
	c := m.clock()
	c.StartAt(time.Time{})
	want(t, c, 0)
	if m.changes != nil {
		t.Errorf("changes %q", m.changes)
	}
}
