package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"

	"seagate/auth"
	"seagate/gateway"
	"seagate/gateway/gatewaytest"
	"seagate/protocol"
	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/fetch"
	"seagate/streams/peer"
	"seagate/streams/peer/peertest"
)

func TestLinksOfAGateway(t *testing.T) {
	peertest.Run(t, func(t testing.TB) peertest.Network {
		g := gatewaytest.New(t)
		return g.Links(g.InProcess)
	})
}

func (p *parts) link(who *auth.Principal) *gateway.Link {
	p.t.Helper()
	l, err := p.Link(who)
	p.ok(err)
	p.t.Cleanup(func() { l.Close() })
	return l
}

// listener is a streams.Consumer that writes down what it gets.
type listener struct {
	mu     sync.Mutex
	got    []string
	panics bool
}

func (l *listener) note(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, text)
}

func (l *listener) Deliver(b *streams.Batch) int {
	if l.panics {
		panic("boom")
	}
	for _, m := range b.Messages {
		l.note(string(m.Payload))
	}
	return len(b.Messages)
}

func (l *listener) State(s streams.State) bool  { l.note(fmt.Sprintf("%+v", s)); return true }
func (l *listener) Gap(first, last uint64)      { l.note(fmt.Sprintf("gap %d-%d", first, last)) }
func (l *listener) Resumed() bool               { return true }
func (l *listener) End(err error)               { l.note("end") }
func (l *listener) Rerouted(now streams.Joined) { l.note(fmt.Sprintf("begins at %d", now.Next)) }

func (l *listener) await(t *testing.T, want ...string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		l.mu.Lock()
		there := slices.Equal(l.got, want)
		l.mu.Unlock()
		if there {
			return
		}
	}
	l.want(t, want...)
}

func (l *listener) want(t *testing.T, want ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.got, want) {
		t.Errorf("the listener got %q, want %q", l.got, want)
	}
}

// listen opens and starts an in topic.
func (p *parts) listen(l peer.Link, stream string, c streams.Consumer, from streams.StartAt) peer.InTopic {
	p.t.Helper()
	in, _, err := l.In(context.Background(), stream, c, from)
	p.ok(err)
	in.Start()
	return in
}

func (p *parts) sendOn(l peer.Link, stream, payload string) (refused error) {
	done := make(chan error, 1)
	l.Publish(peer.Publication{Topic: stream, Payloads: [][]byte{[]byte(payload)}}, func(_ streams.Sent, err error) { done <- err })
	return <-done
}

// What ends a link: whatever ends a WebSocket of the same principal, and its own panics.
func TestWhatEndsALink(t *testing.T) {
	for name, try := range map[string]struct {
		end  func(g *parts, root, who *auth.Principal, l *gateway.Link)
		code protocol.Code
	}{
		"its secret is rotated": {func(g *parts, root, who *auth.Principal, _ *gateway.Link) {
			_, _, err := g.RotateSecret(context.Background(), root, who.ClientID, 0)
			g.ok(err)
		}, protocol.CodeCredentialsRevoked},
		"its client is deleted": {func(g *parts, root, who *auth.Principal, _ *gateway.Link) {
			g.ok(g.DeleteClient(context.Background(), root, who.ClientID))
		}, protocol.CodeCredentialsRevoked},
		"the gateway closes": {func(g *parts, _, _ *auth.Principal, _ *gateway.Link) { g.Close() }, protocol.CodeServerShutdown},
		"a consumer panics": {func(g *parts, _, who *auth.Principal, l *gateway.Link) {
			g.listen(l, "boiler", &listener{panics: true}, streams.Latest())
			g.ok(g.sendOn(l, "boiler", `{"p":2}`))
		}, protocol.CodeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			g := build(t, memory.New(), nil)
			root := g.root()
			g.define(root, "boiler")
			_, secret, err := g.CreateClient(t.Context(), root, "service", "", nil)
			g.ok(err)
			who := g.login("service", secret)
			l := g.link(who)
			c := &listener{}
			g.listen(l, "boiler", c, streams.Latest())
			_, _, err = l.Out(t.Context(), "boiler", nil)
			g.ok(err)
			if n := gauge(t, g.Metrics.Connections.WithLabelValues("link")); n != 1 {
				t.Errorf("the metric has %v links", n)
			}
			try.end(g, root, who, l)
			<-l.Done()
			if code(l.Err()) != try.code {
				t.Errorf("the link ended with %v", l.Err())
			}
			if err := g.sendOn(l, "boiler", `{"p":1}`); !errors.Is(err, peer.ErrClosed) {
				t.Errorf("a publish afterwards: %v", err)
			}
			topic, _ := g.Network.Lookup(streams.ID{Space: root.JailUID, Name: "boiler"})
			if i := topic.Info(); i.Registered || i.Interest.Requested() {
				t.Errorf("it left %+v", i)
			}
			for _, of := range []string{"own", "group"} {
				if n := gauge(t, g.Metrics.Subscriptions.WithLabelValues(of)); n != 0 {
					t.Errorf("the metric has %v subscriptions (%s)", n, of)
				}
			}
			if n := gauge(t, g.Metrics.Connections.WithLabelValues("link")); n != 0 {
				t.Errorf("the metric has %v links", n)
			}
		})
	}
}

