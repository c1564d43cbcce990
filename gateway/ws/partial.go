package ws

import (
	"time"

	"seagate/gateway/session"
)

// A partial is what is known of a message that has not come whole. Owned by the reader.
type partial struct {
	held    int    // bytes that are reserved for it
	give    func() // gives them back; nil if there are none
	handled uint64 // messages that have come whole
	watched uint64 // the number of the message whose deadline is set; 0 is none
}

// release gives back what is reserved.
func (r *partial) release() {
	if r.give != nil {
		r.give()
	}
	r.held, r.give = 0, nil
}

// awaitMessage is called before a read. If a message has begun and not ended, it counts the
// memory of it against the client's jail, or the address of a stranger, and bounds the
// time from its first byte to its last one.
func (c *conn) awaitMessage() error {
	if held := c.in.held(); held != c.partial.held {
		c.partial.release()
		if held > 0 {
			give, err := c.server.gateway.Reserve(c.session.Client(), c.address, held)
			if err != nil {
				return err
			}
			c.partial.held, c.partial.give = held, give
		}
	}
	if c.session.State() != session.Authenticated {
		return nil // the time to authenticate bounds it
	}
	switch number := c.partial.handled + 1; {
	case c.in.unfinished() && c.partial.watched != number:
		c.partial.watched = number
		c.rest.deadline = time.Time{} // replaced, also if it would have come first
		c.setReadDeadline(c.server.opts.MessageTimeout)
	case !c.in.unfinished() && c.partial.watched != 0:
		c.partial.watched = 0
		c.rest.deadline = time.Time{}
		c.setReadDeadline(0)
	}
	return nil
}
