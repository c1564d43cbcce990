package protocol

import (
	"strconv"
	"time"

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

// Joined is what a subscription with meta learns when it begins.
type Joined struct {
	Epoch string // of the stream
	First uint64 // number of the oldest message that is kept
	Next  uint64 // number of the message that comes first
}

// AppendSubscribedAt is AppendSubscribed for a subscription with meta.
//
//	{"id":2,"action":"subscription","success":true,"streamName":"boiler_data","payload":2,"epoch":"...","firstSeq":1,"nextSeq":18}
func AppendSubscribedAt(dst []byte, id int64, action, stream string, at Joined) []byte {
	dst = AppendSubscribed(dst, id, action, stream)
	dst = appendString(append(dst[:len(dst)-1], `,"epoch":`...), at.Epoch)
	dst = strconv.AppendUint(append(dst, `,"firstSeq":`...), at.First, 10)
	dst = strconv.AppendUint(append(dst, `,"nextSeq":`...), at.Next, 10)
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

// DeliveryMeta is what a delivery says of its message to a subscription with
// meta.
type DeliveryMeta struct {
	Seq         uint64
	Time        time.Time // when it was accepted, in any time zone
	Epoch       string    // of the stream
	Redelivered int       // how often it was delivered before
}

// AppendDeliveryMeta is AppendDeliveryTail for subscriptions with meta.
// Redelivered is left out when it is 0; the time is in UTC.
//
//	,"action":"subscription","streamName":"boiler_data","payload":{...},"seq":17,"time":"2026-11-21T10:00:00.123456789Z","epoch":"...","redelivered":2}
func AppendDeliveryMeta(dst []byte, action, stream string, payload []byte, meta DeliveryMeta) []byte {
	dst = AppendDeliveryTail(dst, action, stream, payload)
	dst = strconv.AppendUint(append(dst[:len(dst)-1], `,"seq":`...), meta.Seq, 10)
	dst = append(appendTime(append(dst, `,"time":"`...), meta.Time), '"')
	dst = appendString(append(dst, `,"epoch":`...), meta.Epoch)
	if meta.Redelivered > 0 {
		dst = strconv.AppendInt(append(dst, `,"redelivered":`...), int64(meta.Redelivered), 10)
	}
	return append(dst, '}')
}

// AppendHeaderMeta is AppendDeliveryTail for a stream's header, which has no
// number, to a subscription with meta.
//
//	,"action":"subscription","streamName":"boiler_data","payload":{...},"header":true,"epoch":"..."}
func AppendHeaderMeta(dst []byte, action, stream string, header []byte, epoch string) []byte {
	dst = AppendDeliveryTail(dst, action, stream, header)
	dst = appendString(append(dst[:len(dst)-1], `,"header":true,"epoch":`...), epoch)
	return append(dst, '}')
}

// AppendGap appends the message that tells a subscription with meta which
// messages it will not get, first and last included.
//
//	{"id":2,"action":"subscription","streamName":"boiler_data","gap":{"from":5,"to":9}}
func AppendGap(dst []byte, id int64, action, stream string, from, to uint64) []byte {
	dst = AppendDeliveryHead(dst, id)
	dst = appendString(append(dst, `,"action":`...), action)
	dst = appendString(append(dst, `,"streamName":`...), stream)
	dst = strconv.AppendUint(append(dst, `,"gap":{"from":`...), from, 10)
	dst = strconv.AppendUint(append(dst, `,"to":`...), to, 10)
	return append(dst, '}', '}')
}

// appendTime appends a time as RFC 3339 in UTC, to the nanosecond and without
// zeros at the end.
func appendTime(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, time.RFC3339Nano)
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
