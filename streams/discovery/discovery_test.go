package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/discovery"
	"seagate/streams/fetch"
	"seagate/streams/peer"
	"seagate/streams/streamstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newHub(topics *streams.Network) *peer.Hub {
	return peer.NewHub(peer.Options{
		ServicesPerSpace: 1000, ServersPerService: 100, ProceduresPerService: 100,
		CallsPerLink: 100, CallsPerOwner: 1000, BytesPerOwner: 1 << 30, BodyBytes: 1 << 20, Topics: topics,
	})
}

func openTopics(t testing.TB) *streams.Network {
	engine := memory.New()
	n, err := streams.Open(context.Background(), streams.Stores{Records: engine, Disk: engine, Memory: engine}, streamstest.Options(streams.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func join(t testing.TB, h *peer.Hub, name string) peer.Link {
	l := h.Join("jail", peer.Identity{ClientID: name, Owner: name})
	t.Cleanup(func() { l.Close() })
	return l
}

func register(t testing.TB, l peer.Link, name string) *discovery.Name {
	t.Helper()
	n, err := discovery.Register(t.Context(), l, name)
	if err != nil {
		t.Fatalf("Register(%s): %v", name, err)
	}
	return n
}

func echo(t testing.TB, l peer.Link, service string) {
	t.Helper()
	s, err := fetch.Serve(t.Context(), l, service, map[string]fetch.Handler{
		"echo": func(_ context.Context, c *fetch.Call) ([]byte, error) { return c.Body, nil },
	}, fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(context.Background()) })
}

func TestServicesAreListedWholeWithTheirCounts(t *testing.T) {
	h := newHub(nil)
	l := join(t, h, "server")
	for n := range 250 {
		echo(t, l, fmt.Sprintf("s%03d", n))
	}
	if _, err := fetch.Fetch(t.Context(), l, "s007", "echo", nil); err != nil {
		t.Fatal(err)
	}
	all, err := discovery.Services(t.Context(), l)
	if err != nil || len(all) != 250 {
		t.Fatalf("%d services, %v", len(all), err)
	}
	if got := all[7]; got.Name != "s007" || got.Servers[0].Calls != 1 || got.Servers[0].ClientID != "server" {
		t.Errorf("got %+v", got)
	}
	if none, err := discovery.Services(t.Context(), join(t, newHub(nil), "x")); len(none) > 0 || err != nil {
		t.Errorf("without services: %v, %v", none, err)
	}
}

func TestAwaitMissesNoServer(t *testing.T) {
	h := newHub(nil)
	l := join(t, h, "a")
	for n := range 500 {
		name := fmt.Sprint("name", n)
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if a, err := discovery.AwaitName(t.Context(), l, name); a != l.Address() || err != nil {
				t.Errorf("%s: %v, %v", name, a, err)
			}
		})
		register(t, l, name)
		waiting.Wait()
	}
	synctest.Test(t, func(t *testing.T) {
		l := join(t, newHub(nil), "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := discovery.Await(ctx, l, "nobody"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a service that does not come: %v", err)
		}
		ended := make(chan error)
		go func() { ended <- discovery.Await(t.Context(), l, "nobody") }()
		synctest.Wait()
		l.Close()
		if err := <-ended; !errors.Is(err, peer.ErrClosed) {
			t.Errorf("Await on a link that ends: %v", err)
		}
	})
}

// TestEveryResolverSeesAChangeOfTheOwner: no resolver keeps an old address, and
// nobody but the owner or its end removes a name.
func TestEveryResolverSeesAChangeOfTheOwner(t *testing.T) {
	h := newHub(nil)
	a, b, web := join(t, h, "a"), join(t, h, "b"), join(t, h, "web")
	var mu sync.Mutex
	var seen []peer.Address
	stop := discovery.Watch(web, "main", func(at peer.Address) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, at)
	})
	resolve := func(want peer.Address) {
		t.Helper()
		for _, l := range []peer.Link{a, b, web} {
			got, err := discovery.Resolve(t.Context(), l, "main")
			if got != want || (want == "") != errors.Is(err, discovery.ErrNoSuchName) {
				t.Errorf("Resolve: %q, %v, want %q", got, err, want)
			}
		}
	}
	resolve("")
	name := register(t, a, "main")
	resolve(a.Address())
	if _, err := discovery.Register(t.Context(), b, "main"); !errors.Is(err, peer.ErrServiceTaken) {
		t.Errorf("a second owner: %v", err)
	}
	if _, err := b.Serve(t.Context(), peer.Offer{Service: "main", Procedures: []string{"x"}}, nil); !errors.Is(err, peer.ErrServiceTaken) {
		t.Errorf("a server under the name: %v", err)
	}
	resolve(a.Address())
	name.Remove()
	resolve("")
	register(t, b, "main")
	name.Remove() // no longer the owner
	resolve(b.Address())
	b.Close()
	resolve2, err := discovery.Resolve(t.Context(), web, "main")
	if !errors.Is(err, discovery.ErrNoSuchName) {
		t.Errorf("after the end of the owner: %v, %v", resolve2, err)
	}
	stop()
	register(t, a, "main")
	want := []peer.Address{"", a.Address(), "", b.Address(), ""}
	if mu.Lock(); !slices.Equal(seen, want) {
		t.Errorf("the watcher saw %v, want %v", seen, want)
	}
	mu.Unlock()
	echo(t, a, "shared")
	if _, err := discovery.Resolve(t.Context(), web, "shared"); !errors.Is(err, discovery.ErrNotUnique) {
		t.Errorf("a service that is not sole: %v", err)
	}
}

