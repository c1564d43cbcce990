package protocol

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// AppendAuthenticated appends the answer to an authenticate that succeeded.
//
//	{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"some_jail"}}
func AppendAuthenticated(dst []byte, id int64, jailID string) []byte {
	dst = appendAnswer(dst, id, ActionAuthenticate, true)
	dst = appendString(append(dst, `,"payload":{"jailId":`...), jailID)
	return append(dst, '}', '}')
}

// AppendSubscribed appends the answer to a subscribe that succeeded. The
// action is ActionSubscription, or ActionSubscribe under literal actions.
//
//	{"id":2,"action":"subscription","success":true,"streamName":"boiler_data","payload":2}
func AppendSubscribed(dst []byte, id int64, action, stream string) []byte {
	dst = appendAnswer(dst, id, action, true)
	dst = appendString(append(dst, `,"streamName":`...), stream)
	dst = strconv.AppendInt(append(dst, `,"payload":`...), id, 10)
	return append(dst, '}')
}

// AppendSuccess appends the answer to any other request that succeeded. The
// payload is raw JSON, or nil for none.
//
//	{"id":3,"action":"publish","success":true}
//	{"id":4,"action":"describe","success":true,"payload":{...}}
func AppendSuccess(dst []byte, id int64, action string, payload []byte) []byte {
	dst = appendAnswer(dst, id, action, true)
	if payload != nil {
		dst = append(append(dst, `,"payload":`...), payload...)
	}
	return append(dst, '}')
}

// AppendRefusal appends the answer to a request that failed. The action is
// the request's own, under subscribe too: the Python client takes
// "subscription" for a success and waits for ever. Errors are left out when
// there are none.
//
//	{"id":3,"action":"publish","success":false,"error":{"code":"...","message":"...","errors":["..."]}}
func AppendRefusal(dst []byte, id int64, action string, e *Error) []byte {
	dst = appendAnswer(dst, id, action, false)
	return append(appendError(dst, e), '}')
}

// AppendStreamEnded appends the last message of a subscription that the
// server ends, because its stream was deleted, while the connection goes on.
//
//	{"id":2,"action":"subscribe","success":false,"streamName":"boiler_data","error":{...}}
func AppendStreamEnded(dst []byte, id int64, stream string, e *Error) []byte {
	dst = appendAnswer(dst, id, ActionSubscribe, false)
	dst = appendString(append(dst, `,"streamName":`...), stream)
	return append(appendError(dst, e), '}')
}

// AppendDeliveryHead appends the part of a delivery that differs between the
// subscriptions that receive a message. AppendDeliveryTail follows.
//
//	{"id":2
func AppendDeliveryHead(dst []byte, id int64) []byte {
	return strconv.AppendInt(append(dst, `{"id":`...), id, 10)
}

// AppendDeliveryTail appends the part of a delivery that all subscriptions of
// a stream share, so that a message is encoded once. The action is as in
// AppendSubscribed; the payload is the raw message.
//
//	,"action":"subscription","streamName":"boiler_data","payload":{...}}
func AppendDeliveryTail(dst []byte, action, stream string, payload []byte) []byte {
	dst = appendString(append(dst, `,"action":`...), action)
	dst = appendString(append(dst, `,"streamName":`...), stream)
	dst = append(append(dst, `,"payload":`...), payload...)
	return append(dst, '}')
}

// appendAnswer appends what every answer begins with, without the last brace.
func appendAnswer(dst []byte, id int64, action string, success bool) []byte {
	dst = strconv.AppendInt(append(dst, `{"id":`...), id, 10)
	dst = appendString(append(dst, `,"action":`...), action)
	return strconv.AppendBool(append(dst, `,"success":`...), success)
}

func appendError(dst []byte, e *Error) []byte {
	dst = appendString(append(dst, `,"error":{"code":`...), string(e.Code))
	dst = appendString(append(dst, `,"message":`...), e.Message)
	return append(appendErrors(dst, e.Errors), '}')
}

func appendErrors(dst []byte, errors []string) []byte {
	if len(errors) == 0 {
		return dst
	}
	dst = append(dst, `,"errors":[`...)
	for i, text := range errors {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, text)
	}
	return append(dst, ']')
}

// appendString appends s as a JSON string, invalid UTF-8 in it as U+FFFD.
func appendString(dst []byte, s string) []byte {
	// The error only repeats that there was invalid UTF-8.
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
