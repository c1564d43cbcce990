package ws_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"seagate/auth"
	"seagate/gateway"
	"seagate/gateway/gatewaytest"
	"seagate/gateway/ws"
	"seagate/gateway/ws/wstest"
	"seagate/groups"
	"seagate/internal/pace"
	"seagate/protocol"
	"seagate/storage"
	"seagate/streams"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A bench is a gateway with a WebSocket endpoint, its root client and a
// stream.
type bench struct {
	t       testing.TB
	dir     *auth.Directory
	gateway *gateway.Gateway
	server  *ws.Server
	addr    string
	secret  string
	root    *auth.Principal
}

// atOnce is the pace that ends all connections without a pause.
var atOnce = pace.Pace{PerSecond: 1}

type setup struct {
	settings func(*gateway.Settings)
	options  func(*ws.Options)
	network  streams.Options
	disk     storage.Logs // nil for memory
	credit   groups.Credit
	window   groups.TagCredit
	listener net.Listener // nil for a TCP listener
}

func newBench(t testing.TB, with setup) *bench {
	t.Helper()
	b := &bench{t: t}
	g := gatewaytest.New(t, func(o *gatewaytest.Options) {
		o.Network = with.network
		if with.disk != nil {
			o.Disk = with.disk
		}
		if with.settings != nil {
			with.settings(&o.Settings)
		}
		if with.credit != (groups.Credit{}) {
			o.Groups.Credit = with.credit
		}
		o.Groups.TagCredit = with.window
	})
	b.gateway, b.dir = g.Gateway, g.Directory
	root, secret := g.Root("root")
	b.root, b.secret = root, secret.Reveal()
	options := ws.OptionsForTest()
	options.LingerTimeout = time.Second
	if with.options != nil {
		with.options(&options)
	}
	b.server = ws.NewServer(b.gateway, options)
	h := httptest.NewUnstartedServer(b.server)
	if with.listener != nil {
		h.Listener.Close()
		h.Listener = with.listener
	}
	h.Start()
	b.addr = h.Listener.Addr().String()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		b.server.Shutdown(ctx, atOnce)
		h.Close()
	})
	b.define("boiler")
	return b
}

// on returns the bench for use in a subtest.
func (b *bench) on(t testing.TB) *bench {
	sub := *b
	sub.t = t
	return &sub
}

func (b *bench) define(stream string) {
	b.t.Helper()
	b.defineAs(stream, `{"version":1,"fields":[{"name":"n","type":"integer"}]}`)
}

