package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/groups"
	"seagate/protocol"
	"seagate/streams"
	"seagate/streams/peer"
)

// A linkIn is an in topic of a Link. It is the Sink of its subscription.
type linkIn struct {
	link  *Link
	to    streams.Consumer
	inner *Subscription // set before it is started

	mu     sync.Mutex // guards what follows
	kind   string     // under which the metric counts it; "" if it does not
	behind bool       // the consumer has not taken the first state yet
}

// In implements peer.Link. If the settings let subscriptions wait for a stream to be defined,
// Joined is zero until then, and a consumer that is a peer.Rerouter is told.
func (l *Link) In(ctx context.Context, topic string, c streams.Consumer, from streams.StartAt) (peer.InTopic, streams.Joined, error) {
	in := &linkIn{link: l, to: c}
	err := l.subscribe(ctx, in, &in.inner, Request{
		Stream:   topic,
		Alone:    true,
		TellGaps: true,
		State:    c.State,
		Begun:    in.begun,
		Resumed:  in.resumed,
		From:     positionOf(from),
	})
	if err != nil {
		return nil, streams.Joined{}, err
	}
	return in, in.joined(), nil
}

// A linkSink is what a Link subscribes with.
type linkSink interface {
	Sink
	ender
	count()
}

// subscribe makes a subscription and stores it in inner, before it counts.
func (l *Link) subscribe(ctx context.Context, sink linkSink, inner **Subscription, r Request) error {
	if err := l.takePlace(); err != nil {
		return l.refused(err)
	}
	s, err := l.gateway.Subscribe(ctx, l.principal, r, sink)
	if err != nil {
		l.giveBack(&l.places)
		return l.refused(err)
	}
	*inner = s
	sink.count()
	if !l.hold(sink) {
		return l.refused(peer.ErrClosed)
	}
	return nil
}

func (in *linkIn) joined() streams.Joined {
	next, bounds := in.inner.Joined()
	return streams.Joined{State: in.inner.State(), Header: in.inner.Header(), Next: next, Bounds: bounds}
}

// count counts the subscription under the kind that it has now.
func (in *linkIn) count() {
	kind := "own"
	if in.inner.IsWaiting() {
		kind = "waiting"
	}
	in.countAs(kind)
}

func (in *linkIn) countAs(kind string) {
	counts := in.link.gateway.Metrics.Subscriptions
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.kind != "" {
		counts.WithLabelValues(in.kind).Dec()
	}
	if in.kind = kind; kind != "" {
		counts.WithLabelValues(kind).Inc()
	}
}

