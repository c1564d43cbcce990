package session

import (
	"sync"

	"seagate/gateway"
	"seagate/protocol"
	"seagate/streams/merge"
)

// A merged is the session's end of a gateway.MergedSubscription: its sink.
type merged struct {
	session *Session
	id      int64
	meta    bool
	streams []mergedStream
	inner   *gateway.MergedSubscription

	mu     sync.Mutex // guards what follows; once ended is set, nothing is sent
	ended  bool
	behind bool // it took fewer messages than it was offered
	left   int  // streams that were not deleted
}

type mergedStream struct {
	name    string
	epoch   string
	dropped protocol.Dropped // since it was last told; guarded by merged.mu
}

func (s *Session) subscribeMerged(r protocol.Request) {
	request, err := r.SubscribeMerged(s.gateway.Settings().StreamsPerMerge)
	if err != nil {
		s.answer(r, nil, err)
		return
	}
	m := &merged{session: s, id: r.ID, meta: request.Meta, left: len(request.Streams)}
	if err := s.joinMerged(m, request); err != nil {
		s.answer(r, nil, err)
		return
	}
	names := make([]string, len(m.streams))
	for i, stream := range m.streams {
		names[i] = stream.name
	}
	s.send(func(b []byte) []byte { return protocol.AppendMerged(b, m.id, s.opts.Action, names, m.positions()) })
	for i := range m.streams {
		if header := m.inner.Header(i); header != nil {
			s.send(func(b []byte) []byte { return m.of(i).appendHeader(b, header) })
		}
	}
	m.inner.Start()
}

// positions returns where a subscription with meta begins in each stream, so that a client
// whose connection ends before the first message of a stream can come back there.
func (m *merged) positions() []protocol.Joined {
	if !m.meta {
		return nil
	}
	list := make([]protocol.Joined, len(m.streams))
	for i := range m.streams {
		joined := m.inner.Joined(i)
		list[i] = protocol.Joined{Epoch: joined.Bounds.Epoch, First: joined.Bounds.First, Next: joined.Next}
	}
	return list
}

// joinMerged makes the subscription, if the session may have one more. It is as
// join.
func (s *Session) joinMerged(m *merged, r protocol.Merged) error {
	if most := s.gateway.Settings().SubscriptionsPerConnection; s.countSubscriptions() >= most {
		return protocol.Errorf(protocol.CodeTooManySubscriptions, "the connection has %d subscriptions, as many as it may have", most)
	}
	request := gateway.MergedRequest{By: r.By, Wait: r.Wait, TellEnds: r.Meta}
	for _, stream := range r.Streams {
		m.streams = append(m.streams, mergedStream{name: stream.Name})
		request.Streams = append(request.Streams, gateway.MergedStream{
			Name:     stream.Name,
			From:     gateway.Position{Position: stream.From, Epoch: stream.Epoch},
			Priority: stream.Priority,
		})
	}
	ctx, cancel := gateway.RequestContext()
	defer cancel()
	inner, err := s.gateway.SubscribeMerged(ctx, s.principal, request, m)
	if err != nil {
		return err
	}
	m.inner = inner
	for i := range m.streams {
		m.streams[i].epoch = inner.Joined(i).Bounds.Epoch
	}
	put(s, &s.merges, m.id, m)
	s.gateway.Metrics.Subscriptions.WithLabelValues("merged").Inc()
	return nil
}

// endMerged ends the merged subscription with this id, and reports whether there
// was one.
func (s *Session) endMerged(id int64) bool {
	s.mu.Lock()
	m := s.merges[id]
	delete(s.merges, id)
	s.mu.Unlock()
	if m != nil {
		m.close()
	}
	return m != nil
}

// close ends the subscription. It must be called once. Nothing is sent
// afterwards.
func (m *merged) close() {
	m.mu.Lock()
	m.ended = true
	m.mu.Unlock()
	m.inner.Close()
	m.session.gateway.Metrics.Subscriptions.WithLabelValues("merged").Dec()
}

// resume wakes the subscription if it was parked because the queue was full.
func (m *merged) resume() {
	m.mu.Lock()
	behind := m.behind
	m.behind = false
	m.mu.Unlock()
	if behind {
		m.inner.Resume()
	}
}

// of returns what messages of one stream look like.
func (m *merged) of(stream int) *subscription {
	return &subscription{session: m.session, id: m.id, stream: m.streams[stream].name, meta: m.meta, epoch: m.streams[stream].epoch}
}

// Deliver implements gateway.MergedSink. What was dropped is told in front of
// the first message, and forgotten when that was taken.
func (m *merged) Deliver(items []merge.Item) (taken int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return len(items)
	}
	p := pickedPool.Get().(*picked)
	defer p.release()
	p.bytes = m.appendDroppedLocked(p.bytes)
	for _, item := range items {
		p.bytes = m.of(item.Source).appendDelivery(p.bytes, item.Message, 0)
		p.ends = append(p.ends, len(p.bytes))
	}
	taken = m.session.out.Offer(p.bytes, p.ends)
	if taken > 0 {
		for i := range m.streams {
			m.streams[i].dropped = protocol.Dropped{}
		}
	}
	m.behind = taken < len(items)
	return taken
}

// appendDroppedLocked appends a frame for each stream that something was dropped
// of.
func (m *merged) appendDroppedLocked(b []byte) []byte {
	for i := range m.streams {
		stream := &m.streams[i]
		if !m.meta || stream.dropped == (protocol.Dropped{}) {
			continue
		}
		start := len(b)
		b = protocol.AppendDropped(m.session.link.BeginFrame(b), m.id, m.session.opts.Action, stream.name, stream.dropped)
		b = m.session.link.EndFrame(b, start)
	}
	return b
}

// Dropped implements gateway.MergedSink.
func (m *merged) Dropped(stream int, why merge.Reason, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := &m.streams[stream].dropped
	if why == merge.Late {
		d.Late += n
	} else {
		d.Untimed += n
	}
}

// Gap implements gateway.MergedSink.
func (m *merged) Gap(stream int, first, last uint64) {
	m.tell(func(b []byte) []byte {
		return protocol.AppendGap(b, m.id, m.session.opts.Action, m.streams[stream].name, first, last)
	})
}

// Ended implements gateway.MergedSink. With its last stream, the subscription
// ends.
func (m *merged) Ended(stream int, reason *protocol.Error) {
	m.tell(func(b []byte) []byte {
		return protocol.AppendMergedEnded(b, m.id, m.session.opts.Action, m.streams[stream].name, reason.Code)
	})
	m.mu.Lock()
	m.left--
	over := m.left == 0
	m.mu.Unlock()
	if over {
		m.session.endMerged(m.id)
	}
}

// tell sends a message, unless the subscription has ended.
func (m *merged) tell(build func([]byte) []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.ended {
		m.session.send(build)
	}
}

// End implements gateway.MergedSink. It ends the connection.
func (m *merged) End(reason *protocol.Error) (told bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.ended && m.session.link.End(reason)
}
