package session

import (
	"maps"
	"slices"
	"sync"

	"seagate/gateway"
	"seagate/gateway/outbox"
	"seagate/groups"
	"seagate/protocol"
	"seagate/streams"
)

// A subscription is the session's end of a gateway.Subscription: its sink.
type subscription struct {
	session *Session
	id      int64
	stream  string
	meta    bool   // deliveries say what there is to know about a message
	states  bool   // it is told of the stream's state
	epoch   string // of the stream
	inner   *gateway.Subscription

	mu         sync.Mutex // guards what follows; once ended is set, nothing is sent
	kind       string     // under which the metric counts it
	ended      bool
	behind     bool // it took fewer messages than it was offered
	held       bool // the end of draining has to wait for an answer
	hasDrained bool // while held was set
}

func (s *Session) subscribe(r protocol.Request) {
	if r.IsMerged() {
		s.subscribeMerged(r)
		return
	}
	request, err := r.Subscribe()
	if err != nil {
		s.answer(r, nil, err)
		return
	}
	sub := &subscription{session: s, id: r.ID, stream: request.Stream, meta: request.Meta, states: request.State}
	if err := s.join(sub, request); err != nil {
		s.answer(r, nil, err)
		return
	}
	header := sub.inner.Header()
	s.send(func(b []byte) []byte {
		b = sub.appendSubscribed(b)
		if sub.states {
			b = protocol.AppendJoinedState(b, protocol.State(sub.inner.State()))
		}
		if sub.meta && header != nil {
			b = protocol.AppendHeaderFollows(b)
		}
		return b
	})
	if header != nil {
		s.send(func(b []byte) []byte { return sub.appendHeader(b, header) })
	}
	sub.inner.Start()
}

// join makes the subscription, if the session may have one more. Only the
// reader adds subscriptions, so the room that was found is still there
// afterwards.
func (s *Session) join(sub *subscription, r protocol.Subscribe) error {
	if most := s.gateway.Settings().SubscriptionsPerConnection; s.countSubscriptions() >= most {
		return protocol.Errorf(protocol.CodeTooManySubscriptions, "the connection has %d subscriptions, as many as it may have", most)
	}
	var onState func(streams.State) bool
	if r.State {
		onState = sub.tellState
	}
	ctx, cancel := gateway.RequestContext()
	defer cancel()
	inner, err := s.gateway.Subscribe(ctx, s.principal, gateway.Request{
		Stream:   r.Stream,
		Group:    r.Group,
		From:     gateway.Position{Position: r.From, Epoch: r.Epoch},
		Explicit: r.Explicit,
		Credit:   r.Credit,
		Filter:   r.Filter,
		Owner:    s.owner(),
		Resumed:  sub.hasRoom,
		TellGaps: r.Meta,
		State:    onState,
		Begun:    sub.begun,
		Drained:  sub.drained,
	}, sub)
	if err != nil {
		return err
	}
	_, bounds := inner.Joined()
	sub.inner, sub.epoch = inner, bounds.Epoch
	put(s, &s.subs, sub.id, sub)
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.countLocked()
	return nil
}

// owner returns the streams.Owner of this connection's subscriptions.
func (s *Session) owner() *streams.Owner {
	if s.ownerOf == nil {
		s.ownerOf = s.gateway.NewOwner()
	}
	return s.ownerOf
}

// begun is called when the stream that the subscription has waited for exists.
func (sub *subscription) begun() {
	_, bounds := sub.inner.Joined()
	header, state := sub.inner.Header(), sub.inner.State()
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.ended {
		return
	}
	sub.epoch = bounds.Epoch
	sub.countLocked()
	if sub.states && state != (streams.State{}) { // as the answer has said
		sub.session.send(func(b []byte) []byte {
			return protocol.AppendState(b, sub.id, sub.session.opts.Action, sub.stream, protocol.State(state))
		})
	}
	if header != nil {
		sub.session.send(func(b []byte) []byte { return sub.appendHeader(b, header) })
	}
}

// countLocked counts the subscription under the kind that it has now.
func (sub *subscription) countLocked() {
	counts := sub.session.gateway.Metrics.Subscriptions
	if sub.kind != "" {
		counts.WithLabelValues(sub.kind).Dec()
	}
	switch {
	case sub.inner.IsWaiting():
		sub.kind = "waiting"
	case sub.inner.Shared():
		sub.kind = "group"
	default:
		sub.kind = "own"
	}
	counts.WithLabelValues(sub.kind).Inc()
}

func (s *Session) subscription(id int64) (*subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub := s.subs[id]; sub != nil {
		return sub, nil
	}
	return nil, protocol.Errorf(protocol.CodeSubscriptionNotFound,
		"the connection has no subscription %d: give the id of the subscribe message", id)
}

// all returns what a map of the session holds.
func all[T any](s *Session, held *map[int64]T) []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(*held))
}

// put adds an entry to a map of the session, which has none before the first.
func put[T any](s *Session, held *map[int64]T, id int64, one T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *held == nil {
		*held = map[int64]T{}
	}
	(*held)[id] = one
}

// take removes an entry from a map of the session, and reports whether it was
// there. Only the caller that took the entry closes it, so it is closed once.
func take[T comparable](s *Session, held *map[int64]T, id int64, one T) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if (*held)[id] != one {
		return false
	}
	delete(*held, id)
	return true
}

func (s *Session) countSubscriptions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.subs) + len(s.merges) + len(s.serving) + len(s.watches)
}

