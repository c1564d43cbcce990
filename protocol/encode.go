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
	dst = appendText(dst, `,"payload":{"jailId":`, jailID)
	return append(dst, '}', '}')
}

// AppendSubscribed appends the answer to a subscribe that succeeded. The
// action is ActionSubscription, or ActionSubscribe if the server is set to
// repeat actions literally.
//
//	{"id":2,"action":"subscription","success":true,"streamName":"boiler_data","payload":2}
func AppendSubscribed(dst []byte, id int64, action, stream string) []byte {
	return append(appendSubscribed(dst, id, action, stream), '}')
}

// Joined is where a subscription with meta begins.
type Joined struct {
	Epoch string // of the stream
	First uint64 // number of the oldest message that the stream keeps
	Next  uint64 // number of the first message that the subscription receives

	// Waiting: the stream is not defined yet, so there is no Epoch. The subscription
	// receives everything from the first message on.
	Waiting bool
}

// AppendSubscribedAt is AppendSubscribed for a subscription with meta.
//
//	{"id":2,"action":"subscription","success":true,"streamName":"boiler_data","payload":2,"epoch":"...","firstSeq":1,"nextSeq":18}
func AppendSubscribedAt(dst []byte, id int64, action, stream string, at Joined) []byte {
	dst = append(appendSubscribed(dst, id, action, stream), ',')
	return append(appendJoined(dst, at), '}')
}

func appendJoined(dst []byte, at Joined) []byte {
	dst = appendText(dst, `"epoch":`, at.Epoch)
	dst = strconv.AppendUint(append(dst, `,"firstSeq":`...), at.First, 10)
	return strconv.AppendUint(append(dst, `,"nextSeq":`...), at.Next, 10)
}

// AppendHeaderFollows extends the answer to a subscribe with meta that dst ends with. It says that
// the stream has a header, which is the next message.
//
//	{"id":2,"action":"subscription","success":true,...,"nextSeq":18,"header":true}
func AppendHeaderFollows(dst []byte) []byte { return append(dst[:len(dst)-1], `,"header":true}`...) }

// AppendSubscribedWaiting is AppendSubscribedAt for a subscription that waits for its
// stream to be defined.
//
//	{"id":2,"action":"subscription","success":true,"streamName":"boiler_data","payload":2,"waiting":true}
func AppendSubscribedWaiting(dst []byte, id int64, action, stream string) []byte {
	return append(appendSubscribed(dst, id, action, stream), `,"waiting":true}`...)
}

// AppendSuccess appends the answer to any other request that succeeded. The
// payload is raw JSON, or nil for none.
//
//	{"id":4,"action":"describe","success":true,"payload":{...}}
func AppendSuccess(dst []byte, id int64, action string, payload []byte) []byte {
	dst = appendAnswer(dst, id, action, true)
	if payload != nil {
		dst = append(append(dst, `,"payload":`...), payload...)
	}
	return append(dst, '}')
}

// AppendDraining appends the answer to an unsubscribe after which the member of a group
// goes on, without new messages, until AppendDrained.
//
//	{"id":5,"action":"unsubscribe","success":true,"draining":true}
func AppendDraining(dst []byte, id int64) []byte {
	return append(appendAnswer(dst, id, ActionUnsubscribe, true), `,"draining":true}`...)
}

// AppendDrained appends the last message of a member of a group that drains.
//
//	{"id":2,"action":"subscription","streamName":"boiler_data","drained":true}
func AppendDrained(dst []byte, id int64, action, stream string) []byte {
	dst = appendText(AppendDeliveryHead(dst, id), `,"action":`, action)
	dst = appendText(dst, `,"streamName":`, stream)
	return append(dst, `,"drained":true}`...)
}

// Published is where the messages of one publish stand in their stream.
type Published struct {
	Seq     uint64    `json:"seq"`     // number of the message, or of the first of a batch
	LastSeq uint64    `json:"lastSeq"` // number of the last message of a batch; otherwise Seq
	Time    time.Time `json:"time"`    // when the server accepted them
	Epoch   string    `json:"epoch"`   // of the stream
}

