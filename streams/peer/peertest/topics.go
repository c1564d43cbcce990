package peertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"seagate/streams"
	"seagate/streams/peer"
)

func isDeleted(err error) string {
	if errors.Is(err, streams.ErrDeleted) {
		return "deleted"
	}
	return err.Error()
}

func (n *net) testMessages() {
	n.define("boiler")
	l, other := n.join("a"), n.join("b")
	live, in, joined := n.subscribe(l, "boiler", streams.Latest())
	if joined.Next != 1 || joined.Bounds.Epoch == "" || joined.Header != nil || joined.State != (streams.State{}) {
		n.Errorf("a new topic: %+v", joined)
	}
	n.send(other, "boiler", 1, 2)
	live.await(n, `1{"n":1}`, `2{"n":2}`)
	past, _, joined := n.subscribe(other, "boiler", streams.Earliest())
	if joined.Next != 1 || joined.Bounds.First != 1 {
		n.Errorf("from the earliest: %+v", joined)
	}
	n.send(l, "boiler", 3)
	past.await(n, `1{"n":1}`, `2{"n":2}`, `3{"n":3}`)
	live.await(n, `1{"n":1}`, `2{"n":2}`, `3{"n":3}`)
	in.Close()
	in.Close()
	n.send(l, "boiler", 4)
	past.await(n, `1{"n":1}`, `2{"n":2}`, `3{"n":3}`, `4{"n":4}`)
	if got := live.all(); len(got) != 3 {
		n.Errorf("after Close: %v", got)
	}
}

func (n *net) testPublications() {
	n.define("boiler")
	l := n.join("a")
	all, _, _ := n.subscribe(l, "boiler", streams.Latest())
	at, err := n.publish(l, peer.Publication{Topic: "boiler", Payloads: payloads(1, 2, 3)})
	if err != nil || at.First != 1 || at.Epoch == "" || at.Time.IsZero() {
		n.Errorf("a batch: %+v, %v", at, err)
	}
	for range 2 {
		at, err = n.publish(l, peer.Publication{Topic: "boiler", Payloads: payloads(4), ID: "x"})
		if err != nil || at.First != 4 {
			n.Errorf("with an id: %+v, %v", at, err)
		}
	}
	all.await(n, `1{"n":1}`, `2{"n":2}`, `3{"n":3}`, `4{"n":4}`)
	if n.Define != nil {
		if _, err = n.publish(l, peer.Publication{Topic: "boiler", Payloads: append(payloads(5), []byte(`{"n":"x"}`))}); err == nil {
			n.Error("a batch with a message that breaks the schema was accepted")
		}
		if _, err = n.publish(l, peer.Publication{Topic: "nobody defined this", Payloads: payloads(5)}); err == nil {
			n.Error("a message for an undefined topic was accepted")
		}
	}
	n.send(l, "boiler", 5)
	all.await(n, `1{"n":1}`, `2{"n":2}`, `3{"n":3}`, `4{"n":4}`, `5{"n":5}`)
}

func (n *net) testHeaders() {
	n.define("boiler")
	l := n.join("a")
	n.ok(l.SetHeader(n.Context(), "boiler", []byte(`{"n":100}`)))
	before, _, joined := n.subscribe(l, "boiler", streams.Latest())
	if string(joined.Header) != `{"n":100}` {
		n.Errorf("the header is %s", joined.Header)
	}
	if _, err := n.publish(l, peer.Publication{Topic: "boiler", Payloads: payloads(1), Header: []byte(`{"n":101}`)}); err != nil {
		n.Error(err)
	}
	before.await(n, `1{"n":1}`)
	after, _, joined := n.subscribe(l, "boiler", streams.Latest())
	if string(joined.Header) != `{"n":101}` || joined.Next != 2 {
		n.Errorf("behind a message with a header: %s, next %d", joined.Header, joined.Next)
	}
	n.ok(l.SetHeader(n.Context(), "boiler", nil))
	if _, _, joined := n.subscribe(l, "boiler", streams.Latest()); joined.Header != nil {
		n.Errorf("after the header was removed: %s", joined.Header)
	}
	n.send(l, "boiler", 2)
	after.await(n, `2{"n":2}`)
}

// A provider writes down what it is told.
type provider struct{ record }

// Requested implements streams.Provider.
func (p *provider) Requested(i streams.Interest) { p.note("requested=%v", i.Requested()) }

// End implements streams.Provider.
func (p *provider) End(err error) { p.note("end %s", isDeleted(err)) }

func (n *net) provide(l peer.Topics, topic string) (*provider, peer.OutTopic, streams.Interest) {
	n.Helper()
	p := &provider{newRecord()}
	out, interest, err := l.Out(n.Context(), topic, p)
	n.ok(err)
	out.Start()
	return p, out, interest
}