func (b *bench) defineAs(stream, definition string) {
	b.t.Helper()
	if _, err := b.gateway.Define(context.Background(), b.root, stream, []byte(definition)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) publish(stream, payload string) {
	b.t.Helper()
	b.gateway.Publish(b.root, gateway.Publication{Stream: stream, Payloads: []jsontext.Value{jsontext.Value(payload)}}, func(_ protocol.Published, err error) {
		if err != nil {
			b.t.Errorf("publish %s: %v", payload, err)
		}
	})
}

func (b *bench) dial() *wstest.Conn {
	b.t.Helper()
	return wstest.Dial(b.t, b.addr, "/api/v1/streams")
}

// login returns an authenticated connection.
func (b *bench) login() *wstest.Conn {
	b.t.Helper()
	return b.authenticate(b.dial())
}

func (b *bench) authenticate(c *wstest.Conn) *wstest.Conn {
	b.t.Helper()
	b.authenticateAs(c, "root", b.secret)
	return c
}

func (b *bench) authenticateAs(c *wstest.Conn, client, secret string) {
	b.t.Helper()
	c.Send(fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":%q,"clientSecret":%q}}`, client, secret))
	c.Want(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"root"}}`)
}

func subscribed(id int, stream string) string {
	return fmt.Sprintf(`{"id":%d,"action":"subscription","success":true,"streamName":%q,"payload":%d}`, id, stream, id)
}

func delivery(id int, stream, payload string) string {
	return fmt.Sprintf(`{"id":%d,"action":"subscription","streamName":%q,"payload":%s}`, id, stream, payload)
}

// inGroup is the member of a subscribe request that joins a group.
const inGroup = `,"groupId":"4d0b7e5a-91a3-4ac5-a0d9-2b1b0a4d7a52"`

// subscribe sends a subscribe request with the extra members, and expects it to
// succeed.
func (b *bench) subscribe(c *wstest.Conn, id int, stream, extra string) {
	b.t.Helper()
	c.Send(fmt.Sprintf(`{"id":%d,"action":"subscribe","payload":%q%s}`, id, stream, extra))
	c.Want(subscribed(id, stream))
}

// settle returns when the server has handled the pongs that were sent before. It
// uses the request id 3.
func (b *bench) settle(c *wstest.Conn) {
	b.t.Helper()
	c.Send(`{"id":3,"action":"describe","payload":"boiler"}`)
	if m, closed := c.Next(); closed != nil || !strings.HasPrefix(m, `{"id":3`) {
		b.t.Fatalf("got %s, %v", m, closed)
	}
	// The worker may still be on its way back from the delivery that was acknowledged.
	b.await("nothing is in flight", func() bool {
		page, _, err := b.gateway.ListGroups(b.t.Context(), b.root, "boiler", "", 1)
		return err == nil && len(page) == 1 && page[0].InFlight == 0
	})
}

// authenticateApp authenticates the connection as a new client, app.
func (b *bench) authenticateApp(c *wstest.Conn) {
	b.t.Helper()
	_, secret, err := b.gateway.CreateClient(b.t.Context(), b.root, "app", "", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.authenticateAs(c, "app", secret.Reveal())
}

// revokeApp revokes the credentials of the client app.
func (b *bench) revokeApp() {
	b.t.Helper()
	if _, _, err := b.gateway.RotateSecret(b.t.Context(), b.root, "app", 0); err != nil {
		b.t.Fatal(err)
	}
}

// wide defines the stream wide, whose messages may have any size.
func (b *bench) wide() {
	b.t.Helper()
	b.defineAs("wide", `{"version":1,"fields":[{"name":"s","type":"string"}]}`)
}

func wide(n, size int) string { return fmt.Sprintf(`{"s":"%08d%s"}`, n, strings.Repeat("x", size)) }

// value returns the sum of a gauge or counter.
func value(m prometheus.Collector) (sum float64) {
	r := prometheus.NewRegistry()
	r.MustRegister(m)
	families, _ := r.Gather()
	for _, family := range families {
		for _, sample := range family.Metric {
			sum += sample.GetGauge().GetValue() + sample.GetCounter().GetValue()
		}
	}
	return sum
}

func (b *bench) open() int {
	return int(value(b.gateway.Metrics.Connections.WithLabelValues("websocket")))
}

func (b *bench) closed(code string) int {
	return int(value(b.gateway.Metrics.Closed.WithLabelValues(code)))
}

// await waits until the condition is true.
func (b *bench) await(what string, condition func() bool) {
	b.t.Helper()
	for end := time.Now().Add(wstest.Timeout); !condition(); {
		if time.Now().After(end) {
			b.t.Fatalf("%s: not within %v", what, wstest.Timeout)
		}
		<-time.After(time.Millisecond)
	}
}

// A pipes is a listener for bubbles of testing/synctest, which cannot wait for a
// socket. Its connections have no buffers: a write blocks until the peer has
// read it.
type pipes struct {
	conns     chan net.Conn
	closed    chan struct{}
	closeOnce sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-p.conns:
		return nc, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.closeOnce.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(t testing.TB) net.Conn {
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close() })
	p.conns <- there
	return here
}

// dialBuffered is dial with buffers on the way to the client, as the kernels on both
// sides have them.
func (p *pipes) dialBuffered(t testing.TB) net.Conn {
	here, far := net.Pipe()
	near := p.dial(t)
	t.Cleanup(func() { here.Close() })
	pass := func(to, from net.Conn, buffered int) {
		pieces := make(chan []byte, buffered)
		go func() {
			defer close(pieces)
			for {
				piece := make([]byte, 4<<10)
				n, err := from.Read(piece)
				if err != nil {
					return
				}
				pieces <- piece[:n]
			}
		}()
		go func() {
			defer to.Close()
			defer from.Close()
			for piece := range pieces {
				to.Write(piece) // if it fails, from ends too
			}
		}()
	}
	pass(far, near, 1000)
	pass(near, far, 0)
	return here
}

// A slowHandshake is a handler whose requests wait in Hijack until they may
// proceed.
type slowHandshake struct {
	http.Handler
	entered, proceed chan struct{}
}

func (s slowHandshake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Handler.ServeHTTP(slowHijack{w, s}, r)
}

type slowHijack struct {
	http.ResponseWriter
	slowHandshake
}

func (s slowHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	close(s.entered)
	<-s.proceed
	return s.ResponseWriter.(http.Hijacker).Hijack()
}

// startSlow begins a handshake with the handler, and sends the client when the
// handshake is complete.
func startSlow(t *testing.T, handler http.Handler) <-chan *wstest.Conn {
	l := newPipes()
	h := httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	h.Start()
	t.Cleanup(h.Close)
	peer := make(chan *wstest.Conn, 1)
	go func() {
		c, _ := wstest.Over(t, l.dial(t), "/")
		peer <- c
	}()
	return peer
}

// slowReads delays each read, of at most 4 KiB.
type slowReads struct {
	net.Conn
	pause time.Duration
}

func (s *slowReads) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.Conn.Read(p[:min(len(p), 4<<10)])
}

// tls serves the bench over TLS, and returns a function that connects to it. The
// outbox cannot write to the kernel directly through TLS.
func (b *bench) tls() (dial func() *wstest.Conn) {
	b.t.Helper()
	h := httptest.NewTLSServer(b.server)
	b.t.Cleanup(h.Close)
	trust := h.Client().Transport.(*http.Transport).TLSClientConfig
	return func() *wstest.Conn {
		b.t.Helper()
		raw, err := net.Dial("tcp", h.Listener.Addr().String())
		if err != nil {
			b.t.Fatal(err)
		}
		raw.(*net.TCPConn).SetReadBuffer(256 << 10)
		nc := tls.Client(raw, &tls.Config{RootCAs: trust.RootCAs, ServerName: "example.com"})
		b.t.Cleanup(func() { raw.Close() })
		c, _ := wstest.Over(b.t, nc, "/api/v1/streams")
		return c
	}
}
