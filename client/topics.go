package client

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
	"seagate/streams"
	"seagate/streams/peer"
)

// errYielded ends a Subscription that yields.
var errYielded = errors.New("the queue is full")

// A gate is a task of a link that waits for its consumer, and ends with the link.
type gate struct {
	ctx     context.Context
	cancel  context.CancelFunc
	begin   sync.Once
	resumed chan struct{} // has a token if the consumer may have room again
}

func newGate() gate {
	ctx, cancel := context.WithCancel(context.Background())
	return gate{ctx: ctx, cancel: cancel, resumed: make(chan struct{}, 1)}
}

// start runs the task once.
func (g *gate) start(c *Conn, run func()) { g.begin.Do(func() { c.whileOpen(run) }) }

// wait waits until the consumer is to be asked again. It returns false at the end.
func (g *gate) wait(c *Conn) bool {
	select {
	case <-g.resumed:
		return true
	case <-g.ctx.Done():
	case <-c.quit:
	}
	return false
}

// An inTopic is a consumer's cursor on a stream. It has a subscription as long as the consumer
// takes what comes. If the queue of the subscription gets full, the subscription ends. Once the
// queue is empty, another one begins after it, so meanwhile the messages stay in the stream.
type inTopic struct {
	gate
	network *network
	topic   string
	to      streams.Consumer

	// Owned by run once started.
	sub     *Subscription
	next    uint64 // the number of the message that comes next
	epoch   string
	state   streams.State // that the consumer was told
	waiting bool          // the stream was not defined when the in topic was opened
}

// In implements peer.Link.
func (n *network) In(ctx context.Context, topic string, c streams.Consumer, from streams.StartAt) (peer.InTopic, streams.Joined, error) {
	in := &inTopic{gate: newGate(), network: n, topic: topic, to: c}
	joined, err := in.open(ctx, positionOf(from), from.Epoch())
	if err != nil {
		in.cancel()
		return nil, streams.Joined{}, n.refused(err)
	}
	in.state, in.waiting = joined.State, in.sub.joined.Waiting
	return in, joined, nil
}

func positionOf(s streams.StartAt) Position {
	seq, numbered := s.Seq()
	at, timed := s.Time()
	switch {
	case s.IsEarliest():
		return Earliest()
	case numbered:
		return AtSeq(seq)
	case timed:
		return Since(at)
	}
	return Position{}
}

// open subscribes.
func (in *inTopic) open(ctx context.Context, from Position, epoch string) (joined streams.Joined, err error) {
	options := SubscribeOptions{From: from, Epoch: epoch, Meta: true, State: true}
	sub := in.network.newSubscription(in.topic, options)
	sub.yields = true
	if err := in.network.subscribe(ctx, sub, options); err != nil {
		return joined, err
	}
	if sub.header {
		m, err := sub.Next(ctx)
		if err != nil {
			in.network.abandon(sub, ErrUnsubscribed)
			return joined, err
		}
		joined.Header = m.Payload
	}
	in.sub, in.next, in.epoch = sub, sub.joined.Next, sub.joined.Epoch
	joined.State = streams.State(sub.state)
	joined.Next = in.next
	joined.Bounds.First, joined.Bounds.Epoch = sub.joined.First, in.epoch
	return joined, nil
}

// Start implements peer.InTopic.
func (in *inTopic) Start() { in.start(in.network.Conn, in.run) }

// Resume implements peer.InTopic.
func (in *inTopic) Resume() { signal(in.resumed) }

// Close implements peer.InTopic.
func (in *inTopic) Close() {
	in.cancel()
	in.start(in.network.Conn, in.leave) // if it was not started
}

// leave ends the subscription.
func (in *inTopic) leave() { in.network.abandon(in.sub, ErrUnsubscribed) }

// run hands over what comes until the end.
func (in *inTopic) run() {
	defer in.leave()
	for {
		m, err := in.sub.Next(in.ctx)
		if errors.Is(err, errYielded) {
			err = in.reopen()
			if err == nil {
				continue
			}
		}
		switch {
		case in.ctx.Err() != nil || in.network.Err() != nil:
			return
		case err != nil:
			in.to.End(in.network.refused(err))
			return
		case !in.handle(m):
			return
		}
	}
}

// reopen subscribes again after what was handed over.
func (in *inTopic) reopen() error {
	joined, err := in.open(in.ctx, AtSeq(in.next), in.epoch)
	if err == nil && joined.State != in.state {
		in.tell(func() bool { return in.to.State(joined.State) })
		in.state = joined.State
	}
	return err
}

