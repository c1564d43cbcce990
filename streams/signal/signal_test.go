package signal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"seagate/streams/fetch"
	"seagate/streams/peer"
	"seagate/streams/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newHub() *peer.Hub {
	return peer.NewHub(peer.Options{ServicesPerSpace: 10, ServersPerService: 10, ProceduresPerService: 10, CallsPerLink: 10, CallsPerOwner: 10, BytesPerOwner: 1 << 30, BodyBytes: 100})
}

func TestSignalsReachHandlers(t *testing.T) {
	h := newHub()
	got := make(chan string)
	for _, name := range []string{"a", "b"} {
		l := h.Join("jail", peer.Identity{ClientID: name})
		defer l.Close()
		s, err := signal.Serve(t.Context(), l, "pricing", map[string]signal.Handler{"reload": func(_ context.Context, m peer.Message) {
			got <- fmt.Sprintf("%s: %s from %s", name, m.Body, m.Caller.ClientID)
		}}, fetch.Options{AtOnce: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Stop(context.Background())
	}
	web := h.Join("jail", peer.Identity{ClientID: "web"})
	defer web.Close()
	n, err := signal.SendAll(t.Context(), web, "pricing", "reload", []byte("1"))
	if n != 2 || err != nil {
		t.Errorf("SendAll: %d, %v", n, err)
	}
	if err := signal.Send(t.Context(), web, "pricing", "reload", []byte("2")); !errors.Is(err, peer.ErrBusy) {
		t.Errorf("while each handler is at work: %v", err)
	}
	a, b := <-got, <-got
	if a > b {
		a, b = b, a
	}
	if a != "a: 1 from web" || b != "b: 1 from web" {
		t.Errorf("the handlers got %q and %q", a, b)
	}
	if err := signal.Send(t.Context(), web, "pricing", "stop", nil); !errors.Is(err, peer.ErrNoSuchProcedure) {
		t.Errorf("a signal that nobody handles: %v", err)
	}
}

func TestACallOfASignalIsAnsweredWithNull(t *testing.T) {
	h := newHub()
	l := h.Join("jail", peer.Identity{})
	defer l.Close()
	s, err := signal.Serve(t.Context(), l, "pricing", map[string]signal.Handler{"reload": func(context.Context, peer.Message) {}}, fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop(context.Background())
	if got, err := fetch.Fetch(t.Context(), l, "pricing", "reload", nil); string(got) != "null" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}

func Example() {
	hub, ctx := newHub(), context.Background()
	worker := hub.Join("root", peer.Identity{ClientID: "worker"})
	defer worker.Close()
	stopped := make(chan struct{})
	server, err := signal.Serve(ctx, worker, "jobs", map[string]signal.Handler{
		"shutdown": func(context.Context, peer.Message) { close(stopped) },
	}, fetch.Options{})
	if err != nil {
		panic(err)
	}
	defer server.Stop(ctx)

	reached, err := signal.SendAll(ctx, worker, "jobs", "shutdown", nil)
	<-stopped
	fmt.Println(reached, err)
	// Output: 1 <nil>
}
