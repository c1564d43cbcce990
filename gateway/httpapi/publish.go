package httpapi

import (
	"bytes"
	"context"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/protocol"
)

var emptyObject = []byte("{}")

// publish is POST /streams/{stream}/publish. The package comment has its bodies.
func (q *request) publish(stream string) ([]byte, error) {
	body, err := q.body()
	if err != nil {
		return nil, err
	}
	messages, batch, err := q.messages(stream, body)
	if err != nil {
		return nil, err
	}
	id, err := q.idempotencyKey()
	if err != nil {
		return nil, err
	}
	t := receipts.Get().(*receipt)
	q.gateway.Publish(q.principal, gateway.Publication{Stream: stream, Payloads: messages, Batch: batch, ID: id}, t.done)
	if err := t.wait(q.r.Context()); err != nil {
		return nil, err
	}
	return emptyObject, nil
}

// idempotencyKey is the header of that name, "" if there is none: a repeat with
// the same one publishes nothing.
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

// messages finds the messages in a body, and says whether they are a batch.
func (q *request) messages(stream string, body []byte) (list []jsontext.Value, batch bool, err error) {
	switch jsontext.Value(body).Kind() {
	case '{':
		list, batch, err = q.enveloped(stream, body)
	case '[':
		list, err = q.split(body)
		list, batch = q.unwrap(stream, list), true
	default:
		_, err = readJSON(body, q.depth)
		if err == nil {
			err = invalidRequest("body", mustBeMessages)
		}
	}
	return tight(list, body), batch, err
}

const mustBeMessages = `must be {"payload": message} or an array of messages`

// enveloped reads {"payload": message} and {"payload": [message, ...]}.
func (q *request) enveloped(stream string, body []byte) ([]jsontext.Value, bool, error) {
	payload, err := q.payload(body)
	if err != nil {
		return nil, false, err
	}
	if payload.Kind() != '[' {
		return []jsontext.Value{payload}, false, nil
	}
	if defined, _ := q.gateway.Field(q.principal, stream, "payload"); !defined {
		return []jsontext.Value{payload}, false, nil
	}
	list, err := q.split(payload)
	return list, true, err
}

// payload returns the member of that name, which whoever takes it still has to
// decode strictly. All around it is known to be strict JSON.
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

// split returns the messages of a batch.
func (q *request) split(array []byte) ([]jsontext.Value, error) {
	items, err := q.items(array)
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

// unwrap returns what is in [{"payload": message}, ...], and any other batch
// as it is.
func (q *request) unwrap(stream string, items []jsontext.Value) []jsontext.Value {
	if _, isField := q.gateway.Field(q.principal, stream, "payload"); isField {
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

// slack is how much of a body may be kept in memory beside its messages.
const slack = 64

// tight returns the messages apart from the body, if that has much else in it.
// A topic keeps messages, and each keeps what it is a part of: a megabyte of
// white space would be kept along with a small one, and counted by nobody.
func tight(messages []jsontext.Value, body []byte) []jsontext.Value {
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

// A receipt is where the outcome of a publish arrives. It is reused.
type receipt struct {
	outcome chan error
	done    func(error)
}

var receipts = sync.Pool{New: func() any {
	t := &receipt{outcome: make(chan error, 1)}
	t.done = func(err error) { t.outcome <- err }
	return t
}}

// wait returns the outcome. The receipt must not be used any more.
func (t *receipt) wait(ctx context.Context) error {
	select {
	case err := <-t.outcome:
		receipts.Put(t)
		return err
	case <-ctx.Done():
		// Not reused: the outcome may still come.
		return protocol.Errorf(protocol.CodeStorageUnavailable,
			"the request ended before its messages were accepted; they may be yet")
	}
}
