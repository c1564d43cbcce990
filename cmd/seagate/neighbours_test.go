package main_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// A neighbour publishes to its stream, receives what it published, and makes a call over HTTP
// with right credentials now and then. It notes how long each takes, and what is lost or
// refused.
type neighbour struct {
	g              *gateway
	as             credentials
	writer, reader *peer

	sent, received int
	publish        []time.Duration
	deliver        []time.Duration
	wrong          []string
}

// newNeighbour makes a jail with a stream, and somebody in it.
func (g *gateway) newNeighbour(jail string) *neighbour {
	n := &neighbour{g: g, as: g.newJail(jail, jail+"-boss")}
	g.define(n.as, "measures")
	n.writer, n.reader = g.login(n.as, jail), g.login(n.as, jail)
	n.reader.subscribe(2, "measures", "")
	return n
}

// work publishes a message every 10 ms until ctx ends, each once the last was answered and
// received.
func (n *neighbour) work(ctx context.Context) {
	n.publish, n.deliver = nil, nil
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		<-tick.C
		n.sent++
		began := time.Now()
		n.writer.Send(fmt.Sprintf(`{"id":%d,"action":"publish","streamName":"measures","payload":{"n":%d}}`, n.sent+1, n.sent))
		if !n.await(n.writer, fmt.Sprintf(`{"id":%d,"action":"publish","success":true,`, n.sent+1)) {
			return
		}
		n.publish = append(n.publish, time.Since(began))
		if !n.await(n.reader, delivery(2, "measures", fmt.Sprintf(`{"n":%d}`, n.sent))) {
			return
		}
		n.deliver = append(n.deliver, time.Since(began))
		n.received++
		if n.sent%50 == 0 {
			n.look()
		}
	}
}

func (n *neighbour) await(p *peer, want string) bool {
	select {
	case e := <-p.inbox:
		if strings.HasPrefix(e.String(), want) {
			return true
		}
		n.wrong = append(n.wrong, fmt.Sprintf("got %.200v, want %s", e, want))
	case <-timeout():
		n.wrong = append(n.wrong, "nothing comes; want "+want)
	}
	return false
}

// look makes a call over HTTP from the address of the attackers, and looks at the health.
func (n *neighbour) look() {
	if a, err := fetch(n.g.request(n.as, "GET", "/streams/measures/messages?limit=1", "")); err != nil || a.status != http.StatusOK {
		n.wrong = append(n.wrong, fmt.Sprintf("a call of the neighbour: %d %.300s %v", a.status, a.body, err))
	}
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		if a, err := n.g.operator(path); err != nil || a.status != http.StatusOK {
			n.wrong = append(n.wrong, fmt.Sprintf("%s: %d %.300s %v", path, a.status, a.body, err))
		}
	}
}

// A latency is the 99th percentiles of the publishes and of the deliveries.
type latency struct{ publish, deliver time.Duration }

func (l latency) String() string {
	return fmt.Sprintf("p99 of publishes %v, of deliveries %v", l.publish.Round(time.Microsecond), l.deliver.Round(time.Microsecond))
}

// over says how many times as long this is.
func (l latency) over(other latency) string {
	return fmt.Sprintf("%.1f × and %.1f ×", float64(l.publish)/float64(other.publish), float64(l.deliver)/float64(other.deliver))
}

func (n *neighbour) latency() latency {
	return latency{percentile(n.publish, 99), percentile(n.deliver, 99)}
}

