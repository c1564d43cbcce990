package ws

import (
	"encoding/binary"
	"sync"

	"seagate/gateway"
	"seagate/groups"
	"seagate/protocol"
	"seagate/streams"
)

// A subscription is the connection's end of a gateway.Subscription.
type subscription struct {
	conn   *conn
	id     int64
	stream string
	meta   bool   // deliveries say what there is to know of a message
	epoch  string // of the stream
	inner  *gateway.Subscription

	mu     sync.Mutex // guards what follows, and that nothing is sent once over is set
	over   bool
	behind bool // it took fewer than it was offered
}

func (c *conn) subscribe(r protocol.Request) {
	request, err := r.Subscribe()
	if err != nil {
		c.refuse(r.ID, r.Action, gateway.AsError(err))
		return
	}
	s := &subscription{conn: c, id: r.ID, stream: request.Stream, meta: request.Meta}
	if e := c.join(s, request); e != nil {
		c.refuse(r.ID, r.Action, e)
		return
	}
	c.wire.send(appendText(nil, s.appendSubscribed))
	if header := s.inner.Header(); header != nil {
		c.wire.send(appendText(nil, func(b []byte) []byte { return s.appendHeader(b, header) }))
	}
	s.inner.Start()
}

// join makes the subscription, if the connection may have one more. Only the
// reader adds subscriptions, so there is room for what it found room for.
func (c *conn) join(s *subscription, r protocol.Subscribe) *protocol.Error {
	if most := c.server.gateway.Settings().SubscriptionsPerConnection; c.countSubscriptions() >= most {
		return protocol.Errorf(protocol.CodeTooManySubscriptions, "the connection has %d subscriptions, as many as it may have", most)
	}
	ctx, cancel := c.requestContext()
	defer cancel()
	inner, e := c.server.gateway.Subscribe(ctx, c.principal, gateway.Request{
		Stream:   r.Stream,
		Group:    r.Group,
		From:     gateway.Position{Position: r.From, Epoch: r.Epoch},
		Explicit: r.Explicit,
		Credit:   r.Credit,
		TellGaps: r.Meta,
	}, s)
	if e != nil {
		return e
	}
	_, bounds := inner.Joined()
	s.inner, s.epoch = inner, bounds.Epoch
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs == nil {
		c.subs = map[int64]*subscription{}
	}
	c.subs[s.id] = s
	c.server.gateway.Metrics.Subscriptions.WithLabelValues(s.kind()).Inc()
	return nil
}

func (c *conn) countSubscriptions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.subs)
}

func (s *subscription) kind() string {
	if s.inner.Shared() {
		return "group"
	}
	return "own"
}

func (c *conn) unsubscribe(r protocol.Request) {
	id, err := r.Unsubscribe()
	c.onSubscription(r, id, err, func(s *subscription) *protocol.Error {
		c.forget(s)
		return nil
	})
}

func (c *conn) subscription(id int64) (*subscription, *protocol.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.subs[id]; s != nil {
		return s, nil
	}
	return nil, protocol.Errorf(protocol.CodeSubscriptionNotFound,
		"the connection has no subscription %d: give the id of the subscribe message", id)
}

// ack confirms messages that were processed.
func (c *conn) ack(r protocol.Request) {
	a, err := r.Ack()
	c.onSubscription(r, a.Subscription, err, func(s *subscription) *protocol.Error { return s.inner.Acknowledge(a) })
}

// nack gives messages back that could not be processed.
func (c *conn) nack(r protocol.Request) {
	n, err := r.Nack()
	c.onSubscription(r, n.Subscription, err, func(s *subscription) *protocol.Error { return s.inner.Reject(n) })
}

// onSubscription answers a request that is about the subscription with that id,
// unless err says that it could not be read.
func (c *conn) onSubscription(r protocol.Request, id int64, err error, do func(*subscription) *protocol.Error) {
	e := (*protocol.Error)(nil)
	var s *subscription
	if err != nil {
		e = gateway.AsError(err)
	} else if s, e = c.subscription(id); e == nil {
		e = do(s)
	}
	if e != nil {
		c.refuse(r.ID, r.Action, e)
		return
	}
	c.succeed(r.ID, r.Action, nil)
}

