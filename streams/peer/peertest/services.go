package peertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"seagate/streams"
	"seagate/streams/broadcast"
	"seagate/streams/discovery"
	"seagate/streams/fetch"
	"seagate/streams/peer"
	"seagate/streams/signal"
)

func (n *net) serve(l peer.Calls, service string, handlers map[string]fetch.Handler, o fetch.Options) *fetch.Server {
	n.Helper()
	s, err := fetch.Serve(n.Context(), l, service, handlers, o)
	n.ok(err)
	n.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		s.Stop(ended)
	})
	return s
}

func (n *net) testCalls() {
	server, web := n.join("server"), n.join("web")
	n.serve(server, "pricing", map[string]fetch.Handler{
		"quote": func(_ context.Context, c *fetch.Call) ([]byte, error) {
			return fmt.Appendf(nil, `{"for":%q,"body":%s}`, c.Caller.ClientID, c.Body), nil
		},
		"fail": func(context.Context, *fetch.Call) ([]byte, error) {
			return nil, &peer.ServerError{Code: "out_of_stock", Message: "none left", Details: []byte(`[7]`)}
		},
		"count": func(_ context.Context, c *fetch.Call) ([]byte, error) {
			for i := range 3 {
				if err := c.Part(fmt.Appendf(nil, "%d", i)); err != nil {
					return nil, err
				}
			}
			return []byte(`"end"`), nil
		},
	}, fetch.Options{})
	if got, err := fetch.Fetch(n.Context(), web, "pricing", "quote", []byte(`[1]`)); string(got) != `{"for":"web","body":[1]}` || err != nil {
		n.Errorf("quote: %s, %v", got, err)
	}
	_, err := fetch.Fetch(n.Context(), web, "pricing", "fail", []byte(`1`))
	if own, ok := errors.AsType[*peer.ServerError](err); !ok || own.Code != "out_of_stock" || own.Message != "none left" || string(own.Details) != "[7]" {
		n.Errorf("fail: %#v", err)
	}
	var parts []string
	got, err := fetch.All(n.Context(), web, "pricing", "count", []byte(`1`), func(part []byte) error {
		parts = append(parts, string(part))
		return nil
	})
	if fmt.Sprint(parts) != "[0 1 2]" || string(got) != `"end"` || err != nil {
		n.Errorf("count: %v, %s, %v", parts, got, err)
	}
	for call, want := range map[[2]string]error{
		{"prices", "quote"}: peer.ErrNoSuchService,
		{"pricing", "none"}: peer.ErrNoSuchProcedure,
	} {
		if _, err := fetch.Fetch(n.Context(), web, call[0], call[1], []byte(`1`)); !errors.Is(err, want) {
			n.Errorf("%v: %v, want %v", call, err, want)
		}
	}
	if _, err := web.Fetch(n.Context(), peer.Request{Service: "pricing", Procedure: "quote", Body: []byte("1"), Timeout: time.Hour}, nil); !errors.Is(err, peer.ErrTimeoutRange) {
		n.Errorf("a timeout of an hour: %v", err)
	}
}

func (n *net) testCallsEnd() {
	server, web := n.join("server"), n.join("web")
	began, ended := make(chan struct{}, 10), make(chan error, 10)
	n.serve(server, "pricing", map[string]fetch.Handler{"wait": func(ctx context.Context, _ *fetch.Call) ([]byte, error) {
		began <- struct{}{}
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return []byte("null"), nil
	}}, fetch.Options{AtOnce: 1})
	// On a busy machine the call before may still be ending when the next one comes, and one
	// with a short deadline may be over before it reaches the server.
	call := func(l peer.Calls, ctx context.Context) (done chan error, hasBegun bool) {
		for {
			done = make(chan error, 1)
			go func() { _, err := fetch.Fetch(ctx, l, "pricing", "wait", []byte(`1`)); done <- err }()
			select {
			case <-began:
				return done, true
			case err := <-done:
				if !errors.Is(err, peer.ErrBusy) {
					done <- err
					return done, false
				}
			}
		}
	}
	expect := func(got, want error) {
		n.Helper()
		if !errors.Is(got, want) {
			n.Errorf("%v, want %v", got, want)
		}
	}
	givenUp := func(want peer.Reason) {
		n.Helper()
		cause, ok := errors.AsType[*fetch.GivenUpError](<-ended)
		if !ok || cause.Reason != want {
			n.Errorf("the server was told %v, want %s", cause, want)
		}
	}
	ctx, cancel := context.WithCancel(n.Context())
	done, _ := call(web, ctx)
	_, err := fetch.Fetch(n.Context(), web, "pricing", "wait", []byte(`1`))
	expect(err, peer.ErrBusy)
	cancel()
	expect(<-done, context.Canceled)
	givenUp(peer.Cancelled)

	for wait, hasBegun := 50*time.Millisecond, false; !hasBegun; wait *= 2 {
		short, cancel := context.WithTimeout(n.Context(), wait)
		done, hasBegun = call(web, short)
		if err := <-done; !errors.Is(err, peer.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) {
			n.Errorf("at the deadline: %v", err)
		}
		cancel()
	}
	<-ended

	leaving := n.join("leaving")
	done, _ = call(leaving, n.Context())
	leaving.Close()
	expect(<-done, peer.ErrClosed)
	givenUp(peer.CallerGone)

	done, _ = call(web, n.Context())
	server.Close()
	expect(<-done, peer.ErrServerGone)
	_, err = fetch.Fetch(n.Context(), web, "pricing", "wait", []byte(`1`))
	expect(err, peer.ErrNoSuchService)
}

