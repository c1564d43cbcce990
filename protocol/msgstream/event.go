package msgstream

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// Actions of a gateway's lines that no client sends.
const (
	ActionError = "error"
	ActionGap   = "gap"
)

// An Event is one line of a gateway: an answer to a Request, or something about a stream
// that the client listens to.
type Event struct {
	// Action is the request's own in its answer. Otherwise it is ActionPut for a message or
	// the header, ActionGap, ActionClose for the end of a stream, or ActionError.
	Action string
	ID     jsontext.Value // of the request that is answered, or nil
	Stream string

	Message jsontext.Value // nil in an answer
	Header  bool           // Message is the stream's header

	// What follows is there for whoever listens with meta.
	Epoch string
	Seq   uint64    // of a message; 0 for the header
	Time  time.Time // of a message
	Next  uint64    // in the answer to a listen: the number of the first message to come
	First uint64    // in the answer to a listen: the number of the oldest message that is kept

	From, To uint64 // of a gap, both included

	JailID string          // in the answer to an authenticate
	Error  *protocol.Error // of an ActionError
}

// events is the JSON codec of gateway lines. The order of keys is fixed.
type events struct{}

// Encode implements Codec. Messages and ids must be valid JSON in one line: those of a
// gateway are, so they are copied as they are.
func (events) Encode(dst []byte, e Event) ([]byte, error) {
	dst = appendText(dst, `{"action":`, e.Action)
	dst = appendRaw(dst, `,"id":`, e.ID)
	switch {
	case e.Action == ActionError:
		return append(appendError(dst, e), '}'), nil
	case e.Action == ActionAuthenticate:
		return append(appendText(dst, `,"success":true,"jailId":`, e.JailID), '}'), nil
	case e.Stream != "":
		dst = appendText(dst, `,"stream":`, e.Stream)
	}
	if e.Action == ActionGap {
		dst = appendNumber(dst, `,"from":`, e.From)
		dst = appendNumber(dst, `,"to":`, e.To)
	}
	dst = appendRaw(dst, `,"message":`, e.Message)
	if e.Header {
		dst = append(dst, `,"header":true`...)
	}
	return append(appendMeta(dst, e), '}'), nil
}

func appendMeta(dst []byte, e Event) []byte {
	dst = appendNumber(dst, `,"seq":`, e.Seq)
	if !e.Time.IsZero() {
		dst = append(protocol.AppendTime(append(dst, `,"time":"`...), e.Time), '"')
	}
	if e.Epoch != "" {
		dst = appendText(dst, `,"epoch":`, e.Epoch)
	}
	dst = appendNumber(dst, `,"firstSeq":`, e.First)
	return appendNumber(dst, `,"nextSeq":`, e.Next)
}

// appendNumber appends a number from 1 on; 0 is left out.
func appendNumber(dst []byte, before string, n uint64) []byte {
	if n == 0 {
		return dst
	}
	return strconv.AppendUint(append(dst, before...), n, 10)
}

func appendError(dst []byte, e Event) []byte {
	dst = appendText(dst, `,"message":`, e.Error.Message)
	dst = appendText(dst, `,"code":`, string(e.Error.Code))
	separator := `,"errors":[`
	for _, problem := range e.Error.Errors {
		dst = appendText(dst, separator, problem)
		separator = ","
	}
	if len(e.Error.Errors) > 0 {
		dst = append(dst, ']')
	}
	if e.Stream != "" {
		dst = appendText(dst, `,"stream":`, e.Stream)
	}
	return dst
}

// Decode implements Codec. Members that it does not know are ignored.
func (events) Decode(line []byte) (Event, error) {
	var sent struct {
		Action string         `json:"action"`
		ID     jsontext.Value `json:"id"`
		Stream string         `json:"stream"`

		Message jsontext.Value `json:"message"`
		Header  bool           `json:"header"`
		Epoch   string         `json:"epoch"`
		Seq     uint64         `json:"seq"`
		Time    time.Time      `json:"time"`
		Next    uint64         `json:"nextSeq"`
		First   uint64         `json:"firstSeq"`
		From    uint64         `json:"from"`
		To      uint64         `json:"to"`
		JailID  string         `json:"jailId"`
		Code    protocol.Code  `json:"code"`
		Errors  []string       `json:"errors"`
	}
	if err := json.Unmarshal(line, &sent); err != nil {
		return Event{}, fmt.Errorf("msgstream: %w", err)
	}
	if sent.Action == "" {
		return Event{}, errors.New("msgstream: the line has no action")
	}
	e := Event{
		Action: sent.Action, ID: sent.ID, Stream: sent.Stream, Message: sent.Message, Header: sent.Header,
		Epoch: sent.Epoch, Seq: sent.Seq, Time: sent.Time, Next: sent.Next, First: sent.First,
		From: sent.From, To: sent.To, JailID: sent.JailID,
	}
	if e.Action == ActionError {
		said, _ := text(sent.Message)
		e.Message = nil
		e.Error = &protocol.Error{Code: sent.Code, Message: said, Errors: sent.Errors}
	}
	return e, nil
}