// AppendPublished appends the answer to a publish of one message that succeeded.
//
//	{"id":3,"action":"publish","success":true,"seq":17,"time":"2026-11-21T10:00:00.5Z","epoch":"..."}
func AppendPublished(dst []byte, id int64, at Published) []byte {
	dst = appendSeq(appendAnswer(dst, id, ActionPublish, true), at.Seq)
	return append(appendTimeAndEpoch(dst, at.Time, at.Epoch), '}')
}

// AppendPublishedBatch is AppendPublished for a batch.
//
//	{"id":3,"action":"publish","success":true,"seq":17,"lastSeq":19,"time":"2026-11-21T10:00:00.5Z","epoch":"..."}
func AppendPublishedBatch(dst []byte, id int64, at Published) []byte {
	dst = appendSeq(appendAnswer(dst, id, ActionPublish, true), at.Seq)
	dst = strconv.AppendUint(append(dst, `,"lastSeq":`...), at.LastSeq, 10)
	return append(appendTimeAndEpoch(dst, at.Time, at.Epoch), '}')
}

// AppendPublishedBody appends the answer over HTTP to a publish that succeeded. The
// answer to a batch also has the number of its last message.
//
//	{"seq":17,"lastSeq":19,"time":"2026-11-21T10:00:00.5Z","epoch":"..."}
func AppendPublishedBody(dst []byte, at Published, batch bool) []byte {
	dst = strconv.AppendUint(append(dst, `{"seq":`...), at.Seq, 10)
	if batch {
		dst = strconv.AppendUint(append(dst, `,"lastSeq":`...), at.LastSeq, 10)
	}
	return append(appendTimeAndEpoch(dst, at.Time, at.Epoch), '}')
}

// AppendRefusal appends the answer to a request that failed. The action is the
// request's own, for subscribe too: the Python client takes "subscription" for
// a success and waits for ever. An empty list of errors is left out.
//
//	{"id":3,"action":"publish","success":false,"error":{"code":"...","message":"...","errors":["..."]}}
func AppendRefusal(dst []byte, id int64, action string, e *Error) []byte {
	dst = appendAnswer(dst, id, action, false)
	return append(appendError(dst, e), '}')
}

// AppendStreamEnded appends the last message of a subscription with meta that the
// server ends because its stream or group was deleted. The connection stays open.
//
//	{"id":2,"action":"subscribe","success":false,"streamName":"boiler_data","error":{...}}
func AppendStreamEnded(dst []byte, id int64, stream string, e *Error) []byte {
	dst = appendAnswer(dst, id, ActionSubscribe, false)
	dst = appendText(dst, `,"streamName":`, stream)
	return append(appendError(dst, e), '}')
}

// AppendDeliveryHead appends the part of a delivery that differs between
// subscriptions to the same stream. AppendDeliveryTail must follow.
//
//	{"id":2
func AppendDeliveryHead(dst []byte, id int64) []byte {
	return strconv.AppendInt(append(dst, `{"id":`...), id, 10)
}

// AppendDeliveryTail appends the part of a delivery that all subscriptions to
// a stream share, so that each message is encoded once. The action is as in
// AppendSubscribed; the payload is the raw message.
//
//	,"action":"subscription","streamName":"boiler_data","payload":{...}}
func AppendDeliveryTail(dst []byte, action, stream string, payload []byte) []byte {
	return append(appendDelivery(dst, action, stream, payload), '}')
}

// DeliveryMeta is what a delivery to a subscription with meta says about its
// message.
type DeliveryMeta struct {
	Seq         uint64
	Time        time.Time // when the server accepted the message, in any time zone
	Epoch       string    // of the stream
	Redelivered int       // how often the message was delivered before
}

