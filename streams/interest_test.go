package streams_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seagate/storage/memory"
	"seagate/streams"
)

// provider writes down what it is told.
type provider struct {
	mu     sync.Mutex
	events []string
	wanted bool
	calls  int
	inCall bool
	work   func() // done in each call
}

func (p *provider) Requested(i streams.Interest) {
	p.begin()
	p.note("requested=%v by %d+%d", i.Requested(), i.Subscribers, i.Groups)
	p.mu.Lock()
	p.wanted = i.Requested()
	p.inCall = false
	p.mu.Unlock()
}

func (p *provider) End(err error) {
	p.begin()
	p.note("end: %v", err)
	p.mu.Lock()
	p.inCall = false
	p.mu.Unlock()
}

func (p *provider) begin() {
	p.mu.Lock()
	if p.inCall {
		p.events = append(p.events, "TWO CALLS AT A TIME")
	}
	p.inCall = true
	p.calls++
	p.mu.Unlock()
	if p.work != nil {
		p.work()
	}
}

func (p *provider) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, fmt.Sprintf(format, args...))
}

func (p *provider) want(t *testing.T, events ...string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if got, want := strings.Join(p.events, ", "), strings.Join(events, ", "); got != want {
		t.Errorf("provider was told\n %s\nwant\n %s", got, want)
	}
}

func topicOf(t testing.TB, n *streams.Network) *streams.Topic {
	t.Helper()
	topic, err := n.Topic(topicID)
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

func provideAs(t testing.TB, topic *streams.Topic, p streams.Provider) (*streams.OutTopic, streams.Interest) {
	t.Helper()
	out, now, err := topic.Out(p)
	if err != nil {
		t.Fatal(err)
	}
	out.Start()
	return out, now
}

// A producer that is told when somebody listens can sleep until then.
func TestAnIdleProducerSleepsAndWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		topic := topicOf(t, n)
		p := &provider{}
		out, now := provideAs(t, topic, p)
		if now.Requested() {
			t.Error("requested before anybody listens")
		}
		synctest.Wait()
		p.want(t)
		a, _ := join(t, topic, -1, 0)
		synctest.Wait()
		p.want(t, "requested=true by 1+0")
		b, _ := join(t, topic, -1, 1)
		synctest.Wait()
		a.in.Close()
		a.in.Close()
		synctest.Wait()
		p.want(t, "requested=true by 1+0") // no edge
		b.in.Close()
		synctest.Wait()
		p.want(t, "requested=true by 1+0", "requested=false by 0+0")
		out.Close()
		join(t, topic, -1, 0)
		synctest.Wait()
		p.want(t, "requested=true by 1+0", "requested=false by 0+0")
		n.Close()
	})
}

// The provider of a topic that is requested already learns it from Out, not by a
// call. What changes between Out and Start is told after Start.
func TestAProviderIsToldOfChangesBehindItsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		topic := topicOf(t, n)
		r, _ := join(t, topic, -1, 0)
		p, q := &provider{}, &provider{}
		out, now := provideAs(t, topic, p)
		defer out.Close()
		if now != (streams.Interest{Subscribers: 1}) {
			t.Errorf("Out returned %+v, want one subscriber", now)
		}
		late, now, err := topic.Out(q)
		if err != nil || !now.Requested() {
			t.Fatal(now, err)
		}
		r.in.Close()
		synctest.Wait()
		p.want(t, "requested=false by 0+0")
		q.want(t)
		late.Start()
		synctest.Wait()
		q.want(t, "requested=false by 0+0")
		n.Close()
	})
}

// Bug B1 and B12 of the network that this one is modelled on: a listener whose
// link closed was counted for ever, also by a provider that left and came back.
func TestRequestedEndsWithTheLastListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		topic := topicOf(t, n)
		first, _ := provideAs(t, topic, &provider{})
		r, _ := join(t, topic, -1, 0)
		first.Close()
		if !topic.Interest().Requested() {
			t.Error("a listener was forgotten when the provider left")
		}
		r.in.Close()
		if topic.Interest().Requested() {
			t.Error("requested after the only listener left")
		}
		p := &provider{}
		_, now := provideAs(t, topic, p)
		if now.Requested() {
			t.Error("a new provider is told of a listener that left")
		}
		synctest.Wait()
		p.want(t)
		n.Close()
	})
}

// Groups count whether they have members or not, and whether their topic exists
// or not. Their reader is no subscriber.
func TestGroupsAreInterest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		n.AddGroup(topicID) // before there is a topic
		topic := topicOf(t, n)
		p := &provider{}
		_, now := provideAs(t, topic, p)
		if now != (streams.Interest{Groups: 1}) {
			t.Errorf("Out returned %+v, want one group", now)
		}
		n.AddGroup(topicID)
		in, _, err := topic.InGroup(t.Context(), &recorder{room: -1}, 0, streams.Latest())
		if err != nil {
			t.Fatal(err)
		}
		if i := topic.Interest(); i != (streams.Interest{Groups: 2}) {
			t.Errorf("interest is %+v, want two groups and no subscribers", i)
		}
		in.Close()
		n.RemoveGroup(topicID)
		n.RemoveGroup(topicID)
		synctest.Wait()
		p.want(t, "requested=false by 0+0")
		n.AddGroup(topicID)
		synctest.Wait()
		p.want(t, "requested=false by 0+0", "requested=true by 0+1")
		n.Close()
	})
}

