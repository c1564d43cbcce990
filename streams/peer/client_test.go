package peer_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/peer"
	"seagate/streams/streamstest"
)

// mailbox is a peer.Mailbox of some size.
type mailbox chan string

func (m mailbox) Take(from peer.Caller, body []byte) bool {
	select {
	case m <- fmt.Sprintf("%s from %s", body, from.ClientID):
		return true
	default:
		return false
	}
}

func TestAnAddressIsFreshAndDiesWithItsClient(t *testing.T) {
	h := peer.NewHub(options())
	seen := map[peer.Address]bool{}
	for range 1000 {
		l := h.Join("jail", peer.Identity{})
		if seen[l.Address()] {
			t.Fatal("an address came twice")
		}
		seen[l.Address()] = true
		l.Close()
	}

	sender := join(t, h, "sender")
	c := peer.NewClient(join(t, h, "c"))
	box := make(mailbox, 1)
	at, _, err := c.Bind(t.Context(), "inbox", box)
	if err != nil {
		t.Fatal(err)
	}
	post := func(to peer.Endpoint, want error) {
		t.Helper()
		if err := peer.Post(t.Context(), sender, to, []byte("hello")); !errors.Is(err, want) {
			t.Errorf("Post: %v, want %v", err, want)
		}
	}
	post(at, peer.ErrBusy) // the client is not started
	c.Start()
	post(at, nil)
	post(at, peer.ErrBusy)
	if got := <-box; got != "hello from sender" {
		t.Errorf("the mailbox got %q", got)
	}
	post(peer.Endpoint{Address: at.Address, Port: "other"}, peer.ErrUnreachable)
	post(peer.Endpoint{Address: peer.NewAddress(), Port: "inbox"}, peer.ErrUnreachable)

	// A second port, and nobody else's.
	if _, _, err := c.Bind(t.Context(), "second", box); err != nil {
		t.Error(err)
	}
	unbound := join(t, h, "unbound").Address()
	if _, err := sender.Serve(t.Context(), peer.Offer{Service: string(unbound), Procedures: []string{"inbox"}}, newServer(1)); !errors.Is(err, peer.ErrServiceTaken) {
		t.Errorf("the address of somebody who has bound nothing: %v", err)
	}
	steal := peer.Offer{Service: string(at.Address), Procedures: []string{"third"}}
	if _, err := sender.Serve(t.Context(), steal, newServer(1)); !errors.Is(err, peer.ErrServiceTaken) {
		t.Errorf("somebody else's port at an address: %v", err)
	}

	inSpace := peer.Offer{Service: "space:x:" + string(at.Address), Procedures: []string{"third"}}
	if _, err := sender.Serve(t.Context(), inSpace, newServer(1)); !errors.Is(err, peer.ErrServiceTaken) {
		t.Errorf("somebody else's address in a space: %v", err)
	}

	gone := make(chan struct{})
	defer peer.WatchGone(sender, at.Address, func() { close(gone) })()
	select {
	case <-gone:
		t.Error("gone before its end")
	default:
	}
	c.Close()
	<-gone
	post(at, peer.ErrUnreachable)
	if _, _, err := c.Bind(t.Context(), "inbox", box); !errors.Is(err, peer.ErrClosed) {
		t.Errorf("Bind after Close: %v", err)
	}
}

// consumer writes down the messages that it gets.
type consumer struct {
	mu  sync.Mutex
	got []string
	new chan struct{}
}

func (c *consumer) Deliver(b *streams.Batch) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range b.Messages {
		c.got = append(c.got, string(m.Payload))
	}
	select {
	case c.new <- struct{}{}:
	default:
	}
	return len(b.Messages)
}

func (c *consumer) State(streams.State) bool { return true }
func (c *consumer) Gap(first, last uint64) {
	c.mu.Lock()
	c.got = append(c.got, fmt.Sprintf("gap %d-%d", first, last))
	c.mu.Unlock()
}
func (c *consumer) Resumed() bool { return true }
func (c *consumer) End(error)     {}

