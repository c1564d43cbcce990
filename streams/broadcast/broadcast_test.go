package broadcast_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"seagate/streams/broadcast"
	"seagate/streams/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newHub() *peer.Hub {
	return peer.NewHub(peer.Options{
		ServicesPerSpace: 100, ServersPerService: 100, ProceduresPerService: 100,
		CallsPerLink: 100, CallsPerOwner: 1000, BytesPerOwner: 1 << 30, BodyBytes: 1 << 20,
	})
}

func join(t testing.TB, h *peer.Hub, name string) peer.Link {
	l := h.Join("jail", peer.Identity{ClientID: name, Owner: name})
	t.Cleanup(func() { l.Close() })
	return l
}

func serve(t testing.TB, l peer.Link, o broadcast.ServerOptions, namespaces ...string) *broadcast.Server {
	t.Helper()
	s, err := broadcast.Serve(t.Context(), l, "news", namespaces, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(context.Background()) })
	return s
}

func receive(t testing.TB, l peer.Link, o broadcast.ReceiverOptions, namespaces ...string) *broadcast.Receiver {
	t.Helper()
	r, err := broadcast.Receive(t.Context(), l, "news", namespaces, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func send(t testing.TB, s *broadcast.Server, namespace, data string, want int) {
	t.Helper()
	if n, err := s.Send(t.Context(), namespace, []byte(data)); n != want || err != nil {
		t.Errorf("Send(%s, %s): %d, %v, want %d", namespace, data, n, err, want)
	}
}

func expect(t testing.TB, r *broadcast.Receiver, want ...string) {
	t.Helper()
	for _, w := range want {
		m, err := r.Next(t.Context())
		if err != nil {
			t.Fatalf("Next: %v, want %s", err, w)
		}
		got := fmt.Sprintf("%s:%s", m.Namespace, m.Data)
		if m.Missed > 0 {
			got += fmt.Sprintf(" missed %d", m.Missed)
		}
		if got != w {
			t.Errorf("got %q, want %q", got, w)
		}
	}
}

func expectEnd(t testing.TB, r *broadcast.Receiver, want error) {
	t.Helper()
	if m, err := r.Next(t.Context()); !errors.Is(err, want) {
		t.Errorf("Next: %+v, %v, want %v", m, err, want)
	}
}

func TestReceiversGetWhatTheyNamedFromThenOn(t *testing.T) {
	h := newHub()
	s := serve(t, join(t, h, "server"), broadcast.ServerOptions{}, "weather", "sport")
	send(t, s, "weather", "before", 0)
	a := receive(t, join(t, h, "a"), broadcast.ReceiverOptions{}, "weather")
	both := join(t, h, "b")
	b := receive(t, both, broadcast.ReceiverOptions{}, "weather", "sport")
	second := receive(t, both, broadcast.ReceiverOptions{}, "sport")
	send(t, s, "weather", "1", 2)
	send(t, s, "sport", "2", 2)
	send(t, s, "weather", "", 2)
	expect(t, a, "weather:1", "weather:")
	expect(t, b, "weather:1", "sport:2", "weather:")
	expect(t, second, "sport:2")

	a.Close()
	expectEnd(t, a, peer.ErrClosed)
	send(t, s, "weather", "3", 1)
	expect(t, b, "weather:3")
}

func TestNobodyElseCreatesANamespace(t *testing.T) {
	h := newHub()
	s := serve(t, join(t, h, "server"), broadcast.ServerOptions{}, "weather")
	l := join(t, h, "a")
	_, err := broadcast.Receive(t.Context(), l, "news", []string{"weather", "x", "y"}, broadcast.ReceiverOptions{})
	if !errors.Is(err, broadcast.ErrNoSuchNamespace) || !strings.Contains(fmt.Sprint(err), "x, y") {
		t.Errorf("Receive: %v", err)
	}
	if _, err := s.Send(t.Context(), "x", nil); !errors.Is(err, broadcast.ErrNoSuchNamespace) {
		t.Errorf("Send: %v", err)
	}
	if n := s.Receivers("weather"); n != 0 {
		t.Errorf("a refused receiver joined: %d", n)
	}
	if _, err := broadcast.Receive(t.Context(), l, "olds", []string{"weather"}, broadcast.ReceiverOptions{}); !errors.Is(err, peer.ErrNoSuchService) {
		t.Errorf("without a server: %v", err)
	}
	if _, err := broadcast.Serve(t.Context(), l, "news", nil, broadcast.ServerOptions{}); !errors.Is(err, peer.ErrServiceTaken) {
		t.Errorf("a second server: %v", err)
	}
}

func TestAFullReceiverIsToldWhatItMissed(t *testing.T) {
	h := newHub()
	s := serve(t, join(t, h, "server"), broadcast.ServerOptions{}, "weather")
	slow := receive(t, join(t, h, "slow"), broadcast.ReceiverOptions{Queued: 2}, "weather")
	quick := receive(t, join(t, h, "quick"), broadcast.ReceiverOptions{}, "weather")
	for n := range 5 {
		send(t, s, "weather", fmt.Sprint(n), map[bool]int{true: 2, false: 1}[n < 2])
	}
	expect(t, slow, "weather:0", "weather:1")
	send(t, s, "weather", "5", 2)
	expect(t, slow, "weather:5 missed 3")
	expect(t, quick, "weather:0", "weather:1", "weather:2", "weather:3", "weather:4", "weather:5")
}

func TestReceiversEndWithTheirServerAndTheServerForgetsThem(t *testing.T) {
	h := newHub()
	l := join(t, h, "server")
	s := serve(t, l, broadcast.ServerOptions{Receivers: 2}, "weather")
	gone := join(t, h, "gone")
	receive(t, gone, broadcast.ReceiverOptions{}, "weather")
	r := receive(t, join(t, h, "a"), broadcast.ReceiverOptions{}, "weather")
	if _, err := broadcast.Receive(t.Context(), join(t, h, "b"), "news", []string{"weather"}, broadcast.ReceiverOptions{}); !errors.Is(err, broadcast.ErrTooManyReceivers) {
		t.Errorf("over the bound: %v", err)
	}
	gone.Close()
	if n := s.Receivers("weather"); n != 1 {
		t.Errorf("a receiver stays after the end of its link: %d", n)
	}
	send(t, s, "weather", "last", 1)
	s.Stop(t.Context())
	expect(t, r, "weather:last") // what came is there to be read
	expectEnd(t, r, broadcast.ErrStopped)
	if _, err := s.Send(t.Context(), "weather", nil); !errors.Is(err, broadcast.ErrStopped) {
		t.Errorf("Send after Stop: %v", err)
	}

	crashing := join(t, h, "crashing")
	serve(t, crashing, broadcast.ServerOptions{}, "weather")
	r = receive(t, join(t, h, "c"), broadcast.ReceiverOptions{}, "weather")
	crashing.Close()
	expectEnd(t, r, peer.ErrServerGone)
}

func TestStrangersCannotSendToAReceiver(t *testing.T) {
	h := newHub()
	s := serve(t, join(t, h, "server"), broadcast.ServerOptions{}, "weather")
	l, stranger := join(t, h, "a"), join(t, h, "stranger")
	r := receive(t, l, broadcast.ReceiverOptions{}, "weather")
	about, err := stranger.Service(t.Context(), string(l.Address()))
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{`{"number":1,"namespace":"weather","data":"cmFpbg=="}`, `{"number":1}`, `{}`, "", `{"number":-1}`} {
		if err := peer.Post(t.Context(), stranger, peer.Endpoint{Address: l.Address(), Port: about.Procedures[0]}, []byte(body)); !errors.Is(err, peer.ErrBusy) {
			t.Errorf("Post(%q): %v", body, err)
		}
	}
	send(t, s, "weather", "sun", 1)
	expect(t, r, "weather:sun")
}

// TestNothingIsLostAfterReceiveReturned: receivers that come and go get each
// number from their join on.
func TestNothingIsLostAfterReceiveReturned(t *testing.T) {
	h := newHub()
	s := serve(t, join(t, h, "server"), broadcast.ServerOptions{}, "n")
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				s.Send(t.Context(), "n", fmt.Append(nil, n))
			}
		}
	})
	var receivers sync.WaitGroup
	for range 20 {
		receivers.Go(func() {
			r := receive(t, join(t, h, "r"), broadcast.ReceiverOptions{Queued: 4}, "n")
			next := -1
			for range 200 {
				m, err := r.Next(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				var n int
				fmt.Sscan(string(m.Data), &n)
				if next >= 0 && n != next+int(m.Missed) {
					t.Errorf("got %d, want %d and %d missed", n, next, m.Missed)
				}
				next = n + 1
			}
		})
	}
	receivers.Wait()
	close(stop)
	running.Wait()
}

