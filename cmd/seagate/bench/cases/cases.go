//go:build linux

package main

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strings"
	"time"

	"seagate/cmd/seagate/bench"
)

// measured is for how long a case puts load on a server.
const measured = 2 * time.Second

// A comparison is one case: a number of a bare loop, if there is one, and that of a gateway.
type comparison struct {
	name, unit, target string
	bare, ours         func(*machine) (float64, error)
}

// A pick is the number of a report that a case is about.
type pick func(*bench.Report) float64

// of returns what measures a load with a server of that kind.
func of(start func(*machine) (*server, error), load string, p pick) func(*machine) (float64, error) {
	return func(m *machine) (float64, error) {
		s, err := start(m)
		if err != nil {
			return 0, err
		}
		defer s.stop()
		report, err := m.load(s, load)
		if err != nil {
			return 0, err
		}
		return p(report), nil
	}
}

// both is a case in which both get the same load.
func both(name, unit, target, load string, p pick) comparison {
	return comparison{name, unit, target, of((*machine).bare, load, p), of((*machine).gateway, load, p)}
}

// alone is a case for which there is no bare loop.
func alone(name, unit, target, load string, p pick) comparison {
	return comparison{name, unit, target, nil, of((*machine).gateway, load, p)}
}

// filtered is a case of 10,000 subscribers with that many filters, of which a message passes one,
// beside a bare loop that has as many subscribers as the message reaches.
func filtered(name, target string, filters, rate int) comparison {
	const subscribers = 10_000
	load := fmt.Sprintf(" --rate %d --duration 2s --durability memory", rate)
	return comparison{
		name, "µs CPU per publish", target,
		of((*machine).bare, fmt.Sprintf("--subscribers %d", subscribers/filters)+load, perPublish),
		of((*machine).gateway, fmt.Sprintf("--subscribers %d --filters %d", subscribers, filters)+load, perPublish),
	}
}

func durableLoad(publishers int) string {
	return fmt.Sprintf("--publishers %d --subscribers 0 --durability disk --duration 2s", publishers)
}

// durable is a case beside a bare Pebble.
func durable(publishers int) comparison {
	return comparison{
		fmt.Sprintf("6. durable publishes of %d publishers", publishers), "1/s", "≥ 0.6 × bare Pebble",
		func(m *machine) (float64, error) { return m.commits(publishers) },
		of((*machine).gateway, durableLoad(publishers), (*bench.Report).PublishRate),
	}
}

// durableOverSockets is the same case beside a bare loop over a bare Pebble.
func durableOverSockets(publishers int) comparison {
	return comparison{
		"6. the same, beside the bare loop over a bare Pebble", "1/s", "",
		of((*machine).bareDurable, durableLoad(publishers), (*bench.Report).PublishRate),
		of((*machine).gateway, durableLoad(publishers), (*bench.Report).PublishRate),
	}
}

// atRest measures the memory that a defined stream takes in a gateway: the difference to a gateway
// without streams. Both are started again before, so that what they wrote is not in memory any more.
func atRest(streams int) func(*machine) (float64, error) {
	return func(m *machine) (float64, error) {
		empty, err := m.memoryAfterRestart(1)
		if err != nil {
			return 0, err
		}
		full, err := m.memoryAfterRestart(streams)
		return float64(full-empty) / (1 << 10) / float64(streams-1), err
	}
}

func micros(cpu float64, n int64) float64 { return 1e6 * cpu / float64(max(n, 1)) }

var (
	perDelivery   pick = func(r *bench.Report) float64 { return micros(r.Server.Working, r.Delivered) }
	perPublish    pick = func(r *bench.Report) float64 { return micros(r.Server.Working, r.Published) }
	perConnection pick = func(r *bench.Report) float64 { return micros(r.Server.Connecting, int64(r.Connections)) }
	p99           pick = func(r *bench.Report) float64 { return 1e3 * r.Delivery.P99 }
	p50           pick = func(r *bench.Report) float64 { return 1e3 * r.Delivery.P50 }
	idleKiB       pick = func(r *bench.Report) float64 { return float64(r.Server.PerIdle) / (1 << 10) }
)

