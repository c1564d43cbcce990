package protocol

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
)

// The actions of requests. From ActionUnsubscribe on they are extensions.
const (
	ActionAuthenticate = "authenticate"
	ActionSubscribe    = "subscribe"
	ActionUnsubscribe  = "unsubscribe"
	ActionPublish      = "publish"
	ActionDefine       = "define"
	ActionDescribe     = "describe"
	ActionAck          = "ack"
	ActionNack         = "nack"
	ActionServe        = "serve"
	ActionAnswer       = "answer"
	ActionFetch        = "fetch"
	ActionSignal       = "signal"
	ActionProvide      = "provide"
	ActionPause        = "pause"
	ActionAddress      = "address"
	ActionWatch        = "watch"
	ActionPing         = "ping"
)

var actions = []string{ActionAuthenticate, ActionSubscribe, ActionUnsubscribe, ActionPublish, ActionDefine, ActionDescribe, ActionAck, ActionNack,
	ActionServe, ActionAnswer, ActionFetch, ActionSignal, ActionProvide, ActionPause, ActionAddress, ActionWatch, ActionPing}

// Actions returns the actions of requests. The slice belongs to the caller.
func Actions() []string { return slices.Clone(actions) }

// ActionSubscription is the action of deliveries and of answers to subscribe,
// unless the server is set to repeat actions literally. No request has it.
const ActionSubscription = "subscription"

// A Request is one message from a client. Only its envelope has been read; the
// view of its action reads the rest. A Request shares the memory of the message,
// which must not change while the Request is in use.
type Request struct {
	ID     int64
	Action string // any string, even one that is not in Actions

	members
	// refusal is set if the message as a whole is wrong but its id and action
	// could be read. Every view returns it.
	refusal error
}

// members are the top-level members that have a meaning; nil if absent.
type members struct {
	id, action, payload, streamName, groupID jsontext.Value

	from, epoch, meta, ack, credit, state, sync jsontext.Value // of subscribe
	filter                                      jsontext.Value // of subscribe
	messageID, header, batch, traceparent       jsontext.Value // of publish
	drain                                       jsontext.Value // of unsubscribe
}

// DecodeRequest reads one text message. It returns a *Violation if the message
// is larger than the limit, is not valid UTF-8, is not a JSON object from
// beginning to end, repeats a member that has a meaning, or lacks an integer id
// or a string action. A message that nests too deeply is decoded all the same
// and refused by the views, so that the connection stays open; but beyond
// 10,000 levels it is a *Violation without an id.
//
// Every JSON number with the value of an integer is one, 1.0 and 1e0 included,
// up to MaxInteger either way: JavaScript knows no other integers.
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

// read fills in the members. It returns whether the message nests deeper than
// depth levels, and what is wrong with it, "" if nothing is. It reads on after a
// repeated member, so that it finds the id and action wherever they stand.
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
		problem = fmt.Sprintf("The message cannot be read as JSON: %s.", DescribeJSON(err))
	}
	return deep, problem
}

// named returns the place for the member with the quoted name, or nil if the
// name has no meaning.
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
	case "state":
		return &m.state
	case "sync":
		return &m.sync
	case "filter":
		return &m.filter
	case "messageId":
		return &m.messageID
	case "header":
		return &m.header
	case "batch":
		return &m.batch
	case "traceparent":
		return &m.traceparent
	case "drain":
		return &m.drain
	}
	return nil
}

// parseAction is parseString without an allocation for the known actions.
func parseAction(raw jsontext.Value) (string, bool) {
	if raw.Kind() == '"' {
		for _, action := range actions {
			if string(raw[1:len(raw)-1]) == action {
				return action, true
			}
		}
	}
	return parseString(raw)
}
