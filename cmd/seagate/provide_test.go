package main_test

import (
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"seagate/client"
)

func (g *gateway) dialed(as credentials) *client.Conn {
	g.t.Helper()
	c, err := client.New("http://"+g.listen, client.Basic(as.id, as.secret), client.Options{})
	if err != nil {
		g.t.Fatal(err)
	}
	conn, err := c.Dial(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close(); c.CloseIdleConnections() })
	return conn
}

// A restart keeps the hold of an administrator, groups and the header that came with
// a message. It keeps neither a provider nor its pause.
func TestWhatARestartKeepsOfAStream(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	g := startIn(t, folder)
	g.define(root, "boiler")
	conn := g.dialed(root)
	provider, err := conn.Provide(t.Context(), "boiler")
	if err != nil {
		t.Fatal(err)
	}
	if err := provider.Pause(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	member, err := conn.Subscribe(t.Context(), "boiler", client.SubscribeOptions{Group: "3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a10"})
	if err != nil {
		t.Fatal(err)
	}
	if now, err := provider.Next(t.Context()); err != nil || now != (client.Interest{Requested: true, Groups: 1}) {
		t.Errorf("the provider was told %+v, %v", now, err)
	}
	if err := member.Unsubscribe(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.ok(root, "POST", "/streams/boiler/publish", `{"payload":{"n":1},"header":{"n":1}}`)
	const paused = `"registered":true,"paused":true,"held":false,"requested":true,"providers":1,"subscribers":0,"groups":1,`
	if state := g.ok(root, "GET", "/streams/boiler", ""); !strings.Contains(state, paused) {
		t.Errorf("before: %s", state)
	}

	g = again(t, g, folder)
	const left = `"registered":false,"paused":false,"held":false,"requested":true,"providers":0,"subscribers":0,"groups":1,`
	if state := g.ok(root, "GET", "/streams/boiler", ""); !strings.Contains(state, left) {
		t.Errorf("after the first restart: %s", state)
	}
	if header := g.ok(root, "GET", "/streams/boiler/header", ""); header != `{"payload":{"n":1}}` {
		t.Errorf("after the first restart the header is %s", header)
	}
	g.ok(root, "POST", "/streams/boiler/pause", "")

	g = again(t, g, folder)
	const held = `"registered":false,"paused":true,"held":true,`
	if state := g.ok(root, "GET", "/streams/boiler", ""); !strings.Contains(state, held) {
		t.Errorf("after the second restart: %s", state)
	}
	g.refused(root, 409, "stream_paused", "POST", "/streams/boiler/publish", `{"payload":{"n":2}}`)
}

// seagate provide runs its command while somebody wants the stream, and subscribers
// with --state see that it is registered.
func TestSeagateProvide(t *testing.T) {
	t.Parallel()
	g := start(t)
	g.define(root, "boiler")
	as := []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=" + root.id, "SEAGATE_CLIENT_SECRET=" + root.secret}
	const script = `test -z "$SEAGATE_CLIENT_SECRET" || exit 7
trap 'exit 0' TERM
n=0; while :; do n=$((n+1)); echo "{\"n\":$n}"; sleep 0.05 & wait $!; done`
	said := &output{grown: make(chan struct{}, 100)}
	cmd := exec.Command(program, "provide", "boiler", "--", "sh", "-c", script)
	cmd.Env = append(bare(t.TempDir()), as...)
	notes := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = said, notes
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	const idle, wanted = "nobody wants boiler\n", "boiler is wanted by 1 subscriber and 0 groups\n"
	said.await(t, idle)
	r := ok(t, as, "subscribe", "boiler", "--count", "3", "--state")
	if lines := strings.Count(r.out, `{"n":`); lines != 3 || !strings.Contains(r.notes, "boiler is registered and not paused\n") {
		t.Errorf("subscribe printed %q and said %q", r.out, r.notes)
	}
	said.await(t, idle+wanted+idle)
	eventually(t, "that the command has ended", func() bool { return g.lastSeq(root, "boiler") > 0 })
	rest := g.lastSeq(root, "boiler")
	r = ok(t, as, "subscribe", "boiler", "--count", "1", "--meta")
	if !strings.Contains(r.out, `"payload":{"n":1}`) {
		t.Errorf("the command did not begin anew behind message %d: %s", rest, r.out)
	}
	said.await(t, idle+wanted+idle+wanted+idle)
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, notes)
	}
	if !strings.Contains(notes.String(), "providing boiler; Ctrl-C ends") || strings.Contains(notes.String(), "exit") {
		t.Errorf("it said %q", notes)
	}
	if r := command(t, as, "provide", "nothing"); r.code != 1 || !strings.Contains(r.notes, "stream_not_found") {
		t.Errorf("a stream that is not there: %d %s", r.code, r.notes)
	}
}

// 10,000 streams that are provided and not used: what they cost, and that they end
// with their connections.
func TestProvidedStreamsAtRest(t *testing.T) {
	t.Parallel()
	const conns, each = 10, 1_000
	g := start(t, "SEAGATE_STREAMS_UNDEFINED=accept", "SEAGATE_LIMITS_STREAMS_PER_JAIL=10001", "GOGC=50") // and $audit
	before := g.metrics()
	var all []*client.Conn
	for c := range conns {
		conn := g.dialed(root)
		all = append(all, conn)
		var running sync.WaitGroup
		for w := range 10 {
			running.Go(func() {
				for i := w; i < each; i += 10 {
					if _, err := conn.Provide(t.Context(), fmt.Sprintf("sensor-%d-%d", c, i)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		running.Wait()
	}
	after := g.metrics()
	if n := after["seagate_provided_streams"]; n != conns*each {
		t.Errorf("%v streams are provided", n)
	}
	heap := after["go_memstats_heap_inuse_bytes"] - before["go_memstats_heap_inuse_bytes"]
	goroutines := after["go_goroutines"] - before["go_goroutines"]
	t.Logf("%d provided streams: %.1f MiB of heap in use, %.1f MiB resident, %v goroutines", conns*each,
		heap/(1<<20), (after["process_resident_memory_bytes"]-before["process_resident_memory_bytes"])/(1<<20), goroutines)
	if heap > 80<<20 {
		t.Errorf("%.0f bytes of heap for each", heap/conns/each)
	}
	if goroutines > 4*conns {
		t.Errorf("%v goroutines more than before", goroutines)
	}
	if _, err := all[0].Provide(t.Context(), "one-too-many"); client.CodeOf(err) != "too_many_provided" {
		t.Errorf("one too many: %v", err)
	}
	for _, conn := range all {
		conn.Close()
	}
	eventually(t, "that the connections have withdrawn them", func() bool { return g.metric("seagate_provided_streams") == 0 })
}