var cases = []comparison{
	both("1. 200 subscribers, 200 messages/s", "µs CPU per delivery", "≤ 1.3 × bare", "--subscribers 200 --rate 200 --duration 2s --durability memory", perDelivery),
	both("1. the same", "ms p99", "≤ 1.5 × bare", "--subscribers 200 --rate 200 --duration 2s --durability memory", p99),
	both("2. 500 subscribers, as fast as accepted", "µs CPU per delivery", "", "--subscribers 500 --messages 1000 --window 64 --durability memory", perDelivery),
	alone("3. idle subscriber, of 5,000", "KiB", "≤ 8", "--publishers 0 --subscribers 5000 --duration 8s", idleKiB),
	both("4. HTTP publish, ten fields, in memory, 16 publishers", "µs CPU", "≤ 1.3 × bare", "--publishers 16 --subscribers 0 --http --fields 10 --duration 2s --durability memory", perPublish),
	both("5. WebSocket publish, ten fields, pipelined, in memory", "µs CPU", "≤ 8", "--publishers 4 --subscribers 0 --fields 10 --window 256 --duration 2s --durability memory", perPublish),
	durable(16), durableOverSockets(16), durable(64), durableOverSockets(64), durable(256), durableOverSockets(256),
	filtered("7. 10,000 subscribers, each with a filter of its own", "≤ 60", 10_000, 1000),
	filtered("8. 10,000 subscribers, 100 filters", "≤ 300", 100, 50),
	alone("9. group of 8, in memory", "µs CPU per message", "≤ 10", "--subscribers 8 --groups 1 --window 64 --messages 50000 --durability memory", perPublish),
	alone("9. group of 8, on disk", "µs CPU per message", "≤ 20", "--subscribers 8 --groups 1 --window 64 --messages 50000 --durability disk", perPublish),
	alone("10. replay", "messages/s", "≥ 1,000,000", "--replay --window 512 --publishers 4 --messages 300000 --duration 30s --durability disk", (*bench.Report).DeliveryRate),
	both("12. connect, authenticate, subscribe", "µs CPU", "≤ 150", "--publishers 0 --subscribers 3000 --duration 1s", perConnection),
	alone("12. the same, each with a token and a filter of its own", "µs CPU", "≤ 250", "--publishers 0 --subscribers 3000 --filters 3000 --duration 1s", perConnection),
	both("13. delivery behind a pipelined publisher, in memory", "ms p50", "≤ 3", "--subscribers 1 --window 128 --duration 2s --durability memory", p50),
	{"14. defined stream at rest, of 10,000", "KiB", "≤ 2", nil, atRest(10000)},
}

// A growth is a load that grows, and the exponent with which its cost does: 1 is linear in what
// grows, 0 does not depend on it.
type growth struct {
	name, unit string
	sizes      []int
	load       func(size int) string
	cost       func(size int, r *bench.Report) float64 // of all the work that grows
}

var growths = []growth{
	{"subscribers of a stream", "µs CPU per message", []int{10, 100, 1000, 10000},
		func(n int) string {
			return fmt.Sprintf("--subscribers %d --messages %d --durability memory", n, max(100000/n, 20))
		},
		func(_ int, r *bench.Report) float64 { return perPublish(r) }},
	{"streams, one subscriber each", "µs CPU per round of messages", []int{1, 10, 100, 1000, 10000},
		func(n int) string {
			return fmt.Sprintf("--streams %d --subscribers %d --messages %d --durability memory", n, n, max(2*n, 5000))
		},
		func(n int, r *bench.Report) float64 { return perPublish(r) * float64(n) }},
	{"bytes of a message", "µs CPU per message to 50 subscribers", []int{64, 1 << 10, 16 << 10, 256 << 10},
		func(n int) string {
			return fmt.Sprintf("--size %d --subscribers 50 --messages %d --durability memory", n, min(2000, 64<<20/n))
		},
		func(_ int, r *bench.Report) float64 { return perPublish(r) }},
	{"filters, one subscriber each", "µs CPU per message", []int{1, 10, 100, 1000, 10000},
		func(n int) string {
			return fmt.Sprintf("--subscribers %d --filters %d --messages %d --durability memory", n, n, min(5000, max(2000000/n, 300)))
		},
		func(_ int, r *bench.Report) float64 { return perPublish(r) }},
	{"members of a group", "µs CPU per message", []int{1, 4, 16, 64},
		func(n int) string {
			return fmt.Sprintf("--subscribers %d --groups 1 --window 64 --messages 20000 --durability memory", n)
		},
		func(_ int, r *bench.Report) float64 { return perPublish(r) }},
}

// grown runs the loads that grow and returns their table.
func grown(m *machine, chosen *regexp.Regexp) string {
	var b strings.Builder
	fmt.Fprintln(&b, "| what grows | cost | measured | exponent |\n|---|---|---|---|")
	for _, g := range growths {
		if !chosen.MatchString(g.name) {
			continue
		}
		row := g.row(m)
		fmt.Fprintln(&b, row)
		fmt.Fprintln(os.Stderr, row)
	}
	return b.String()
}

func (g *growth) row(m *machine) string {
	var points []string
	var costs []float64
	for _, size := range g.sizes {
		v, err := of((*machine).gateway, g.load(size), func(r *bench.Report) float64 { return g.cost(size, r) })(m)
		if err != nil {
			return fmt.Sprintf("| %s | %s | failed at %d: %v | |", g.name, g.unit, size, err)
		}
		points = append(points, fmt.Sprintf("%d: %s", size, digits(v)))
		costs = append(costs, v)
	}
	e, verdict := exponent(g.sizes, costs), ""
	if e > faulty {
		verdict = ", a fault"
	}
	return fmt.Sprintf("| %s | %s | %s | %.2f%s |", g.name, g.unit, strings.Join(points, ", "), e, verdict)
}

// faulty is the exponent above which a cost grows faster than what it is for. Measured ones
// differ a little from run to run.
const faulty = 1.1

// exponent returns the slope of the costs over the sizes, both as logarithms, by least squares.
func exponent(sizes []int, costs []float64) float64 {
	var x, y, xx, xy float64
	n := float64(len(sizes))
	for i, size := range sizes {
		a, b := math.Log(float64(size)), math.Log(costs[i])
		x, y, xx, xy = x+a, y+b, xx+a*a, xy+a*b
	}
	return (n*xy - x*y) / (n*xx - x*x)
}