func gauge(t *testing.T, g interface{ Write(*dto.Metric) error }) float64 {
	t.Helper()
	var m dto.Metric
	must(t, g.Write(&m))
	return m.GetGauge().GetValue()
}

func TestALinkEndsWithItsJailAndSeesNoOther(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "boiler")
	_, secret, err := g.CreateJail(t.Context(), root, "other", "", "service")
	g.ok(err)
	outside, inside := g.link(root), g.link(g.login("service", secret))
	if _, _, err := inside.In(t.Context(), "boiler", &listener{}, streams.Latest()); code(err) != protocol.CodeStreamNotFound {
		t.Errorf("a stream of another jail: %v", err)
	}
	s, err := fetch.Serve(t.Context(), outside, "pricing", map[string]fetch.Handler{"quote": nil}, fetch.Options{})
	g.ok(err)
	defer s.Stop(t.Context())
	if _, err := fetch.Fetch(t.Context(), inside, "pricing", "quote", nil); !errors.Is(err, peer.ErrNoSuchService) {
		t.Errorf("a service of another jail: %v", err)
	}
	if _, err := inside.Signal(t.Context(), peer.Signal{Service: string(outside.Address()), Procedure: "x"}); !errors.Is(err, peer.ErrNoSuchService) {
		t.Errorf("an address of another jail: %v", err)
	}
	g.ok(g.DeleteJail(t.Context(), root, "other"))
	<-inside.Done()
	if code(inside.Err()) != protocol.CodeCredentialsRevoked || outside.Err() != nil {
		t.Errorf("the links ended with %v and %v", inside.Err(), outside.Err())
	}
}

// A link of a token may do what a WebSocket of the token may, and ends when it expires.
func TestALinkOfAToken(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "boiler")
	l := g.link(g.bearer(root, filterHigh))
	for what, err := range map[string]error{
		"publish": g.sendOn(l, "boiler", `{"p":1}`),
		"provide": func() error { _, _, err := l.Out(t.Context(), "boiler", nil); return err }(),
		"serve": func() error {
			_, err := l.Serve(t.Context(), peer.Offer{Service: "x", Procedures: []string{"y"}}, nil)
			return err
		}(),
		"fetch": func() error {
			_, err := l.Fetch(t.Context(), peer.Request{Service: "x", Procedure: "y"}, nil)
			return err
		}(),
		"signal": func() error { _, err := l.Signal(t.Context(), peer.Signal{Service: "x", Procedure: "y"}); return err }(),
		"header": l.SetHeader(t.Context(), "boiler", []byte(`{"p":1}`)),
		"list":   func() error { _, _, err := l.List(t.Context(), "", 10); return err }(),
		"look":   func() error { _, err := l.Service(t.Context(), "x"); return err }(),
	} {
		if code(err) != protocol.CodeForbidden || !errors.Is(err, auth.ErrForbidden) {
			t.Errorf("%s: %v", what, err)
		}
	}
	c := &listener{}
	in := g.listen(l, "boiler", c, streams.Latest())
	g.ok(g.publish(root, "boiler", `{"p":1}`, `{"p":7}`, `{"p":2}`))
	c.await(t, `{"p":7}`)
	in.Close()
}