// Listeners and groups come and go at random while slow providers come and go
// too. Each provider is told edges alone, by one goroutine at a time, and ends
// with the truth.
func TestEdgesOfInterestUnderFire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		topic := topicOf(t, n)
		var providers []*provider
		for i := range 8 {
			p := &provider{}
			if i%2 == 1 {
				p.work = func() { time.Sleep(time.Microsecond) } // others come and go meanwhile
			}
			provideAs(t, topic, p)
			providers = append(providers, p)
		}
		var running sync.WaitGroup
		for i := range 8 {
			running.Go(func() { comeAndGo(t, n, topic, rand.New(rand.NewPCG(1, uint64(i)))) })
		}
		running.Wait()
		last, _ := join(t, topic, -1, 0)
		wantTold(t, providers, true)
		last.in.Close()
		wantTold(t, providers, false)
		n.Close()
	})
}

// comeAndGo opens and closes in topics, groups and out topics.
func comeAndGo(t *testing.T, n *streams.Network, topic *streams.Topic, rng *rand.Rand) {
	for i := range 500 {
		switch rng.IntN(4) {
		case 0:
			r, _ := join(t, topic, -1, uint32(i))
			r.in.Start()
			r.in.Close()
		case 1:
			n.AddGroup(topicID)
			n.RemoveGroup(topicID)
		case 2:
			out, _ := provideAs(t, topic, &provider{})
			out.Close()
		default:
			time.Sleep(time.Microsecond)
		}
	}
}

// wantTold waits until nothing happens any more. Then each provider must have been
// told edges alone, and the truth last.
func wantTold(t *testing.T, providers []*provider, requested bool) {
	t.Helper()
	time.Sleep(time.Second)
	synctest.Wait()
	for i, p := range providers {
		p.mu.Lock()
		for k, e := range p.events {
			if want := fmt.Sprintf("requested=%v", k%2 == 0); !strings.HasPrefix(e, want) {
				t.Fatalf("provider %d was told %q as number %d", i, e, k)
			}
		}
		if p.wanted != requested {
			t.Errorf("provider %d was told last that requested is %v", i, p.wanted)
		}
		p.mu.Unlock()
	}
}

// A producer that is slow to be told holds nobody up, and what was undone
// meanwhile is left out.
func TestASlowProviderHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		topic := topicOf(t, n)
		gate := make(chan struct{})
		p := &provider{work: func() { <-gate }}
		provideAs(t, topic, p)
		for range 100 {
			r, _ := join(t, topic, -1, 0)
			r.in.Close()
		}
		r, _ := join(t, topic, -1, 0)
		r.in.Start()
		topic.Send([][]byte{[]byte("a")}, func(_ streams.Sent, err error) {
			if err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		r.want(t, "1:a")
		close(gate)
		synctest.Wait()
		if !p.wanted || p.calls > 3 {
			t.Errorf("told %q", p.events)
		}
		n.Close()
	})
}

// A change that comes while the provider is told of another one is told next.
func TestAChangeDuringACallOfTheProviderIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		topic := topicOf(t, n)
		listening := make(chan *streams.InTopic, 1)
		p := &provider{work: func() {
			if in, first := <-listening; first {
				in.Close()
			}
		}}
		provideAs(t, topic, p)
		r, _ := join(t, topic, -1, 0)
		listening <- r.in
		close(listening)
		synctest.Wait()
		p.want(t, "requested=true by 1+0", "requested=false by 0+0")
		n.Close()
	})
}

func TestAProviderIsToldOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		p := &provider{}
		out, _ := provideAs(t, topicOf(t, n), p)
		if err := n.Delete(t.Context(), topicID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		p.want(t, "end: "+streams.ErrDeleted.Error())
		if _, _, err := out.Topic().Out(nil); err != streams.ErrDeleted {
			t.Errorf("Out of a deleted topic: %v", err)
		}
		out.SetPaused(true)
		out.Close()
		n.Close()
	})
}

func TestAProviderThatPanicsIsCalledNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []any
		n := open(t, streams.Options{OnPanic: func(who, _ any) { told = append(told, who) }})
		topic := topicOf(t, n)
		bad, good := &provider{work: func() { panic("boom") }}, &provider{}
		provideAs(t, topic, bad)
		provideAs(t, topic, good)
		r, _ := join(t, topic, -1, 0)
		synctest.Wait()
		r.in.Close()
		synctest.Wait()
		good.want(t, "requested=true by 1+0", "requested=false by 0+0")
		if len(told) != 1 || told[0] != any(bad) {
			t.Errorf("OnPanic was told of %v", told)
		}
		n.Close()
	})
}

