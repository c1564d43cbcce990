package httpapi

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/internal/jsonscan"
	"seagate/internal/tracing"
	"seagate/protocol"
)

// publish is POST /streams/{stream}/publish. The package comment has its bodies. With ?dryRun=true
// it returns what would happen, and stores nothing.
func (q *request) publish() (any, error) {
	dryRun := false
	if q.r.URL.RawQuery != "" {
		var err error
		if dryRun, err = q.dryRun(); err != nil {
			return nil, err
		}
	}
	body, err := q.body()
	if err != nil {
		return nil, err
	}
	pub, err := q.publication(body)
	if err != nil {
		return nil, err
	}
	if pub.ID, err = q.idempotencyKey(); err != nil {
		return nil, err
	}
	pub.Sender = q.r.Context()
	if dryRun {
		return q.planPublish(pub)
	}
	pub.Trace = tracing.Parse(firstOf(q.r.Header["Traceparent"]))
	t := receipts.Get().(*receipt)
	q.gateway.Publish(q.principal, pub, t.done)
	at, err := t.wait(q.r.Context())
	if err != nil {
		return nil, err
	}
	t.body = protocol.AppendPublishedBody(t.body[:0], at, pub.Batch)
	q.receipt = t
	return t, nil
}

func (q *request) planPublish(pub gateway.Publication) (any, error) {
	plan, err := q.gateway.PlanPublish(q.principal, pub)
	return protocol.PublishPlan{
		Messages:    plan.Messages,
		Bytes:       plan.Bytes,
		Version:     versionOrNull(plan.Version),
		Seq:         plan.Next,
		Epoch:       protocol.Nullable(plan.Epoch),
		Subscribers: plan.Interest.Subscribers,
		Groups:      plan.Interest.Groups,
	}, err
}

// idempotencyKey returns the header of that name, or "". Messages under a key
// that was used before are not published again.
func (q *request) idempotencyKey() (string, error) {
	values := q.r.Header["Idempotency-Key"]
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", invalidRequest("Idempotency-Key", "must be there once")
	}
	if err := protocol.CheckMessageID(values[0]); err != nil {
		return "", invalidRequest("Idempotency-Key", q.gateway.Refusal(err).Message)
	}
	return values[0], nil
}

// publication returns what a body publishes.
func (q *request) publication(body []byte) (pub gateway.Publication, err error) {
	pub.Stream = q.stream()
	switch jsontext.Value(body).Kind() {
	case '{':
		err = q.enveloped(&pub, body)
	case '[':
		pub.Payloads, err = q.split(body)
		pub.Payloads, pub.Batch = q.unwrap(pub.Payloads), true
	default:
		err = q.wrongKind(body, `must be {"payload": message} or an array of messages`)
	}
	pub.Payloads = detach(pub.Payloads, body)
	pub.Header = bytes.Clone(pub.Header) // a topic keeps it longer than the messages
	return pub, err
}

// wrongKind refuses a body that is malformed, or neither an object nor an array.
func (q *request) wrongKind(body []byte, mustBe string) error {
	if _, err := readJSON(body, q.depth); err != nil {
		return err
	}
	return invalidRequest("body", mustBe)
}

// enveloped reads {"payload": message} and {"payload": [message, ...]}, each with
// or without a "header". A header of null is none.
func (q *request) enveloped(pub *gateway.Publication, body []byte) error {
	e, err := q.payload(body)
	if err != nil {
		return err
	}
	if e.header.Kind() != 'n' {
		pub.Header = e.header
	}
	pub.Payloads = []jsontext.Value{e.payload}
	if e.payload.Kind() == '[' {
		if defined, _ := q.payloadField(); defined {
			pub.Batch = true
			pub.Payloads, err = q.split(e.payload)
		}
	}
	return err
}

// payloadField reports whether the stream is defined, and whether it has a
// field named payload.
func (q *request) payloadField() (defined, has bool) {
	return q.gateway.Field(q.principal, q.stream(), "payload")
}

// payload reads a body that is an object with a member "payload". The rest of the
// body is checked to be strict JSON; the caller has to decode the payload and the
// header strictly.
func (q *request) payload(body []byte) (envelope, error) {
	e, err := q.envelope(body)
	if err != nil || e.members > 1 {
		if _, err := readJSON(body, q.bodyDepth()); err != nil {
			return envelope{}, err
		}
	}
	if e.payload == nil {
		return envelope{}, invalidRequest("payload", mustBeThere)
	}
	return e, nil
}

