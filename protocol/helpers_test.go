package protocol_test

import (
	"errors"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/protocol"
)

// decode decodes a message that must be a valid request.
func decode(t *testing.T, message string) protocol.Request {
	t.Helper()
	req, err := protocol.DecodeRequest([]byte(message), protocol.DefaultLimits())
	if err != nil {
		t.Fatalf("DecodeRequest(%.200s): %v", message, err)
	}
	return req
}

// violation returns err, which must be a *Violation.
func violation(t *testing.T, err error) *protocol.Violation {
	t.Helper()
	v, ok := errors.AsType[*protocol.Violation](err)
	if !ok {
		t.Fatalf("got error %v, want a *Violation", err)
	}
	return v
}

// refusal returns err, which must be an *Error without a *Violation.
func refusal(t *testing.T, err error) *protocol.Error {
	t.Helper()
	if _, ok := errors.AsType[*protocol.Violation](err); ok {
		t.Fatalf("got a violation, %v, want a refusal", err)
	}
	e, ok := errors.AsType[*protocol.Error](err)
	if !ok {
		t.Fatalf("got error %v, want an *Error", err)
	}
	return e
}

// serverMessage has every member that a server message can have.
type serverMessage struct {
	ID         int64  `json:"id"`
	Action     string `json:"action"`
	Success    *bool  `json:"success"`
	StreamName string `json:"streamName"`
	Payload    any    `json:"payload"`

	Epoch       string    `json:"epoch"`
	FirstSeq    uint64    `json:"firstSeq"`
	NextSeq     uint64    `json:"nextSeq"`
	Seq         uint64    `json:"seq"`
	Time        time.Time `json:"time"`
	Redelivered int       `json:"redelivered"`
	Header      bool      `json:"header"`
	Gap         *struct {
		From uint64 `json:"from"`
		To   uint64 `json:"to"`
	} `json:"gap"`

	Draining bool `json:"draining"`
	Drained  bool `json:"drained"`

	Requested   bool            `json:"requested"`
	Subscribers int             `json:"subscribers"`
	Groups      int             `json:"groups"`
	Registered  bool            `json:"registered"`
	Paused      bool            `json:"paused"`
	State       *protocol.State `json:"state"`

	Error *struct {
		Code    string   `json:"code"`
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
	} `json:"error"`
}

// strictly reads a server message and refuses duplicate keys, invalid UTF-8 and
// unknown members.
func strictly(t *testing.T, message []byte) serverMessage {
	t.Helper()
	var m serverMessage
	if err := json.Unmarshal(message, &m, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("server message %q: %v", message, err)
	}
	return m
}
