package session

import (
	"bufio"
	"runtime"
	"strings"
	"testing"
	"time"

	"seagate/gateway/gatewaytest"
	"seagate/streams"
	"seagate/streams/merge"
	"seagate/streams/peer"
)

// An answer names the serve request under which its call came. One that names another service
// of the same connection is refused, and the call waits for its own. Nothing is kept of a call
// that was answered.
func TestAnAnswerNamesTheServiceOfItsCall(t *testing.T) {
	g := gatewaytest.New(t)
	root, _ := g.Root("root")
	s, conn := withPeer(t, g.Gateway, root)
	r := bufio.NewReader(conn)
	for id, service := range map[int]string{2: "pricing", 3: "stock"} {
		ask(t, s, id, "serve", `{"service":"`+service+`","procedures":["quote"]}`)
		wantSuccess(t, r)
	}
	services := g.JoinServices(root)
	defer services.Close()
	if _, err := services.Fetch(peer.Request{Service: "pricing", Procedure: "quote", Body: []byte("1")}, ignoring{}); err != nil {
		t.Fatal(err)
	}
	if call, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(call, `{"id":2,"action":"serve","call":1,`) {
		t.Fatalf("got %q, %v", call, err)
	}
	ask(t, s, 4, "answer", `{"serve":3,"call":1,"result":1}`)
	if refusal, err := r.ReadString('\n'); err != nil || !strings.Contains(refusal, `"code":"call_not_found"`) {
		t.Fatalf("an answer under another serve request: %q, %v", refusal, err)
	}
	ask(t, s, 5, "answer", `{"serve":2,"call":1,"result":1}`)
	wantSuccess(t, r)
	if len(s.calls) != 0 {
		t.Errorf("%d calls are kept", len(s.calls))
	}
}

func wantSuccess(t *testing.T, r *bufio.Reader) {
	t.Helper()
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, `"success":true`) {
		t.Fatalf("got %q, %v", line, err)
	}
}

// What a merged subscription has dropped is told before the next message that the client
// takes, not before one that waits because the client does not read.
func TestWhatAMergeDropsIsToldWhenThereIsRoom(t *testing.T) {
	g := gatewaytest.New(t)
	root, _ := g.Root("root")
	s, conn := withPeer(t, g.Gateway, root)
	m := &merged{session: s, id: 2, meta: true, streams: []mergedStream{{name: "a", epoch: "e"}}}
	m.Dropped(0, merge.Late, 2)
	m.Dropped(0, merge.Untimed, 1)
	message := &streams.Message{Seq: 7, Time: time.Unix(0, 0), Payload: []byte(strings.Repeat("9", 500))}
	for s.out.HasRoom() { // nobody reads
		s.send(func(b []byte) []byte { return append(b, strings.Repeat("x", 100)...) })
	}
	if taken := m.Deliver([]merge.Item{{Message: message}}); taken != 0 {
		t.Fatalf("%d messages were taken", taken)
	}
	lines := make(chan string, 2)
	go func() {
		defer close(lines)
		for r := bufio.NewReader(conn); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if !strings.HasPrefix(line, "xxx") {
				lines <- line
			}
		}
	}()
	for m.Deliver([]merge.Item{{Message: message}}) == 0 { // until the queue is sent
		runtime.Gosched()
	}
	for _, want := range []string{`"dropped":{"late":2,"untimed":1}`, `"seq":7,`} {
		if line := <-lines; !strings.Contains(line, want) {
			t.Errorf("got %q, want %s", line, want)
		}
	}
}