// An envelope is what an object holds. Members that it lacks are nil.
type envelope struct {
	payload, header jsontext.Value
	members         int // how many it has in all
}

func (q *request) envelope(text []byte) (e envelope, err error) {
	_, err = jsonscan.Object(text, q.bodyDepth(), func(quoted, value jsontext.Value) {
		e.members++
		switch name, _ := jsonscan.Text(quoted); string(name) {
		case "payload":
			e.payload = value
		case "header":
			e.header = value
		}
	})
	return e, err
}

// split returns the items of an array. The caller has to decode them strictly.
// It stops reading, with an error, after one item more than a batch may have.
func (q *request) split(array []byte) (items []jsontext.Value, err error) {
	_, err = jsonscan.Array(array, q.bodyDepth(), func(item jsontext.Value) bool {
		items = append(items, item)
		return len(items) <= q.opts.BatchMessages
	})
	if err != nil {
		if _, err := readJSON(array, q.bodyDepth()); err != nil {
			return nil, err
		}
		return nil, protocol.Errorf(protocol.CodeMalformedJSON, "the body cannot be read as JSON: %v", err)
	}
	if len(items) > q.opts.BatchMessages {
		return nil, protocol.Errorf(protocol.CodeMessageTooLarge,
			"the batch has more than %d messages, which is as many as it may have", q.opts.BatchMessages)
	}
	return items, nil
}

// unwrap returns the messages in [{"payload": message}, ...], and the items of
// any other batch as they are.
func (q *request) unwrap(items []jsontext.Value) []jsontext.Value {
	if _, isField := q.payloadField(); isField {
		return items
	}
	messages := make([]jsontext.Value, len(items))
	for i, item := range items {
		if item.Kind() != '{' {
			return items
		}
		e, err := q.envelope(item)
		if err != nil || e.payload == nil || e.members > 1 {
			return items
		}
		messages[i] = e.payload
	}
	return messages
}

// bodyDepth is how deep a body may nest. A message may lie two levels deep in
// it, as in [{"payload": message}].
func (q *request) bodyDepth() int { return q.depth + 2 }

// slack is how many bytes of a body may stay in memory beside its messages.
const slack = 64

// detach copies the messages out of a body that has much else in it. A topic
// keeps its messages in memory, and a slice keeps all of its body: a small
// message would keep a megabyte of white space, which no limit counts.
func detach(messages []jsontext.Value, body []byte) []jsontext.Value {
	used := 0
	for _, m := range messages {
		used += len(m)
	}
	if len(body) <= 2*used+slack {
		return messages
	}
	for i, m := range messages {
		messages[i] = bytes.Clone(m)
	}
	return messages
}

// A receipt receives the outcome of a publish, and is its answer. It is reused.
type receipt struct {
	outcome outcome
	state   atomic.Int32  // pending, awaited or settled
	ready   chan struct{} // gets a value when a receipt that is awaited is settled
	done    func(protocol.Published, error)
	body    []byte
}

type outcome struct {
	at  protocol.Published
	err error
}

// The states of a receipt. If a stream is in memory, or a publish is refused, the receipt is
// settled before anybody waits for it, and no goroutine has to be woken.
const (
	pending = iota
	awaited
	settled // outcome is set
)

var receipts = sync.Pool{New: func() any {
	t := &receipt{ready: make(chan struct{}, 1)}
	t.done = func(at protocol.Published, err error) {
		t.outcome = outcome{at, err}
		if t.state.Swap(settled) == awaited {
			t.ready <- struct{}{}
		}
	}
	return t
}}

// wait returns the outcome. After an error the receipt must not be used again.
func (t *receipt) wait(ctx context.Context) (protocol.Published, error) {
	if t.state.Swap(awaited) != settled {
		select {
		case <-t.ready:
		case <-ctx.Done():
			// The outcome may still come, so the receipt cannot be reused.
			return protocol.Published{}, protocol.Errorf(protocol.CodeStorageUnavailable,
				"the request ended before its messages were accepted; they may be yet")
		}
	}
	o := t.outcome
	t.outcome = outcome{}
	t.state.Store(pending)
	if o.err != nil {
		receipts.Put(t)
	}
	return o.at, o.err
}