// forget ends a subscription, unless it has ended already.
func (s *Session) forget(sub *subscription) {
	if take(s, &s.subs, sub.id, sub) {
		sub.close()
	}
}

// close ends the subscription. It must be called once, and nothing is sent
// afterwards.
func (sub *subscription) close() {
	sub.mu.Lock()
	sub.ended = true
	kind := sub.kind
	sub.mu.Unlock()
	sub.inner.Close()
	sub.session.gateway.Metrics.Subscriptions.WithLabelValues(kind).Dec()
}

// Resume wakes the subscriptions and provisions that were parked because the queue
// was full. The outbox calls it when it has drained.
func (s *Session) Resume() {
	for _, p := range all(s, &s.provisions) {
		p.resume()
	}
	for _, w := range all(s, &s.watches) {
		w.resume()
	}
	for _, m := range all(s, &s.merges) {
		m.resume()
	}
	for _, sub := range all(s, &s.subs) {
		sub.mu.Lock()
		behind := sub.behind
		sub.behind = false
		sub.mu.Unlock()
		if behind {
			sub.inner.Resume()
		}
	}
}

// Acknowledge notes that the peer has read all confirmed frames up to the tag.
func (s *Session) Acknowledge(tag uint64) {
	for _, sub := range all(s, &s.subs) {
		if sub.inner.Shared() {
			sub.inner.Ack(tag)
		}
	}
}

// Deliver implements gateway.Sink.
func (sub *subscription) Deliver(b *streams.Batch, share []groups.Share) (taken int, tag uint64) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	inGroup := sub.inner.Shared()
	switch {
	case sub.ended && inGroup:
		return 0, 0 // others of the group can have them at once
	case sub.ended && share == nil:
		return len(b.Messages), 0
	case sub.ended:
		return len(share), 0
	}
	shared := sub.framesOf(b)
	made := shared != nil && shared.made()
	if !made && !sub.session.out.HasRoom() { // nothing is encoded that is not taken
		sub.behind = true
		return 0, 0
	}
	fan, _ := b.Writer.(*outbox.Fanout)
	sub.offerTo(b, share, shared, func(bytes []byte, ends []int, lasting bool) bool {
		n := 0
		if inGroup {
			n, tag = sub.session.out.OfferConfirmed(fan, bytes, ends)
		} else {
			n = sub.session.out.OfferIn(fan, bytes, ends, lasting)
		}
		taken += n
		sub.behind = n < len(ends)
		return !sub.behind
	})
	return taken, tag
}

// hasRoom is for gateway.Request.Resumed.
func (sub *subscription) hasRoom() bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.behind = !sub.ended && !sub.session.out.HasRoom()
	return !sub.behind
}

// tellState is for gateway.Request.State.
func (sub *subscription) tellState(state streams.State) (taken bool) {
	frame := sub.session.frame(func(b []byte) []byte {
		return protocol.AppendState(b, sub.id, sub.session.opts.Action, sub.stream, protocol.State(state))
	})
	sub.mu.Lock()
	defer sub.mu.Unlock()
	taken = sub.ended || sub.session.out.OfferNotice(frame)
	sub.behind = sub.behind || !taken
	return taken
}

// Gap implements gateway.Sink.
func (sub *subscription) Gap(first, last uint64) (tag uint64, told bool) {
	gap := sub.session.frame(func(b []byte) []byte {
		return protocol.AppendGap(b, sub.id, sub.session.opts.Action, sub.stream, first, last)
	})
	sub.mu.Lock()
	defer sub.mu.Unlock()
	switch {
	case sub.ended:
		return 0, false
	case sub.inner.Shared():
		return sub.session.out.SendConfirmed(gap)
	default:
		sub.session.out.Send(gap)
		return 0, true
	}
}

// End implements gateway.Sink. It ends the connection, so that the client connects
// again. Only a subscription with meta ends alone if its stream or group ends: its
// client knows the message that says so. Deployed clients without meta take every
// message under the subscription's id for a delivery.
func (sub *subscription) End(reason *protocol.Error) (told bool) {
	over := reason.Code == protocol.CodeStreamDeleted || reason.Code == protocol.CodeGroupNotFound
	if !over || !sub.meta {
		sub.mu.Lock()
		defer sub.mu.Unlock()
		return !sub.ended && sub.session.link.End(reason)
	}
	return sub.endWith(func(b []byte) []byte { return protocol.AppendStreamEnded(b, sub.id, sub.stream, reason) })
}

// holdEnd keeps the end of draining back until releaseEnd.
func (sub *subscription) holdEnd() {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.held = true
}

func (sub *subscription) releaseEnd() {
	sub.mu.Lock()
	drained := sub.hasDrained
	sub.held, sub.hasDrained = false, false
	sub.mu.Unlock()
	if drained {
		sub.drained()
	}
}

// drained is for gateway.Request.Drained.
func (sub *subscription) drained() {
	sub.mu.Lock()
	held := sub.held
	sub.hasDrained = held
	sub.mu.Unlock()
	if held {
		return
	}
	sub.endWith(func(b []byte) []byte { return protocol.AppendDrained(b, sub.id, sub.session.opts.Action, sub.stream) })
}

// endWith ends the subscription with a last message, unless it has ended before.
func (sub *subscription) endWith(last func([]byte) []byte) (told bool) {
	if told = sub.sendLast(last); told {
		sub.session.forget(sub)
	}
	return told
}

func (sub *subscription) sendLast(last func([]byte) []byte) bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.ended {
		return false
	}
	sub.ended = true
	sub.session.send(last)
	return true
}
