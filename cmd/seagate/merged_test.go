package main_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestSubscribeToSeveralStreams in the order of their timestamps, with the command.
func TestSubscribeToSeveralStreams(t *testing.T) {
	t.Parallel()
	g := start(t)
	g.define(root, "inlet")
	g.define(root, "outlet")
	as := []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=" + root.id, "SEAGATE_CLIENT_SECRET=" + root.secret}
	for _, m := range []string{"inlet 3", "outlet 1", "outlet 3", "inlet 5", "inlet 4", "inlet 6"} {
		stream, n, _ := strings.Cut(m, " ")
		g.ok(root, "POST", "/streams/"+stream+"/publish", `{"payload":{"n":`+n+`}}`)
	}
	got := ok(t, as, "subscribe", "inlet", "outlet", "--sync", "--by", "$.n", "--wait", "100ms", "--priority", "outlet=1",
		"--from", "earliest", "--count", "5")
	if want := `{"n":1}{"n":3}{"n":3}{"n":5}{"n":6}`; strings.ReplaceAll(got.out, "\n", "") != want {
		t.Errorf("printed %q, want %s", got.out, want)
	}
	if !strings.Contains(got.notes, "inlet: dropped 1 late and 0 untimed messages") {
		t.Errorf("said %q, without what was dropped", got.notes)
	}
	for _, args := range [][]string{{"inlet", "--sync"}, {"inlet", "--by", "$.n"}, {"inlet", "outlet", "--sync", "--state"}} {
		if out := command(t, as, append([]string{"subscribe"}, args...)...); out.code != 2 {
			t.Errorf("subscribe %v ended with %d, want 2: %s", args, out.code, out.notes)
		}
	}
}

// Memory is bounded while the consumer of a merged subscription sleeps and 200,000 messages
// wait (with the race detector 40,000), over a socket; then it gets all of them in order. The log has what they cost.
func TestAMergedSubscriptionThatSleeps(t *testing.T) {
	t.Parallel()
	const batch, bytes = 1000, 600
	streams, batches := []string{"a", "b"}, 100
	if raceDetector {
		batches = 20
	}
	total := len(streams) * batches * batch
	g := start(t, "GOGC=50")
	pad := strings.Repeat("x", bytes)
	for k, stream := range streams {
		g.ok(root, "POST", "/streams/"+stream+"/define", `{"version":1,"fields":[{"name":"n","type":"integer"},{"name":"pad","type":"string"}]}`)
		for i := range batches {
			var body []string
			for j := range batch {
				body = append(body, fmt.Sprintf(`{"n":%d,"pad":%q}`, (i*batch+j)*len(streams)+k, pad))
			}
			g.ok(root, "POST", "/streams/"+stream+"/publish", "["+strings.Join(body, ",")+"]")
		}
	}
	p := g.login(root, "root")
	before := g.metrics() // what publishing has left is not what waiting takes
	p.Send(`{"id":2,"action":"subscribe","payload":["a","b"],"sync":{"by":"$.n"},"from":"earliest"}`)
	p.want(`{"id":2,"action":"subscription","success":true,"streamNames":["a","b"],"payload":2}`)
	queued := -1.0
	eventually(t, "that the gateway waits for the consumer", func() bool {
		last := queued
		queued = g.metric("seagate_queue_bytes")
		return queued > 0 && queued == last
	})
	asleep := g.metrics()
	heap := asleep["go_memstats_heap_inuse_bytes"] - before["go_memstats_heap_inuse_bytes"]
	if heap > float64(total*bytes/2) {
		t.Errorf("%d messages of %d bytes wait, and take %.1f MiB of heap", total, bytes, heap/(1<<20))
	}
	for n := range total {
		want := fmt.Sprintf(`{"id":2,"action":"subscription","streamName":"%s","payload":{"n":%d,"pad":"%s"}}`, streams[n%len(streams)], n, pad)
		if got := p.next(); got.message != want {
			t.Fatalf("message %d is\n%v\nwant\n%s", n, got, want)
		}
	}
	after := g.metrics()
	t.Logf("%d messages: %.1f MiB of heap more while they wait, %.0f bytes of it queued; %.1f µs of CPU each",
		total, heap/(1<<20), queued, (after["process_cpu_seconds_total"]-asleep["process_cpu_seconds_total"])*1e6/float64(total))
}