func (c *consumer) await(t testing.TB, want ...string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		c.mu.Lock()
		got := fmt.Sprint(c.got)
		c.mu.Unlock()
		if got == fmt.Sprint(want) {
			return
		}
		select {
		case <-c.new:
		case <-deadline:
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func openTopics(t testing.TB) *streams.Network { return openTopicsWith(t, streams.Options{}) }

func openTopicsWith(t testing.TB, o streams.Options) *streams.Network {
	engine := memory.New()
	n, err := streams.Open(context.Background(), streams.Stores{Records: engine, Disk: engine, Memory: engine}, streamstest.Options(o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func TestAStoppedClientMissesNothing(t *testing.T) {
	o := options()
	o.Topics = openTopics(t)
	h := peer.NewHub(o)
	c := peer.NewClient(join(t, h, "c"))
	got := &consumer{new: make(chan struct{}, 1)}
	in, _, err := c.In(t.Context(), "boiler", got, streams.Latest())
	if err != nil {
		t.Fatal(err)
	}
	in.Start()
	out, _, err := join(t, h, "p").Out(t.Context(), "boiler", nil)
	if err != nil {
		t.Fatal(err)
	}
	send := func(text string) {
		sent := make(chan error, 1)
		out.Send([][]byte{[]byte(text)}, func(_ streams.Sent, err error) { sent <- err })
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	send("1")
	send("2")
	c.Start()
	got.await(t, "1", "2")
	c.Stop()
	send("3")
	c.Start()
	got.await(t, "1", "2", "3")
	c.Start()
	send("4")
	got.await(t, "1", "2", "3", "4")
	in.Close()
}

func TestAStoppedClientIsToldTheExactGap(t *testing.T) {
	const kept = 5
	o := options()
	o.Topics = openTopicsWith(t, streams.Options{
		TailMessages:      1,
		RetentionInterval: time.Millisecond,
		Policy:            streams.Policy{Retention: storage.Retention{Messages: kept}},
	})
	h := peer.NewHub(o)
	c := peer.NewClient(join(t, h, "c"))
	got := &consumer{new: make(chan struct{}, 1)}
	in, _, err := c.In(t.Context(), "boiler", got, streams.Latest())
	if err != nil {
		t.Fatal(err)
	}
	in.Start()
	out, _, err := join(t, h, "p").Out(t.Context(), "boiler", nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 100 {
		sent := make(chan error, 1)
		out.Send([][]byte{fmt.Append(nil, n+1)}, func(_ streams.Sent, err error) { sent <- err })
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	topic, _ := o.Topics.Lookup(streams.ID{Space: "jail", Name: "boiler"})
	for deadline := time.Now().Add(10 * time.Second); topic.Readable().First <= 100-kept; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("retention has not trimmed the topic: %+v", topic.Readable())
		}
	}
	c.Start()
	got.await(t, "gap 1-95", "96", "97", "98", "99", "100")
}

func TestWhatAClientListenedToEndsWithItsLink(t *testing.T) {
	o := options()
	o.Topics = openTopics(t)
	h := peer.NewHub(o)
	c := join(t, h, "c")
	if _, _, err := c.In(t.Context(), "boiler", &consumer{}, streams.Latest()); err != nil {
		t.Fatal(err)
	}
	out, interest, err := c.Out(t.Context(), "boiler", nil)
	if err != nil || !interest.Requested() || !out.Interest().Requested() {
		t.Errorf("the topic of a reader: %+v, %v", interest, err)
	}
	topic, _ := o.Topics.Lookup(streams.ID{Space: "jail", Name: "boiler"})
	c.Close()
	if got := topic.Info(); got.Registered || topic.Interest().Requested() {
		t.Errorf("after the end of its only reader and provider: %+v", got)
	}
	if _, _, err := c.In(t.Context(), "boiler", &consumer{}, streams.Latest()); !errors.Is(err, peer.ErrClosed) {
		t.Errorf("In after Close: %v", err)
	}
	if _, _, err := c.Out(t.Context(), "boiler", nil); !errors.Is(err, peer.ErrClosed) {
		t.Errorf("Out after Close: %v", err)
	}
	if _, _, err := join(t, peer.NewHub(options()), "x").Out(t.Context(), "boiler", nil); !errors.Is(err, peer.ErrNoTopics) {
		t.Errorf("Out without topics: %v", err)
	}
}

// fabric writes down what it is told, and refuses one name.
type fabric struct{ log []string }

func (f *fabric) Offered(space string, o peer.Offer, _ peer.Address) error {
	f.log = append(f.log, "offered "+space+" "+o.Service)
	if o.Service == "elsewhere" {
		return peer.ErrServiceTaken
	}
	return nil
}

func (f *fabric) Changed(streams.ID, streams.Standing) {}

func (f *fabric) Withdrawn(space string, o peer.Offer, _ peer.Address) {
	f.log = append(f.log, "withdrawn "+space+" "+o.Service)
}

func TestAFabricIsToldOfServers(t *testing.T) {
	f := &fabric{}
	o := options()
	o.Fabric = f
	l := join(t, peer.NewHub(o), "a")
	serve(t, l, peer.Offer{Service: "x", Procedures: []string{"p"}, Sole: true}, newServer(1))
	for _, name := range []string{"elsewhere", "x"} { // refused by the fabric, and by the hub
		if _, err := l.Serve(t.Context(), peer.Offer{Service: name, Procedures: []string{"p"}}, newServer(1)); !errors.Is(err, peer.ErrServiceTaken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	l.Close()
	want := "[offered jail x offered jail elsewhere offered jail x withdrawn jail x withdrawn jail x]"
	if got := fmt.Sprint(f.log); got != want {
		t.Errorf("the fabric was told %s\nwant %s", got, want)
	}
}
