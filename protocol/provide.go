package protocol

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Provide reads a provide request (an extension). It returns the name of the
// stream that the connection wants to provide.
//
//	{"id":2,"action":"provide","payload":"boiler_data"}
//
// The error is an *Error: invalid_request, or invalid_name.
func (r Request) Provide() (stream string, err error) {
	c := checker{refusal: r.refusal}
	stream = c.text("payload", r.payload)
	return orZero(stream, c.errOrBadStream(stream))
}

// A Pause says that a provider pauses, or goes on.
type Pause struct {
	Provide int64 // the id of the provide request
	Paused  bool
}

// Pause reads a pause request (an extension).
//
//	{"id":3,"action":"pause","payload":{"provide":2,"paused":true}}
//
// The error is an *Error: malformed_json for a repeated key or an unpaired
// surrogate, otherwise invalid_request with everything that is wrong.
func (r Request) Pause() (Pause, error) {
	var sent struct {
		Provide jsontext.Value `json:"provide"`
		Paused  jsontext.Value `json:"paused"`
	}
	c := checker{refusal: r.refusal}
	if !c.payload(r.payload, &sent) {
		return Pause{}, c.err()
	}
	id, ok := parseInteger(sent.Provide)
	if !ok {
		c.Add("payload.provide", mustBeProvide)
	}
	pause := Pause{Provide: id, Paused: c.boolean("payload.paused", sent.Paused)}
	return orZero(pause, c.err())
}

// Interest is who wants a stream, as its providers are told.
type Interest struct {
	Requested   bool // there are subscribers or groups
	Subscribers int  // subscriptions that are in no group
	Groups      int  // with or without members
}

// AppendProvided appends the answer to a provide that succeeded.
//
//	{"id":2,"action":"provide","success":true,"streamName":"boiler_data","requested":false,"subscribers":0,"groups":0}
func AppendProvided(dst []byte, id int64, stream string, i Interest) []byte {
	return appendInterest(appendAnswer(dst, id, ActionProvide, true), stream, i)
}

// AppendRequested appends the message that tells a provider that Requested has
// changed.
//
//	{"id":2,"action":"provide","streamName":"boiler_data","requested":true,"subscribers":1,"groups":0}
func AppendRequested(dst []byte, id int64, stream string, i Interest) []byte {
	return appendInterest(appendText(AppendDeliveryHead(dst, id), `,"action":`, ActionProvide), stream, i)
}

func appendInterest(dst []byte, stream string, i Interest) []byte {
	dst = appendText(dst, `,"streamName":`, stream)
	dst = strconv.AppendBool(append(dst, `,"requested":`...), i.Requested)
	dst = strconv.AppendInt(append(dst, `,"subscribers":`...), int64(i.Subscribers), 10)
	dst = strconv.AppendInt(append(dst, `,"groups":`...), int64(i.Groups), 10)
	return append(dst, '}')
}

// AppendProvideEnded appends the last message about a provided stream, which was
// deleted. The connection stays open.
//
//	{"id":2,"action":"provide","success":false,"streamName":"boiler_data","error":{...}}
func AppendProvideEnded(dst []byte, id int64, stream string, e *Error) []byte {
	dst = appendAnswer(dst, id, ActionProvide, false)
	dst = appendText(dst, `,"streamName":`, stream)
	return append(appendError(dst, e), '}')
}

// A State is what a stream is, apart from its messages.
type State struct {
	Registered bool `json:"registered"` // somebody provides it
	Paused     bool `json:"paused"`     // it is held, or has providers and all of them pause
}

// AppendState appends the message that tells a subscription with state of a
// change, in order with the deliveries. The action is as in AppendSubscribed.
//
//	{"id":5,"action":"subscription","streamName":"boiler_data","state":{"registered":true,"paused":true}}
func AppendState(dst []byte, id int64, action, stream string, s State) []byte {
	dst = appendText(AppendDeliveryHead(dst, id), `,"action":`, action)
	dst = appendText(dst, `,"streamName":`, stream)
	dst = strconv.AppendBool(append(dst, `,"state":{"registered":`...), s.Registered)
	dst = strconv.AppendBool(append(dst, `,"paused":`...), s.Paused)
	return append(dst, '}', '}')
}

// AppendJoinedState extends the answer to a subscribe that succeeded, which dst
// ends with, by the state of the stream.
//
//	{"id":5,"action":"subscription","success":true,"streamName":"boiler_data","payload":5,"registered":true,"paused":false}
func AppendJoinedState(dst []byte, s State) []byte {
	dst = dst[:len(dst)-1] // the brace
	dst = strconv.AppendBool(append(dst, `,"registered":`...), s.Registered)
	dst = strconv.AppendBool(append(dst, `,"paused":`...), s.Paused)
	return append(dst, '}')
}
