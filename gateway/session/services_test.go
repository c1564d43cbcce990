package session

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"seagate/auth"
	"seagate/gateway"
	"seagate/gateway/gatewaytest"
	"seagate/gateway/outbox"
	"seagate/protocol"
	"seagate/streams/peer"
)

// withPeer returns a session of a principal, and its peer's end of the connection,
// of which nothing is read yet.
func withPeer(t *testing.T, g *gateway.Gateway, p *auth.Principal) (*Session, net.Conn) {
	t.Helper()
	nc, peer := net.Pipe()
	out := outbox.New(nc, outbox.Options{
		Budget:       1 << 10,
		StallTimeout: time.Minute,
		Probe:        func(dst []byte, tag uint64) []byte { return fmt.Appendln(dst, "probe", tag) },
		Drained:      func() {},
		Broken:       func(error) {},
		Metrics:      g.Metrics,
	})
	opts := &Options{Transport: "test", Limits: protocol.DefaultLimits(), Action: protocol.ActionSubscription, PublishesInFlight: 8}
	s := New(g, opts, &lines{}, out, netip.Addr{})
	s.principal, s.state = p, Authenticated
	t.Cleanup(func() { s.Close(); nc.Close(); peer.Close() })
	return s, peer
}

func ask(t *testing.T, s *Session, id int, action, payload string) {
	t.Helper()
	r, err := protocol.DecodeRequest(fmt.Appendf(nil, `{"id":%d,"action":%q,"payload":%s}`, id, action, payload), protocol.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	switch action {
	case protocol.ActionServe:
		s.serve(r)
	case protocol.ActionAnswer:
		s.answerCall(r)
	case protocol.ActionFetch:
		s.fetch(r)
	case protocol.ActionUnsubscribe:
		s.unsubscribe(r)
	default:
		t.Fatal(action)
	}
}

func wantLines(t *testing.T, r *bufio.Reader, want ...string) {
	t.Helper()
	for _, w := range want {
		got, err := r.ReadString('\n')
		if err != nil || strings.TrimSuffix(got, "\n") != w {
			t.Fatalf("got %q (%v), want %s", got, err, w)
		}
	}
}

// A call may be faster than the answer to the serve request, which comes first all
// the same.
func TestTheAnswerToServeComesBeforeCalls(t *testing.T) {
	g := gatewaytest.New(t)
	root, _ := g.Root("root")
	s, conn := withPeer(t, g.Gateway, root)
	to := &served{session: s, id: 2}
	m := peer.Message{Procedure: "quote", Body: []byte("1"), Caller: peer.Caller{ClientID: "web"}}
	if !to.Call(peer.NewCall(m, time.Second, nil)) || !to.Signal(&m) {
		t.Error("a server that begins takes nothing")
	}
	to.begin()
	wantLines(t, bufio.NewReader(conn), `{"id":2,"action":"serve","success":true}`,
		`{"id":2,"action":"serve","call":1,"procedure":"quote","payload":1,"caller":{"clientId":"web"},"timeout":1}`,
		`{"id":2,"action":"serve","signal":true,"procedure":"quote","payload":1,"caller":{"clientId":"web"}}`)
	to.end()
	if to.Call(peer.NewCall(m, time.Second, nil)) || to.Signal(&m) || len(s.calls) != 1 {
		t.Errorf("a server that was withdrawn takes calls: it has %d", len(s.calls))
	}
}

// A connection that serves and does not read is busy, holds nobody up, and keeps
// nothing of the calls that it refused.
func TestAServerThatDoesNotReadIsBusy(t *testing.T) {
	g := gatewaytest.New(t)
	root, _ := g.Root("root")
	s, conn := withPeer(t, g.Gateway, root)
	ask(t, s, 2, "serve", `{"service":"pricing","procedures":["quote"],"credit":1024}`)
	services := g.JoinServices(root)
	defer services.Close()
	body := []byte(`"` + strings.Repeat("x", 300) + `"`)
	taken := 0
	for range 100 {
		_, err := services.Fetch(peer.Request{Service: "pricing", Procedure: "quote", Body: body}, ignoring{})
		switch {
		case err == nil:
			taken++
		case g.Refusal(err).Code != protocol.CodeServerBusy:
			t.Fatal(err)
		}
	}
	if taken == 0 || taken > 10 || len(s.calls) != taken {
		t.Errorf("%d calls were taken with a budget of 1 KiB, and %d are kept", taken, len(s.calls))
	}
	go io.Copy(io.Discard, conn)
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := services.Fetch(peer.Request{Service: "pricing", Procedure: "quote", Body: body}, ignoring{}); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a server that reads again gets no calls")
		}
	}
}

// ignoring is a caller that wants no answer.
type ignoring struct{}

func (ignoring) Accepted()          {}
func (ignoring) Part([]byte) bool   { return true }
func (ignoring) Done([]byte, error) {}