// close ends the subscription. Nothing is sent for it afterwards.
func (s *subscription) close() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.inner.Close()
	s.conn.server.gateway.Metrics.Subscriptions.WithLabelValues(s.kind()).Dec()
}

// Deliver implements gateway.Sink.
func (s *subscription) Deliver(p *streams.Batch, visible []bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return len(p.Messages)
	}
	shared, own := s.framesOf(p)
	if own {
		defer shared.release()
	}
	if visible == nil {
		return s.offered(s.conn.wire.offer(shared.bytes, shared.ends), len(p.Messages))
	}
	picked := takeFrames()
	defer picked.release()
	for i, v := range visible {
		if v {
			picked.add(shared.frame(i), i)
		}
	}
	n := s.conn.wire.offer(picked.bytes, picked.ends)
	if n < len(picked.ends) {
		return s.offered(picked.index[n], len(p.Messages))
	}
	return s.offered(len(p.Messages), len(p.Messages))
}

// offered notes whether everything was taken.
func (s *subscription) offered(taken, of int) int {
	s.behind = taken < of
	return taken
}

// DeliverShare implements gateway.Sink.
func (s *subscription) DeliverShare(run []groups.Delivery) (taken int, tag uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return 0, 0
	}
	f := takeFrames()
	defer f.release()
	for i, m := range run {
		f.bytes = s.appendDelivery(f.bytes, m.Message, m.Attempt)
		f.mark(i)
	}
	taken, tag = s.conn.wire.offerShared(f.bytes, f.ends)
	return s.offered(taken, len(run)), tag
}

// Gap implements gateway.Sink.
func (s *subscription) Gap(first, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.conn.wire.send(s.gap(first, last))
	}
}

// GapShare implements gateway.Sink.
func (s *subscription) GapShare(first, last uint64) (tag uint64, told bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return 0, false
	}
	return s.conn.wire.sendShared(s.gap(first, last))
}

func (s *subscription) gap(first, last uint64) []byte {
	return appendText(nil, func(b []byte) []byte {
		return protocol.AppendGap(b, s.id, s.conn.server.action, s.stream, first, last)
	})
}

// End implements gateway.Sink. The end of a stream or of a group ends the
// subscription; anything else, the connection, so that the client connects
// again.
func (s *subscription) End(reason *protocol.Error) (told bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	if reason.Code != protocol.CodeStreamDeleted && reason.Code != protocol.CodeGroupNotFound {
		return s.conn.end(reason)
	}
	s.over = true
	s.conn.wire.send(appendText(nil, func(b []byte) []byte {
		return protocol.AppendStreamEnded(b, s.id, s.stream, reason)
	}))
	go s.conn.forget(s) // not here: the caller may hold the group's lock
	return true
}

// forget drops a subscription, unless that was done meanwhile.
func (c *conn) forget(s *subscription) {
	c.mu.Lock()
	held := c.subs[s.id] == s
	delete(c.subs, s.id)
	c.mu.Unlock()
	if held {
		s.close()
	}
}

// resume lets the subscriptions go on that a full queue had left behind.
func (c *conn) resume() {
	for _, s := range c.subscriptions() {
		s.mu.Lock()
		behind := s.behind
		s.behind = false
		s.mu.Unlock()
		if behind {
			s.inner.Resume()
		}
	}
}

// pong acknowledges what the peer has read. Called by the sniffer.
func (c *conn) pong(payload []byte) (solicited bool) {
	if len(payload) != 8 { // a heartbeat: our pings have eight bytes
		return false
	}
	tag := binary.BigEndian.Uint64(payload)
	if !c.wire.pong(tag) {
		return false
	}
	if tag > 0 {
		c.acknowledge(tag)
	}
	return true
}

func (c *conn) acknowledge(tag uint64) {
	for _, s := range c.subscriptions() {
		if s.inner.Shared() {
			s.inner.Ack(tag)
		}
	}
}

func (c *conn) subscriptions() []*subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*subscription, 0, len(c.subs))
	for _, s := range c.subs {
		all = append(all, s)
	}
	return all
}