// begun is for Request.Begun.
func (in *linkIn) begun() {
	in.count()
	now := in.joined()
	if r, ok := in.to.(peer.Rerouter); ok {
		r.Rerouted(now)
	}
	if now.State == (streams.State{}) || in.to.State(now.State) {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.behind = true
}

// resumed is for Request.Resumed.
func (in *linkIn) resumed() bool {
	in.mu.Lock()
	behind := in.behind
	in.mu.Unlock()
	if behind {
		if !in.to.State(in.inner.State()) {
			return false
		}
		in.mu.Lock()
		in.behind = false
		in.mu.Unlock()
	}
	return in.to.Resumed()
}

// Start implements peer.InTopic.
func (in *linkIn) Start() { in.inner.Start() }

// Resume implements peer.InTopic.
func (in *linkIn) Resume() { in.inner.Resume() }

// Close implements peer.InTopic.
func (in *linkIn) Close() { in.link.drop(in, &in.link.places) }

func (in *linkIn) end() {
	in.inner.Close()
	in.countAs("")
}

// Deliver implements Sink.
func (in *linkIn) Deliver(b *streams.Batch, share []groups.Share) (taken int, tag uint64) {
	if share != nil {
		seen := make([]*streams.Message, len(share))
		for i, s := range share {
			seen[i] = b.Messages[s.Index]
		}
		b = &streams.Batch{Messages: seen}
	}
	taken = in.to.Deliver(b)
	in.link.gateway.Metrics.MessagesOut.Add(float64(taken))
	return taken, 0
}

// Gap implements Sink.
func (in *linkIn) Gap(first, last uint64) (tag uint64, told bool) {
	in.to.Gap(first, last)
	return 0, true
}

// End implements Sink. It ends the in topic if its stream was deleted, and otherwise the link.
func (in *linkIn) End(reason *protocol.Error) (told bool) {
	if reason.Code != protocol.CodeStreamDeleted {
		in.link.End(reason)
		return true
	}
	in.Close()
	in.to.End(in.link.wrap(reason))
	return true
}

// A linkMember is a membership of a Link. It is the Sink of its subscription.
type linkMember struct {
	link  *Link
	to    peer.Member
	inner *Subscription // set before it is started
}

// JoinGroup implements peer.Link.
func (l *Link) JoinGroup(ctx context.Context, topic string, m peer.Member, o peer.MemberOptions) (peer.Membership, error) {
	group, err := protocol.ParseGroupID(o.Group)
	if err == nil && (o.Credit < 0 || o.Credit > protocol.MaxCredit) {
		err = protocol.Errorf(protocol.CodeInvalidRequest, "the credit of a member must be from 1 to %d", protocol.MaxCredit)
	}
	if err != nil {
		return nil, l.refused(err)
	}
	ms := &linkMember{link: l, to: m}
	err = l.subscribe(ctx, ms, &ms.inner, Request{
		Stream:   topic,
		Group:    group,
		Explicit: true,
		Credit:   o.Credit,
		TellGaps: true,
		From:     positionOf(o.From),
	})
	if err != nil {
		return nil, err
	}
	return ms, nil
}

func (ms *linkMember) count() { ms.link.gateway.Metrics.Subscriptions.WithLabelValues("group").Inc() }

// Start implements peer.Membership.
func (ms *linkMember) Start() { ms.inner.Start() }

// Resume implements peer.Membership.
func (ms *linkMember) Resume() { ms.inner.Resume() }

// Close implements peer.Membership.
func (ms *linkMember) Close() { ms.link.drop(ms, &ms.link.places) }

func (ms *linkMember) end() {
	ms.inner.Close()
	ms.link.gateway.Metrics.Subscriptions.WithLabelValues("group").Dec()
}

// Ack implements peer.Membership.
func (ms *linkMember) Ack(seqs ...uint64) error {
	return ms.link.refused(ms.inner.Acknowledge(protocol.Ack{Seqs: seqs}))
}

// Nack implements peer.Membership.
func (ms *linkMember) Nack(reason string, delay time.Duration, seqs ...uint64) error {
	if err := protocol.CheckNack(reason, delay); err != nil {
		return ms.link.refused(err)
	}
	return ms.link.refused(ms.inner.Reject(protocol.Nack{Seqs: seqs, Reason: reason, Delay: delay}))
}

// Deliver implements Sink.
func (ms *linkMember) Deliver(b *streams.Batch, share []groups.Share) (taken int, tag uint64) {
	messages := make([]peer.Delivery, len(share))
	for i, s := range share {
		messages[i] = peer.Delivery{Message: b.Messages[s.Index], Redelivered: s.Attempt}
	}
	taken = ms.to.Deliver(messages)
	ms.link.gateway.Metrics.MessagesOut.Add(float64(taken))
	return taken, 0
}

// Gap implements Sink. The tag 0 says that the gap needs no acknowledgement.
func (ms *linkMember) Gap(first, last uint64) (tag uint64, told bool) {
	ms.to.Gap(first, last)
	return 0, true
}

// End implements Sink, as linkIn.End does.
func (ms *linkMember) End(reason *protocol.Error) (told bool) {
	if reason.Code != protocol.CodeStreamDeleted && reason.Code != protocol.CodeGroupNotFound {
		ms.link.End(reason)
		return true
	}
	ms.Close()
	ms.to.End(ms.link.wrap(reason))
	return true
}

// A linkOut is an out topic of a Link. It is the ProvideSink of its provision.
type linkOut struct {
	link  *Link
	topic string
	to    streams.Provider // nil if nobody is told
	inner *Provision       // set before it is started
}

// Out implements peer.Link.
func (l *Link) Out(_ context.Context, topic string, p streams.Provider) (peer.OutTopic, streams.Interest, error) {
	err := l.take(&l.provided, l.gateway.settings.ProvidedPerConnection, func(most int) error {
		return protocol.Errorf(protocol.CodeTooManyProvided, "the link provides %d streams, as many as it may", most)
	})
	if err != nil {
		return nil, streams.Interest{}, l.refused(err)
	}
	out := &linkOut{link: l, topic: topic, to: p}
	made, now, err := l.gateway.Provide(l.principal, topic, out)
	if err != nil {
		l.giveBack(&l.provided)
		return nil, streams.Interest{}, l.refused(err)
	}
	out.inner = made
	if !l.hold(out) {
		return nil, streams.Interest{}, l.refused(peer.ErrClosed)
	}
	return out, now, nil
}

// Start implements peer.OutTopic.
func (out *linkOut) Start() { out.inner.Start() }

// Interest implements peer.OutTopic.
func (out *linkOut) Interest() streams.Interest { return out.inner.Interest() }

// SetPaused implements peer.OutTopic.
func (out *linkOut) SetPaused(paused bool) error { return out.link.refused(out.inner.Pause(paused)) }

// Send implements peer.OutTopic.
func (out *linkOut) Send(payloads [][]byte, done func(streams.Sent, error)) {
	out.link.Publish(peer.Publication{Topic: out.topic, Payloads: payloads}, done)
}

// Close implements peer.OutTopic.
func (out *linkOut) Close() { out.link.drop(out, &out.link.provided) }

func (out *linkOut) end() { out.inner.Close() }

// Requested implements ProvideSink.
func (out *linkOut) Requested(i streams.Interest) {
	if out.to != nil {
		out.to.Requested(i)
	}
}

// End implements ProvideSink, as linkIn.End does.
func (out *linkOut) End(reason *protocol.Error) {
	if reason.Code != protocol.CodeStreamDeleted {
		out.link.End(reason)
		return
	}
	out.Close()
	if out.to != nil {
		out.to.End(out.link.wrap(reason))
	}
}

// Publish implements peer.Link.
func (l *Link) Publish(p peer.Publication, done func(streams.Sent, error)) {
	if err := l.mayPublish(p); err != nil {
		done(streams.Sent{}, l.refused(err))
		return
	}
	payloads := make([]jsontext.Value, len(p.Payloads))
	for i, payload := range p.Payloads {
		payloads[i] = payload
	}
	publication := Publication{Stream: p.Topic, Payloads: payloads, Batch: len(payloads) > 1, ID: p.ID, Header: p.Header}
	l.gateway.Publish(l.principal, publication, func(at protocol.Published, err error) {
		done(streams.Sent{First: at.Seq, Time: at.Time, Epoch: at.Epoch}, l.refused(err))
	})
}

func (l *Link) mayPublish(p peer.Publication) error {
	if l.hasEnded() {
		return peer.ErrClosed
	}
	if p.ID != "" {
		return protocol.CheckMessageID(p.ID)
	}
	return nil
}

func (l *Link) hasEnded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// SetHeader implements peer.Link.
func (l *Link) SetHeader(ctx context.Context, topic string, header []byte) error {
	switch {
	case l.hasEnded():
		return l.refused(peer.ErrClosed)
	case header == nil:
		return l.refused(l.gateway.ClearHeader(ctx, l.principal, topic))
	}
	return l.refused(l.gateway.SetHeader(ctx, l.principal, topic, header))
}