func TestAWatcherIsToldOfAnOwnerThatWasReplacedUnseen(t *testing.T) {
	h := newHub(nil)
	a, b, web := join(t, h, "a"), join(t, h, "b"), join(t, h, "web")
	name := register(t, a, "main")
	told, release := make(chan peer.Address, 10), make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		stop := discovery.Watch(web, "main", func(at peer.Address) {
			told <- at
			<-release
		})
		t.Cleanup(stop)
	})
	if got := <-told; got != a.Address() {
		t.Errorf("the first owner: %v", got)
	}
	running.Go(name.Remove) // waits for the watcher
	awaitOwner := func(want peer.Address) {
		for got := ownerOfMain(t, web); got != want; got = ownerOfMain(t, web) {
			runtime.Gosched()
		}
	}
	awaitOwner("")
	running.Go(func() { register(t, b, "main") }) // waits too
	awaitOwner(b.Address())
	close(release)
	running.Wait()
	var last peer.Address
	for len(told) > 0 {
		last = <-told
	}
	if last != b.Address() {
		t.Errorf("the watcher was last told %q, want %q", last, b.Address())
	}
}

func ownerOfMain(t testing.TB, l peer.Link) peer.Address {
	a, err := discovery.Resolve(t.Context(), l, "main")
	if err != nil && !errors.Is(err, discovery.ErrNoSuchName) {
		t.Fatal(err)
	}
	return a
}

func TestFreshNamesNeverCollide(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		for _, name := range append(discovery.FreshTopics("t", 100), string(peer.NewAddress())) {
			if seen[name] {
				t.Fatalf("%s came twice", name)
			}
			seen[name] = true
		}
	}
}

// collector is a streams.Consumer.
type collector struct{ got chan string }

func (c collector) Deliver(b *streams.Batch) int {
	for _, m := range b.Messages {
		c.got <- string(m.Payload)
	}
	return len(b.Messages)
}
func (collector) State(streams.State) bool { return true }
func (collector) Gap(uint64, uint64)       {}
func (collector) Resumed() bool            { return true }
func (collector) End(error)                {}

func TestALinkInASpaceReachesNothingOutside(t *testing.T) {
	h := newHub(openTopics(t))
	maker := join(t, h, "maker")
	space, err := discovery.NewSpace(t.Context(), maker, []string{"in", "out"})
	if err != nil {
		t.Fatal(err)
	}
	defer space.Delete(context.Background())
	opened, err := discovery.OpenSpace(t.Context(), join(t, h, "other"), space.ID())
	if err != nil || !slices.Equal(opened.Names(), []string{"in", "out"}) {
		t.Fatalf("OpenSpace: %+v, %v", opened, err)
	}
	topic, err := space.Topic("in")
	if again, _ := opened.Topic("in"); err != nil || topic != again || topic == "in" {
		t.Errorf("translated to %q and %q, %v", topic, again, err)
	}
	if name, err := opened.Name(topic); name != "in" || err != nil {
		t.Errorf("translated back to %q, %v", name, err)
	}

	inside, task := space.Link(join(t, h, "inside")), opened.Link(join(t, h, "task"))
	got := collector{make(chan string, 10)}
	in, _, err := inside.In(t.Context(), "in", got, streams.Latest())
	if err != nil {
		t.Fatal(err)
	}
	in.Start()
	out, interest, err := task.Out(t.Context(), "in", nil)
	if err != nil || !interest.Requested() {
		t.Fatalf("Out: %+v, %v", interest, err)
	}
	out.Send([][]byte{[]byte("hello")}, func(streams.Sent, error) {})
	if m := <-got.got; m != "hello" {
		t.Errorf("got %q", m)
	}
	for _, name := range []string{"other", topic} { // ids of the outside mean nothing inside
		if _, _, err := inside.In(t.Context(), name, got, streams.Latest()); !errors.Is(err, discovery.ErrNoSuchTopic) {
			t.Errorf("In(%s): %v", name, err)
		}
		if _, _, err := inside.Out(t.Context(), name, nil); !errors.Is(err, discovery.ErrNoSuchTopic) {
			t.Errorf("Out(%s): %v", name, err)
		}
	}
	testServicesOfASpace(t, h, inside, task)
}

