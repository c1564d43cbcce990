package broadcast_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"seagate/streams/broadcast"
	"seagate/streams/fetch"
	"seagate/streams/peer"
)

// countedWatches is a link that counts what it watches at the moment.
type countedWatches struct {
	peer.Link
	open atomic.Int64
}

func (l *countedWatches) Watch(service string, changed func(int)) func() {
	l.open.Add(1)
	var stopped atomic.Bool
	stop := l.Link.Watch(service, changed)
	return func() {
		if !stopped.Swap(true) {
			l.open.Add(-1)
		}
		stop()
	}
}

// A receiver that joins again and again costs its server no more than once, and what it says
// of itself is bounded.
func TestAReceiverThatJoinsAgainCostsOnce(t *testing.T) {
	h := newHub()
	l := &countedWatches{Link: join(t, h, "server")}
	s := serve(t, l, broadcast.ServerOptions{Receivers: 1}, "weather")
	receiver := join(t, h, "receiver")
	offer := peer.Offer{Service: string(receiver.Address()), Procedures: []string{"p"}}
	if _, err := receiver.Serve(t.Context(), offer, ignores{}); err != nil {
		t.Fatal(err)
	}
	ask := func(port string) error {
		body := fmt.Appendf(nil, `{"port":%q,"namespaces":["weather","weather","weather"]}`, port)
		_, err := fetch.Fetch(t.Context(), receiver, "news", "join", body)
		return err
	}
	for range 10 {
		if err := ask("p"); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.open.Load(); n != 1 {
		t.Errorf("the server watches the receiver %d times", n)
	}
	if n := s.Receivers("weather"); n != 1 {
		t.Errorf("%d receivers", n)
	}
	if err := ask(strings.Repeat("p", 1000)); err == nil {
		t.Error("a port of 1,000 bytes was accepted")
	}
	receiver.Close()
	if n, kept := l.open.Load(), s.Receivers("weather"); n != 0 || kept != 0 {
		t.Errorf("after the end of the receiver: %d watches, %d receivers", n, kept)
	}
}

type ignores struct{}

func (ignores) Call(*peer.Call) bool            { return false }
func (ignores) Signal(*peer.Message) bool       { return true }
func (ignores) GivenUp(*peer.Call, peer.Reason) {}

// A stranger that finds the port of a receiver before its server has answered cannot end it.
func TestAStrangerThatIsFasterThanTheServerHarmsNobody(t *testing.T) {
	h := newHub()
	server, stranger := join(t, h, "server"), join(t, h, "stranger")
	for _, l := range []peer.Link{server, stranger} {
		if _, err := l.Serve(t.Context(), peer.Offer{Service: string(l.Address()), Procedures: []string{"x"}}, ignores{}); err != nil {
			t.Fatal(err)
		}
	}
	var at peer.Endpoint
	news, err := fetch.Serve(t.Context(), server, "news", map[string]fetch.Handler{
		"join": func(ctx context.Context, c *fetch.Call) ([]byte, error) {
			about, err := stranger.Service(ctx, string(c.Caller.Address))
			if err != nil {
				return nil, err
			}
			at = peer.Endpoint{Address: c.Caller.Address, Port: about.Procedures[0]}
			for _, end := range []string{`{"number":1,"namespace":"weather","data":"cmFpbg=="}`, `{"number":2}`} {
				if err := peer.Post(ctx, stranger, at, []byte(end)); err != nil {
					return nil, err
				}
			}
			return fmt.Appendf(nil, `{"address":%q}`, server.Address()), nil
		},
	}, fetch.Options{Sole: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { news.Stop(context.Background()) })
	r := receive(t, join(t, h, "receiver"), broadcast.ReceiverOptions{}, "weather")
	if err := peer.Post(t.Context(), server, at, []byte(`{"number":1,"namespace":"weather","data":"c3Vu"}`)); err != nil {
		t.Errorf("Post of the server: %v", err)
	}
	expect(t, r, "weather:sun")
}
