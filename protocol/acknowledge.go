package protocol

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// An Ack acknowledges messages of a subscription: either Seqs, or all that
// were delivered, up to and including UpTo.
type Ack struct {
	Subscription int64 // the id of the subscribe request
	Seqs         []uint64
	UpTo         uint64 // 0 if there are Seqs
}

// Ack reads an ack request (an extension). It must have either seq or upTo;
// seq is a number, or a list of at most MaxAckSeqs.
//
//	{"id":7,"action":"ack","payload":{"subscription":2,"seq":17}}
//	{"id":7,"action":"ack","payload":{"subscription":2,"seq":[17,18]}}
//	{"id":7,"action":"ack","payload":{"subscription":2,"upTo":18}}
//
// The error is an *Error: malformed_json for a repeated key or an unpaired
// surrogate, otherwise invalid_request with everything that is wrong.
func (r Request) Ack() (Ack, error) {
	var sent struct {
		Subscription jsontext.Value `json:"subscription"`
		Seq          jsontext.Value `json:"seq"`
		UpTo         jsontext.Value `json:"upTo"`
	}
	c := checker{refusal: r.refusal}
	if !c.payload(r.payload, &sent) {
		return Ack{}, c.err()
	}
	ack := Ack{Subscription: c.subscription("payload.subscription", sent.Subscription)}
	switch {
	case absent(sent.Seq) == absent(sent.UpTo):
		c.Add("payload", "must have either seq or upTo")
	case absent(sent.UpTo):
		ack.Seqs = c.seqs("payload.seq", sent.Seq)
	default:
		ack.UpTo = c.seq("payload.upTo", sent.UpTo)
	}
	return orZero(ack, c.err())
}

// A Nack returns messages of a subscription, so that they are delivered again.
type Nack struct {
	Subscription int64 // the id of the subscribe request
	Seqs         []uint64
	Reason       string        // for people; "" if the request has none
	Delay        time.Duration // until they may be delivered again, at most MaxNackDelay
}

// Nack reads a nack request (an extension). seq is as in Ack; the delay is in
// seconds. reason and delay are optional.
//
//	{"id":8,"action":"nack","payload":{"subscription":2,"seq":17,"reason":"...","delay":5}}
//
// The error is as in Ack.
func (r Request) Nack() (Nack, error) {
	var sent struct {
		Subscription jsontext.Value `json:"subscription"`
		Seq          jsontext.Value `json:"seq"`
		Reason       jsontext.Value `json:"reason"`
		Delay        jsontext.Value `json:"delay"`
	}
	c := checker{refusal: r.refusal}
	if !c.payload(r.payload, &sent) {
		return Nack{}, c.err()
	}
	nack := Nack{
		Subscription: c.subscription("payload.subscription", sent.Subscription),
		Seqs:         c.seqs("payload.seq", sent.Seq),
		Reason:       c.reason("payload.reason", sent.Reason),
		Delay:        c.delay("payload.delay", sent.Delay),
	}
	return orZero(nack, c.err())
}

// CheckNack returns nil if a nack may have the reason and the delay, and otherwise an
// *Error (invalid_request).
func CheckNack(reason string, delay time.Duration) error {
	switch {
	case len(reason) > MaxReasonBytes:
		return Errorf(CodeInvalidRequest, "The reason has %d bytes and at most %d are allowed.", len(reason), MaxReasonBytes)
	case delay < 0 || delay > MaxNackDelay:
		return Errorf(CodeInvalidRequest, "The delay must be from 0 to %v.", MaxNackDelay)
	}
	return nil
}
