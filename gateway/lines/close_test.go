package lines_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Nothing of a stream follows the line that says that it was closed, and the answer to
// listen and the header come first.
func TestNothingFollowsClose(t *testing.T) {
	const rounds = 3_000
	b := newBench(t, setup{})
	b.define("boiler")
	done := make(chan struct{})
	setter, p := b.dial(), b.dial()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			default:
			}
			for _, line := range []string{
				`{"action":"header","id":1,"stream":"boiler","message":{"n":1}}`,
				`{"action":"delete","id":2,"stream":"boiler"}`,
			} {
				fmt.Fprintln(setter.nc, line)
				if _, err := setter.r.ReadString('\n'); err != nil {
					return
				}
			}
		}
	}()
	defer func() { close(done); <-ended }()
	for i := range rounds {
		p.send(fmt.Sprintf(`{"action":"listen","id":%d,"stream":"boiler"}`, i), `{"action":"hangup","stream":"boiler"}`)
		closed := false
		for line := p.next(); !strings.Contains(line, `"hangup"`); line = p.next() {
			if closed {
				t.Fatalf("round %d: after close came %s", i, line)
			}
			closed = strings.Contains(line, `"close"`)
		}
	}
}

// Of a defined stream, a listener with a filter too has what came before the delete, and is
// let go when it has passed the messages that it may not see.
func TestAFilteredListenerHasEverythingBeforeClose(t *testing.T) {
	const messages = 3_000
	b := newBench(t, setup{options: strangers})
	b.define("boiler")
	payloads := make([]string, 0, messages)
	for i := range messages {
		payloads = append(payloads, fmt.Sprintf(`{"n":%d}`, i%2+1))
	}
	b.publish("boiler", payloads...)
	token := b.token(time.Now().Add(time.Hour), `,"filter":{"t":"eq","e":[{"t":"path","e":"$.n"},{"t":"number","e":1}]}`)
	p, deleter := b.dial(), b.dial()
	p.send(b.authenticate(token), `{"action":"listen","id":1,"stream":"boiler","from":"earliest"}`)
	p.want(`{"action":"authenticate","success":true,"jailId":"root"}`, `{"action":"listen","id":1,"stream":"boiler"}`)
	deleter.send(b.basic(), `{"action":"delete","id":2,"stream":"boiler"}`)
	deleter.want(`{"action":"authenticate","success":true,"jailId":"root"}`, `{"action":"delete","id":2,"stream":"boiler"}`)
	for range messages / 2 {
		p.want(`{"action":"put","stream":"boiler","message":{"n":1}}`)
	}
	p.want(`{"action":"close","stream":"boiler"}`)
}
