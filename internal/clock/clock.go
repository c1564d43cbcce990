// Package clock tells the time to code that deletes by age. The clock of a machine may jump
// forward, by a mistake of a person or of a time server. If what is older than 7 days is
// deleted, a jump of 8 days would delete everything, even if the clock is set right again
// a few seconds later.
package clock

import (
	"sync"
	"time"
)

// Options of a Clock. All must be set, except OnChange and Read.
type Options struct {
	// Tolerance is the largest jump that is believed at once.
	Tolerance time.Duration

	// StartTolerance is how far the machine's clock may be ahead of the newest thing that
	// was kept before the process started: see Clock.StartAt.
	StartTolerance time.Duration

	// Patience is how long a jump has to last until it is believed.
	Patience time.Duration

	// OnChange is called when a jump is seen, believed or gone. It must not block or call
	// the Clock.
	OnChange func(Change)

	// Read returns how much time has passed since New, by the machine's clock, which can be
	// set, and by the monotonic clock. nil means those of the machine.
	Read func() (wall, monotonic time.Duration)
}

// A Change is something that happened to the machine's clock.
type Change struct {
	Kind     Kind
	Ahead    time.Duration // by how much the machine's clock is, or was, ahead
	Patience time.Duration // from Options
}

// Kind is the kind of a Change.
type Kind string

// The kinds of changes.
const (
	Jumped   Kind = "jumped"   // forward by more than is believed at once
	Believed Kind = "believed" // the jump has lasted
	Gone     Kind = "gone"     // the clock was set back before the jump was believed
)

// A Clock is the machine's clock without jumps forward that do not last. While a jump is
// not believed, the Clock goes on by the monotonic clock. Steps backward are followed at
// once: they make everything younger, and so delete nothing. Safe for concurrent use.
type Clock struct {
	opts Options

	mu      sync.Mutex // guards what follows
	start   time.Time  // without a monotonic reading
	offset  time.Duration
	doubted bool          // there is a jump that is not believed yet
	since   time.Duration // when it was seen, by the monotonic clock
	ahead   time.Duration // of the jump
	jumps   uint64
}

// New returns a Clock that believes the machine's clock as it is now.
func New(opts Options) *Clock {
	start := time.Now()
	if opts.Read == nil {
		opts.Read = func() (wall, monotonic time.Duration) {
			now := time.Now()
			return now.Round(0).Sub(start.Round(0)), now.Sub(start)
		}
	}
	return &Clock{opts: opts, start: start.Round(0)}
}

// StartAt tells the Clock the time of the newest thing that was kept before the process
// started. If the machine's clock is ahead of it by more than Options.StartTolerance, that
// counts as a jump, since nothing tells a wrong clock from a long absence. It is called
// once, before Now.
func (c *Clock) StartAt(newest time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ahead := c.start.Sub(newest); !newest.IsZero() && ahead > c.opts.StartTolerance {
		c.offset = -ahead
		c.seeLocked(ahead, 0)
	}
}

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, passed := c.opts.Read()
	switch ahead := wall - passed - c.offset; {
	case ahead <= c.opts.Tolerance:
		c.offset += ahead
		if c.doubted {
			c.doubted = false
			c.changedLocked(Gone, c.ahead)
		}
	case !c.doubted:
		c.seeLocked(ahead, passed)
	case passed-c.since >= c.opts.Patience:
		c.offset += ahead
		c.doubted = false
		c.changedLocked(Believed, ahead)
	default:
		c.ahead = ahead
	}
	return c.start.Add(passed + c.offset)
}

func (c *Clock) seeLocked(ahead, at time.Duration) {
	c.doubted, c.since, c.ahead = true, at, ahead
	c.jumps++
	c.changedLocked(Jumped, ahead)
}

func (c *Clock) changedLocked(k Kind, ahead time.Duration) {
	if c.opts.OnChange != nil {
		c.opts.OnChange(Change{k, ahead, c.opts.Patience})
	}
}

// Jumps returns how many jumps were seen.
func (c *Clock) Jumps() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.jumps
}

// Ahead returns by how much the machine's clock is ahead of this one.
func (c *Clock) Ahead() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.doubted {
		return 0
	}
	return c.ahead
}