// handle hands over a message with those that are queued after it. It returns false at the end.
func (in *inTopic) handle(m Message) bool {
	if in.waiting {
		in.waiting = false
		in.begun(m)
	}
	switch {
	case m.Missing != (Missing{}):
		in.to.Gap(m.Missing.From, m.Missing.To)
		in.next = m.Missing.To + 1
	case m.State != nil:
		in.state = streams.State(*m.State)
		return in.tell(func() bool { return in.to.State(in.state) })
	case !m.Header:
		return in.deliver(m)
	}
	return true
}

// begun tells the consumer that the stream it has waited for is defined. m is the first that came of it.
func (in *inTopic) begun(m Message) {
	joined := streams.Joined{Next: max(m.Seq, 1)}
	joined.Bounds.First, joined.Bounds.Epoch = 1, m.Epoch
	if m.Header {
		joined.Header = m.Payload
	}
	in.next, in.epoch = joined.Next, m.Epoch
	if r, ok := in.to.(peer.Rerouter); ok {
		r.Rerouted(joined)
	}
}

// batchMessages bounds the messages that are handed over in one call.
const batchMessages = 256

// deliver hands over m, and the messages after it that are queued.
func (in *inTopic) deliver(m Message) bool {
	batch := []*streams.Message{{Seq: m.Seq, Time: m.Time, Payload: m.Payload}}
	for len(batch) < batchMessages {
		next, ok := in.sub.takeIf(func(m Message) bool { return m.Seq > 0 })
		if !ok {
			break
		}
		batch = append(batch, &streams.Message{Seq: next.Seq, Time: next.Time, Payload: next.Payload})
	}
	in.epoch = m.Epoch
	return in.tell(func() bool {
		taken := in.to.Deliver(&streams.Batch{Messages: batch})
		if taken > 0 {
			in.next = batch[taken-1].Seq + 1
		}
		batch = batch[taken:]
		return len(batch) == 0
	})
}

// tell offers something to the consumer until it takes it. It returns false at the end.
func (in *inTopic) tell(offer func() (taken bool)) bool {
	for in.ctx.Err() == nil && !offer() {
		for {
			if !in.wait(in.network.Conn) {
				return false
			}
			if in.to.Resumed() {
				break
			}
		}
	}
	return in.ctx.Err() == nil
}

// An outTopic provides a stream.
type outTopic struct {
	gate
	network  *network
	topic    string
	to       streams.Provider // nil if nobody is told
	provider *Provider
}

// Out implements peer.Link.
func (n *network) Out(ctx context.Context, topic string, to streams.Provider) (peer.OutTopic, streams.Interest, error) {
	p, err := n.Provide(ctx, topic)
	if err != nil {
		return nil, streams.Interest{}, n.refused(err)
	}
	out := &outTopic{gate: newGate(), network: n, topic: topic, to: to, provider: p}
	now := out.Interest()
	p.returned = now.Requested() // nobody else has it yet
	return out, now, nil
}

// Start implements peer.OutTopic.
func (out *outTopic) Start() {
	if out.to != nil {
		out.start(out.network.Conn, out.run)
	}
}

func (out *outTopic) run() {
	for {
		i, err := out.provider.Next(out.ctx)
		switch {
		case out.ctx.Err() != nil || out.network.Err() != nil:
			return
		case err != nil:
			out.to.End(out.network.refused(err))
			return
		}
		out.to.Requested(streams.Interest{Subscribers: i.Subscribers, Groups: i.Groups})
	}
}

// Interest implements peer.OutTopic.
func (out *outTopic) Interest() streams.Interest {
	i := out.provider.Interest()
	return streams.Interest{Subscribers: i.Subscribers, Groups: i.Groups}
}

// SetPaused implements peer.OutTopic.
func (out *outTopic) SetPaused(paused bool) error {
	return out.network.refused(out.provider.Pause(context.Background(), paused))
}

// Send implements peer.OutTopic.
func (out *outTopic) Send(payloads [][]byte, done func(streams.Sent, error)) {
	out.network.Publish(peer.Publication{Topic: out.topic, Payloads: payloads}, done)
}

// Close implements peer.OutTopic.
func (out *outTopic) Close() {
	out.cancel()
	if out.provider.end(ErrWithdrawn) {
		out.network.startLater(out.provider.withdraw())
	}
}

// Publish implements peer.Link. It waits while 256 requests have no answer.
func (n *network) Publish(p peer.Publication, done func(streams.Sent, error)) {
	r, err := publication(p)
	if err == nil {
		err = n.start(context.Background(), r)
	}
	if err != nil {
		done(streams.Sent{}, n.refused(err))
		return
	}
	answer := func() {
		if _, err := n.wait(context.Background(), r); err != nil {
			done(streams.Sent{}, n.refused(publishError(p.Topic, err)))
			return
		}
		at := r.published
		done(streams.Sent{First: at.Seq, Time: at.Time, Epoch: at.Epoch}, nil)
	}
	if !n.whileOpen(answer) {
		answer()
	}
}

