package client_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"nhooyr.io/websocket"

	"seagate/client"
	"seagate/protocol"
)

//lint:file-ignore SA1019 the library has moved, and is frozen but complete

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fake is a gateway that plays scripts. Its connections are in memory, so that it
// can run in a bubble of synctest, and have no buffers.
type fake struct {
	t       testing.TB
	scripts chan func(*peer) // one for each connection, in order
	conns   chan net.Conn
	closed  chan struct{}
	server  http.Server
	playing sync.WaitGroup
	refuse  http.HandlerFunc // answers handshakes instead, if not nil
	http    http.HandlerFunc // answers what is no handshake
}

// newFake starts a fake that plays one script on each connection.
func newFake(t testing.TB, scripts ...func(*peer)) *fake {
	f := &fake{
		t:       t,
		scripts: make(chan func(*peer), len(scripts)),
		conns:   make(chan net.Conn),
		closed:  make(chan struct{}),
	}
	for _, script := range scripts {
		f.scripts <- script
	}
	close(f.scripts)
	f.server.Handler = http.HandlerFunc(f.serve)
	f.playing.Go(func() { f.server.Serve(f) })
	t.Cleanup(f.stop)
	return f
}

func (f *fake) stop() {
	f.server.Close()
	f.playing.Wait()
	for range f.scripts {
		f.t.Error("a connection that the script expects was not made")
	}
}

// Accept, Close and Addr implement net.Listener.
func (f *fake) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.closed:
		return nil, net.ErrClosed
	}
}

func (f *fake) Close() error { close(f.closed); return nil }

func (f *fake) Addr() net.Addr { return &net.UnixAddr{} }

func (f *fake) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case f.conns <- there:
		return here, nil
	case <-f.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// client returns a client of the fake.
func (f *fake) client(options client.Options) *client.Client {
	return f.clientAs(client.Basic("abc", "def123"), options)
}

func (f *fake) clientAs(credentials client.Credentials, options client.Options) *client.Client {
	options.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: f.dial}}
	c, err := client.New("http://gateway.test", credentials, options)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(c.CloseIdleConnections)
	return c
}

// dialed returns a connection that is closed at the end of the test.
func (f *fake) dialed(options client.Options) *client.Conn {
	f.t.Helper()
	conn, err := f.client(options).Dial(f.t.Context())
	if err != nil {
		f.t.Fatal("Dial:", err)
	}
	f.t.Cleanup(func() { conn.Close() })
	return conn
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	if f.refuse != nil {
		f.refuse(w, r)
		return
	}
	if f.http != nil && r.URL.Path != "/api/v1/streams" {
		f.http(w, r)
		return
	}
	script, ok := <-f.scripts
	if !ok {
		f.t.Error("a connection that no script expects")
		return
	}
	if r.URL.Path != "/api/v1/streams" {
		f.t.Errorf("the handshake is for %s", r.URL.Path)
	}
	hijacked := &hijacker{ResponseWriter: w}
	ws, err := websocket.Accept(hijacked, r, nil)
	if err != nil {
		f.t.Error("handshake:", err)
		return
	}
	defer ws.CloseNow()
	f.playing.Add(1)
	defer f.playing.Done()
	script(&peer{f.t, ws, hijacked.conn})
}

// A hijacker remembers the connection that the library uses.
type hijacker struct {
	http.ResponseWriter
	conn net.Conn
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := h.ResponseWriter.(http.Hijacker).Hijack()
	h.conn = conn
	return conn, buffered, err
}

// A peer is the gateway's end of a connection. A method that fails ends the script.
type peer struct {
	t   testing.TB
	ws  *websocket.Conn
	raw net.Conn
}

func (p *peer) fail(format string, args ...any) {
	p.t.Helper()
	p.t.Errorf(format, args...)
	runtime.Goexit()
}

// expect reads a message, which must equal want.
func (p *peer) expect(want string) {
	p.t.Helper()
	if got := p.read(want); string(got) != want {
		p.fail("the client sent\n\t%s, want\n\t%s", got, want)
	}
}

