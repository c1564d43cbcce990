package msgstream

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
	"seagate/internal/problems"
	"seagate/protocol"
)

// The actions of a client's lines.
const (
	ActionAuthenticate = "authenticate"
	ActionListen       = "listen"
	ActionHangup       = "hangup"
	ActionPut          = "put"
	ActionHeader       = "header"
	ActionDelete       = "delete"
	ActionClose        = "close"
)

var actions = []string{ActionListen, ActionHangup, ActionPut, ActionHeader, ActionDelete, ActionClose, ActionAuthenticate}

// A Request is one line of a client.
type Request struct {
	Action string
	ID     jsontext.Value // any JSON value, or nil if the line need not be answered
	Stream string         // "" in a hangup is all streams

	// Message is the message of a put, or the header of a header action. A header of null
	// means no header. Message is nil for other actions.
	Message jsontext.Value
	// Header is the header that holds after the message of a put, or nil if the put leaves
	// it as it is.
	Header jsontext.Value
	// Traceparent is of a put: the span of the sender (W3C Trace Context), unchecked, or "".
	Traceparent string

	// From, Epoch and Meta are of a listen, and as in a WebSocket subscribe.
	From  protocol.Position
	Epoch string
	Meta  bool

	// Payload is of an authenticate: see protocol.DecodeCredentials.
	Payload jsontext.Value
}

// sentRequest is a line as it is read. The members are checked one by one, so that all
// problems are reported at once.
type sentRequest struct {
	Action  jsontext.Value `json:"action"`
	ID      jsontext.Value `json:"id"`
	Stream  jsontext.Value `json:"stream"`
	Message jsontext.Value `json:"message"`
	Header  jsontext.Value `json:"header"`
	From    jsontext.Value `json:"from"`
	Epoch   jsontext.Value `json:"epoch"`
	Meta    jsontext.Value `json:"meta"`
	Payload jsontext.Value `json:"payload"`

	Traceparent jsontext.Value `json:"traceparent"`
}

// requests is the JSON codec of client lines.
type requests struct{ limits Limits }

// Decode implements Codec. The error is a *protocol.Error.
func (c requests) Decode(line []byte) (Request, error) {
	if !utf8.Valid(line) {
		return Request{}, protocol.Errorf(protocol.CodeInvalidUTF8, "The line is not valid UTF-8.")
	}
	var sent sentRequest
	if jsonscan.DeeperThan(line, c.limits.JSONDepth) {
		return c.addressed(line), protocol.Errorf(protocol.CodeNestingTooDeep, "The line is nested more than %d levels deep.", c.limits.JSONDepth)
	}
	if jsontext.Value(line).Kind() != '{' {
		return Request{}, protocol.Errorf(protocol.CodeMalformedJSON, `A line must be a JSON object, such as {"action":"listen","stream":"name"}.`)
	}
	if err := json.Unmarshal(line, &sent); err != nil {
		return c.addressed(line), protocol.Errorf(protocol.CodeMalformedJSON, "The line cannot be read as JSON: %s.", protocol.DescribeJSON(err))
	}
	return c.check(sent)
}

// addressed returns the id and the stream of a line that is refused as a whole, as far as
// they can be read.
func (c requests) addressed(line []byte) (r Request) {
	jsonscan.Object(line, c.limits.JSONDepth, func(name, value jsontext.Value) {
		switch string(name) {
		case `"id"`:
			if c.isID(value) && r.ID == nil {
				r.ID = value
			}
		case `"stream"`:
			r.Stream, _ = text(value)
		}
	})
	return r
}

// isID reports whether a value may be echoed as the id of an answer.
func (c requests) isID(v jsontext.Value) bool { return len(v) <= c.limits.IDBytes && v.IsValid() }