// Only an out topic registers: neither a subscriber nor a publisher does.
func TestPublishingAndSubscribingDoNotProvide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		topic := topicOf(t, n)
		r, joined := join(t, topic, -1, 0)
		r.in.Start()
		topic.Send([][]byte{[]byte("a")}, func(streams.Sent, error) {})
		synctest.Wait()
		if joined.Registered || topic.Info().Registered {
			t.Error("registered without a provider")
		}
		out, _ := provideAs(t, topic, nil)
		second, _ := provideAs(t, topic, nil)
		out.Close()
		synctest.Wait()
		if i := topic.Info(); !i.Registered || i.Providers != 1 {
			t.Errorf("with one of two providers left: %+v", i)
		}
		second.Close()
		second.Close()
		synctest.Wait()
		r.want(t, "1:a", "registered=true paused=false", "registered=false paused=false")
		n.Close()
	})
}

// Bugs B2 and B3 of the network that this one is modelled on: a provider that
// unregistered took the listeners of the others with it, and the next provider's
// link was dropped.
func TestListenersStayWhenAProviderLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		topic := topicOf(t, n)
		first, _ := provideAs(t, topic, nil)
		second, _ := provideAs(t, topic, nil)
		r, _ := join(t, topic, -1, 0)
		r.in.Start()
		send(t, first, "a")
		synctest.Wait()
		first.Close()
		send(t, second, "b")
		second.Close()
		p := &provider{}
		third, now := provideAs(t, topic, p)
		if !now.Requested() {
			t.Error("the third provider is not told of the listener")
		}
		send(t, third, "c")
		synctest.Wait()
		r.want(t, "1:a", "2:b", "registered=false paused=false", "registered=true paused=false", "3:c")
		n.Close()
	})
}

// Bug B7 of the network that this one is modelled on: the pause of a provider
// outlived it, and its successor was taken for paused.
func TestAPauseEndsWithItsProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		topic := topicOf(t, n)
		first, _ := provideAs(t, topic, nil)
		first.SetPaused(true)
		if !topic.Info().Paused {
			t.Error("not paused though the only provider pauses")
		}
		second, _ := provideAs(t, topic, nil)
		if topic.Info().Paused {
			t.Error("paused though a provider does not pause")
		}
		second.SetPaused(true)
		second.SetPaused(true)
		second.Close()
		if !topic.Info().Paused {
			t.Error("not paused though the provider that is left pauses")
		}
		first.Close()
		first.SetPaused(true)
		r, joined := join(t, topic, -1, 0)
		r.in.Start()
		if joined.Paused {
			t.Error("paused without a provider")
		}
		third, _ := provideAs(t, topic, nil)
		send(t, third, "a") // a provider's pause refuses nothing
		third.SetPaused(true)
		send(t, third, "b")
		third.SetPaused(false)
		synctest.Wait()
		r.want(t, "registered=true paused=false", "1:a", "registered=true paused=true", "2:b", "registered=true paused=false")
		n.Close()
	})
}

// Bug B11 of the network that this one is modelled on: an in topic could not know
// whether its topic is provided. A consumer that has no room for a change gets
// it before anything else, in order with the messages.
func TestAChangeOfStateWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		topic := topicOf(t, n)
		r, _ := join(t, topic, -1, 0)
		r.deaf = true
		r.in.Start()
		out, _ := provideAs(t, topic, nil)
		send(t, out, "a")
		out.SetPaused(true)
		send(t, out, "b")
		synctest.Wait()
		r.want(t)
		r.mu.Lock()
		r.deaf = false
		r.mu.Unlock()
		r.in.Resume()
		synctest.Wait()
		r.want(t, "registered=true paused=false", "1:a", "registered=true paused=true", "2:b")
		n.Close()
	})
}

// A hold is the administrator's: it outlives everybody, also the process. What a
// provider says does not.
func TestRestartKeepsAHoldAndNoProvidersPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := memory.New()
		n := openOn(t, disk, streams.Options{})
		topic := topicOf(t, n)
		out, _ := provideAs(t, topic, nil)
		send(t, out, "a")
		out.SetPaused(true)
		n.Close()

		n = openOn(t, disk, streams.Options{})
		topic = topicOf(t, n)
		if i := topic.Info(); i.Paused || i.Registered || i.Held {
			t.Errorf("a provider's state outlived it: %+v", i)
		}
		if err := topic.Hold(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		n.Close()

		n = openOn(t, disk, streams.Options{})
		topic = topicOf(t, n)
		if i := topic.Info(); !i.Paused || !i.Held || i.Registered {
			t.Errorf("a hold did not outlive the network: %+v", i)
		}
		out, _ = provideAs(t, topic, nil)
		out.SetPaused(false)
		out.Send([][]byte{[]byte("b")}, func(_ streams.Sent, err error) {
			if err != streams.ErrHeld {
				t.Errorf("Send to a held topic: %v, want ErrHeld", err)
			}
		})
		if err := topic.Hold(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if i := topic.Info(); i.Paused || i.Held {
			t.Errorf("after the hold: %+v", i)
		}
		n.Close()
	})
}
