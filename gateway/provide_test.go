package gateway_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	dto "github.com/prometheus/client_model/go"

	"seagate/auth"
	"seagate/gateway"
	"seagate/protocol"
	"seagate/storage/memory"
	"seagate/streams"
)

// producer writes down what it is told.
type producer struct {
	mu     sync.Mutex
	events []string
	panics bool
}

func (p *producer) Requested(i streams.Interest) {
	p.note(fmt.Sprintf("requested=%v by %d+%d", i.Requested(), i.Subscribers, i.Groups))
	if p.panics {
		panic("boom")
	}
}

func (p *producer) End(reason *protocol.Error) { p.note(string(reason.Code)) }

func (p *producer) note(event string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, event)
}

func (p *producer) want(t *testing.T, events ...string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if got, want := strings.Join(p.events, ", "), strings.Join(events, ", "); got != want {
		t.Errorf("the producer was told\n %s\nwant\n %s", got, want)
	}
}

func (p *parts) provide(who *auth.Principal, stream string, sink gateway.ProvideSink) *gateway.Provision {
	p.t.Helper()
	made, _, e := p.Provide(who, stream, sink)
	p.ok(e)
	made.Start()
	return made
}

func (p *parts) provided() float64 {
	var m dto.Metric
	if err := p.Metrics.Provided.Write(&m); err != nil {
		p.t.Fatal(err)
	}
	return m.Gauge.GetValue()
}

// What happens to a stream that is provided: subscribers, members, groups that
// members have left, its deletion.
func TestAProducerIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), nil)
		root := g.root()
		g.define(root, "boiler")
		p := &producer{}
		made, now, e := g.Provide(root, "boiler", p)
		g.ok(e)
		if now.Requested() {
			t.Errorf("requested by %+v", now)
		}
		made.Start()
		if n := g.provided(); n != 1 {
			t.Errorf("the metric says %v", n)
		}
		subscribe := func(group string) *gateway.Subscription {
			s, e := g.Subscribe(t.Context(), root, gateway.Request{Stream: "boiler", Group: group}, &sink{})
			g.ok(e)
			s.Start()
			return s
		}
		s := subscribe("")
		synctest.Wait()
		p.want(t, "requested=true by 1+0")
		s.Close()
		synctest.Wait()
		member := subscribe(groupA)
		synctest.Wait()
		p.want(t, "requested=true by 1+0", "requested=false by 0+0", "requested=true by 0+1")
		member.Close()
		synctest.Wait()
		info, e := g.Stream(root, "boiler")
		g.ok(e)
		if i := info.Topic; !i.Registered || i.Providers != 1 || i.Interest != (streams.Interest{Groups: 1}) {
			t.Errorf("the stream is %+v", i)
		}
		g.ok(g.DeleteGroup(t.Context(), root, "boiler", "root", groupA))
		synctest.Wait()
		g.ok(g.DeleteStream(t.Context(), root, "boiler"))
		synctest.Wait()
		p.want(t, "requested=true by 1+0", "requested=false by 0+0", "requested=true by 0+1", "requested=false by 0+0", "stream_deleted")
		made.Close()
		if n := g.provided(); n != 0 {
			t.Errorf("the metric says %v afterwards", n)
		}
		g.Network.Close()
	})
}

// The groups of a stream that has no topic yet count too: those in memory have none
// after a restart.
func TestGroupsCountAfterARestartWithoutATopic(t *testing.T) {
	records := memory.New()
	g := build(t, records, nil)
	root, secret := g.Root("root")
	g.define(root, "boiler")
	g.subscribe(root, "boiler", groupA)
	g.Network.Close()
	g = build(t, records, nil)
	root = g.login("root", secret)
	info, e := g.Stream(root, "boiler")
	g.ok(e)
	if info.Topic.Interest != (streams.Interest{Groups: 1}) {
		t.Errorf("after a restart: %+v", info.Topic.Interest)
	}
}

func TestProvideRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), func(s *gateway.Settings) { s.PublishesPerSecond = 3 })
		root := g.root()
		g.define(root, "boiler")
		for stream, want := range map[string]protocol.Code{"nothing": protocol.CodeStreamNotFound, "a/b": protocol.CodeInvalidName} {
			if _, _, e := g.Provide(root, stream, &producer{}); code(e) != want {
				t.Errorf("%s: %v, want %s", stream, e, want)
			}
		}
		made := g.provide(root, "boiler", &producer{})
		if e := made.Pause(true); code(e) != protocol.CodeRateLimited {
			t.Errorf("the fourth in a second: %v, want rate_limited", e)
		}
		if _, _, e := g.Provide(root, "boiler", &producer{}); code(e) != protocol.CodeRateLimited {
			t.Errorf("the fifth in a second: %v, want rate_limited", e)
		}
		time.Sleep(time.Second)
		g.ok(made.Pause(true))
		if info, _ := g.Stream(root, "boiler"); !info.Topic.Paused || info.Topic.Held {
			t.Errorf("paused: %+v", info.Topic)
		}
		made.Close()
		g.Network.Close()
	})
}

func TestAProducerThatPanicsEndsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), nil)
		root := g.root()
		g.define(root, "boiler")
		bad, good := &producer{panics: true}, &producer{}
		g.provide(root, "boiler", bad)
		g.provide(root, "boiler", good)
		g.subscribe(root, "boiler", "")
		synctest.Wait()
		bad.want(t, "requested=true by 1+0", "internal")
		good.want(t, "requested=true by 1+0")
		g.Network.Close()
	})
}

// A header comes with its message or not at all.
func TestAHeaderWithAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), func(s *gateway.Settings) { s.HeaderBytes = 20 })
		root := g.root()
		g.define(root, "boiler")
		early := g.subscribe(root, "boiler", "")
		publish := func(header string, payloads ...string) error {
			pub := gateway.Publication{Stream: "boiler", Batch: len(payloads) != 1, Header: jsontext.Value(header)}
			for _, p := range payloads {
				pub.Payloads = append(pub.Payloads, jsontext.Value(p))
			}
			return g.publishWith(root, pub)
		}
		g.ok(publish(`{"p": 2}`, `{"p":1}`, `{"p":2}`))
		late := g.subscribe(root, "boiler", "")
		member := g.subscribe(root, "boiler", groupA)
		for _, wrong := range []struct {
			header, payload string
			code            protocol.Code
			problems        string
		}{
			{`{"p":3.5}`, `{"p":3}`, protocol.CodeInvalidPayload, "header: p: expected an integer, got the number 3.5"},
			{`{"p":3}`, `{"p":3.5}`, protocol.CodeInvalidPayload, "p: expected an integer, got the number 3.5"},
			{`{"p":"a"}`, `{"p":"b"}`, protocol.CodeInvalidPayload, `p: expected an integer, got the string "b"; header: p: expected an integer, got the string "a"`},
			{`{"p":333333333333333}`, `{"p":3}`, protocol.CodeHeaderTooLarge, ""},
			{`{"p":333333333333333}`, `{"p":true}`, protocol.CodeInvalidPayload, "p: expected an integer, got true; header: the header has 21 bytes; at most 20 are allowed"},
			{`{"p":3,"p":3}`, `{"p":3}`, protocol.CodeMalformedJSON, `header: *`},
		} {
			e := bare.Refusal(publish(wrong.header, wrong.payload))
			got := strings.Join(e.Errors, "; ")
			if prefix, any := strings.CutSuffix(wrong.problems, "*"); any && strings.HasPrefix(got, prefix) {
				got = wrong.problems
			}
			if e.Code != wrong.code || got != wrong.problems {
				t.Errorf("header %s with message %s: %s %q, want %s %q", wrong.header, wrong.payload, e.Code, got, wrong.code, wrong.problems)
			}
		}
		g.ok(g.publish(root, "boiler", `{"p":4}`))
		synctest.Wait()
		early.want(t, `{"p":1}`, `{"p":2}`, `{"p":4}`)
		late.want(t, `header {"p":2}`, `{"p":4}`)
		member.want(t, `header {"p":2}`, `{"p":4}`)
		g.Network.Close()
	})
}