func (n *net) testInterest() {
	n.define("boiler")
	a, b := n.join("a"), n.join("b")
	p, out, interest := n.provide(a, "boiler")
	if interest.Requested() {
		n.Errorf("requested by nobody: %+v", interest)
	}
	c, in, joined := n.subscribe(b, "boiler", streams.Latest())
	if joined.State != (streams.State{Registered: true}) {
		n.Errorf("the state: %+v", joined.State)
	}
	p.await(n, "requested=true")
	if !out.Interest().Requested() {
		n.Error("the out topic does not know that it is requested")
	}
	sent := make(chan error, 2)
	for i, k := range []int{1, 2} { // the pause comes between
		out.Send(payloads(k), func(_ streams.Sent, err error) { sent <- err })
		if i == 0 {
			n.ok(out.SetPaused(true))
		}
	}
	n.ok(out.SetPaused(false))
	out.Close()
	for range 2 {
		n.ok(<-sent)
	}
	c.await(n, `1{"n":1}`, "registered=true paused=true", `2{"n":2}`, "registered=true paused=false", "registered=false paused=false")
	_, _, interest = n.provide(a, "boiler")
	if !interest.Requested() || interest.Subscribers != 1 {
		n.Errorf("the interest: %+v", interest)
	}
	in.Close()
	p.await(n, "requested=true") // it was closed before
}

// testIdleProducer: a producer pauses and goes on in the calls that tell it of the interest.
func (n *net) testIdleProducer() {
	n.define("boiler")
	l, other := n.join("a"), n.join("b")
	idle := &idleProducer{record: newRecord()}
	out, _, err := l.Out(n.Context(), "boiler", idle)
	n.ok(err)
	idle.out = out
	n.ok(out.SetPaused(true))
	out.Start()
	for k := 1; k <= 3; k++ {
		c, in, _ := n.subscribe(other, "boiler", streams.Latest())
		c.until(n, fmt.Sprint("message ", k), func(got []string) bool {
			return slices.Contains(got, fmt.Sprintf(`%d{"n":%d}`, k, k))
		})
		in.Close()
		idle.until(n, fmt.Sprint(2*k, " changes"), func(got []string) bool { return len(got) == 2*k })
	}
}

type idleProducer struct {
	record
	out  peer.OutTopic
	sent int
}

// Requested implements streams.Provider.
func (p *idleProducer) Requested(i streams.Interest) {
	if err := p.out.SetPaused(!i.Requested()); err != nil {
		p.note("%v", err)
	}
	if i.Requested() {
		p.sent++
		p.out.Send(payloads(p.sent), func(streams.Sent, error) {})
	}
	p.note("%v", i.Requested())
}

// End implements streams.Provider.
func (p *idleProducer) End(error) {}

// testFull: messages that a consumer does not take stay where they are, however many.
func (n *net) testFull() {
	n.define("boiler", "other")
	l := n.join("a")
	c, in, _ := n.subscribe(l, "boiler", streams.Latest())
	other, _, _ := n.subscribe(l, "other", streams.Latest())
	c.setRoom(1)
	const many = 3000
	var want []string
	var accepted sync.WaitGroup
	for k := range many {
		accepted.Add(1)
		l.Publish(peer.Publication{Topic: "boiler", Payloads: payloads(k)}, func(_ streams.Sent, err error) {
			if err != nil {
				n.Error(err)
			}
			accepted.Done()
		})
		want = append(want, fmt.Sprintf(`%d{"n":%d}`, k+1, k))
	}
	accepted.Wait()
	n.send(l, "other", 1)
	other.await(n, `1{"n":1}`) // is not delayed
	c.await(n, want[0])
	in.Resume() // without room
	c.setRoom(10)
	in.Resume()
	c.await(n, want[:11]...)
	c.setRoom(-1)
	in.Resume()
	c.await(n, want...)
}

func (n *net) testStopped() {
	n.define("boiler")
	client, l := peer.NewClient(n.join("a")), n.join("b")
	c, _, _ := n.subscribe(client, "boiler", streams.Latest())
	n.send(l, "boiler", 1, 2)
	client.Start()
	c.await(n, `1{"n":1}`, `2{"n":2}`)
	client.Stop()
	n.send(l, "boiler", 3, 4)
	client.Start()
	n.send(l, "boiler", 5)
	c.await(n, `1{"n":1}`, `2{"n":2}`, `3{"n":3}`, `4{"n":4}`, `5{"n":5}`)
}

func (n *net) testPositions() {
	n.define("boiler")
	l := n.join("a")
	n.send(l, "boiler", 1, 2, 3)
	at, err := n.publish(l, peer.Publication{Topic: "boiler", Payloads: payloads(4)})
	n.ok(err)
	for _, from := range []streams.StartAt{streams.At(4).In(at.Epoch), streams.Since(at.Time), streams.At(4)} {
		c, _, joined := n.subscribe(l, "boiler", from)
		if joined.Next != 4 || joined.Bounds.Epoch != at.Epoch {
			n.Errorf("%+v: %+v", from, joined)
		}
		c.await(n, `4{"n":4}`)
	}
	for _, from := range []streams.StartAt{streams.At(6), streams.At(1).In("another")} {
		if _, _, err := l.In(n.Context(), "boiler", newConsumer(), from); !errors.Is(err, streams.ErrPosition) {
			n.Errorf("%+v: %v", from, err)
		}
	}
}

