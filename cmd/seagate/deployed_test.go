package main_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seagate/gateway/standin"
	"seagate/gateway/ws/wstest"
)

// The tests of this file use the gateway as the deployed clients do.

func (g *gateway) standin() standin.Login {
	return standin.Login{ClientID: root.id, Secret: root.secret, Dial: func() *wstest.Conn {
		return wstest.Dial(g.t, g.listen, "/api/v1/streams")
	}}
}

// A collector collects what clients handle.
type collector struct {
	mu       sync.Mutex
	payloads []string
}

func (c *collector) add(payload string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.payloads = append(c.payloads, payload)
}

func (c *collector) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.payloads)
}

// background runs f until the test ends.
func background(t *testing.T, f func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

// JavaScript connects again 3 s after the stream was deleted.
func TestJavaScriptFollowsADeletedStream(t *testing.T) {
	t.Parallel()
	g := start(t)
	g.define(root, "boiler")
	var plain, fanout collector
	subscribed := make(chan bool, 4)
	for c, isFanout := range map[*collector]bool{&plain: false, &fanout: true} {
		js := standin.JavaScript{Login: g.standin(), Stream: "boiler", Fanout: isFanout, Emit: c.add,
			Subscribed: func(success bool) { subscribed <- success }}
		background(t, js.Run)
	}
	for n := range 2 {
		for range 2 {
			if !<-subscribed {
				t.Error("a subscription was refused")
			}
		}
		g.publish(root, "boiler", fmt.Sprintf(`{"n":%d}`, n))
		eventually(t, "that both have the message", func() bool { return len(plain.all()) == n+1 && len(fanout.all()) == n+1 })
		if n == 0 {
			g.ok(root, "DELETE", "/streams/boiler", "")
			g.define(root, "boiler")
		}
	}
	want := []string{`{"n":0}`, `{"n":1}`}
	if a, b := plain.all(), fanout.all(); !slices.Equal(a, want) || !slices.Equal(b, want) {
		t.Errorf("emitted %s and, with fanout, %s", a, b)
	}
}

// Two replicas of a Python client, one of them slow, share a backlog. The slow one
// is restarted.
func TestPythonReplicasShareABacklog(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_STREAMS_UNGROUPED=client-group")
	g.define(root, "boiler")
	p := g.login(root, "root")
	p.subscribe(2, "boiler", "")
	p.Net.Close()
	eventually(t, "that the group has no member", func() bool { return g.metric("seagate_group_members") == 0 })
	const total = 1500
	var want []string
	for n := range total {
		want = append(want, fmt.Sprintf(`{"n":%04d}`, n+1000))
	}
	g.ok(root, "POST", "/streams/boiler/publish", "["+strings.Join(want, ",")+"]")
	var handled collector
	client := func(each time.Duration) func(context.Context) {
		return func(ctx context.Context) {
			p := standin.Python{Login: g.standin(), Streams: []string{"boiler"}, PerMessage: each,
				Handle: func(_, payload string) { handled.add(payload) }}
			p.Run(ctx)
		}
	}
	restarted, stop := context.WithCancel(t.Context())
	background(t, client(5*time.Millisecond))
	background(t, func(ctx context.Context) {
		client(50 * time.Millisecond)(restarted)
		client(50 * time.Millisecond)(ctx)
	})
	eventually(t, "that a third is handled", func() bool { return len(handled.all()) > total/3 })
	stop()
	eventually(t, "that all are handled", func() bool {
		return len(slices.Compact(slices.Sorted(slices.Values(handled.all())))) == total
	})
	eventually(t, "that the group has nothing left", func() bool { return g.metric("seagate_group_lag_max_messages") == 0 })
	if gone := g.metrics()[`seagate_connections_ended_total{code="peer_gone"}`]; gone > 0 {
		t.Errorf("%v connections were dropped", gone)
	}
	if again := len(handled.all()) - total; again > 256 {
		t.Errorf("%d messages were handled again after one restart", again)
	}
}

// PHP shows the message, and then each of the errors.
func TestWhatPHPShows(t *testing.T) {
	t.Parallel()
	g := start(t)
	php := standin.PHP{URL: "http://" + g.listen + "/api/v1", ClientID: root.id, Secret: root.secret}
	stranger := standin.PHP{URL: php.URL, ClientID: root.id, Secret: "not-the-secret-of-anybody"}
	type call func() ([]string, error)
	define := func(version string) call {
		return func() ([]string, error) {
			return php.Define("moves", `{"name":"moves","version":"`+version+`","fields":[{"name":"from","type":"string"},{"name":"load","type":"float"}]}`)
		}
	}
	publish := func(p standin.PHP, stream, message string) call {
		return func() ([]string, error) { return p.Publish(stream, message) }
	}
	for _, test := range []struct {
		call  call
		shows []string
	}{
		{define("1.0.0"), nil},
		{define("0.1.0"), []string{"The version pushed for the schema [moves] is [0.1.0] but there is already an older version defined [1.0.0]"}},
		{publish(php, "moves", `{"from":"Ghent","load":1.5}`), nil},
		{publish(php, "moves", `{"from":1,"other":2}`), []string{
			"the message does not match moves version 1.0.0: see errors",
			"from: expected a string, got the number 1",
			"other: not a field of moves version 1.0.0",
			"load: missing, expected a number",
		}},
		{publish(php, "nothing", `{}`), []string{`there is no stream "nothing": define it first`}},
		{publish(stranger, "moves", `{}`), []string{"The credentials are present and well formed but invalid."}},
	} {
		if shown, err := test.call(); err != nil || !slices.Equal(shown, test.shows) {
			t.Errorf("shows %q, %v, want %q", shown, err, test.shows)
		}
	}
}
