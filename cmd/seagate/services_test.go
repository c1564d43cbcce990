package main_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/client"
	"seagate/gateway/ws/wstest"
	"seagate/protocol"
)

// goClient is a Go client of the gateway.
func (g *gateway) goClient(as credentials) *client.Client {
	g.t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 10}
	g.t.Cleanup(transport.CloseIdleConnections)
	c, err := client.New("http://"+g.listen, client.Basic(as.id, as.secret), client.Options{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

func (g *gateway) goConn(as credentials) *client.Conn {
	g.t.Helper()
	conn, err := g.goClient(as).Dial(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close() })
	return conn
}

func serveOn(t testing.TB, conn *client.Conn, service string, atOnce int, handlers map[string]client.Handler) *client.Server {
	t.Helper()
	s, err := conn.Serve(t.Context(), service, handlers, client.ServeOptions{AtOnce: atOnce})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		s.Stop(ended)
	})
	return s
}

// TestManyCallsAreNotMixedUp: 10,000 calls are under way at a time, on 40 connections
// each, and are answered in random order.
func TestManyCallsAreNotMixedUp(t *testing.T) {
	const many, conns = 10_000, 40
	g := start(t, "SEAGATE_LIMITS_CALLS_PER_CLIENT=10000")
	var arrived atomic.Int64
	all := make(chan struct{}) // closed when all calls are with servers
	echo := map[string]client.Handler{"echo": func(ctx context.Context, c *client.Call) (any, error) {
		if arrived.Add(1) == many {
			close(all)
		}
		select {
		case <-all:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		time.Sleep(rand.N(200 * time.Millisecond)) // the order of the answers
		return []any{"for", c.Body}, nil
	}}
	for range conns {
		serveOn(t, g.goConn(root), "echoes", many/conns, echo)
	}
	var callers sync.WaitGroup
	for k := range conns {
		conn := g.goConn(root)
		for i := range many / conns {
			callers.Go(func() {
				body := fmt.Sprint(k*many + i)
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				got, err := conn.Fetch(ctx, "echoes", "echo", jsontext.Value(body))
				if want := `["for",` + body + `]`; err != nil || string(got) != want {
					t.Errorf("call %s: %s, %v", body, got, err)
				}
			})
		}
	}
	callers.Wait()
}

// TestCallsOfAServerThatIsKilledFailAtOnce: a process that is killed leaves its calls
// to nobody.
func TestCallsOfAServerThatIsKilledFailAtOnce(t *testing.T) {
	t.Parallel()
	g := start(t)
	server := g.loginDeaf()
	server.Send(`{"id":2,"action":"serve","payload":{"service":"slow","procedures":["wait"],"credit":100}}`)
	server.Want(`{"id":2,"action":"serve","success":true}`)
	conn := g.goConn(root)
	var callers sync.WaitGroup
	for range 100 {
		callers.Go(func() {
			if _, err := conn.Fetch(t.Context(), "slow", "wait", nil); client.CodeOf(err) != protocol.CodeServerGone {
				t.Errorf("the call ended with %v", err)
			}
		})
	}
	for range 100 {
		server.Next()
	}
	began := time.Now()
	server.Net.Close()
	callers.Wait()
	if took := time.Since(began); took > 5*time.Second { // the calls had 30 s
		t.Errorf("the calls failed after %v", took)
	}
	if _, err := conn.Fetch(t.Context(), "slow", "wait", nil); client.CodeOf(err) != protocol.CodeNoSuchService {
		t.Errorf("the next call: %v", err)
	}
}

// TestARollingRestartOfServersLosesNoCall replaces two servers in turn, each with its
// connection, while 1,000 calls are made.
func TestARollingRestartOfServersLosesNoCall(t *testing.T) {
	t.Parallel()
	g := start(t)
	work := map[string]client.Handler{"work": func(_ context.Context, c *client.Call) (any, error) {
		time.Sleep(rand.N(5 * time.Millisecond)) // so that servers leave in the middle of calls
		return c.Body, nil
	}}
	var restarts atomic.Int64
	stop := make(chan struct{})
	var rolling sync.WaitGroup
	run := func() (end func()) {
		ctx, cancel := context.WithCancel(context.Background())
		serving, done := make(chan struct{}), make(chan error, 1)
		go func() {
			done <- g.goClient(root).Serve(ctx, "worker", work, client.ServeOptions{AtOnce: 64, OnServing: func() { close(serving) }})
		}()
		select {
		case <-serving:
		case err := <-done:
			t.Error(err)
		}
		return func() {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	}
	first, second := run(), run()
	rolling.Go(func() {
		for {
			select {
			case <-stop:
				first()
				second()
				return
			default:
			}
			first()
			first, second = second, run()
			restarts.Add(1)
		}
	})
	var callers sync.WaitGroup
	for k := range 10 {
		conn := g.goConn(root)
		callers.Go(func() {
			for i := range 100 {
				body := fmt.Sprint(k*1000 + i)
				if got, err := conn.Fetch(t.Context(), "worker", "work", jsontext.Value(body)); err != nil || string(got) != body {
					t.Errorf("call %s: %s, %v", body, got, err)
				}
			}
		})
	}
	callers.Wait()
	close(stop)
	rolling.Wait()
	if restarts.Load() < 2 {
		t.Errorf("%d restarts", restarts.Load())
	}
	t.Logf("%d restarts", restarts.Load())
}

// TestCallsOverHTTPWithTheGoClient: the same answers and errors as on the WebSocket.
func TestCallsOverHTTPWithTheGoClient(t *testing.T) {
	t.Parallel()
	g := start(t)
	serveOn(t, g.goConn(root), "shop", 4, map[string]client.Handler{
		"double": func(_ context.Context, c *client.Call) (any, error) {
			return jsontext.Value("[" + string(c.Body) + "]"), nil
		},
		"own": func(context.Context, *client.Call) (any, error) {
			return nil, &client.Error{Code: "out_of_stock", Message: "none left", Details: jsontext.Value(`{"sku":7}`)}
		},
		"wait": func(ctx context.Context, _ *client.Call) (any, error) { <-ctx.Done(); return nil, ctx.Err() },
	})
	c := g.goClient(root)
	if got, err := c.Fetch(t.Context(), "shop", "double", 21); err != nil || string(got) != "[21]" {
		t.Errorf("got %s, %v", got, err)
	}
	_, err := c.Fetch(t.Context(), "shop", "own", nil)
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != "out_of_stock" || e.Message != "none left" || string(e.Details) != `{"sku":7}` || e.Status != 502 {
		t.Errorf("the server's error: %+v", err)
	}
	if _, err := c.Fetch(t.Context(), "shop", "none", nil); client.CodeOf(err) != protocol.CodeNoSuchProcedure {
		t.Errorf("no such procedure: %v", err)
	}
	// A caller that leaves gives its call up, and the server is told.
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := c.Fetch(ctx, "shop", "wait", nil); err == nil {
		t.Error("a call that nobody answers ended without an error")
	}
	eventually(t, "that the call is given up", func() bool {
		info, err := c.Service(t.Context(), "shop")
		return err == nil && len(info.Servers) == 1 && info.Servers[0].UnderWay == 0 && info.Servers[0].ClientID == root.id
	})
	names := 0
	for s, err := range c.Services(t.Context()) {
		if err != nil || s.Name != "shop" || len(s.Procedures) != 3 {
			t.Errorf("listed %+v, %v", s, err)
		}
		names++
	}
	if names != 1 {
		t.Errorf("%d services are listed", names)
	}
}

// TestASlowCallDelaysNoOtherAnswer on the same two connections.
func TestASlowCallDelaysNoOtherAnswer(t *testing.T) {
	t.Parallel()
	g := start(t)
	release := make(chan struct{})
	serveOn(t, g.goConn(root), "mixed", 2, map[string]client.Handler{
		"slow": func(context.Context, *client.Call) (any, error) { <-release; return "slow", nil },
		"fast": func(context.Context, *client.Call) (any, error) { return "fast", nil },
	})
	conn := g.goConn(root)
	slow := make(chan error, 1)
	go func() { _, err := conn.Fetch(t.Context(), "mixed", "slow", nil); slow <- err }()
	for range 200 {
		if _, err := conn.Fetch(t.Context(), "mixed", "fast", nil); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-slow:
		t.Errorf("the slow call is over: %v", err)
	default:
	}
	close(release)
	if err := <-slow; err != nil {
		t.Error(err)
	}
}

// TestNobodyCallsAsSomebodyElse: a request cannot say who its caller is, and another
// jail is not reached.
func TestNobodyCallsAsSomebodyElse(t *testing.T) {
	t.Parallel()
	g := start(t)
	a := g.newJail("a", "web")
	b := g.newJail("b", "web")
	seen := make(chan string, 1)
	serveOn(t, g.goConn(a), "who", 1, map[string]client.Handler{"am-i": func(_ context.Context, c *client.Call) (any, error) {
		seen <- c.ClientID
		return nil, nil
	}})
	for _, forged := range []string{
		`{"id":2,"action":"fetch","payload":{"service":"who","procedure":"am-i","caller":{"clientId":"root"}}}`,
		`{"id":2,"action":"fetch","caller":{"clientId":"root"},"clientId":"root","payload":{"service":"who","procedure":"am-i"}}`,
	} {
		c := wstest.Dial(t, g.listen, "/api/v1/streams")
		c.Send(fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":%q,"clientSecret":%q}}`, a.id, a.secret))
		c.Next()
		c.Send(forged)
		c.Want(`{"id":2,"action":"fetch","success":true}`)
		if got := <-seen; got != "web" {
			t.Errorf("%s was called by %q", forged, got)
		}
		c.Want(`{"id":2,"action":"fetch","result":null,"done":true}`)
	}
	if _, err := g.goConn(b).Fetch(t.Context(), "who", "am-i", nil); client.CodeOf(err) != protocol.CodeNoSuchService {
		t.Errorf("from another jail: %v", err)
	}
	if _, err := g.goClient(b).Service(t.Context(), "who"); client.CodeOf(err) != protocol.CodeNoSuchService {
		t.Errorf("seen from another jail: %v", err)
	}
}

// TestHostileServersAndCallersHarmOnlyThemselves: a server that never reads gets no
// more calls, and a caller that never reads loses its results. Others notice nothing.
func TestHostileServersAndCallersHarmOnlyThemselves(t *testing.T) {
	g := start(t, "SEAGATE_LIMITS_CALL_QUEUED_BYTES=64KiB")
	large := strings.Repeat("x", 60_000)
	echo := map[string]client.Handler{"echo": func(_ context.Context, c *client.Call) (any, error) { return c.Body, nil }}

	deaf := g.loginDeaf()
	deaf.Send(`{"id":2,"action":"serve","payload":{"service":"echoes","procedures":["echo"],"credit":1024}}`)
	deaf.Want(`{"id":2,"action":"serve","success":true}`)
	serveOn(t, g.goConn(root), "echoes", 64, echo)

	conn := g.goConn(root)
	var callers sync.WaitGroup
	var answered, lost atomic.Int64
	for range 16 {
		callers.Go(func() {
			for range 10 {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				_, err := conn.Fetch(ctx, "echoes", "echo", large)
				cancel()
				if err == nil {
					answered.Add(1)
				} else {
					lost.Add(1) // it went to the deaf server before its queue was full
				}
			}
		})
	}
	callers.Wait()
	t.Logf("%d calls were answered, %d went to the deaf server", answered.Load(), lost.Load())
	if answered.Load() < 100 {
		t.Errorf("%d calls of 160 were answered", answered.Load())
	}
	// By now it is full, and every call goes to the other server.
	for range 50 {
		if _, err := conn.Fetch(t.Context(), "echoes", "echo", large); err != nil {
			t.Errorf("with a deaf server beside: %v", err)
		}
	}

	// A caller that never reads: its calls are served, and their results dropped.
	mute := g.loginDeaf()
	for id := 2; id <= 20; id++ {
		if mute.Write(wstest.Frame(true, wstest.Text, fmt.Appendf(nil, `{"id":%d,"action":"fetch","payload":{"service":"echoes","procedure":"echo","body":%s}}`, id, strconv.Quote(large)))) != nil {
			break
		}
	}
	for range 50 {
		if _, err := conn.Fetch(t.Context(), "echoes", "echo", 1); err != nil {
			t.Errorf("with a mute caller beside: %v", err)
		}
	}
}