func (n *net) testSignals() {
	web := n.join("web")
	got := newRecord()
	for _, name := range []string{"one", "two"} {
		n.serve(n.join(name), "pricing", map[string]fetch.Handler{"reload": func(_ context.Context, c *fetch.Call) ([]byte, error) {
			got.note("%s %s %v", c.Body, c.Caller.ClientID, c.Signal())
			return nil, nil
		}}, fetch.Options{})
	}
	n.ok(signal.Send(n.Context(), web, "pricing", "reload", []byte(`1`)))
	got.await(n, "1 web true")
	if reached, err := signal.SendAll(n.Context(), web, "pricing", "reload", []byte(`2`)); reached != 2 || err != nil {
		n.Errorf("to all: %d, %v", reached, err)
	}
	got.await(n, "1 web true", "2 web true", "2 web true")
	if err := signal.Send(n.Context(), web, "prices", "reload", []byte(`1`)); !errors.Is(err, peer.ErrNoSuchService) {
		n.Errorf("to nobody: %v", err)
	}
}

// A mailbox writes down what is posted.
type mailbox struct{ record }

// Take implements peer.Mailbox.
func (m *mailbox) Take(from peer.Caller, body []byte) bool {
	m.note("%s from %s at %v", body, from.ClientID, from.Address != "")
	return true
}

func (n *net) testMailboxes() {
	client, l := peer.NewClient(n.join("worker")), n.join("boss")
	box := &mailbox{newRecord()}
	at, _, err := client.Bind(n.Context(), "jobs", box)
	n.ok(err)
	client.Start()
	if at.Address == l.Address() {
		n.Error("two links have one address")
	}
	n.ok(peer.Post(n.Context(), l, at, []byte(`"dig"`)))
	box.await(n, `"dig" from boss at true`)
	steal := peer.Offer{Service: string(at.Address), Procedures: []string{"other"}}
	if _, err := l.Serve(n.Context(), steal, nil); !errors.Is(err, peer.ErrServiceTaken) {
		n.Errorf("somebody else's address: %v", err)
	}
	for _, wrong := range []peer.Endpoint{{Address: at.Address, Port: "other"}, {Address: peer.NewAddress(), Port: "jobs"}} {
		if err := peer.Post(n.Context(), l, wrong, []byte(`1`)); !errors.Is(err, peer.ErrUnreachable) {
			n.Errorf("Post: %v", err)
		}
	}
	gone := make(chan struct{})
	defer peer.WatchGone(l, at.Address, func() { close(gone) })()
	client.Close()
	select {
	case <-gone:
	case <-time.After(patience):
		n.Fatal("nobody was told that the client is gone")
	}
	if err := peer.Post(n.Context(), l, at, []byte(`1`)); !errors.Is(err, peer.ErrUnreachable) {
		n.Errorf("to a dead address: %v", err)
	}
}

