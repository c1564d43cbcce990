package httpapi

import (
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
)

// envelope reads a text that is an object. It returns the value of its member
// "payload", nil if it has none, and how many members it has. Whoever accepts
// the payload still has to decode it strictly.
func (q *request) envelope(text []byte) (payload jsontext.Value, members int, err error) {
	_, err = jsonscan.Object(text, q.bodyDepth(), func(quoted, value jsontext.Value) {
		members++
		if name, _ := jsonscan.Text(quoted); string(name) == "payload" {
			payload = value
		}
	})
	if err != nil {
		return nil, 0, err
	}
	return payload, members, nil
}

// items reads a text that is an array. It stops after one item more than a
// batch may have. Whoever accepts the items still has to decode them strictly.
func (q *request) items(text []byte) (items []jsontext.Value, err error) {
	_, err = jsonscan.Array(text, q.bodyDepth(), func(item jsontext.Value) bool {
		items = append(items, item)
		return len(items) <= q.opts.BatchMessages
	})
	return items, err
}

// bodyDepth is how deep a body may nest: a message may lie two levels deep in
// it, as in [{"payload": message}].
func (q *request) bodyDepth() int { return q.depth + 2 }