func FuzzReceivers(f *testing.F) {
	f.Add([]byte(`{"number":1,"namespace":"weather","data":"cmFpbg=="}`))
	f.Add([]byte(`{"number":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		h := newHub()
		s := serve(t, join(t, h, "server"), broadcast.ServerOptions{}, "weather")
		l, stranger := join(t, h, "a"), join(t, h, "stranger")
		receive(t, l, broadcast.ReceiverOptions{}, "weather")
		about, _ := stranger.Service(t.Context(), string(l.Address()))
		peer.Post(t.Context(), stranger, peer.Endpoint{Address: l.Address(), Port: about.Procedures[0]}, body)
		stranger.Signal(t.Context(), peer.Signal{Service: "news", Procedure: "leave", Body: body})
		send(t, s, "weather", "sun", 1)
	})
}

func Example() {
	hub, ctx := newHub(), context.Background()
	station := hub.Join("root", peer.Identity{ClientID: "station"})
	defer station.Close()
	server, err := broadcast.Serve(ctx, station, "news", []string{"weather", "sport"}, broadcast.ServerOptions{})
	if err != nil {
		panic(err)
	}
	defer server.Stop(ctx)

	web := hub.Join("root", peer.Identity{ClientID: "web"})
	defer web.Close()
	receiver, err := broadcast.Receive(ctx, web, "news", []string{"weather"}, broadcast.ReceiverOptions{})
	if err != nil {
		panic(err)
	}
	defer receiver.Close()

	server.Send(ctx, "sport", []byte("2:1"))
	server.Send(ctx, "weather", []byte("rain"))
	m, err := receiver.Next(ctx)
	fmt.Printf("%s: %s %v\n", m.Namespace, m.Data, err)
	// Output: weather: rain <nil>
}