func TestALinkIsBounded(t *testing.T) {
	g := build(t, memory.New(), func(s *gateway.Settings) {
		s.SubscriptionsPerConnection, s.ProvidedPerConnection, s.ConnectionsPerClient, s.PublishesPerSecond = 2, 1, 1, 3
		s.Services.BodyBytes = 100
	})
	root := g.root()
	g.define(root, "boiler")
	l := g.link(root)
	if _, err := g.Link(root); code(err) != protocol.CodeTooManyConnections {
		t.Errorf("a second link: %v", err)
	}
	in := g.listen(l, "boiler", &listener{}, streams.Latest())
	offer := peer.Offer{Service: "x", Procedures: []string{"y"}}
	r, err := l.Serve(t.Context(), offer, nil)
	g.ok(err)
	if _, _, err := l.In(t.Context(), "boiler", &listener{}, streams.Latest()); code(err) != protocol.CodeTooManySubscriptions {
		t.Errorf("a third: %v", err)
	}
	r.Withdraw(0)
	r.Withdraw(0)
	in.Close()
	in.Close()
	for range 2 { // both places are free again, and no more
		_, _, err := l.In(t.Context(), "boiler", &listener{}, streams.Latest())
		g.ok(err)
	}
	if _, err := l.Serve(t.Context(), offer, nil); code(err) != protocol.CodeTooManySubscriptions {
		t.Errorf("a third: %v", err)
	}
	l.Watch("x", func(int) { t.Error("a watch beyond the bound") })()
	out, _, err := l.Out(t.Context(), "boiler", nil) // counts as a message
	g.ok(err)
	if _, _, err := l.Out(t.Context(), "boiler", nil); code(err) != protocol.CodeTooManyProvided {
		t.Errorf("a second: %v", err)
	}
	g.ok(out.SetPaused(true))
	g.ok(g.sendOn(l, "boiler", `{"p":1}`))
	if err := g.sendOn(l, "boiler", `{"p":1}`); code(err) != protocol.CodeRateLimited {
		t.Errorf("the fourth in a second: %v", err)
	}
	if err := out.SetPaused(false); code(err) != protocol.CodeRateLimited {
		t.Errorf("the fourth in a second: %v", err)
	}
	long := []byte(`"` + strings.Repeat("x", 100) + `"`)
	if _, err := l.Signal(t.Context(), peer.Signal{Service: "x", Procedure: "y", Body: long}); !errors.Is(err, peer.ErrTooLarge) {
		t.Errorf("a long body: %v", err)
	}
}

// Calls to and from a link are checked as those of a WebSocket: by the rules of JSON, and by the
// definition of the service.
func TestCallsOfALinkAreChecked(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	_, err := g.DefineService(t.Context(), root, "pricing", []byte(`{"version":1,"procedures":[
		{"name":"quote","body":[{"name":"sku","type":"integer"}],"result":[{"name":"price","type":"integer"}]},{"name":"free"}]}`))
	g.ok(err)
	l := g.link(root)
	answer := func(_ context.Context, c *fetch.Call) ([]byte, error) {
		if string(c.Body) == `{"sku":13}` {
			return []byte(`{"price":"many"}`), nil
		}
		if c.Procedure == "quote" {
			return bytes.ReplaceAll(c.Body, []byte("sku"), []byte("price")), nil
		}
		return []byte(strings.Trim(string(c.Body), `"`)), nil
	}
	s, err := fetch.Serve(t.Context(), l, "pricing", map[string]fetch.Handler{"quote": answer, "free": answer}, fetch.Options{})
	g.ok(err)
	defer s.Stop(t.Context())
	for _, try := range []struct {
		procedure, body, want string
		code                  protocol.Code
	}{
		{"quote", `{"sku":7}`, `{"price":7}`, ""},
		{"quote", `{"sku":"7"}`, "", protocol.CodeInvalidPayload},
		{"quote", `{"sku":13}`, "", protocol.CodeServerError}, // the server answers with a text
		{"free", ` [ 1 ] `, "[1]", ""},
		{"free", `{"a":1,"a":2}`, "", protocol.CodeMalformedJSON},
		{"free", `"not JSON"`, "", protocol.CodeServerError},
		{"other", `1`, "", protocol.CodeNoSuchProcedure},
	} {
		got, err := fetch.Fetch(t.Context(), l, "pricing", try.procedure, []byte(try.body))
		if string(got) != try.want || code(err) != try.code {
			t.Errorf("%s(%s): %s, %v", try.procedure, try.body, got, err)
		}
	}
	if _, err := l.Serve(t.Context(), peer.Offer{Service: "a/b", Procedures: []string{"x"}}, nil); code(err) != protocol.CodeInvalidName {
		t.Errorf("a name that is not valid: %v", err)
	}
	if _, err := l.Serve(t.Context(), peer.Offer{Service: "a", Procedures: []string{"x y"}}, nil); code(err) != protocol.CodeInvalidName {
		t.Errorf("a name that is not valid: %v", err)
	}
}

// A consumer of a stream that is not defined yet begins when it is, if the settings allow that.
func TestALinkWaitsForADefinition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), func(s *gateway.Settings) { s.AwaitUndefined = true })
		root := g.root()
		l, err := g.Link(root)
		g.ok(err)
		c := &listener{}
		in, joined, err := l.In(t.Context(), "boiler", c, streams.Latest())
		g.ok(err)
		if joined.Next != 0 || joined.Bounds.Epoch != "" {
			t.Errorf("while it waits: %+v", joined)
		}
		in.Start()
		g.define(root, "boiler")
		g.ok(g.publish(root, "boiler", `{"p":1}`))
		synctest.Wait()
		c.want(t, "begins at 1", `{"p":1}`)
		l.Close()
		g.Close()
		g.Network.Close()
		time.Sleep(time.Hour) // what waits for that long is over
	})
}