func testServicesOfASpace(t *testing.T, h *peer.Hub, inside, task peer.Link) {
	outside := join(t, h, "outside")
	echo(t, outside, "pricing")
	peer.NewClient(outside).Bind(t.Context(), "port", nil)
	if _, err := fetch.Fetch(t.Context(), inside, "pricing", "echo", nil); !errors.Is(err, peer.ErrNoSuchService) {
		t.Errorf("a service outside: %v", err)
	}
	if err := peer.Post(t.Context(), inside, peer.Endpoint{Address: outside.Address(), Port: "port"}, nil); !errors.Is(err, peer.ErrUnreachable) {
		t.Errorf("an address outside: %v", err)
	}
	if _, err := inside.Serve(t.Context(), peer.Offer{Service: string(task.Address()), Procedures: []string{"x"}}, nil); !errors.Is(err, peer.ErrServiceTaken) {
		t.Errorf("somebody else's address: %v", err)
	}
	for n := range 5 {
		echo(t, task, fmt.Sprint("inner", n))
	}
	if _, err := task.Serve(t.Context(), peer.Offer{Service: string(task.Address()), Procedures: []string{"x"}}, nil); err != nil {
		t.Error(err)
	}
	if got, err := fetch.Fetch(t.Context(), inside, "inner1", "echo", []byte("1")); string(got) != "1" || err != nil {
		t.Errorf("a service inside: %s, %v", got, err)
	}
	if err := discovery.Await(t.Context(), inside, "inner1"); err != nil {
		t.Error(err)
	}
	if s, err := inside.Service(t.Context(), "inner1"); s.Name != "inner1" || err != nil {
		t.Errorf("Service: %+v, %v", s, err)
	}
	list, more, err := inside.List(t.Context(), "inner0", 2)
	if err != nil || !more || len(list) != 2 || list[0].Name != "inner1" || list[1].Name != "inner2" {
		t.Errorf("List: %+v, %v, %v", list, more, err)
	}
	if all, err := discovery.Services(t.Context(), inside); len(all) != 5 || err != nil {
		t.Errorf("Services: %+v, %v", all, err)
	}
}

func TestADeletedSpaceIsGoneForAll(t *testing.T) {
	h := newHub(openTopics(t))
	maker := join(t, h, "maker")
	for end, how := range map[string]func(*discovery.Space){
		"deleted":      func(s *discovery.Space) { s.Delete(context.Background()) },
		"maker's link": func(*discovery.Space) { maker.Close() },
	} {
		maker = join(t, h, "maker")
		space, err := discovery.NewSpace(t.Context(), maker, []string{"in"})
		if err != nil {
			t.Fatal(err)
		}
		l := join(t, h, "l")
		opened, err := discovery.OpenSpace(t.Context(), l, space.ID())
		if err != nil {
			t.Fatal(err)
		}
		inside := opened.Link(l)
		opened.Delete(t.Context()) // not its own
		if _, _, err := inside.Out(t.Context(), "in", nil); err != nil {
			t.Errorf("%s: before: %v", end, err)
		}
		how(space)
		space.Delete(context.Background())
		if _, _, err := inside.Out(t.Context(), "in", nil); !errors.Is(err, discovery.ErrNoSuchSpace) {
			t.Errorf("%s: Out: %v", end, err)
		}
		if _, err := discovery.Register(t.Context(), inside, "x"); !errors.Is(err, discovery.ErrNoSuchSpace) {
			t.Errorf("%s: Register: %v", end, err)
		}
		for _, id := range []string{space.ID(), "pricing"} {
			if _, err := discovery.OpenSpace(t.Context(), l, id); !errors.Is(err, discovery.ErrNoSuchSpace) {
				t.Errorf("%s: OpenSpace: %v", end, err)
			}
		}
	}
}

func Example() {
	hub, ctx := newHub(nil), context.Background()
	worker := hub.Join("root", peer.Identity{ClientID: "worker"})
	defer worker.Close()
	web := hub.Join("root", peer.Identity{ClientID: "web"})
	defer web.Close()

	name, err := discovery.Register(ctx, worker, "scheduler")
	if err != nil {
		panic(err)
	}
	address, err := discovery.AwaitName(ctx, web, "scheduler")
	fmt.Println(address == worker.Address(), err)
	name.Remove()
	_, err = discovery.Resolve(ctx, web, "scheduler")
	fmt.Println(err)
	// Output:
	// true <nil>
	// discovery: nobody has this name: scheduler
}
