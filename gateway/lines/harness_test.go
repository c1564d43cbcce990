package lines_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"seagate/auth"
	"seagate/gateway"
	"seagate/gateway/gatewaytest"
	"seagate/gateway/lines"
	"seagate/internal/pace"
	"seagate/internal/secret"
	"seagate/protocol"
)

// patience is how long anything may take that is only waited for.
const patience = 60 * time.Second

// A bench is a gateway with a lines listener, whose connections are the root client's
// unless a test says otherwise.
type bench struct {
	*gatewaytest.Gateway
	t      testing.TB
	server *lines.Server
	addr   string
	root   *auth.Principal
	secret secret.Text
}

type setup struct {
	parts   func(*gatewaytest.Options)
	options func(*lines.Options)
	listen  func(net.Listener) net.Listener
}

func options() lines.Options {
	return lines.Options{
		Connections:           1_000,
		ConnectionsPerJail:    1_000,
		LineBytes:             1 << 20,
		LineTimeout:           30 * time.Second,
		QueuedBytes:           32 << 10,
		PublishesInFlight:     256,
		AuthenticationTimeout: 10 * time.Second,
		StallTimeout:          time.Minute,
		LingerTimeout:         5 * time.Second,
		SweepInterval:         time.Minute,
		ClientID:              "root",
	}
}

func newBench(t testing.TB, with setup) *bench {
	t.Helper()
	b := &bench{t: t, Gateway: gatewaytest.New(t, func(o *gatewaytest.Options) {
		o.Settings.Jobs = gateway.JobPolicy{Streams: 100, Bytes: 1 << 20, IdleTimeout: time.Hour}
		if with.parts != nil {
			with.parts(o)
		}
	})}
	b.root, b.secret = b.Root("root")
	opts := options()
	if with.options != nil {
		with.options(&opts)
	}
	b.server = lines.NewServer(b.Gateway.Gateway, opts)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.addr = listener.Addr().String()
	if with.listen != nil {
		listener = with.listen(listener)
	}
	served := make(chan error, 1)
	go func() { served <- b.server.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		b.server.Shutdown(ctx, atOnce)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return b
}

var atOnce = pace.Pace{PerSecond: 1}

// A peer is a client over a plain socket.
type peer struct {
	t  testing.TB
	nc net.Conn
	r  *bufio.Reader
}

func (b *bench) dial() *peer {
	b.t.Helper()
	nc, err := net.Dial("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	return newPeer(b.t, nc)
}

func newPeer(t testing.TB, nc net.Conn) *peer {
	nc.SetReadDeadline(time.Now().Add(patience))
	t.Cleanup(func() { nc.Close() })
	return &peer{t, nc, bufio.NewReaderSize(nc, 64<<10)}
}

func (p *peer) send(lines ...string) {
	p.t.Helper()
	if _, err := io.WriteString(p.nc, strings.Join(lines, "\n")+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) next() string {
	p.t.Helper()
	line, err := p.r.ReadString('\n')
	if err != nil {
		p.t.Fatalf("after %q: %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (p *peer) want(lines ...string) {
	p.t.Helper()
	for _, line := range lines {
		if got := p.next(); got != line {
			p.t.Fatalf("got\n %.2000s\nwant\n %s", got, line)
		}
	}
}

// wantError fails unless the next line is an error that begins and ends as given, which
// leaves out its text.
func (p *peer) wantError(before, after string) {
	p.t.Helper()
	got := p.next()
	if !strings.HasPrefix(got, `{"action":"error"`+before+`,"message":"`) || !strings.HasSuffix(got, after+"}") {
		p.t.Fatalf("got\n %.2000s\nwant an error with %s…%s", got, before, after)
	}
}

// wantEnd fails unless the connection ends next, in good order.
func (p *peer) wantEnd() {
	p.t.Helper()
	if line, err := p.r.ReadString('\n'); err != io.EOF || line != "" {
		p.t.Fatalf("got %q, %v; want the end", line, err)
	}
}

// settle sends a line that changes nothing and is echoed behind everything that the lines
// before it caused.
func (p *peer) settle(token string) {
	p.t.Helper()
	p.send(echo(token))
}

func echo(token string) string {
	return `{"action":"hangup","stream":"nobody","token":"` + token + `"}`
}

func (b *bench) define(stream string) {
	b.t.Helper()
	if _, err := b.Define(context.Background(), b.root, stream, []byte(`{"version":1,"fields":[{"name":"n","type":"integer"}]}`)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) publish(stream string, payloads ...string) {
	b.t.Helper()
	values := make([]jsontext.Value, len(payloads))
	for i, payload := range payloads {
		values[i] = jsontext.Value(payload)
	}
	done := make(chan error, 1)
	b.Publish(b.root, gateway.Publication{Stream: stream, Payloads: values, Batch: true}, func(_ protocol.Published, err error) { done <- err })
	if err := <-done; err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) authenticate(token string) string {
	return `{"action":"authenticate","payload":{"type":"jwt","clientId":"root","jwt":"` + token + `"}}`
}

func (b *bench) basic() string {
	return `{"action":"authenticate","payload":{"type":"basic","clientId":"root","clientSecret":"` + b.secret.Reveal() + `"}}`
}

var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// token returns a token of the root client with these claims besides exp.
func (b *bench) token(expires time.Time, claims string) string {
	b.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(signingKey().Public())
	if err != nil {
		b.t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	if _, err := b.SetPublicKey(context.Background(), b.root, "root", string(public)); err != nil {
		b.t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	head := encode([]byte(`{"alg":"RS512","typ":"JWT"}`)) + "." + encode(fmt.Appendf(nil, `{"exp":%d%s}`, expires.Unix(), claims))
	signature, err := jwt.SigningMethodRS512.Sign(head, signingKey())
	if err != nil {
		b.t.Fatal(err)
	}
	return head + "." + encode(signature)
}

type linesOptions = lines.Options

var earliest = gateway.Position{Position: protocol.Position{Kind: protocol.PositionEarliest}}

func timeText(t time.Time) string { return string(protocol.AppendTime(nil, t)) }

func (p *peer) closeWrite() { p.nc.(interface{ CloseWrite() error }).CloseWrite() }
