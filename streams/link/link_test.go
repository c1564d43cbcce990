package link

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"seagate/streams"
	"seagate/streams/discovery"
	"seagate/streams/fetch"
	"seagate/streams/peer"
)

func TestARingBringsEachMessageOnceAndForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newNet(t), newNet(t), newNet(t)
		defer func() { a.close(); b.close(); c.close() }()
		connect(t, a, b, 1)
		connect(t, b, c, 1)
		connect(t, c, a, 1)
		pa, pb, pc := a.client("a"), b.client("b"), c.client("c")
		defer pa.Close()
		defer pb.Close()
		defer pc.Close()
		p := provide(t, pa, "boiler")
		l, m := listen(t, pb, "boiler"), listen(t, pc, "boiler")
		if !p.requested || !l.state().Registered {
			t.Errorf("requested %v, the listener knows %+v", p.requested, l.state())
		}
		p.send("1")
		l.expect("1")
		m.expect("1")
		p.out.Close()
		synctest.Wait()
		what := thing{topics, "jail", "boiler"}
		for _, n := range []*net{a, b, c} {
			n.mu.Lock()
			if nodes := n.nodesLocked(what); len(nodes) > 0 {
				t.Errorf("still thought to be provided by %v", nodes)
			}
			n.mu.Unlock()
		}
		if l.state().Registered || m.state().Registered {
			t.Errorf("the listeners know %+v, %+v", l.state(), m.state())
		}
	})
}

func TestARerouteToTheSameLogResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newNet(t), newNet(t), newNet(t)
		defer func() { a.close(); b.close(); c.close() }()
		direct := connect(t, a, b, 1)
		connect(t, a, c, 2)
		connect(t, c, b, 2)
		pa, pb := a.client("a"), b.client("b")
		defer pa.Close()
		defer pb.Close()
		p, l := provide(t, pa, "boiler"), listen(t, pb, "boiler")
		p.send("1")
		l.expect("1")
		l.full = true
		p.send("2")
		synctest.Wait()
		direct.Close()
		p.send("3")
		synctest.Wait()
		l.full = false
		l.in.Resume()
		p.send("4")
		l.expect("2", "3", "4")
		if l.logs != 0 {
			t.Errorf("told %d times that the log is another", l.logs)
		}
		connect(t, a, b, 1)
		p.send("5")
		l.expect("5")
	})
}

func TestListenersMoveToTheNextProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newNet(t), newNet(t), newNet(t)
		defer func() { a.close(); b.close(); c.close() }()
		far := connect(t, a, b, 1)
		connect(t, b, c, 5)
		pa, pb, pc := a.client("a"), b.client("b"), c.client("c")
		defer pa.Close()
		defer pb.Close()
		defer pc.Close()
		l := listen(t, pb, "boiler") // before anybody provides it
		p, q := provide(t, pa, "boiler"), provide(t, pc, "boiler")
		if !p.requested || q.requested {
			t.Errorf("requested: the near one %v, the far one %v", p.requested, q.requested)
		}
		l.full = true
		p.send("a1")
		p.out.SetPaused(true)
		p.send("a2")
		p.out.Close() // with two messages that the listener has not taken
		synctest.Wait()
		q.send("before") // nobody listens
		synctest.Wait()
		l.full = false
		l.in.Resume()
		synctest.Wait()
		if !q.requested || p.out.Interest().Requested() {
			t.Errorf("requested: the next one %v, the last one %v", q.requested, p.out.Interest().Requested())
		}
		q.send("c1")
		l.expect("a1", "a2", "c1")
		if l.logs != 2 || l.state() != (streams.State{Registered: true}) { // the pause was the first one's
			t.Errorf("told of %d logs, knows %+v", l.logs, l.state())
		}

		p2 := provide(t, pa, "boiler") // a new provider, nearer again
		p2.send("a3")
		l.expect("a3")
		far.Close()
		synctest.Wait()
		q.send("c2")
		l.expect("c2")
		if p2.requested {
			t.Error("a provider that cannot be reached is requested")
		}
		pb.Close()
		synctest.Wait()
		if q.requested {
			t.Error("requested after the end of the only listener's link")
		}
	})
}

func TestListenersThatLeaveHarmNoSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newNet(t), newNet(t)
		defer func() { a.close(); b.close() }()
		connect(t, a, b, 1)
		pa, stays := a.client("a"), b.client("stays")
		defer pa.Close()
		defer stays.Close()
		p, l := provide(t, pa, "boiler"), listen(t, stays, "boiler")
		var want []string
		for n := range 100 {
			leaves := b.client("leaves")
			listen(t, leaves, "boiler")
			text := fmt.Sprint(n)
			want = append(want, text)
			p.send(text) // and the listener's link closes while it is under way
			leaves.Close()
		}
		l.expect(want...)
		if !p.requested {
			t.Error("the provider is not requested any more")
		}
		select {
		case <-pa.Done():
			t.Error("the sender's link has ended")
		default:
		}
	})
}

func TestJoiningReadsTheProvidersLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newNet(t), newNet(t)
		defer func() { a.close(); b.close() }()
		connect(t, a, b, 1)
		pa, pb := a.client("a"), b.client("b")
		defer pa.Close()
		defer pb.Close()
		p := provide(t, pa, "boiler")
		topic, _ := a.topics.Lookup(streams.ID{Space: "jail", Name: "boiler"})
		topic.SendWithHeader("", [][]byte{[]byte("1")}, []byte(`{"h":1}`), func(streams.Sent, error) {})
		p.send("2")
		p.out.SetPaused(true)
		synctest.Wait()
		l := &listener{t: t, states: make([]streams.State, 1)}
		in, joined, err := pb.In(context.Background(), "boiler", l, streams.At(2).In(topic.Bounds().Epoch))
		if err != nil {
			t.Fatal(err)
		}
		if string(joined.Header) != `{"h":1}` || joined.State != (streams.State{Registered: true, Paused: true}) || joined.Next != 2 {
			t.Errorf("joined %+v", joined)
		}
		l.in, l.next, l.states[0] = in, joined.Next, joined.State
		in.Start()
		l.expect("2")
		if _, _, err := pb.In(context.Background(), "boiler", l, streams.At(9)); !errors.Is(err, streams.ErrPosition) {
			t.Errorf("a position that is none: %v", err)
		}
	})
}

func TestAStoppedClientFollowsTheRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newNet(t), newNet(t), newNet(t)
		defer func() { a.close(); b.close(); c.close() }()
		first := connect(t, a, b, 1)
		connect(t, a, b, 2)
		connect(t, b, c, 9)
		pa, pc := a.client("a"), c.client("c")
		defer pa.Close()
		defer pc.Close()
		listening := peer.NewClient(b.client("b"))
		defer listening.Close()
		listening.Start()
		p, q := provide(t, pa, "boiler"), provide(t, pc, "boiler")
		l := listen(t, listening, "boiler")
		listening.Stop()
		p.send("1")
		first.Close()
		synctest.Wait()
		p.send("2")
		listening.Start()
		l.expect("1", "2")
		listening.Stop()
		p.send("3")
		synctest.Wait()
		p.out.Close() // 3 can still be reached
		synctest.Wait()
		listening.Start()
		synctest.Wait()
		q.send("4")
		l.expect("3", "4")
		if l.logs != 1 {
			t.Errorf("told of %d other logs, want 1", l.logs)
		}
	})
}

func TestNamesAreResolvedAcrossNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newNet(t), newNet(t)
		defer func() { a.close(); b.close() }()
		connect(t, a, b, 1)
		old, new, web := a.client("old"), a.client("new"), b.client("web")
		defer old.Close()
		defer new.Close()
		defer web.Close()
		var seen []peer.Address
		defer discovery.Watch(web, "main", func(at peer.Address) { seen = append(seen, at) })()
		register := func(l peer.Link) *discovery.Name {
			n, err := discovery.Register(context.Background(), l, "main")
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		n := register(old)
		synctest.Wait()
		n.Remove()
		register(new) // before anybody elsewhere can be told that the name was free
		synctest.Wait()
		if last := seen[len(seen)-1]; last != new.Address() || !slices.Contains(seen, old.Address()) {
			t.Errorf("the watcher saw %v", seen)
		}
	})
}

func TestServicesAndAddressesAcrossNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newNet(t), newNet(t)
		defer func() { a.close(); b.close() }()
		server, web := a.client("server"), b.client("web")
		defer server.Close()
		defer web.Close()
		var counts []int
		defer web.Watch("pricing", func(n int) { counts = append(counts, n) })()
		ctx := context.Background()
		if _, err := fetch.Fetch(ctx, web, "pricing", "quote", nil); !errors.Is(err, peer.ErrNoSuchService) {
			t.Errorf("before the link: %v", err)
		}
		l := connect(t, a, b, 1)
		callers, hold := make(chan peer.Caller, 1), make(chan struct{})
		s, err := fetch.Serve(ctx, server, "pricing", map[string]fetch.Handler{
			"quote": func(_ context.Context, c *fetch.Call) ([]byte, error) { return c.Body, nil },
			"slow": func(ctx context.Context, c *fetch.Call) ([]byte, error) {
				callers <- c.Caller
				<-ctx.Done()
				close(hold)
				return nil, nil
			},
		}, fetch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Stop(ctx)
		synctest.Wait()
		if got, err := fetch.Fetch(ctx, web, "pricing", "quote", []byte("7")); string(got) != "7" || err != nil {
			t.Errorf("Fetch: %s, %v", got, err)
		}
		if list, more, err := web.List(ctx, "", 10); len(list) != 1 || more || err != nil || list[0].Servers[0].ClientID != "server" {
			t.Errorf("List: %+v, %v, %v", list, more, err)
		}
		failed := make(chan error, 1)
		go func() {
			_, err := fetch.Fetch(ctx, web, "pricing", "slow", nil)
			failed <- err
		}()
		caller := <-callers
		if caller.ClientID != "web" || caller.Address != web.Address() {
			t.Errorf("the server is told of %+v", caller)
		}
		box := peer.NewClient(web)
		box.Start()
		inbox := make(mailbox, 1)
		at, _, err := box.Bind(ctx, "inbox", inbox)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := peer.Post(ctx, server, at, []byte("hello")); err != nil || <-inbox != "hello" {
			t.Errorf("Post: %v", err)
		}
		l.Close()
		if err := <-failed; !errors.Is(err, peer.ErrServerGone) {
			t.Errorf("a call whose server cannot be reached any more: %v", err)
		}
		<-hold // and the server is told
		synctest.Wait()
		if err := peer.Post(ctx, server, at, nil); !errors.Is(err, peer.ErrUnreachable) {
			t.Errorf("an address that cannot be reached: %v", err)
		}
		if fmt.Sprint(counts) != "[0 1 0]" {
			t.Errorf("the watcher was told %v", counts)
		}
	})
}

type mailbox chan string

func (m mailbox) Take(_ peer.Caller, body []byte) bool { m <- string(body); return true }

func TestCostsArePositive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newNet(t), newNet(t)
		if _, err := Connect(a.Switch, b.Switch, 0); !errors.Is(err, ErrBadCost) {
			t.Error(err)
		}
		a.close()
		b.close()
		if _, err := Connect(a.Switch, b.Switch, 1); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

// Who publishes without providing reaches the log that listeners read: that of the nearest
// provider, and their own network's if there is none.
func TestPublicationsGoWhereTheTopicIsProvided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newNet(t), newNet(t)
		defer func() { a.close(); b.close() }()
		connect(t, a, b, 1)
		pa, pb := a.client("a"), b.client("b")
		defer pa.Close()
		defer pb.Close()
		publish := func(l peer.Link, text string) {
			l.Publish(peer.Publication{Topic: "boiler", Payloads: [][]byte{[]byte(text)}}, func(_ streams.Sent, err error) {
				if err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		p, l := provide(t, pa, "boiler"), listen(t, pb, "boiler")
		publish(pb, "1")
		publish(pa, "2")
		l.expect("1", "2")
		if err := pb.SetHeader(t.Context(), "boiler", []byte("3")); err != nil {
			t.Error(err)
		}
		if topic, _ := a.topics.Lookup(streams.ID{Space: "jail", Name: "boiler"}); string(topic.Header()) != "3" {
			t.Errorf("the header of the provider's network is %s", topic.Header())
		}
		p.out.Close()
		synctest.Wait()
		publish(pb, "4")
		topic, ok := b.topics.Lookup(streams.ID{Space: "jail", Name: "boiler"})
		if !ok || topic.Bounds().Next != 2 {
			t.Error("a topic that nobody provides is not published to at home")
		}
	})
}
