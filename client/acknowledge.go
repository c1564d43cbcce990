package client

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"seagate/protocol"
)

// Ack acknowledges messages by their numbers. An Explicit subscription must do so.
// If Ack returns nil, the gateway has the acknowledgement. It ignores messages that
// it has taken back in the meantime. The code to expect is not_explicit.
func (s *Subscription) Ack(ctx context.Context, seqs ...uint64) error {
	for some := range slices.Chunk(seqs, protocol.MaxAckSeqs) {
		if _, err := s.conn.roundTrip(ctx, s.ack(some)); err != nil {
			return s.failed("acknowledge", err)
		}
	}
	return nil
}

// AckUpTo acknowledges all messages that were delivered to this subscription up to
// and including a number. That includes messages that still wait for Next, such as
// messages that are delivered again.
func (s *Subscription) AckUpTo(ctx context.Context, seq uint64) error {
	upTo := strconv.AppendUint([]byte(`,"upTo":`), seq, 10)
	if _, err := s.conn.roundTrip(ctx, s.onSubscription(protocol.ActionAck, upTo)); err != nil {
		return s.failed("acknowledge", err)
	}
	return nil
}

// NackOptions says how to give messages back. The zero value gives them back at once
// and without a reason.
type NackOptions struct {
	// Reason is a text for people, of at most 1,024 bytes.
	Reason string
	// Delay is the time until the messages are delivered again, at most a day.
	Delay time.Duration
}

// Nack gives messages back, to be delivered again to any member of the group. If it
// returns nil, the gateway has taken them back. The code to expect is not_explicit.
func (s *Subscription) Nack(ctx context.Context, options NackOptions, seqs ...uint64) error {
	for some := range slices.Chunk(seqs, protocol.MaxAckSeqs) {
		if _, err := s.conn.roundTrip(ctx, s.nack(options, some)); err != nil {
			return s.failed("give back", err)
		}
	}
	return nil
}

func (s *Subscription) failed(doing string, err error) error {
	return fmt.Errorf("client: %s messages of %q: %w", doing, s.stream, err)
}

// {"id":7,"action":"ack","payload":{"subscription":2,"seq":[17,18]}}
func (s *Subscription) ack(seqs []uint64) *call {
	return s.onSubscription(protocol.ActionAck, appendSeqs(nil, seqs))
}

// {"id":8,"action":"nack","payload":{"subscription":2,"seq":[17],"reason":"...","delay":5}}
func (s *Subscription) nack(options NackOptions, seqs []uint64) *call {
	members := appendSeqs(nil, seqs)
	if options.Reason != "" {
		members = appendMember(members, "reason", options.Reason)
	}
	if options.Delay != 0 {
		members = strconv.AppendFloat(append(members, `,"delay":`...), options.Delay.Seconds(), 'f', -1, 64)
	}
	return s.onSubscription(protocol.ActionNack, members)
}

// onSubscription returns a request whose payload is the id of the subscription,
// which must have begun, and the members.
func (s *Subscription) onSubscription(action string, members []byte) *call {
	return newCall(func(dst []byte) []byte {
		dst = appendMember(dst, "action", action)
		dst = strconv.AppendInt(append(dst, `,"payload":{"subscription":`...), s.id, 10)
		return append(append(dst, members...), '}', '}')
	})
}

func appendSeqs(dst []byte, seqs []uint64) []byte {
	dst = append(dst, `,"seq":[`...)
	for i, seq := range seqs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, seq, 10)
	}
	return append(dst, ']')
}

// acks acknowledges messages in batches. One request is under way at a time, and the
// next one has all messages that were added meanwhile. So not every message waits
// for an answer.
type acks struct {
	sub     *Subscription
	waiting []uint64 // not sent
	sent    *call    // under way; nil if there is none
}

func (a *acks) add(seq uint64) { a.waiting = append(a.waiting, seq) }

// beforeNext sends what is waiting. If a request is under way and no message is in
// the queue, it waits for the answer first. The error is why an acknowledgement was
// refused or not sent.
func (a *acks) beforeNext(ctx context.Context) error {
	for len(a.waiting) > 0 && a.isOnItsWay() && a.sub.idle() && ctx.Err() == nil {
		a.sub.await(ctx, a.sent.done)
	}
	if a.isOnItsWay() {
		return nil
	}
	err := a.settle(ctx)
	if err == nil || CodeOf(err) == protocol.CodeSubscriptionNotFound { // Next says why it ended
		return nil
	}
	return a.sub.failed("acknowledge", err)
}

func (a *acks) isOnItsWay() bool { return a.sent != nil && !a.sent.answered() }

// settle reads the answer to what was sent, and sends what is waiting.
func (a *acks) settle(ctx context.Context) error {
	if a.sent != nil {
		_, err := a.sub.conn.wait(ctx, a.sent)
		if a.sent = nil; err != nil {
			return err
		}
	}
	if len(a.waiting) == 0 {
		return nil
	}
	some := a.waiting[:min(len(a.waiting), protocol.MaxAckSeqs)]
	r := a.sub.ack(some)
	if err := a.sub.conn.start(ctx, r); err != nil {
		return err
	}
	a.sent, a.waiting = r, a.waiting[len(some):]
	return nil
}

// sendLast sends what is waiting, without waiting for answers: the messages are
// handled, whatever comes next.
func (a *acks) sendLast() {
	for some := range slices.Chunk(a.waiting, protocol.MaxAckSeqs) {
		// It needs no context, as in Conn.abandon. If the connection has ended, the
		// messages are delivered again.
		a.sub.conn.start(context.Background(), a.sub.ack(some))
	}
}
