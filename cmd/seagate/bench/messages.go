package bench

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"
)

// minFields is how many fields the bench itself needs: sent, key and pad.
const minFields = 3

// others are the types of the fields beyond those, in turn, with a value.
var others = [...]struct{ kind, value string }{
	{"integer", "9811000"}, {"float", "51.9496"}, {"string", `"berthed"`}, {"date", `"2026-11-20T10:00:00Z"`},
}

// definition returns the definition of the streams that a run makes.
func definition(fields int) []byte {
	b := []byte(`{"version":1,"fields":[{"name":"sent","type":"integer"},{"name":"key","type":"integer"},`)
	for i := range fields - minFields {
		b = fmt.Appendf(b, `{"name":"f%d","type":%q},`, i, others[i%len(others)].kind)
	}
	return append(b, `{"name":"pad","type":"string"}]}`...)
}

// appendOthers appends the fields beyond those that the bench needs.
func appendOthers(b []byte, fields int) []byte {
	for i := range fields - minFields {
		b = fmt.Appendf(b, `"f%d":%s,`, i, others[i%len(others)].value)
	}
	return b
}

var (
	sentMark    = []byte(`"sent":`)
	successMark = []byte(`"success":true`)
	doneMark    = []byte(`"done":true`)
	payloadMark = []byte(`"payload":`)
	callerMark  = []byte(`,"caller":`)
	callMark    = []byte(`"call":`)
)

// envelopeBytes is more than what stands before the first field of a payload in a message of
// the gateway.
const envelopeBytes = 512

// A composer makes messages of one size. Owned by one goroutine.
type composer struct {
	size   int
	others []byte // fields
	pad    string // longer than a message by padTurns bytes
	n      int    // messages so far
}

// padTurns is at how many places in the text a message's pad begins, in turn.
const padTurns = 32 << 10

// newComposer returns a composer. The padding of its messages is random, so that no gateway can
// compress it: as many bytes are written and read as the messages have.
func newComposer(o Options) *composer {
	random := make([]byte, (o.Size+padTurns)*3/4+3)
	_, _ = rand.Read(random) // never fails
	return &composer{size: o.Size, others: appendOthers(nil, o.Fields), pad: base64.RawURLEncoding.EncodeToString(random)}
}

// appendMessage appends a message that was due at a time since the beginning of the run.
func (c *composer) appendMessage(dst []byte, due time.Duration, key int) []byte {
	start := len(dst)
	dst = append(dst, `{"sent":`...)
	dst = strconv.AppendInt(dst, int64(due), 10)
	dst = append(dst, `,"key":`...)
	dst = strconv.AppendInt(dst, int64(key), 10)
	dst = append(append(append(dst, ','), c.others...), `"pad":"`...)
	c.n++
	from := c.n * 257 % padTurns
	dst = append(dst, c.pad[from:from+max(c.size-(len(dst)-start)-2, 0)]...)
	return append(dst, `"}`...)
}

// sentAt reads when the message in an answer or a delivery was due. ok is false if it has
// none.
func sentAt(message []byte) (due time.Duration, ok bool) {
	return numberAfter(message, sentMark)
}

// numberAfter reads the number behind the first mark.
func numberAfter(message, mark []byte) (n time.Duration, ok bool) {
	head := message[:min(len(message), envelopeBytes)]
	at := bytes.Index(head, mark)
	if at < 0 {
		return 0, false
	}
	for _, c := range head[at+len(mark):] {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + time.Duration(c-'0')
		ok = true
	}
	return n, ok
}

// isSuccess reports whether an answer says that the request was done.
func isSuccess(answer []byte) bool {
	return bytes.Contains(answer[:min(len(answer), envelopeBytes)], successMark)
}
