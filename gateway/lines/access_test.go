package lines_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"seagate/gateway/gatewaytest"
	"seagate/gateway/lines"
	"seagate/internal/sockets"
)

func strangers(o *lines.Options) { o.ClientID = "" }

func TestTheFirstLineAuthenticates(t *testing.T) {
	b := newBench(t, setup{options: strangers})
	p := b.dial()
	p.send(`{"action":"listen","id":1,"stream":"job"}`)
	p.wantError(`,"id":1`, `,"code":"credentials_required","stream":"job"`)
	p.send(b.basic(), `{"action":"put","id":2,"stream":"job","message":1}`, b.basic())
	p.want(`{"action":"authenticate","success":true,"jailId":"root"}`, `{"action":"put","id":2,"stream":"job"}`)
	p.wantError(``, `,"code":"invalid_request"`)

	for line, code := range map[string]string{
		`{"action":"authenticate","id":"a","payload":{"type":"basic","clientId":"root","clientSecret":"wrong-wrong-wrong"}}`: "invalid_credentials",
		`{"action":"authenticate","id":"a","payload":{"type":"basic","clientId":"root"}}`:                                    "invalid_request",
		`{"action":"authenticate","id":"a"}`: "invalid_request",
	} {
		q := b.dial()
		q.send(line, `{"action":"put","stream":"job","message":2}`)
		q.wantError(`,"id":"a"`, "")
		q.wantEnd()
		if info, _ := b.Stream(b.root, "job"); info.Topic.Next != 2 {
			t.Errorf("%s: a put after the refusal was done", code)
		}
	}
}

func TestWithoutAuthenticationAConnectionEnds(t *testing.T) {
	b := newBench(t, setup{options: func(o *lines.Options) { o.ClientID, o.AuthenticationTimeout = "", 50*time.Millisecond }})
	silent, half, chatty := b.dial(), b.dial(), b.dial()
	half.nc.Write([]byte(`{"action":"authenticate"`))
	chatty.send(`{}`)
	chatty.wantError(``, "")
	for _, p := range []*peer{silent, half, chatty} {
		p.wantError(``, `,"code":"authentication_timeout"`)
		p.wantEnd()
	}
}

func TestAStrangersLineIsShort(t *testing.T) {
	b := newBench(t, setup{options: strangers})
	long := b.dial()
	fmt.Fprintf(long.nc, `{"action":"authenticate","payload":"%s"}`+"\n", strings.Repeat("x", 80<<10))
	long.wantError(``, `,"code":"message_too_large"`)
}

// A token listens, to what its filter passes, and does nothing else.
func TestTokensListenOnly(t *testing.T) {
	for _, others := range []string{"are refused", "wait"} { // subscriptions over WebSocket to what is not there
		t.Run("others "+others, func(t *testing.T) {
			b := newBench(t, setup{options: strangers, parts: func(o *gatewaytest.Options) {
				o.Settings.AwaitUndefined = others == "wait"
			}})
			b.define("boiler")
			p := b.dial()
			p.send(b.authenticate(b.token(time.Now().Add(time.Hour), `,"filter":{"t":"eq","e":[{"t":"path","e":"$.n"},{"t":"number","e":2}]}`)))
			p.want(`{"action":"authenticate","success":true,"jailId":"root"}`)
			p.send(`{"action":"listen","id":1,"stream":"boiler"}`, `{"action":"put","stream":"boiler","message":{"n":2}}`,
				`{"action":"header","stream":"boiler","message":{"n":2}}`, `{"action":"delete","stream":"boiler"}`, `{"action":"listen","stream":"job"}`)
			p.want(`{"action":"listen","id":1,"stream":"boiler"}`)
			for range 3 {
				p.wantError(``, `,"code":"forbidden","stream":"boiler"`)
			}
			p.wantError(``, `,"code":"stream_not_found","stream":"job"`)
			b.publish("boiler", `{"n":1}`, `{"n":2}`, `{"n":3}`)
			p.want(`{"action":"put","stream":"boiler","message":{"n":2}}`)
			if n := b.JobStreams(); n != 0 {
				t.Errorf("a token made %d job streams", n)
			}
		})
	}
}