func (n *net) testNames() {
	a, b, web := n.join("a"), n.join("b"), n.join("web")
	owners := newRecord()
	names := map[peer.Address]string{"": "nobody", a.Address(): "a", b.Address(): "b"}
	stop := discovery.Watch(web, "main", func(at peer.Address) { owners.note("%s", names[at]) })
	defer stop()
	owners.await(n, "nobody")
	there := make(chan error, 1)
	go func() {
		at, err := discovery.AwaitName(n.Context(), web, "main")
		if err == nil && at != a.Address() {
			err = fmt.Errorf("it is %s", names[at])
		}
		there <- err
	}()
	name, err := discovery.Register(n.Context(), a, "main")
	n.ok(err)
	n.ok(<-there)
	owners.await(n, "nobody", "a")
	if _, err := discovery.Register(n.Context(), b, "main"); !errors.Is(err, peer.ErrServiceTaken) {
		n.Errorf("a second owner: %v", err)
	}
	name.Remove()
	owners.await(n, "nobody", "a", "nobody")
	if _, err := discovery.Resolve(n.Context(), web, "main"); !errors.Is(err, discovery.ErrNoSuchName) {
		n.Errorf("Resolve: %v", err)
	}
	_, err = discovery.Register(n.Context(), b, "main")
	n.ok(err)
	owners.await(n, "nobody", "a", "nobody", "b")
	if at, err := discovery.Resolve(n.Context(), a, "main"); at != b.Address() || err != nil {
		n.Errorf("Resolve: %s, %v", names[at], err)
	}
	b.Close()
	owners.await(n, "nobody", "a", "nobody", "b", "nobody")
}

func (n *net) testWatches() {
	l, web := n.join("server"), n.join("web")
	counts := newRecord()
	stop := web.Watch("pricing", func(servers int) { counts.note("%d", servers) })
	counts.await(n, "0")
	echo := map[string]fetch.Handler{"echo": func(_ context.Context, c *fetch.Call) ([]byte, error) { return c.Body, nil }}
	first := n.serve(l, "pricing", echo, fetch.Options{})
	counts.await(n, "0", "1")
	n.serve(n.join("other"), "pricing", echo, fetch.Options{})
	counts.await(n, "0", "1", "2")
	first.Stop(n.Context())
	counts.await(n, "0", "1", "2", "1")
	stop()
	stop()
	n.serve(l, "pricing", echo, fetch.Options{})
	other := newRecord() // another watch, which is told behind the first one if that runs
	defer web.Watch("pricing", func(servers int) { other.note("%d", servers) })()
	other.await(n, "2")
	counts.await(n, "0", "1", "2", "1")
}

func (n *net) testList() {
	l := n.join("server")
	echo := map[string]fetch.Handler{"echo": func(_ context.Context, c *fetch.Call) ([]byte, error) { return c.Body, nil }}
	for k := range 5 {
		n.serve(l, fmt.Sprint("s", k), echo, fetch.Options{})
	}
	_, err := fetch.Fetch(n.Context(), l, "s3", "echo", []byte(`1`))
	n.ok(err)
	all, err := discovery.Services(n.Context(), l)
	if err != nil || len(all) != 5 || all[3].Name != "s3" || len(all[3].Servers) != 1 || all[3].Servers[0].Calls != 1 || all[3].Servers[0].ClientID != "server" {
		n.Errorf("Services: %+v, %v", all, err)
	}
	list, more, err := l.List(n.Context(), "s1", 2)
	if err != nil || !more || len(list) != 2 || list[0].Name != "s2" {
		n.Errorf("List: %+v, %v, %v", list, more, err)
	}
	if s, err := l.Service(n.Context(), "s3"); err != nil || s.Name != "s3" || !slices.Equal(s.Procedures, []string{"echo"}) || s.Servers[0].Address != l.Address() {
		n.Errorf("Service: %+v, %v", s, err)
	}
	if _, err := l.Service(n.Context(), "none"); !errors.Is(err, peer.ErrNoSuchService) {
		n.Errorf("Service: %v", err)
	}
}

