package session

import (
	"strings"
	"testing"

	"seagate/protocol"
)

// A regression here costs every answer, call and result.
func TestAFrameIsAllocatedOnce(t *testing.T) {
	s := &Session{link: &lines{}}
	call := protocol.ServedCall{Number: 17, Procedure: "quote", Body: []byte(`{"sku":"` + strings.Repeat("7", 80) + `"}`), ClientID: "web"}
	for name, build := range map[string]func([]byte) []byte{
		"answer": func(b []byte) []byte { return protocol.AppendSuccess(b, 123_456, protocol.ActionAnswer, nil) },
		"call":   func(b []byte) []byte { return protocol.AppendCall(b, 2, call) },
	} {
		if n := testing.AllocsPerRun(100, func() { s.frame(build) }); n > 1 {
			t.Errorf("the frame of the %s is allocated in %v steps", name, n)
		}
	}
}
