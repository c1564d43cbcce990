package client

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"seagate/protocol"
)

// Ack acknowledges messages by their numbers, which a subscription that is
// Explicit must. If it returns nil, the gateway knows. What was taken back
// meanwhile is passed over. The code to expect is not_explicit.
func (s *Subscription) Ack(ctx context.Context, seqs ...uint64) error {
	for some := range slices.Chunk(seqs, protocol.MaxAckSeqs) {
		if _, err := s.conn.roundTrip(ctx, s.ack(some)); err != nil {
			return s.failed("acknowledge", err)
		}
	}
	return nil
}

// AckUpTo acknowledges everything that was handed to this subscription up to
// and including the message with a number: also what still waits for Next, as
// a message that is delivered again may.
func (s *Subscription) AckUpTo(ctx context.Context, seq uint64) error {
	upTo := strconv.AppendUint([]byte(`,"upTo":`), seq, 10)
	if _, err := s.conn.roundTrip(ctx, s.onSubscription(protocol.ActionAck, upTo)); err != nil {
		return s.failed("acknowledge", err)
	}
	return nil
}

// NackOptions says how to give messages back. The zero value gives them back
// at once and without a reason.
type NackOptions struct {
	// Reason says why, for people, in at most 1,024 bytes.
	Reason string
	// Delay is how long they are not handed out again, at most a day.
	Delay time.Duration
}

// Nack gives messages back, to be delivered again, to whichever member of the
// group. If it returns nil, the gateway knows. The code to expect is
// not_explicit.
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

// onSubscription returns a request whose payload names the subscription, and
// ends with the members. The subscription has begun: its id is set.
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

// acks acknowledges messages one after the other. One request is on its way at
// a time, and what comes meanwhile goes into the next: so a round trip is not
// the price of each message.
type acks struct {
	sub     *Subscription
	waiting []uint64 // not sent
	sent    *call    // not known to be answered; nil if there is none
}

func (a *acks) add(seq uint64) { a.waiting = append(a.waiting, seq) }

// beforeNext sends what can be sent, for which it waits as long as there is
// nothing else to do. The error is why an acknowledgement was refused, or not
// sent.
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

// settle takes the answer to what was sent, and sends what waits.
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

// sendLast sends what waits, and does not wait for answers. Whoever stops after
// a message has dealt with it.
func (a *acks) sendLast() {
	for some := range slices.Chunk(a.waiting, protocol.MaxAckSeqs) {
		// Without a context, as in Conn.abandon. If the connection is over,
		// the messages are delivered again.
		a.sub.conn.start(context.Background(), a.sub.ack(some))
	}
}