// A connection ends when its token expires. On a busy machine a short life may be over
// before the connection has begun.
func TestAConnectionEndsWithItsToken(t *testing.T) {
	b := newBench(t, setup{options: strangers})
	for life := 2 * time.Second; life < time.Minute; life *= 2 {
		p := b.dial()
		p.send(b.authenticate(b.token(time.Now().Add(life), "")))
		if line := p.next(); line != `{"action":"authenticate","success":true,"jailId":"root"}` {
			continue
		}
		p.wantError(``, `,"code":"token_expired"`)
		p.wantEnd()
		return
	}
	t.Error("no token lived long enough")
}

func TestRevocationEndsConnections(t *testing.T) {
	b := newBench(t, setup{})
	p := b.dial()
	p.settle("in")
	p.want(echo("in"))
	if _, _, err := b.RotateSecret(t.Context(), b.root, "root", 0); err != nil {
		t.Fatal(err)
	}
	p.wantError(``, `,"code":"credentials_revoked"`)
	p.wantEnd()
	again := b.dial()
	again.send(`{"action":"put","id":1,"stream":"job","message":1}`)
	again.want(`{"action":"put","id":1,"stream":"job"}`)
}

func TestTheConfiguredClientMustExist(t *testing.T) {
	b := newBench(t, setup{options: func(o *lines.Options) { o.ClientID = "nobody" }})
	p := b.dial()
	p.wantError(``, `,"code":"client_not_found"`)
	p.wantEnd()
}

func TestConnectionsAndListenersAreBounded(t *testing.T) {
	b := newBench(t, setup{
		parts: func(o *gatewaytest.Options) {
			o.Settings.ConnectionsPerClient, o.Settings.SubscriptionsPerConnection = 2, 2
			o.Settings.PublishesPerSecond = 7 // two jobs, two refusals, and three messages
			o.Settings.Jobs.Streams = 2
		},
		options: func(o *lines.Options) { o.Connections = 3 },
	})
	p := b.dial()
	p.send(`{"action":"listen","stream":"a"}`, `{"action":"listen","stream":"b"}`, `{"action":"listen","id":1,"stream":"c"}`, `{"action":"listen","id":2,"stream":"a"}`)
	p.wantError(`,"id":1`, `,"code":"too_many_subscriptions","stream":"c"`)
	p.want(`{"action":"listen","id":2,"stream":"a"}`)
	p.send(`{"action":"hangup","stream":"a"}`, `{"action":"listen","id":3,"stream":"c"}`)
	p.want(`{"action":"hangup","stream":"a"}`)
	p.wantError(`,"id":3`, `,"code":"too_many_streams","stream":"c"`)
	p.send(`{"action":"put","stream":"c","message":1}`)
	p.wantError(``, `,"code":"too_many_streams","stream":"c"`)
	for i := range 4 {
		p.send(fmt.Sprintf(`{"action":"put","id":%d,"stream":"a","message":1}`, i))
	}
	p.want(`{"action":"put","id":0,"stream":"a"}`, `{"action":"put","id":1,"stream":"a"}`, `{"action":"put","id":2,"stream":"a"}`)
	p.wantError(`,"id":3`, `,"code":"rate_limited","stream":"a"`)

	q := b.dial()
	q.settle("in")
	q.want(echo("in"))
	r := b.dial() // a third of this client
	r.wantError(``, `,"code":"too_many_connections"`)
	s := b.dial() // a fourth of the listener, since the third waits for its peer to close
	s.wantError(``, `,"code":"too_many_connections"`)
	s.wantEnd()
	r.wantEnd()
	q.nc.Close()
}

// A connection that has authenticated does not give way to strangers.
func TestStrangersDisplaceStrangersOnly(t *testing.T) {
	pool := sockets.NewPool(2, 1, nil)
	b := newBench(t, setup{options: strangers, listen: func(l net.Listener) net.Listener { return pool.Listener(l, nil) }})
	p := b.dial()
	p.send(b.basic(), `{"action":"listen","id":1,"stream":"job"}`)
	p.want(`{"action":"authenticate","success":true,"jailId":"root"}`, `{"action":"listen","id":1,"stream":"job"}`)
	for range 5 {
		b.dial()
	}
	deadline := time.Now().Add(patience)
	for pool.Stats().Displaced < 4 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond) // the listener accepts in the background
	}
	p.settle("still here")
	p.want(echo("still here"))
	if s := pool.Stats(); s.Displaced != 4 {
		t.Errorf("%+v", s)
	}
}

