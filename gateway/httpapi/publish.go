package httpapi

import (
	"bytes"
	"context"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/internal/jsonscan"
	"seagate/protocol"
)

// publish is POST /streams/{stream}/publish. The package comment has its bodies.
func (q *request) publish() (any, error) {
	body, err := q.body()
	if err != nil {
		return nil, err
	}
	messages, batch, err := q.messages(body)
	if err != nil {
		return nil, err
	}
	id, err := q.idempotencyKey()
	if err != nil {
		return nil, err
	}
	t := receipts.Get().(*receipt)
	q.gateway.Publish(q.principal, gateway.Publication{Stream: q.stream(), Payloads: messages, Batch: batch, ID: id}, t.done)
	at, err := t.wait(q.r.Context())
	if err != nil {
		return nil, err
	}
	t.body = protocol.AppendPublishedBody(t.body[:0], at, batch)
	q.receipt = t
	return t, nil
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

// messages returns the messages in a body, and whether they are a batch.
func (q *request) messages(body []byte) (list []jsontext.Value, batch bool, err error) {
	switch jsontext.Value(body).Kind() {
	case '{':
		list, batch, err = q.enveloped(body)
	case '[':
		list, err = q.split(body)
		list, batch = q.unwrap(list), true
	default:
		err = q.wrongKind(body, `must be {"payload": message} or an array of messages`)
	}
	return detach(list, body), batch, err
}

// wrongKind refuses a body that is malformed, or neither an object nor an array.
func (q *request) wrongKind(body []byte, mustBe string) error {
	if _, err := readJSON(body, q.depth); err != nil {
		return err
	}
	return invalidRequest("body", mustBe)
}

// enveloped reads {"payload": message} and {"payload": [message, ...]}.
func (q *request) enveloped(body []byte) ([]jsontext.Value, bool, error) {
	payload, err := q.payload(body)
	if err != nil {
		return nil, false, err
	}
	if payload.Kind() == '[' {
		if defined, _ := q.payloadField(); defined {
			list, err := q.split(payload)
			return list, true, err
		}
	}
	return []jsontext.Value{payload}, false, nil
}

// payloadField reports whether the stream is defined, and whether it has a
// field named payload.
func (q *request) payloadField() (defined, has bool) {
	return q.gateway.Field(q.principal, q.stream(), "payload")
}

// payload returns the member "payload" of a body that is an object. The rest of
// the body is checked to be strict JSON; the caller has to decode the payload
// strictly.
func (q *request) payload(body []byte) (jsontext.Value, error) {
	payload, members, err := q.envelope(body)
	if err != nil || members > 1 {
		if _, err := readJSON(body, q.bodyDepth()); err != nil {
			return nil, err
		}
	}
	if payload == nil {
		return nil, invalidRequest("payload", mustBeThere)
	}
	return payload, nil
}

// envelope reads an object. It returns the value of its member "payload", or
// nil, and the number of its members.
func (q *request) envelope(text []byte) (payload jsontext.Value, members int, err error) {
	_, err = jsonscan.Object(text, q.bodyDepth(), func(quoted, value jsontext.Value) {
		members++
		if name, _ := jsonscan.Text(quoted); string(name) == "payload" {
			payload = value
		}
	})
	return payload, members, err
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
		payload, members, err := q.envelope(item)
		if err != nil || payload == nil || members > 1 {
			return items
		}
		messages[i] = payload
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
	outcome chan outcome
	done    func(protocol.Published, error)
	body    []byte
}

type outcome struct {
	at  protocol.Published
	err error
}

var receipts = sync.Pool{New: func() any {
	t := &receipt{outcome: make(chan outcome, 1)}
	t.done = func(at protocol.Published, err error) { t.outcome <- outcome{at, err} }
	return t
}}

// wait returns the outcome. After an error the receipt must not be used again.
func (t *receipt) wait(ctx context.Context) (protocol.Published, error) {
	select {
	case o := <-t.outcome:
		if o.err != nil {
			receipts.Put(t)
		}
		return o.at, o.err
	case <-ctx.Done():
		// The outcome may still come, so the receipt cannot be reused.
		return protocol.Published{}, protocol.Errorf(protocol.CodeStorageUnavailable,
			"the request ended before its messages were accepted; they may be yet")
	}
}
