package ws

import (
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"seagate/gateway/session"
	"seagate/internal/readable"
)

// restAfter is how long a client sends no message before its connection rests. Waking a
// connection costs a microsecond more than waking a goroutine that reads, so clients that
// send more often than that keep theirs.
const restAfter = 100 * time.Millisecond

// A resting keeps connections on which nobody reads: they have no goroutine, and so no
// stack. It gives a connection a goroutine again when there is something to read, or when
// its server ends it. It is safe for concurrent use.
type resting struct {
	sockets func() *readable.Set // made with the first call; nil where there is no such thing

	mu    sync.Mutex
	conns map[uint64]*conn // by id
}

func newResting(log *slog.Logger) *resting {
	r := &resting{conns: map[uint64]*conn{}}
	r.sockets = sync.OnceValue(func() *readable.Set {
		set, err := readable.New(r.ready)
		if err != nil && !errors.Is(err, readable.ErrUnsupported) {
			log.Warn("each connection keeps a goroutine", "error", err)
		}
		return set
	})
	return r
}

// ready wakes a connection that has something to read.
func (r *resting) ready(id uint64) {
	r.mu.Lock()
	c := r.conns[id]
	r.mu.Unlock()
	if c != nil {
		c.wake()
	}
}

// put keeps the connection. It reports false if its goroutine must go on.
func (r *resting) put(c *conn) bool {
	r.mu.Lock()
	r.conns[c.id] = c
	r.mu.Unlock()
	first := !c.rest.watched
	c.rest.watched = true
	c.rest.asleep.Store(true)
	err := r.sockets().Watch(c.source.raw, c.id, first)
	// If the connection was ended before it was asleep, nobody has woken it.
	if err == nil && !c.out.Ending() && !c.out.Ended() {
		return true
	}
	if !c.rest.asleep.CompareAndSwap(true, false) {
		return true // it is awake, and has a goroutine already
	}
	if err != nil {
		c.rest.never.Store(true) // otherwise it would try again at once, and keep a core busy
	}
	return false
}

func (r *resting) remove(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c.id)
}

// close ends the resting. No connection rests after that.
func (r *resting) close() {
	if sockets := r.sockets(); sockets != nil {
		sockets.Close()
	}
}

// A restState is what a connection knows of its rest.
type restState struct {
	asleep atomic.Bool // it has no goroutine; whoever sets it to false starts one
	never  atomic.Bool // it cannot be watched, and keeps its goroutine

	// Owned by the reader.
	watched  bool      // the connection has rested before
	message  time.Time // when the last message came
	deadline time.Time // the read deadline, if rest has set one
}

// wake gives a connection at rest a goroutine. It does nothing to others.
func (c *conn) wake() {
	if c.rest.asleep.CompareAndSwap(true, false) {
		go c.run()
	}
}

// mayRest reports whether the connection waits for nothing but its client.
func (c *conn) mayRest() bool {
	return c.source.raw != nil && c.server.resting.sockets() != nil && !c.rest.never.Load() && !c.in.unfinished() &&
		c.session.State() == session.Authenticated && !c.out.Ending() && !c.out.Ended()
}

// readOrRest waits for bytes and handles the frames that they complete. If nothing comes
// for long enough, it leaves the connection to the resting and returns true: the goroutine
// must end, and touch nothing of the connection any more.
func (c *conn) readOrRest() (atRest bool, err error) {
	if !c.mayRest() {
		c.endRestDeadline() // it may have passed, which says nothing about the peer
		return false, c.readSome()
	}
	now := time.Now()
	if now.Sub(c.rest.message) < restAfter {
		if c.rest.deadline.Sub(now) < restAfter { // renewed once in a while, not for each read
			c.rest.deadline = now.Add(2 * restAfter)
			c.setReadDeadline(2 * restAfter)
		}
		if err := c.readSome(); !errors.Is(err, os.ErrDeadlineExceeded) {
			return false, err
		}
		c.endRestDeadline()
		return false, nil
	}
	c.endRestDeadline()
	came, err := c.source.poll()
	switch {
	case err != nil:
		return false, err
	case !came:
		return c.server.resting.put(c), nil
	}
	c.out.Heard()
	return false, c.handleFrames()
}

// endRestDeadline ends the read deadline if readOrRest has set it.
func (c *conn) endRestDeadline() {
	if !c.rest.deadline.IsZero() {
		c.rest.deadline = time.Time{}
		c.setReadDeadline(0)
	}
}
