package peer

import (
	"errors"
	"sync"
	"time"

	"seagate/internal/panics"
)

// A call is one call from its dispatch to its end. It implements Pending and
// Answerer.
//
// Locks are taken in the order call.mu, then space.mu. Replies is called with
// call.mu held, which keeps its methods in order.
type call struct {
	link    *link // of the caller
	to      Replies
	request Request
	begun   time.Time
	timer   *time.Timer

	mu     sync.Mutex // guards what follows
	server *server    // that has it, or is being asked
	public *Call
	ended  bool
}

// dispatch hands the call to a server, and begins its deadline.
func (c *call) dispatch() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var refused []*server
	for {
		s, err := c.assign(refused)
		if err != nil {
			return err
		}
		if s.to.Call(c.public) {
			break
		}
		c.unassign(s)
		refused = append(refused, s)
	}
	c.timer = time.AfterFunc(c.request.Timeout, func() {
		defer panics.Contain("timer")
		c.giveUp(TimedOut)
	})
	c.to.Accepted()
	return nil
}

// assign reserves a place at a server that has not refused.
func (c *call) assign(refused []*server) (*server, error) {
	sp := c.link.space
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if err := c.link.mayCallLocked(); err != nil {
		return nil, err
	}
	s, err := sp.pickLocked(c.request.Service, c.request.Procedure, refused, func(s *server) bool { return !s.full() })
	if err != nil {
		return nil, err
	}
	s.calls[c] = struct{}{}
	s.counts.calls++
	c.link.calls[c] = struct{}{}
	sp.owners[c.link.who.Owner]++
	sp.underWay++
	c.server = s
	return s, nil
}

// unassign undoes assign after a refusal.
func (c *call) unassign(s *server) {
	sp := c.link.space
	sp.mu.Lock()
	defer sp.mu.Unlock()
	s.counts.calls--
	c.releaseLocked()
	c.server = nil
}

func (c *call) releaseLocked() {
	sp, s, owner := c.link.space, c.server, c.link.who.Owner
	delete(s.calls, c)
	delete(c.link.calls, c)
	sp.underWay--
	if sp.owners[owner]--; sp.owners[owner] == 0 {
		delete(sp.owners, owner)
	}
	if s.withdrawn && len(s.calls) == 0 {
		delete(s.link.servers, s)
		if s.grace != nil {
			s.grace.Stop()
		}
	}
}

// endLocked ends the call and counts its end: err is nil for a result, and why
// there is none otherwise.
func (c *call) endLocked(err error) {
	c.ended = true
	if c.timer != nil {
		c.timer.Stop()
	}
	c.link.space.hub.Release(c.link.space.name, c.link.who.Owner, len(c.request.Body))
	took := time.Since(c.begun)
	sp, n := c.link.space, &c.server.counts
	sp.mu.Lock()
	defer sp.mu.Unlock()
	c.releaseLocked()
	_, answered := err.(*ServerError)
	switch {
	case err == nil:
		n.answered(took)
	case answered:
		n.answered(took)
		n.failedWith(err)
	case errors.Is(err, ErrTimeout) || errors.Is(err, ErrBadAnswer):
		n.failedWith(err)
	}
	if ended := sp.hub.opts.Ended; ended != nil {
		ended(err, took)
	}
}

// Part implements Answerer.
func (c *call) Part(body []byte) error {
	if len(body) > c.link.space.hub.opts.BodyBytes {
		return c.refuseAnswer(ErrTooLarge)
	}
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return ErrCallOver
	}
	if c.to.Part(body) {
		c.mu.Unlock()
		return nil
	}
	c.endLocked(ErrFull)
	c.to.Done(nil, ErrFull)
	s := c.server
	c.mu.Unlock()
	s.to.GivenUp(c.public, Cancelled)
	return ErrCallOver
}

// Answer implements Answerer.
func (c *call) Answer(result []byte, failure *ServerError) error {
	size := len(result)
	if failure != nil {
		size = len(failure.Code) + len(failure.Message) + len(failure.Details)
	}
	if size > c.link.space.hub.opts.BodyBytes {
		return c.refuseAnswer(ErrTooLarge)
	}
	var err error
	if failure != nil {
		err = failure
	} else if check := c.request.CheckResult; check != nil {
		if why := check(result); why != nil {
			return c.refuseAnswer(why)
		}
	}
	if !c.end(result, err) {
		return ErrCallOver
	}
	return nil
}

// Refuse ends a call whose answer a user of the network, such as a gateway, refuses. The
// caller of a link of this process gets ErrBadAnswer. Any other Answerer gets a
// ServerError.
func (c *Call) Refuse() error {
	if inner, ok := c.answerer.(*call); ok {
		return inner.refuseAnswer(nil)
	}
	return c.Fail(&ServerError{Message: "the answer was refused"})
}

func (c *call) refuseAnswer(why error) error {
	if !c.end(nil, ErrBadAnswer) {
		return ErrCallOver
	}
	return why
}

// end ends the call and tells the caller. It returns false if it was over.
func (c *call) end(result []byte, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	c.endLocked(err)
	c.to.Done(result, err)
	return true
}

// giveUp ends the call and tells the server. It returns false if it was over.
func (c *call) giveUp(why Reason) bool {
	c.mu.Lock()
	if c.ended || c.server == nil {
		c.mu.Unlock()
		return false
	}
	if why == TimedOut {
		c.endLocked(ErrTimeout)
		c.to.Done(nil, ErrTimeout)
	} else { // nobody is there to hear of it
		c.endLocked(ErrGivenUp)
	}
	s := c.server
	c.mu.Unlock()
	s.to.GivenUp(c.public, why)
	return true
}

// serverGone ends the call if that server has it, and tells both sides.
func (c *call) serverGone(s *server, why Reason) {
	c.mu.Lock()
	if c.ended || c.server != s {
		c.mu.Unlock()
		return
	}
	c.endLocked(ErrServerGone)
	c.to.Done(nil, ErrServerGone)
	c.mu.Unlock()
	s.to.GivenUp(c.public, why)
}

// Cancel implements Pending.
func (c *call) Cancel() bool { return c.giveUp(Cancelled) }
