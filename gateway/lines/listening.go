package lines

import (
	"maps"
	"slices"
	"sync"
	"time"

	"seagate/gateway"
	"seagate/groups"
	"seagate/protocol"
	"seagate/protocol/msgstream"
	"seagate/streams"
)

// A listening is a connection's place in a stream. It is the sink of a
// gateway.Subscription.
type listening struct {
	conn   *conn
	stream string
	meta   bool
	jail   string // uid
	epoch  string // of the stream
	inner  *gateway.Subscription

	mu     sync.Mutex // guards what follows; once ended is set, nothing is sent
	ended  bool
	behind bool   // it took fewer messages than it was offered
	next   uint64 // the number of the message that comes next, whether the filter passes it or not
	leaves uint64 // it ends before the message with this number; 0 is never
}

func (c *conn) listener(stream string) *listening {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listening[stream]
}

func (c *conn) listeners() []*listening {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.listening))
}

func (c *conn) countListening() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.listening)
}

func (c *conn) hangUpAll() {
	for _, l := range c.listeners() {
		c.forget(l)
	}
}

// forget ends a listening, unless it has ended already. Afterwards nothing of the
// stream is sent.
func (c *conn) forget(l *listening) {
	c.mu.Lock()
	held := c.listening[l.stream] == l
	if held {
		delete(c.listening, l.stream)
	}
	c.mu.Unlock()
	if !held {
		return
	}
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	c.server.removeListening(l)
	l.inner.Close()
	c.server.gateway.Metrics.Subscriptions.WithLabelValues("own").Dec()
}

// resume wakes the listeners that were parked because the queue was full. The outbox
// calls it when it has drained.
func (c *conn) resume() {
	for _, l := range c.listeners() {
		l.mu.Lock()
		behind := l.behind
		l.behind = false
		l.mu.Unlock()
		if behind {
			l.inner.Resume()
		}
	}
}

func (s *Server) addListening(l *listening, jail string) {
	l.jail = jail
	key := streamKey{jail, l.stream}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listening[key] == nil {
		s.listening[key] = map[*listening]struct{}{}
	}
	s.listening[key][l] = struct{}{}
}

func (s *Server) removeListening(l *listening) {
	key := streamKey{l.jail, l.stream}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listening[key], l)
	if len(s.listening[key]) == 0 {
		delete(s.listening, key)
	}
}

// letGo ends the listeners of the stream on this server, each when it has had the
// messages before next.
func (s *Server) letGo(key streamKey, next uint64) {
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.listening[key]))
	s.mu.Unlock()
	for _, l := range all {
		l.mu.Lock()
		waits := l.next < next
		if waits {
			l.leaves = next
		}
		l.mu.Unlock()
		if !waits {
			l.close()
		}
	}
}

// listenAgain answers a second listen, unless the listening has ended meanwhile.
func (l *listening) listenAgain(r msgstream.Request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.conn.answer(r, nil)
	}
	return !l.ended
}

// close tells the listener that the stream has ended, once.
func (l *listening) close() (told bool) {
	l.mu.Lock()
	if told = !l.ended; told {
		l.ended = true
		l.conn.send(msgstream.Event{Action: msgstream.ActionClose, Stream: l.stream})
	}
	l.mu.Unlock()
	l.conn.forget(l)
	return told
}

// joined is the answer to a listen. With meta it says where delivery begins.
func (l *listening) joined(r msgstream.Request) msgstream.Event {
	e := msgstream.Event{Action: r.Action, ID: r.ID, Stream: r.Stream}
	if l.meta {
		next, bounds := l.inner.Joined()
		e.Epoch, e.First, e.Next = l.epoch, bounds.First, next
	}
	return e
}

// event is the event of a message, or of the header if seq is 0.
func (l *listening) event(payload []byte, seq uint64, at time.Time) msgstream.Event {
	e := msgstream.Event{Action: msgstream.ActionPut, Stream: l.stream, Message: payload, Header: seq == 0}
	if l.meta {
		e.Seq, e.Time, e.Epoch = seq, at, l.epoch
	}
	return e
}

// encoded are the lines of a batch, one behind the other, which all listeners of the
// stream share.
type encoded struct {
	bytes []byte
	ends  []int // of each line
}

// An appearance is what a line depends on besides the message.
type appearance struct {
	server *Server
	meta   bool
}

func (l *listening) encoded(b *streams.Batch) *encoded {
	return b.Memo(appearance{l.conn.server, l.meta}, func() any {
		e := &encoded{ends: make([]int, len(b.Messages))}
		for i, m := range b.Messages {
			e.bytes = append(e.bytes, l.conn.line(l.event(m.Payload, m.Seq, m.Time))...)
			e.ends[i] = len(e.bytes)
		}
		return e
	}).(*encoded)
}

// picked returns the lines of the messages that share names, or all if it is nil.
func (e *encoded) picked(share []groups.Share) (bytes []byte, ends []int) {
	if share == nil || len(share) == len(e.ends) {
		return e.bytes, e.ends
	}
	for _, s := range share {
		start := 0
		if s.Index > 0 {
			start = e.ends[s.Index-1]
		}
		bytes = append(bytes, e.bytes[start:e.ends[s.Index]]...)
		ends = append(ends, len(bytes))
	}
	return bytes, ends
}

// Deliver implements gateway.Sink.
func (l *listening) Deliver(b *streams.Batch, share []groups.Share) (taken int, tag uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended && share == nil {
		return len(b.Messages), 0
	}
	if l.ended {
		return len(share), 0
	}
	bytes, ends := l.encoded(b).picked(share)
	taken = l.conn.out.Offer(bytes, ends)
	l.behind = taken < len(ends)
	return taken, 0
}

// passed notes that the listener has had the messages before next, apart from those that
// its filter hides. It ends the listener if these are all the messages that it is to
// have.
func (l *listening) passed(next uint64) {
	l.mu.Lock()
	l.next = next
	done := !l.ended && l.leaves > 0 && l.next >= l.leaves
	l.mu.Unlock()
	if done {
		l.close()
	}
}

// Gap implements gateway.Sink.
func (l *listening) Gap(first, last uint64) (tag uint64, told bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.conn.send(msgstream.Event{Action: msgstream.ActionGap, Stream: l.stream, From: first, To: last})
	}
	return 0, !l.ended
}

// End implements gateway.Sink. The end of the stream ends the listening; anything else
// ends the connection, so that the client connects again.
func (l *listening) End(reason *protocol.Error) (told bool) {
	if reason.Code == protocol.CodeStreamDeleted {
		return l.close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.ended && l.conn.end(msgstream.Event{Error: reason, Stream: l.stream})
}
