package protocol

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
)

// The actions of requests, and the one that only answers have.
const (
	ActionAuthenticate = "authenticate"
	ActionSubscribe    = "subscribe"
	ActionUnsubscribe  = "unsubscribe" // an extension, as are those that follow
	ActionPublish      = "publish"
	ActionDefine       = "define"
	ActionDescribe     = "describe"
	ActionAck          = "ack"
	ActionNack         = "nack"

	// ActionSubscription answers subscribe and heads deliveries, unless the
	// server is set to repeat the request's action literally.
	ActionSubscription = "subscription"
)

// A Request is one message from a client, of which only the envelope has been
// looked at. The view of its action reads the rest. It aliases the bytes that
// it was decoded from, which must not change while it is in use.
type Request struct {
	ID     int64
	Action string // any string, also one that is no action

	members
	// refusal is set when the message as a whole is at fault but its id and
	// action could be read. Every view returns it.
	refusal error
}

// members are the top-level members that have a meaning; nil where absent.
type members struct {
	id, action, payload, streamName, groupID jsontext.Value

	from, epoch, meta, ack, credit jsontext.Value // of subscribe
	messageID                      jsontext.Value // of publish
}

// DecodeRequest reads one text message. The error is a *Violation: the
// message is larger than the limit, is not valid UTF-8, not a JSON object
// from beginning to end, repeats a member that has a meaning, or lacks an
// integer id or a string action. A message that is nested too deeply decodes
// all the same and is refused by the views, so that the connection goes on;
// but beyond 10,000 levels nobody looks for its id any more.
//
// Any JSON number with an integral value counts as an integer, 1.0 and 1e0
// included, up to 2^53 either way: JavaScript knows no other integers.
func DecodeRequest(data []byte, limits Limits) (Request, error) {
	if len(data) > limits.MessageBytes {
		return Request{}, &Violation{Refusal: Errorf(CodeMessageTooLarge,
			"The message has %d bytes and at most %d are allowed.", len(data), limits.MessageBytes)}
	}
	if !utf8.Valid(data) {
		return Request{}, &Violation{Refusal: Errorf(CodeInvalidUTF8, "The message is not valid UTF-8.")}
	}
	var req Request
	deep, problem := req.read(data, limits.JSONDepth)
	var idOK, actionOK bool
	req.ID, idOK = parseInteger(req.id)
	req.Action, actionOK = parseAction(req.action)
	switch {
	case problem != "":
		return Request{}, req.violation("%s", problem)
	case !idOK:
		return Request{}, req.violation("The message must have an id that is an integer of at most 2^53.")
	case !actionOK:
		return Request{}, req.violation("The message must have an action that is a string.")
	}
	if deep {
		req.refusal = Errorf(CodeNestingTooDeep, "The message is nested more than %d levels deep.", limits.JSONDepth)
	}
	return req, nil
}

func (r Request) violation(format string, args ...any) error {
	return &Violation{ID: r.ID, Action: r.Action, Refusal: Errorf(CodeProtocolViolation, format, args...)}
}

// read fills in the members and returns what is wrong with the message, ""
// if nothing is. It reads on after a repeated member, so that it finds the id
// and action of the message wherever they stand.
func (m *members) read(data []byte, depth int) (deep bool, problem string) {
	deep, err := jsonscan.Object(data, depth, func(name, value jsontext.Value) {
		switch member := m.named(name); {
		case member == nil:
		case *member != nil:
			problem = fmt.Sprintf("The message has the member %s twice.", name)
		default:
			*member = value
		}
	})
	switch {
	case errors.Is(err, jsonscan.ErrNotObject):
		problem = "The message must be a JSON object."
	case err != nil:
		problem = fmt.Sprintf("The message cannot be read as JSON: %s.", describe(err))
	}
	return deep, problem
}

// named returns where the member with the quoted name goes, nil if nowhere.
func (m *members) named(quoted jsontext.Value) *jsontext.Value {
	// Text replaces an unpaired surrogate by U+FFFD, which is in no name below.
	name, _ := jsonscan.Text(quoted)
	switch string(name) {
	case "id":
		return &m.id
	case "action":
		return &m.action
	case "payload":
		return &m.payload
	case "streamName":
		return &m.streamName
	case "groupId":
		return &m.groupID
	case "from":
		return &m.from
	case "epoch":
		return &m.epoch
	case "meta":
		return &m.meta
	case "ack":
		return &m.ack
	case "credit":
		return &m.credit
	case "messageId":
		return &m.messageID
	}
	return nil
}

// parseAction returns the action, without allocating for those that exist.
func parseAction(raw jsontext.Value) (string, bool) {
	switch string(raw) {
	case `"authenticate"`:
		return ActionAuthenticate, true
	case `"subscribe"`:
		return ActionSubscribe, true
	case `"unsubscribe"`:
		return ActionUnsubscribe, true
	case `"publish"`:
		return ActionPublish, true
	case `"define"`:
		return ActionDefine, true
	case `"describe"`:
		return ActionDescribe, true
	case `"ack"`:
		return ActionAck, true
	case `"nack"`:
		return ActionNack, true
	}
	return parseString(raw)
}

// parseString returns the string that the raw value is; false if it is none,
// or one with an unpaired surrogate.
func parseString(raw jsontext.Value) (string, bool) {
	if raw.Kind() != '"' {
		return "", false
	}
	text, err := jsonscan.Text(raw)
	if err != nil {
		return "", false
	}
	return string(text), true
}

// describe turns an error of the JSON decoder into words. It shows a few bytes
// of the message at most, because there may be a secret in it.
func describe(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case !ok:
		return err.Error()
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "the key " + quote(syntax.JSONPointer.LastToken()) + " appears twice in one object"
	default:
		return fmt.Sprintf("%v, at byte %d", syntax.Err, syntax.ByteOffset)
	}
}
