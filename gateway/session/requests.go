package session

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/internal/tracing"
	"seagate/protocol"
)

func (s *Session) publish(r protocol.Request) {
	if s.answers.Pending() >= s.opts.PublishesInFlight {
		s.burst.Release()
	}
	s.burst.HoldAlone(s.out) // the log may be slow
	place := s.answers.Reserve(s.opts.PublishesInFlight)
	request, err := r.Publish()
	if err != nil {
		s.answers.Fill(place, s.answerFrame(r.ID, r.Action, nil, err))
		return
	}
	publication := gateway.Publication{
		Stream:   request.Stream,
		Payloads: []jsontext.Value{bytes.Clone(request.Payload)}, // the message is the reader's
		Batch:    request.Batch != nil,
		ID:       request.MessageID,
		Header:   bytes.Clone(request.Header),
		Trace:    tracing.Parse(request.Traceparent),
	}
	if publication.Batch {
		publication.Payloads = cloned(request.Batch)
	}
	s.gateway.Publish(s.principal, publication, func(at protocol.Published, err error) {
		s.answers.Fill(place, s.publishedFrame(r.ID, publication.Batch, at, err))
	})
}

func cloned(items []jsontext.Value) []jsontext.Value {
	copies := make([]jsontext.Value, len(items))
	for i, item := range items {
		copies[i] = bytes.Clone(item)
	}
	return copies
}

func (s *Session) publishedFrame(id int64, batch bool, at protocol.Published, err error) []byte {
	switch {
	case err != nil:
		return s.refused(id, protocol.ActionPublish, s.gateway.Refusal(err))
	case batch:
		return s.frame(func(b []byte) []byte { return protocol.AppendPublishedBatch(b, id, at) })
	}
	return s.frame(func(b []byte) []byte { return protocol.AppendPublished(b, id, at) })
}

func (s *Session) define(r protocol.Request) {
	request, err := r.Define()
	if err != nil {
		s.answer(r, nil, err)
		return
	}
	ctx, cancel := gateway.RequestContext()
	defer cancel()
	outcome, err := s.gateway.Define(ctx, s.principal, request.Stream, request.Definition)
	if err != nil {
		s.answer(r, nil, err)
		return
	}
	s.answer(r, outcome.Definition.AppendJSON(nil), nil)
}

func (s *Session) describe(r protocol.Request) {
	stream, err := r.Describe()
	if err != nil {
		s.answer(r, nil, err)
		return
	}
	definition, err := s.gateway.Describe(s.principal, stream)
	if err != nil {
		s.answer(r, nil, err)
		return
	}
	s.answer(r, definition.AppendJSON(nil), nil)
}

func (s *Session) unsubscribe(r protocol.Request) {
	u, err := r.Unsubscribe()
	if err == nil && (s.endService(u.ID) || s.endWatch(u.ID) || s.withdrawID(u.ID) || s.endMerged(u.ID)) {
		s.answer(r, nil, nil)
		return
	}
	if err == nil && u.Drain && s.drain(r, u.ID) {
		return
	}
	s.onSubscription(r, u.ID, err, func(sub *subscription) error {
		s.forget(sub)
		return nil
	})
}

// drain lets a subscription leave its group, and answers the request. It returns false if
// there is no such subscription, or if it is in no group: then it has nothing to settle.
func (s *Session) drain(r protocol.Request, id int64) bool {
	sub, err := s.subscription(id)
	if err != nil || !sub.inner.Shared() {
		return false
	}
	s.send(func(b []byte) []byte { return protocol.AppendDraining(b, r.ID) })
	sub.inner.Drain() // after the answer, so that the end comes behind it
	return true
}

// ack confirms messages that were processed.
func (s *Session) ack(r protocol.Request) {
	a, err := r.Ack()
	s.settle(r, a.Subscription, err, func(sub *subscription) error { return sub.inner.Acknowledge(a) })
}

// nack gives messages back that could not be processed.
func (s *Session) nack(r protocol.Request) {
	n, err := r.Nack()
	s.settle(r, n.Subscription, err, func(sub *subscription) error { return sub.inner.Reject(n) })
}

// settle is onSubscription for a request that may end a subscription that drains. The
// client gets the answer first, and then the end.
func (s *Session) settle(r protocol.Request, id int64, err error, do func(*subscription) error) {
	var settled *subscription
	s.onSubscription(r, id, err, func(sub *subscription) error {
		settled = sub
		sub.holdEnd()
		return do(sub)
	})
	if settled != nil {
		settled.releaseEnd()
	}
}

// onSubscription answers a request about the subscription with that id, unless
// the request could not be read, which err says.
func (s *Session) onSubscription(r protocol.Request, id int64, err error, do func(*subscription) error) {
	var sub *subscription
	if err == nil {
		sub, err = s.subscription(id)
	}
	if err == nil {
		err = do(sub)
	}
	s.answer(r, nil, err)
}
