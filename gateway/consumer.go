package gateway

import (
	"time"

	"seagate/groups"
	"seagate/protocol"
	"seagate/streams"
	"seagate/streams/merge"
)

// consumer is a Subscription as its topic sees it.
type consumer struct{ *Subscription }

func (c consumer) Deliver(b *streams.Batch) int {
	taken := c.deliver(b)
	if taken > 0 {
		c.passed(b.Messages[taken-1].Seq)
	}
	return taken
}

// passed tells Request.Passed that the subscriber has had the messages up to
// seq.
func (c consumer) passed(seq uint64) {
	if c.request.Passed != nil {
		c.request.Passed(seq + 1)
	}
}

func (c consumer) deliver(b *streams.Batch) int {
	if !c.principal.Current() { // its connection is about to end
		return 0
	}
	if c.filter == nil {
		taken, _ := c.sink.Deliver(b, nil)
		c.delivered(b, nil, taken)
		return taken
	}
	share := visible(b, c.filter).share
	if len(share) > 0 {
		taken, _ := c.sink.Deliver(b, share)
		c.delivered(b, share, taken)
		if taken < len(share) {
			return share[taken].Index
		}
	}
	return len(b.Messages)
}

func (c consumer) State(s streams.State) bool { return c.request.State == nil || c.request.State(s) }
func (c consumer) Resumed() bool              { return c.request.Resumed == nil || c.request.Resumed() }
func (c consumer) Owner() *streams.Owner      { return c.request.Owner }
func (c consumer) End(err error)              { c.end(err) }

// Filter implements streams.Filtered. A subscriber that is told of progress is
// offered everything.
func (c consumer) Filter() streams.Filter {
	if c.filter == nil || c.request.Passed != nil {
		return nil
	}
	return c.filter
}

// The cost of a delivery, in the unit of streams.Batch.Spend. Most of it is the write to a
// socket, and the bytes that are encoded and copied.
const (
	deliveryWork  = 500
	copiedPerStep = 64
)

// delivered charges a batch for what a sink took of it. If the subscriber has waited for the batch, it
// counts how long ago its oldest message was accepted.
func (s *Subscription) delivered(b *streams.Batch, share []groups.Share, taken int) {
	if taken == 0 {
		return
	}
	b.Spend(deliveryWork + b.Bytes()*taken/len(b.Messages)/copiedPerStep)
	if b.Live {
		s.gateway.Metrics.Delivery.Observe(time.Since(b.Messages[0].Time))
	}
	if s.gateway.Tracer != nil {
		s.traceDeliveries(b, share, taken)
	}
}

func (c consumer) Gap(first, last uint64) {
	c.gateway.Metrics.MessagesLost.Add(float64(last - first + 1))
	c.gap(first, last)
	c.passed(last)
}

// member is a Subscription as its group sees it.
type member struct{ *Subscription }

func (m member) Visible(b *streams.Batch) []int {
	if m.filter == nil {
		return nil
	}
	return visible(b, m.filter).index
}

func (m member) Deliver(b *streams.Batch, share []groups.Share) (taken int, tag uint64) {
	if !m.principal.Current() { // its connection is about to end
		return 0, 0
	}
	taken, tag = m.sink.Deliver(b, share)
	m.delivered(b, share, taken)
	return taken, tag
}

func (m member) Gap(first, last uint64) (tag uint64, told bool) { return m.gap(first, last) }

func (m member) End(err error) {
	if err == groups.ErrDrained && m.request.Drained != nil {
		m.request.Drained()
		return
	}
	m.end(err)
}

// Panicked ends the connection of a subscription or provider that panicked while
// it was called. It is for streams.Options.OnPanic and groups.Options.OnPanic,
// with what they name: a streams.Consumer, a streams.Provider or a groups.Member.
func Panicked(who any) {
	var s *Subscription
	switch who := who.(type) {
	case consumer:
		s = who.Subscription
	case member:
		s = who.Subscription
	case provider:
		who.sink.End(protocol.Errorf(protocol.CodeInternal, "the server failed while it told the provider of %s", who.stream))
		return
	default:
		if sink, ok := merge.SinkOf(who); ok {
			if m, ok := sink.(mergeSink); ok {
				m.sink.End(protocol.Errorf(protocol.CodeInternal, "the server failed while it delivered merged streams"))
			}
		}
		return
	}
	s.sink.End(protocol.Errorf(protocol.CodeInternal, "the server failed while it delivered %s", s.stream))
}