func (n *net) testDeleted() {
	n.define("boiler", "other")
	l := n.join("a")
	c, _, _ := n.subscribe(l, "boiler", streams.Latest())
	p, _, _ := n.provide(l, "boiler")
	c.await(n, "registered=true paused=false")
	p.await(n)
	n.Delete(n.T, "boiler")
	c.until(n, "the end", func(got []string) bool { return got[len(got)-1] == "end deleted" })
	p.await(n, "end deleted")
	other, _, _ := n.subscribe(l, "other", streams.Latest())
	n.send(l, "other", 1)
	other.await(n, `1{"n":1}`)
}

// A member writes down what it gets. Synchronized by its record.
type member struct {
	record
	room int
	got  []uint64 // numbers, guarded by mu
}

// Deliver implements peer.Member.
func (m *member) Deliver(messages []peer.Delivery) (taken int) {
	for _, d := range messages {
		m.mu.Lock()
		full := len(m.got) == m.room
		if !full {
			m.got = append(m.got, d.Seq)
		}
		m.mu.Unlock()
		if full {
			break
		}
		m.note("%d%s/%d", d.Seq, d.Payload, d.Redelivered)
		taken++
	}
	return taken
}

// Gap implements peer.Member.
func (m *member) Gap(first, last uint64) { m.note("gap %d-%d", first, last) }

// End implements peer.Member.
func (m *member) End(err error) { m.note("end %s", isDeleted(err)) }

func (n *net) testGroups() {
	l := n.join("a")
	options := peer.MemberOptions{Group: "0a0e4bd5-8e4d-4a3e-9f53-6c2f2b4c9a11", From: streams.Earliest()}
	if !n.Groups {
		if _, err := l.JoinGroup(n.Context(), "boiler", &member{}, options); !errors.Is(err, peer.ErrNoGroups) {
			n.Errorf("JoinGroup: %v", err)
		}
		return
	}
	n.define("boiler")
	n.send(l, "boiler", 1, 2, 3)
	join := func(l peer.Topics, room int) (*member, peer.Membership) {
		m := &member{record: newRecord(), room: room}
		ms, err := l.JoinGroup(n.Context(), "boiler", m, options)
		n.ok(err)
		ms.Start()
		return m, ms
	}
	client := peer.NewClient(l)
	m, ms := join(client, 2)
	client.Start()
	m.await(n, `1{"n":1}/0`, `2{"n":2}/0`)
	n.ok(ms.Ack(1))
	n.ok(ms.Nack("not now", 0, 2))
	m.mu.Lock()
	m.room = 100
	m.mu.Unlock()
	ms.Resume()
	m.until(n, "2 again, and 3", func(got []string) bool {
		return slices.Contains(got, `2{"n":2}/1`) && slices.Contains(got, `3{"n":3}/0`)
	})
	n.ok(ms.Ack(2))
	ms.Close() // with 3, which the next member gets
	rest, ms := join(n.join("a"), 100)
	rest.await(n, `3{"n":3}/1`)
	n.ok(ms.Ack(3))
	n.send(l, "boiler", 4)
	rest.await(n, `3{"n":3}/1`, `4{"n":4}/0`)
	if err := ms.Nack("late", -time.Second, 4); err == nil {
		n.Error("a nack with a delay below 0 is accepted")
	}
	if _, err := l.JoinGroup(n.Context(), "boiler", m, peer.MemberOptions{Group: "x"}); err == nil {
		n.Error("a group that is no UUID is accepted")
	}
	n.Delete(n.T, "boiler")
	rest.until(n, "the end", func(got []string) bool { return slices.Contains(got, "end deleted") })
}

func (n *net) testEnd() {
	n.define("boiler")
	l, other := n.join("a"), n.join("b")
	watched, _, _ := n.subscribe(other, "boiler", streams.Latest())
	n.provide(l, "boiler")
	watched.await(n, "registered=true paused=false")
	c, _, _ := n.subscribe(l, "boiler", streams.Latest())
	n.ok(l.Close())
	n.ok(l.Close())
	<-l.Done()
	watched.await(n, "registered=true paused=false", "registered=false paused=false")
	n.send(other, "boiler", 1)
	watched.await(n, "registered=true paused=false", "registered=false paused=false", `1{"n":1}`)
	if got := c.all(); slices.Contains(got, `1{"n":1}`) {
		n.Errorf("a closed link got %v", got)
	}
	ctx := context.Background()
	_, _, in := l.In(ctx, "boiler", c, streams.Latest())
	_, _, out := l.Out(ctx, "boiler", nil)
	_, serve := l.Serve(ctx, peer.Offer{Service: "x", Procedures: []string{"y"}}, nil)
	_, publish := n.publish(l, peer.Publication{Topic: "boiler", Payloads: payloads(2)})
	_, fetch := l.Fetch(ctx, peer.Request{Service: "x", Procedure: "y"}, nil)
	for what, err := range map[string]error{"In": in, "Out": out, "Serve": serve, "Publish": publish, "Fetch": fetch} {
		if !errors.Is(err, peer.ErrClosed) {
			n.Errorf("%s after Close: %v", what, err)
		}
	}
}