// AppendDeliveryMeta is AppendDeliveryTail for subscriptions with meta. A
// Redelivered of 0 is left out; the time is in UTC.
//
//	,"action":"subscription","streamName":"boiler_data","payload":{...},"seq":17,"time":"2026-11-21T10:00:00.123456789Z","epoch":"...","redelivered":2}
func AppendDeliveryMeta(dst []byte, action, stream string, payload []byte, meta DeliveryMeta) []byte {
	dst = appendDelivery(dst, action, stream, payload)
	dst = appendTimeAndEpoch(appendSeq(dst, meta.Seq), meta.Time, meta.Epoch)
	if meta.Redelivered > 0 {
		dst = strconv.AppendInt(append(dst, `,"redelivered":`...), int64(meta.Redelivered), 10)
	}
	return append(dst, '}')
}

// AppendHeaderMeta is AppendDeliveryTail for the header of a stream, which has
// no number, to a subscription with meta.
//
//	,"action":"subscription","streamName":"boiler_data","payload":{...},"header":true,"epoch":"..."}
func AppendHeaderMeta(dst []byte, action, stream string, header []byte, epoch string) []byte {
	dst = appendDelivery(dst, action, stream, header)
	return append(appendText(dst, `,"header":true,"epoch":`, epoch), '}')
}

// AppendGap appends the message that tells a subscription with meta which
// messages it does not receive: those numbered from to to, both included.
//
//	{"id":2,"action":"subscription","streamName":"boiler_data","gap":{"from":5,"to":9}}
func AppendGap(dst []byte, id int64, action, stream string, from, to uint64) []byte {
	dst = appendText(AppendDeliveryHead(dst, id), `,"action":`, action)
	dst = appendText(dst, `,"streamName":`, stream)
	dst = strconv.AppendUint(append(dst, `,"gap":{"from":`...), from, 10)
	dst = strconv.AppendUint(append(dst, `,"to":`...), to, 10)
	return append(dst, '}', '}')
}

// AppendTime appends a time as the protocol writes it: RFC 3339 in UTC, with up
// to nine digits of fraction and no zeros at their end.
func AppendTime(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, time.RFC3339Nano)
}

// What follows appends the beginning of a message, without its last brace.

func appendAnswer(dst []byte, id int64, action string, success bool) []byte {
	dst = appendText(AppendDeliveryHead(dst, id), `,"action":`, action)
	return strconv.AppendBool(append(dst, `,"success":`...), success)
}

func appendSubscribed(dst []byte, id int64, action, stream string) []byte {
	dst = appendText(appendAnswer(dst, id, action, true), `,"streamName":`, stream)
	return strconv.AppendInt(append(dst, `,"payload":`...), id, 10)
}

func appendDelivery(dst []byte, action, stream string, payload []byte) []byte {
	dst = appendText(dst, `,"action":`, action)
	dst = appendText(dst, `,"streamName":`, stream)
	return append(append(dst, `,"payload":`...), payload...)
}

func appendSeq(dst []byte, seq uint64) []byte {
	return strconv.AppendUint(append(dst, `,"seq":`...), seq, 10)
}

func appendTimeAndEpoch(dst []byte, t time.Time, epoch string) []byte {
	dst = append(AppendTime(append(dst, `,"time":"`...), t), '"')
	return appendText(dst, `,"epoch":`, epoch)
}

func appendError(dst []byte, e *Error) []byte {
	dst = appendText(dst, `,"error":{"code":`, string(e.Code))
	dst = appendText(dst, `,"message":`, e.Message)
	return append(appendErrors(dst, e.Errors), '}')
}

func appendErrors(dst []byte, errors []string) []byte {
	if len(errors) == 0 {
		return dst
	}
	separator := `,"errors":[`
	for _, text := range errors {
		dst = appendText(dst, separator, text)
		separator = ","
	}
	return append(dst, ']')
}

// appendText appends before as it is, and then text as a JSON string.
func appendText(dst []byte, before, text string) []byte {
	return appendString(append(dst, before...), text)
}

// appendString appends s as a JSON string, in which U+FFFD replaces invalid
// UTF-8.
func appendString(dst []byte, s string) []byte {
	if isPlain(s) {
		return append(append(append(dst, '"'), s...), '"')
	}
	dst, _ = jsontext.AppendQuote(dst, s) // the error only says that UTF-8 was invalid
	return dst
}

// isPlain reports whether s is a JSON string as it is, as almost every name is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
