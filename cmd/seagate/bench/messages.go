package bench

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// definition is the definition of the streams that a run makes.
const definition = `{"version":1,"fields":[{"name":"sent","type":"integer"},{"name":"key","type":"integer"},{"name":"pad","type":"string"}]}`

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
	size int
	pad  string
}

func newComposer(size int) *composer { return &composer{size, strings.Repeat("x", size)} }

// appendMessage appends a message that was due at a time since the beginning of the run.
func (c *composer) appendMessage(dst []byte, due time.Duration, key int) []byte {
	start := len(dst)
	dst = append(dst, `{"sent":`...)
	dst = strconv.AppendInt(dst, int64(due), 10)
	dst = append(dst, `,"key":`...)
	dst = strconv.AppendInt(dst, int64(key), 10)
	dst = append(dst, `,"pad":"`...)
	dst = append(dst, c.pad[:max(c.size-(len(dst)-start)-2, 0)]...)
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