func TestShutdownAnswersAndTells(t *testing.T) {
	b := newBench(t, setup{})
	listener, writer := b.dial(), b.dial()
	listener.send(`{"action":"listen","id":1,"stream":"job"}`)
	listener.want(`{"action":"listen","id":1,"stream":"job"}`)
	go func() {
		for i := 0; ; i++ {
			if _, err := fmt.Fprintf(writer.nc, `{"action":"put","id":%d,"stream":"job","message":%d}`+"\n", i, i); err != nil {
				return
			}
		}
	}()
	writer.want(`{"action":"put","id":0,"stream":"job"}`)
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		done <- b.server.Shutdown(ctx, atOnce)
	}()
	answered := 1
	for line := writer.next(); strings.HasPrefix(line, `{"action":"put"`); line = writer.next() {
		answered++
	}
	line := listener.next()
	for i := 0; line == fmt.Sprintf(`{"action":"put","stream":"job","message":%d}`, i); i++ {
		line = listener.next()
	}
	if !strings.HasSuffix(line, `,"code":"server_shutdown"}`) {
		t.Errorf("the listener got %s", line)
	}
	listener.nc.Close()
	writer.nc.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if info, err := b.Stream(b.root, "job"); err != nil || info.Topic.Next != uint64(answered)+1 {
		t.Errorf("%d were answered, %+v, %v", answered, info.Topic.Bounds, err)
	}
}

func TestTLS(t *testing.T) {
	ts := httptest.NewUnstartedServer(nil)
	ts.StartTLS()
	defer ts.Close()
	b := newBench(t, setup{options: func(o *lines.Options) {
		o.TLS = &tls.Config{Certificates: ts.TLS.Certificates}
		o.AuthenticationTimeout = 200 * time.Millisecond
	}})
	nc, err := tls.Dial("tcp", b.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, nc)
	p.send(`{"action":"listen","id":1,"stream":"job"}`, `{"action":"put","id":2,"stream":"job","message":1}`)
	seen := []string{p.next(), p.next(), p.next()}
	if seen[0] != `{"action":"listen","id":1,"stream":"job"}` {
		t.Errorf("got %q", seen)
	}
	silent := b.dial() // never begins the handshake
	silent.wantEnd()
}

// A jail takes no more connections of the listener than its share; another gets in. With a configured
// client all connections are of one jail.
func TestAJailHasAShareOfTheConnections(t *testing.T) {
	b := newBench(t, setup{options: func(o *lines.Options) { o.ClientID, o.ConnectionsPerJail = "", 2 }})
	_, other, err := b.Directory.CreateJail(t.Context(), "other", "", "c")
	if err != nil {
		t.Fatal(err)
	}
	const in = `{"action":"authenticate","success":true,"jailId":"root"}`
	first, second, third := b.dial(), b.dial(), b.dial()
	first.send(b.basic())
	first.want(in)
	second.send(b.basic())
	second.want(in)
	third.send(b.basic())
	third.wantError(``, `,"code":"too_many_connections"`)
	third.wantEnd()
	neighbour := b.dial()
	neighbour.send(`{"action":"authenticate","payload":{"type":"basic","clientId":"c","clientSecret":"` + other.Reveal() + `"}}`)
	neighbour.want(`{"action":"authenticate","success":true,"jailId":"other"}`)
	first.nc.Close()
	for end := time.Now().Add(10 * time.Second); ; { // until the listener has seen it
		again := b.dial()
		again.send(b.basic())
		if again.next() == in {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the place of a connection that has ended is not given back")
		}
	}

	all := newBench(t, setup{options: func(o *lines.Options) { o.ConnectionsPerJail = 1 }})
	for range 3 {
		p := all.dial()
		p.send(`{"action":"listen","id":1,"stream":"job"}`)
		p.want(`{"action":"listen","id":1,"stream":"job"}`)
	}
}