// publication returns the request.
//
//	{"id":3,"action":"publish","streamName":"boiler_data","batch":[{...},{...}],"messageId":"42","header":{...}}
func publication(p peer.Publication) (*call, error) {
	for _, payload := range append(p.Payloads[:len(p.Payloads):len(p.Payloads)], orNull(p.Header)) {
		if !isJSON(payload) {
			return nil, publishError(p.Topic, &Error{Code: protocol.CodeMalformedJSON, Message: "a message is not JSON"})
		}
	}
	return newCall(func(dst []byte) []byte {
		dst = appendMember(dst, "action", protocol.ActionPublish)
		dst = appendMember(dst, "streamName", p.Topic)
		if len(p.Payloads) == 1 {
			dst = append(append(dst, `,"payload":`...), p.Payloads[0]...)
		} else {
			dst = append(dst, `,"batch":[`...)
			for i, payload := range p.Payloads {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = append(dst, payload...)
			}
			dst = append(dst, ']')
		}
		if p.ID != "" {
			dst = appendMember(dst, "messageId", p.ID)
		}
		if p.Header != nil {
			dst = append(append(dst, `,"header":`...), p.Header...)
		}
		return append(dst, '}')
	}), nil
}

// SetHeader implements peer.Link, over HTTP.
func (n *network) SetHeader(ctx context.Context, topic string, header []byte) error {
	switch {
	case n.Err() != nil:
		return n.refused(n.Err())
	case header == nil:
		return n.refused(n.client.ClearHeader(ctx, topic))
	}
	return n.refused(n.client.SetHeader(ctx, topic, jsontext.Value(header)))
}

// A membership is a member's place in a group.
type membership struct {
	gate
	network *network
	to      peer.Member
	sub     *Subscription
}

// JoinGroup implements peer.Link.
func (n *network) JoinGroup(ctx context.Context, topic string, m peer.Member, o peer.MemberOptions) (peer.Membership, error) {
	options := SubscribeOptions{
		Group:    o.Group,
		From:     positionOf(o.From),
		Epoch:    o.From.Epoch(),
		Explicit: true,
		Credit:   o.Credit,
	}
	if o.Group == "" || o.Credit < 0 {
		return nil, n.refused(&Error{Code: protocol.CodeInvalidRequest, Message: "a member needs the UUID of a group, and no credit below 0"})
	}
	sub := n.newSubscription(topic, options)
	sub.limit = math.MaxInt // the gateway sends as much as the credit allows
	if err := n.subscribe(ctx, sub, options); err != nil {
		return nil, n.refused(err)
	}
	return &membership{gate: newGate(), network: n, to: m, sub: sub}, nil
}

// Start implements peer.Membership.
func (ms *membership) Start() { ms.start(ms.network.Conn, ms.run) }

// Resume implements peer.Membership.
func (ms *membership) Resume() { signal(ms.resumed) }

func (ms *membership) run() {
	for {
		m, err := ms.sub.Next(ms.ctx)
		switch {
		case ms.ctx.Err() != nil || ms.network.Err() != nil:
			return
		case err != nil:
			ms.to.End(ms.network.refused(err))
			return
		case m.Missing != (Missing{}):
			ms.to.Gap(m.Missing.From, m.Missing.To)
		case m.Seq > 0 && !ms.deliver(m):
			return
		}
	}
}

// deliver hands over a message. It returns false at the end.
func (ms *membership) deliver(m Message) bool {
	one := []peer.Delivery{{Message: &streams.Message{Seq: m.Seq, Time: m.Time, Payload: m.Payload}, Redelivered: m.Redelivered}}
	for ms.to.Deliver(one) == 0 {
		if !ms.wait(ms.network.Conn) {
			return false
		}
	}
	return true
}

// Ack implements peer.Membership.
func (ms *membership) Ack(seqs ...uint64) error {
	return ms.network.refused(ms.sub.Ack(context.Background(), seqs...))
}

// Nack implements peer.Membership.
func (ms *membership) Nack(reason string, delay time.Duration, seqs ...uint64) error {
	return ms.network.refused(ms.sub.Nack(context.Background(), NackOptions{Reason: reason, Delay: delay}, seqs...))
}

// Close implements peer.Membership. As inside the gateway's process, the member leaves at once,
// and what it has not acknowledged goes to the others.
func (ms *membership) Close() {
	ms.cancel()
	ms.network.whileOpen(func() { ms.sub.Unsubscribe(context.Background()) })
}
