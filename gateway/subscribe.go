package gateway

import (
	"seagate/auth"
	"seagate/auth/fdsl"
	"seagate/groups"
	"seagate/protocol"
	"seagate/streams"
)

// A Sink is a transport's end of a subscription. Its methods are called by one
// goroutine at a time, for a subscription in a group under that group's lock,
// and must not block.
type Sink interface {
	// Deliver offers the messages of the pass that visible names, all if it is
	// nil, and returns how many messages of the pass, from the first and the
	// invisible included, need not be offered again. After fewer than all,
	// nothing comes until Subscription.Resume.
	Deliver(p *streams.Pass, visible []bool) int

	// DeliverShare hands over this subscription's share of a group's messages.
	// It returns how many it took, and a tag for Subscription.Ack.
	DeliverShare(run []*streams.Message) (taken int, tag uint64)

	// End tells why the subscription ends. Nothing follows.
	End(reason *protocol.Error)
}

// A Subscription is one client's place in a stream.
type Subscription struct {
	stream     string
	sink       Sink
	filter     *fdsl.Filter // nil: everything is visible
	release    func()       // gives the filter back
	header     []byte
	in         *streams.InTopic   // nil if in a group
	membership *groups.Membership // nil if not
}

// Subscribe begins a subscription, of one's own or, if group names one, in a
// group. Nothing is delivered before Start.
func (g *Gateway) Subscribe(p *auth.Principal, stream, group string, sink Sink) (*Subscription, *protocol.Error) {
	if e := g.authorize(p, auth.Subscribe); e != nil {
		return nil, e
	}
	topic, e := g.topic(p, stream)
	if e != nil {
		return nil, e
	}
	s := &Subscription{stream: stream, sink: sink, release: func() {}}
	if p.Filter != nil {
		s.filter, s.release = g.filters.take(p.Filter, stream)
	}
	if err := s.join(g, p, topic, group); err != nil {
		s.release()
		return nil, g.refusal("subscribe", err)
	}
	return s, nil
}

func (s *Subscription) join(g *Gateway, p *auth.Principal, topic *streams.Topic, group string) (err error) {
	if !p.MustFanout && (group != "" || g.settings.UngroupedShare) {
		s.membership, err = g.Groups.Join(topic, p.ClientUID, group, member{s})
		if header := topic.Header(); err == nil && group == "" && header != nil && s.sees(header) {
			s.header = header
		}
		return err
	}
	in, joined, err := topic.In(consumer{s}, g.lanes.Add(1))
	if err != nil {
		return err
	}
	// An in topic that is never started holds up everybody who sends.
	defer func() {
		if s.in == nil {
			in.Close()
		}
	}()
	if joined.Header != nil && s.sees(joined.Header) {
		s.header = joined.Header
	}
	s.in = in
	return nil
}

// sees says whether the filter, if there is one, passes a payload.
func (s *Subscription) sees(payload []byte) bool {
	if s.filter == nil {
		return true
	}
	return verdicts(&streams.Pass{Messages: []*streams.Message{{Payload: payload}}}, s)[0]
}

// Header returns what the subscriber is to receive first, or nil.
func (s *Subscription) Header() []byte { return s.header }

// Start begins delivery.
func (s *Subscription) Start() {
	if s.membership != nil {
		s.membership.Start()
		return
	}
	s.in.Start()
}

// Resume says that a sink that took fewer messages than offered has room again.
func (s *Subscription) Resume() {
	if s.membership != nil {
		s.membership.Resume()
		return
	}
	s.in.Resume()
}

// Shared says whether the subscription is in a group, and so is to be
// acknowledged.
func (s *Subscription) Shared() bool { return s.membership != nil }

// Ack acknowledges everything up to the tag. Only for shared subscriptions.
func (s *Subscription) Ack(tag uint64) { s.membership.Ack(tag) }

// Close ends the subscription. What was not acknowledged goes to the other
// members of its group. It must be called once.
func (s *Subscription) Close() {
	if s.membership != nil {
		s.membership.Leave()
	} else {
		s.in.Close()
	}
	s.release()
}

func (s *Subscription) gap(first, last uint64) {
	s.sink.End(protocol.Errorf(protocol.CodeSlowConsumer,
		"messages %d to %d of %s were dropped before this connection read them", first, last, s.stream))
}

func (s *Subscription) end() {
	s.sink.End(protocol.Errorf(protocol.CodeStreamDeleted, "the stream %s was deleted", s.stream))
}

// consumer is a Subscription as the topic network sees it.
type consumer struct{ *Subscription }

func (c consumer) Deliver(p *streams.Pass) int {
	if c.filter == nil {
		return c.sink.Deliver(p, nil)
	}
	return c.sink.Deliver(p, verdicts(p, c.Subscription))
}

func (c consumer) State(streams.State)    {}
func (c consumer) Gap(first, last uint64) { c.gap(first, last) }
func (c consumer) End()                   { c.end() }

// member is a Subscription as its group sees it.
type member struct{ *Subscription }

func (m member) Accepts(p *streams.Pass, i int) bool {
	return m.filter == nil || verdicts(p, m.Subscription)[i]
}

func (m member) Deliver(run []*streams.Message) (int, uint64) { return m.sink.DeliverShare(run) }
func (m member) Gap(first, last uint64)                       { m.gap(first, last) }
func (m member) End()                                         { m.end() }

// Panicked ends the connection of a subscription that panicked while it was
// delivered to. It is for streams.Options.OnPanic and groups.NewRegistry, with
// what they name: a streams.Consumer or a groups.Member.
func Panicked(who any) {
	var s *Subscription
	switch who := who.(type) {
	case consumer:
		s = who.Subscription
	case member:
		s = who.Subscription
	default:
		return
	}
	s.sink.End(protocol.Errorf(protocol.CodeInternal, "the server failed while it delivered %s", s.stream))
}