// read returns the next message, which should be what want says.
func (p *peer) read(want string) []byte {
	p.t.Helper()
	_, got, err := p.ws.Read(context.Background())
	if err != nil {
		p.fail("the client should have sent %s: %v", want, err)
	}
	return got
}

// send sends messages.
func (p *peer) send(messages ...string) {
	p.t.Helper()
	for _, message := range messages {
		if err := p.ws.Write(context.Background(), websocket.MessageText, []byte(message)); err != nil {
			p.fail("sending %s: %v", message, err)
		}
	}
}

// offer sends a message, and returns false if that fails.
func (p *peer) offer(message string) bool {
	return p.ws.Write(context.Background(), websocket.MessageText, []byte(message)) == nil
}

func (p *peer) offerBinary(message string) {
	p.ws.Write(context.Background(), websocket.MessageBinary, []byte(message))
}

// skip reads the next message or the end.
func (p *peer) skip() { p.ws.Read(context.Background()) }

// expectEnd reads until the client ends the connection, with 1000 or without a close
// frame.
func (p *peer) expectEnd() {
	p.t.Helper()
	_, got, err := p.ws.Read(context.Background())
	if err == nil {
		p.fail("the client sent %s, want the end", got)
	}
	if status := websocket.CloseStatus(err); status != websocket.StatusNormalClosure {
		p.fail("the client ended with %v, want a close frame with 1000", err)
	}
}

// close sends a close frame and ends the connection.
func (p *peer) close(code int, reason string) { p.ws.Close(websocket.StatusCode(code), reason) }

func (p *peer) ping() { p.ws.Ping(context.Background()) }

const (
	authenticate  = `{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"abc","clientSecret":"def123"}}`
	authenticated = `{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"some_jail"}}`
	subscribe     = `{"id":2,"action":"subscribe","payload":"boiler_data"}`
	subscribed    = `{"id":2,"action":"subscription","success":true,"streamName":"boiler_data","payload":2}`
)

// enter answers the authentication of a client.
func (p *peer) enter() {
	p.t.Helper()
	p.expect(authenticate)
	p.send(authenticated)
}

// enterAndSubscribe answers the authentication and the first subscription.
func (p *peer) enterAndSubscribe() {
	p.t.Helper()
	p.enter()
	p.expect(subscribe)
	p.send(subscribed)
}

// delivery is a message of subscription 2.
func delivery(payload string) string {
	return `{"id":2,"action":"subscription","streamName":"boiler_data","payload":` + payload + `}`
}

// wantNext reads the next message, which must have this payload.
func wantNext(t *testing.T, sub *client.Subscription, payload string) {
	t.Helper()
	m, err := sub.Next(t.Context())
	if err != nil {
		t.Fatalf("Next: %v, want %s", err, payload)
	}
	if string(m.Payload) != payload || m.Stream != sub.Stream() {
		t.Fatalf("Next: %s of %s, want %s of %s", m.Payload, m.Stream, payload, sub.Stream())
	}
}

// mustSubscribe subscribes to boiler_data.
func mustSubscribe(t *testing.T, conn *client.Conn) *client.Subscription {
	t.Helper()
	sub, err := conn.Subscribe(t.Context(), "boiler_data", client.SubscribeOptions{})
	if err != nil {
		t.Fatal("Subscribe:", err)
	}
	return sub
}

// errOf returns the error of a publish.
func errOf(_ client.Published, err error) error { return err }

// wantRefusal checks that err is an *Error with the code.
func wantRefusal(t *testing.T, err error, code protocol.Code) *client.Error {
	t.Helper()
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Code != code {
		t.Fatalf("got error %v, want code %s", err, code)
	}
	return e
}

// within fails the test if f takes longer.
func within(t *testing.T, most time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took > most {
		t.Fatalf("took %v, want at most %v", took, most)
	}
}

func long(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
