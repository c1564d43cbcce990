package protocol

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
)

// An Ack acknowledges messages of a subscription: either Seqs, or all that
// were handed over up to and including UpTo.
type Ack struct {
	Subscription int64 // the id of the request that began it
	Seqs         []uint64
	UpTo         uint64 // 0 if there are Seqs
}

// Ack reads an ack request (an extension). There is seq or upTo, and not both;
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
	if err := r.readPayload(&sent); err != nil {
		return Ack{}, err
	}
	var wrong problems
	ack := Ack{Subscription: wrong.subscription(sent.Subscription)}
	switch {
	case absent(sent.Seq) == absent(sent.UpTo):
		wrong.add("payload", "must have either seq or upTo")
	case absent(sent.UpTo):
		ack.Seqs = wrong.seqs(sent.Seq)
	default:
		ack.UpTo = wrong.seq("payload.upTo", sent.UpTo)
	}
	if err := wrong.err(); err != nil {
		return Ack{}, err
	}
	return ack, nil
}

// A Nack gives messages of a subscription back, to be handed out again.
type Nack struct {
	Subscription int64 // the id of the request that began it
	Seqs         []uint64
	Reason       string        // for people; "" if the request gives none
	Delay        time.Duration // before they may be handed out again, up to MaxNackDelay
}

// Nack reads a nack request (an extension). seq is as in Ack; the delay is in
// seconds. reason and delay may be left out.
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
	if err := r.readPayload(&sent); err != nil {
		return Nack{}, err
	}
	var wrong problems
	nack := Nack{
		Subscription: wrong.subscription(sent.Subscription),
		Seqs:         wrong.seqs(sent.Seq),
		Reason:       wrong.reason(sent.Reason),
		Delay:        wrong.delay(sent.Delay),
	}
	if err := wrong.err(); err != nil {
		return Nack{}, err
	}
	return nack, nil
}

func (p *problems) subscription(raw jsontext.Value) int64 {
	id, ok := parseInteger(raw)
	if !ok {
		p.add("payload.subscription", mustBeInteger)
	}
	return id
}

func (p *problems) seq(place string, raw jsontext.Value) uint64 {
	seq, ok := parseSeq(raw)
	if !ok {
		p.add(place, "must be a message number from 1")
	}
	return seq
}

// seqs returns the one or more numbers at payload.seq, or notes the problem.
func (p *problems) seqs(raw jsontext.Value) []uint64 {
	if seq, ok := parseSeq(raw); ok {
		return []uint64{seq}
	}
	seqs, ok := parseSeqs(raw)
	if !ok {
		p.add("payload.seq", fmt.Sprintf("must be a message number from 1, or a list of 1 to %d of them", MaxAckSeqs))
		return nil
	}
	return seqs
}

// parseSeqs reads a list of numbers. It stops at the first that is one too
// many, so that a long list costs no more than the longest that is allowed.
func parseSeqs(raw jsontext.Value) (seqs []uint64, ok bool) {
	if raw.Kind() != '[' {
		return nil, false
	}
	seqs = make([]uint64, 0, min(1+bytes.Count(raw, []byte{','}), MaxAckSeqs))
	ok = true
	_, err := jsonscan.Array(raw, math.MaxInt, func(item jsontext.Value) bool {
		seq, isSeq := parseSeq(item)
		if ok = isSeq && len(seqs) < MaxAckSeqs; ok {
			seqs = append(seqs, seq)
		}
		return ok
	})
	return seqs, ok && err == nil && len(seqs) > 0
}

func (p *problems) reason(raw jsontext.Value) string {
	if absent(raw) {
		return ""
	}
	reason, ok := parseString(raw)
	if !ok || len(reason) > MaxReasonBytes {
		p.add("payload.reason", fmt.Sprintf("must be a string of at most %d bytes", MaxReasonBytes))
	}
	return reason
}

func (p *problems) delay(raw jsontext.Value) time.Duration {
	if absent(raw) {
		return 0
	}
	delay, ok := parseSeconds(raw)
	if !ok || delay < 0 || delay > MaxNackDelay {
		p.add("payload.delay", fmt.Sprintf("must be a number of seconds from 0 to %.0f", MaxNackDelay.Seconds()))
	}
	return delay
}

// parseSeconds returns the duration that the raw value is in seconds, rounded
// to nanoseconds; false if it is no number or too long for a Duration.
func parseSeconds(raw jsontext.Value) (time.Duration, bool) {
	if raw.Kind() != '0' {
		return 0, false
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.Abs(seconds) >= math.MaxInt64/1e9 {
		return 0, false
	}
	return time.Duration(math.Round(seconds * 1e9)), true
}