// Results for a caller that does not read are dropped at the bound, and it gets short
// errors in their place.
func TestResultsForACallerThatDoesNotReadAreDropped(t *testing.T) {
	const calls = 100
	g := gatewaytest.New(t, func(o *gatewaytest.Options) { o.Settings.Services.QueuedBytes = 8 << 10 })
	root, _ := g.Root("root")
	s, conn := withPeer(t, g.Gateway, root)
	services := g.JoinServices(root)
	defer services.Close()
	server := &taking{}
	if _, err := services.Serve(peer.Offer{Service: "pricing", Procedures: []string{"quote"}, Credit: calls}, server); err != nil {
		t.Fatal(err)
	}
	for id := range calls {
		ask(t, s, 2+id, "fetch", `{"service":"pricing","procedure":"quote"}`)
	}
	result := []byte(`"` + strings.Repeat("x", 1000) + `"`)
	for _, c := range server.calls {
		if err := c.Answer(result); err != nil {
			t.Error(err)
		}
	}
	var got, dropped int
	r := bufio.NewReader(conn)
	for range 2 * calls {
		line, err := r.ReadString('\n')
		switch {
		case err != nil:
			t.Fatal(err)
		case strings.Contains(line, `"result":"xxx`):
			got++
		case strings.Contains(line, `"error":{"code":"call_cancelled",`) && strings.HasSuffix(line, `"done":true}`+"\n"):
			dropped++
		case !strings.Contains(line, `"success":true`):
			t.Fatalf("got %s", line)
		}
	}
	if got < 1 || got > 12 || got+dropped != calls {
		t.Errorf("%d results and %d errors of %d calls, with room for 8 KiB", got, dropped, calls)
	}
	var m dto.Metric
	g.Metrics.ResultsDropped.Write(&m)
	if n := int(m.GetCounter().GetValue()); n != dropped {
		t.Errorf("%d are counted, %d were dropped", n, dropped)
	}
	if len(s.fetches) > 0 {
		t.Errorf("%d calls are kept", len(s.fetches))
	}
}

// Results for the connections of one client that do not read are bounded in all.
func TestResultsOfAllConnectionsOfAClientAreBounded(t *testing.T) {
	const connections = 40
	g := gatewaytest.New(t, func(o *gatewaytest.Options) { o.Settings.Services.BytesPerClient = 10 << 10 })
	root, _ := g.Root("root")
	services := g.JoinServices(root)
	defer services.Close()
	server := &taking{}
	if _, err := services.Serve(peer.Offer{Service: "pricing", Procedures: []string{"quote"}, Credit: connections}, server); err != nil {
		t.Fatal(err)
	}
	peers := make([]*bufio.Reader, connections)
	for i := range peers {
		s, conn := withPeer(t, g.Gateway, root)
		peers[i] = bufio.NewReader(conn)
		ask(t, s, 2, "fetch", `{"service":"pricing","procedure":"quote"}`)
	}
	if held := g.ServiceTotals().Bytes; held != connections*len("null") {
		t.Errorf("%d bytes are held for the bodies", held)
	}
	result := []byte(`"` + strings.Repeat("x", 1000) + `"`)
	for _, c := range server.calls {
		if err := c.Answer(result); err != nil {
			t.Error(err)
		}
	}
	if held := g.ServiceTotals().Bytes; held < 8<<10 || held > 10<<10 {
		t.Errorf("%d bytes are held, with room for 10 KiB", held)
	}
	var got, dropped int
	for _, r := range peers {
		wantLines(t, r, `{"id":2,"action":"fetch","success":true}`)
		switch line, err := r.ReadString('\n'); {
		case err != nil:
			t.Fatal(err)
		case strings.Contains(line, `"result":"xxx`):
			got++
		case strings.Contains(line, `"error":{"code":"call_cancelled",`):
			dropped++
		default:
			t.Errorf("got %s", line)
		}
	}
	if got < 8 || got > 10 || got+dropped != connections {
		t.Errorf("%d results and %d errors of %d calls, with room for 10 KiB", got, dropped, connections)
	}
	for deadline := time.Now().Add(10 * time.Second); g.ServiceTotals().Bytes != 0; {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are held when all was read", g.ServiceTotals().Bytes)
		}
		runtime.Gosched()
	}
}

// taking is a server that keeps its calls. Only one goroutine calls.
type taking struct{ calls []*peer.Call }

func (s *taking) Call(c *peer.Call) bool          { s.calls = append(s.calls, c); return true }
func (s *taking) Signal(*peer.Message) bool       { return true }
func (s *taking) GivenUp(*peer.Call, peer.Reason) {}

// A session that ends leaves no server, no call and no link behind.
func TestAClosedSessionLeavesNoServices(t *testing.T) {
	g := gatewaytest.New(t)
	root, _ := g.Root("root")
	server, a := withPeer(t, g.Gateway, root)
	caller, b := withPeer(t, g.Gateway, root)
	go io.Copy(io.Discard, a)
	go io.Copy(io.Discard, b)
	ask(t, server, 2, "serve", `{"service":"pricing","procedures":["quote"]}`)
	ask(t, server, 3, "serve", `{"service":"other","procedures":["quote"]}`)
	for id := range 5 { // as many as the server's queue has room for
		ask(t, caller, 2+id, "fetch", `{"service":"pricing","procedure":"quote"}`)
	}
	if got := g.ServiceTotals(); got != (peer.Totals{Services: 2, Servers: 2, UnderWay: 5, Bytes: 5 * len("null")}) {
		t.Errorf("there is %+v", got)
	}
	ask(t, server, 4, "unsubscribe", `2`) // its calls may still be answered
	caller.Close()
	server.Close()
	if got := g.ServiceTotals(); got != (peer.Totals{}) {
		t.Errorf("left behind: %+v", got)
	}
	if _, err := g.JoinServices(root).Fetch(peer.Request{Service: "pricing", Procedure: "quote", Body: []byte("1")}, ignoring{}); err == nil {
		t.Error("a server that has left takes calls")
	}
}