func percentile(all []time.Duration, percent int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

// during lets the neighbour work for a time.
func (n *neighbour) during(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	n.work(ctx)
}

// resources are what the gateway holds.
type resources struct {
	goroutines, descriptors, heap float64
	held                          map[string]float64 // by metric
}

// heldMetrics tell what a tenant or a stranger can make the gateway hold.
var heldMetrics = []string{
	"seagate_groups", "seagate_group_in_flight", "seagate_queue_bytes", "seagate_unfinished_bytes", "seagate_sockets_strangers",
	`seagate_connections{transport="websocket"}`, `seagate_subscriptions{kind="own"}`, `seagate_subscriptions{kind="group"}`,
	`seagate_quota_memory_bytes{kind="kept"}`,
}

// resources makes the gateway collect its garbage first.
func (g *gateway) resources() resources {
	g.t.Helper()
	if a, err := g.operator("/debug/pprof/heap?gc=1"); err != nil || a.status != http.StatusOK {
		g.t.Fatalf("%d %v", a.status, err)
	}
	m := g.metrics()
	r := resources{m["go_goroutines"], m["process_open_fds"], m["go_memstats_heap_alloc_bytes"], map[string]float64{}}
	for _, name := range heldMetrics {
		r.held[name] = m[name]
	}
	return r
}

// isBack reports whether the gateway holds little more than before: connections of HTTP clients
// that are idle, buffers, and caches.
func (r resources) isBack(before resources) bool {
	for name, n := range r.held {
		if n > before.held[name] {
			return false
		}
	}
	return r.goroutines <= before.goroutines+20 && r.descriptors <= before.descriptors+20 && r.heap <= before.heap+64<<20
}

// awaitBack waits until the gateway holds what it held before an attack.
func (g *gateway) awaitBack(name string, before resources) {
	g.t.Helper()
	var now resources
	defer func() { g.t.Logf("%s, before and afterwards:\n%+v\n%+v", name, before, now) }()
	eventually(g.t, name+": that the gateway holds what it held before", func() bool {
		now = g.resources()
		return now.isBack(before)
	})
}

// TestHostileNeighbourSoak: whatever one jail and strangers do, another jail loses nothing, is
// refused nothing, and the gateway is healthy; after each attack the gateway holds what it held
// before. They all attack at once, and before that one of them alone; with SEAGATE_SOAK each of
// them alone, and all for 10 minutes. Then, without the race detector, the 99th percentiles of
// the other jail stay within 3 times of those without the attack.
//
// On a machine whose processors are all busy, whoever wakes up waits for one. So without the
// attack does not only mean a quiet machine: the same attack on a gateway of its own tells
// what the machine takes, and the worse of the two is what counts.
func TestHostileNeighbourSoak(t *testing.T) {
	soak := os.Getenv("SEAGATE_SOAK") != ""
	quiet, alone, together := 500*time.Millisecond, time.Second, 4*time.Second
	one := attacks[rand.N(len(attacks)):][:1]
	if soak {
		quiet, alone, together = 30*time.Second, 20*time.Second, 10*time.Minute
		one = attacks
	}
	timed := soak && !raceDetector // which multiplies what work costs
	settings := []string{"SEAGATE_ADMIN_PPROF=true", "SEAGATE_QUOTAS_DISK=64MiB", "SEAGATE_QUOTAS_MEMORY=32MiB", "SEAGATE_QUOTAS_DEFINITIONS=16MiB"}
	g := start(t, settings...)
	n := g.newNeighbour("quiet")
	n.during(quiet) // warm
	before := g.resources()
	n.during(quiet)
	undisturbed := n.latency()
	t.Logf("quiet: %v; %+v", undisturbed, before)
	judge := func(name string, without latency) {
		t.Helper()
		now := n.latency()
		t.Logf("%s: %v (%s)", name, now, now.over(without))
		if len(n.wrong) > 0 || n.sent != n.received || n.sent == 0 {
			t.Errorf("%s: the neighbour sent %d messages and received %d: %q", name, n.sent, n.received, n.wrong)
		}
		n.wrong = nil
		if timed && (now.publish > 3*without.publish || now.deliver > 3*without.deliver) {
			t.Errorf("%s: the neighbour is slowed down by more than 3 times", name)
		}
	}
	attacked := func(name string, d time.Duration, attacks ...attack) {
		t.Helper()
		without := undisturbed
		if timed {
			other := start(t, settings...)
			other.under(n, alone, "hostile", attacks...)
			elsewhere := n.latency()
			other.stopped()
			t.Logf("%s, on a gateway of its own: %v (%s)", name, elsewhere, elsewhere.over(undisturbed))
			without = latency{max(without.publish, elsewhere.publish), max(without.deliver, elsewhere.deliver)}
		}
		g.under(n, d, "hostile", attacks...)
		judge(name, without)
		g.awaitBack(name, before)
	}
	for _, a := range one {
		attacked(a.name, alone, a)
	}
	attacked("all at once", together, attacks...)
	n.during(quiet)
	judge("quiet again", undisturbed)
	g.stopped()
}

// under lets attackers of a new jail do their worst while the neighbour works, and then deletes
// the jail.
func (g *gateway) under(n *neighbour, d time.Duration, jail string, attacks ...attack) {
	g.t.Helper()
	as := g.newJail(jail, jail+"-boss")
	stop := g.attack(as, attacks)
	n.during(d)
	stop()
	g.ok(root, "DELETE", "/jails/"+jail, "")
}

// member returns a member of a JSON object that is a text, "" if there is none.
func member(object, name string) string {
	var members map[string]any
	if json.Unmarshal([]byte(object), &members) != nil {
		return ""
	}
	text, _ := members[name].(string)
	return text
}