func (n *net) testBroadcast() {
	station, web := n.join("station"), n.join("web")
	server, err := broadcast.Serve(n.Context(), station, "news", []string{"weather", "sport"}, broadcast.ServerOptions{})
	n.ok(err)
	defer server.Stop(context.Background())
	if _, err := broadcast.Receive(n.Context(), web, "news", []string{"weather", "x", "y"}, broadcast.ReceiverOptions{}); !errors.Is(err, broadcast.ErrNoSuchNamespace) || !strings.Contains(err.Error(), "x, y") {
		n.Errorf("namespaces that nobody offers: %v", err)
	}
	r, err := broadcast.Receive(n.Context(), web, "news", []string{"weather"}, broadcast.ReceiverOptions{})
	n.ok(err)
	defer r.Close()
	for _, text := range []string{"rain", "\x00\xff", ""} {
		if reached, err := server.Send(n.Context(), "weather", []byte(text)); reached != 1 || err != nil {
			n.Errorf("Send: %d, %v", reached, err)
		}
		server.Send(n.Context(), "sport", []byte("2:1"))
		m, err := r.Next(n.Context())
		if err != nil || m.Namespace != "weather" || string(m.Data) != text || m.Missed != 0 {
			n.Errorf("Next: %+v, %v, want %q", m, err, text)
		}
	}
	gone, err := broadcast.Receive(n.Context(), n.join("gone"), "news", []string{"weather"}, broadcast.ReceiverOptions{})
	n.ok(err)
	gone.Close()
	if reached, err := server.Send(n.Context(), "weather", []byte("sun")); reached != 1 || err != nil {
		n.Errorf("Send after a receiver has left: %d, %v", reached, err)
	}
	station.Close()
	if m, err := r.Next(n.Context()); err != nil || string(m.Data) != "sun" {
		n.Errorf("Next: %+v, %v", m, err)
	}
	if _, err := r.Next(n.Context()); !errors.Is(err, peer.ErrServerGone) {
		n.Errorf("after the end of the server: %v", err)
	}
}

func (n *net) testSpaces() {
	maker, other := n.join("maker"), n.join("other")
	space, err := discovery.NewSpace(n.Context(), maker, []string{"in", "out"})
	n.ok(err)
	defer space.Delete(context.Background())
	opened, err := discovery.OpenSpace(n.Context(), other, space.ID())
	n.ok(err)
	topic, err := opened.Topic("in")
	n.ok(err)
	n.define(topic, "outside")
	inside, task := space.Link(maker), opened.Link(other)
	c, _, _ := n.subscribe(inside, "in", streams.Latest())
	n.send(task, "in", 1)
	c.await(n, `1{"n":1}`)
	outside, _, _ := n.subscribe(maker, topic, streams.Earliest()) // by the name that it has outside
	outside.await(n, `1{"n":1}`)
	for _, name := range []string{"outside", topic} {
		if _, _, err := task.In(n.Context(), name, newConsumer(), streams.Latest()); !errors.Is(err, discovery.ErrNoSuchTopic) {
			n.Errorf("In(%s): %v", name, err)
		}
	}
	n.serve(other, "pricing", map[string]fetch.Handler{"quote": nil}, fetch.Options{})
	if _, err := fetch.Fetch(n.Context(), inside, "pricing", "quote", []byte(`1`)); !errors.Is(err, peer.ErrNoSuchService) {
		n.Errorf("a service outside: %v", err)
	}
	echo := map[string]fetch.Handler{"echo": func(_ context.Context, c *fetch.Call) ([]byte, error) { return c.Body, nil }}
	n.serve(task, "inner", echo, fetch.Options{})
	if got, err := fetch.Fetch(n.Context(), inside, "inner", "echo", []byte(`1`)); string(got) != "1" || err != nil {
		n.Errorf("a service inside: %s, %v", got, err)
	}
	box := &mailbox{newRecord()}
	worker := peer.NewClient(task)
	at, _, err := worker.Bind(n.Context(), "jobs", box)
	n.ok(err)
	worker.Start()
	n.ok(peer.Post(n.Context(), inside, at, []byte(`1`)))
	box.await(n, "1 from maker at true")
	if err := peer.Post(n.Context(), maker, at, []byte(`1`)); !errors.Is(err, peer.ErrUnreachable) {
		n.Errorf("a mailbox of the space, from outside: %v", err)
	}
	all, err := discovery.Services(n.Context(), inside)
	if err != nil || len(all) != 1 || all[0].Name != "inner" {
		n.Errorf("Services: %+v, %v", all, err)
	}
	n.ok(space.Delete(context.Background()))
	if _, _, err := task.Out(n.Context(), "in", nil); !errors.Is(err, discovery.ErrNoSuchSpace) {
		n.Errorf("in a space that was deleted: %v", err)
	}
	if _, err := discovery.OpenSpace(n.Context(), other, space.ID()); !errors.Is(err, discovery.ErrNoSuchSpace) {
		n.Errorf("OpenSpace: %v", err)
	}
}