func (c requests) check(sent sentRequest) (Request, error) {
	var wrong problems.List
	r := Request{Payload: sent.Payload}
	if sent.ID != nil && !c.isID(sent.ID) {
		wrong.Addf("id", "must have at most %d bytes", c.limits.IDBytes)
	} else {
		r.ID = sent.ID
	}
	r.Action, _ = text(sent.Action)
	if !slices.Contains(actions, r.Action) {
		wrong.Addf("action", "must be one of %s", strings.Join(actions, ", "))
	}
	r.checkStream(sent.Stream, &wrong)
	switch r.Action {
	case ActionPut, ActionHeader:
		if r.Message = sent.Message; r.Message == nil {
			wrong.Add("message", "must be there; it is any JSON value")
		}
	case ActionListen:
		r.checkListen(sent, &wrong)
	}
	if r.Action == ActionPut && !absent(sent.Header) {
		r.Header = sent.Header
	}
	if r.Action == ActionPut {
		r.Traceparent, _ = text(sent.Traceparent) // what is not valid is ignored, as in HTTP
	}
	return r, protocol.InvalidRequest("The line", &wrong)
}

func (r *Request) checkStream(sent jsontext.Value, wrong *problems.List) {
	optional := r.Action == ActionHangup || r.Action == ActionClose || r.Action == ActionAuthenticate
	var is bool
	r.Stream, is = text(sent)
	if absent(sent) && optional {
		return
	}
	if !is || r.Stream == "" {
		wrong.Add("stream", "must be a non-empty string")
	}
}

func (r *Request) checkListen(sent sentRequest, wrong *problems.List) {
	if !absent(sent.From) && r.From.UnmarshalJSON(sent.From) != nil {
		wrong.Add("from", protocol.MustBePosition)
	}
	if !absent(sent.Epoch) {
		epoch, is := text(sent.Epoch)
		if !is || epoch == "" || len(epoch) > protocol.MaxEpochBytes {
			wrong.Addf("epoch", "must be a non-empty string of at most %d bytes", protocol.MaxEpochBytes)
		}
		r.Epoch = epoch
	}
	if !absent(sent.Meta) {
		if kind := sent.Meta.Kind(); kind != 't' && kind != 'f' {
			wrong.Add("meta", "must be true or false")
		}
		r.Meta = sent.Meta.Kind() == 't'
	}
}

// absent reports whether an optional member is missing or null.
func absent(v jsontext.Value) bool { return v == nil || v.Kind() == 'n' }

// text returns the value of a JSON string without unpaired surrogates.
func text(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	t, err := jsonscan.Text(v)
	return string(t), err == nil
}

// Encode implements Codec.
func (requests) Encode(dst []byte, r Request) ([]byte, error) {
	start := len(dst)
	dst = appendText(dst, `{"action":`, r.Action)
	dst = appendRaw(dst, `,"id":`, r.ID)
	if r.Stream != "" {
		dst = appendText(dst, `,"stream":`, r.Stream)
	}
	if from := r.From; from != (protocol.Position{}) {
		at, err := from.MarshalJSON()
		if err != nil {
			return dst[:start], err
		}
		dst = appendRaw(dst, `,"from":`, at)
	}
	if r.Epoch != "" {
		dst = appendText(dst, `,"epoch":`, r.Epoch)
	}
	if r.Traceparent != "" {
		dst = appendText(dst, `,"traceparent":`, r.Traceparent)
	}
	if r.Meta {
		dst = append(dst, `,"meta":true`...)
	}
	dst = appendRaw(dst, `,"message":`, r.Message)
	dst = appendRaw(dst, `,"header":`, r.Header)
	dst = appendRaw(dst, `,"payload":`, r.Payload)
	return finish(dst, start)
}

// finish closes a line. The raw values in it come from callers, so finish removes white
// space, which includes line feeds, and refuses what is not JSON.
func finish(dst []byte, start int) ([]byte, error) {
	line := jsontext.Value(append(dst, '}')[start:])
	if err := line.Compact(jsontext.PreserveRawStrings(true)); err != nil {
		return dst[:start], fmt.Errorf("msgstream: the line is not JSON: %w", err)
	}
	return append(dst[:start], line...), nil
}

func appendText(dst []byte, before, s string) []byte {
	dst, _ = jsontext.AppendQuote(append(dst, before...), s) // U+FFFD replaces invalid UTF-8
	return dst
}

// appendRaw appends a JSON value and what comes before it, unless it is nil.
func appendRaw(dst []byte, before string, raw jsontext.Value) []byte {
	if raw == nil {
		return dst
	}
	return append(append(dst, before...), raw...)
}
