package app_test

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seagate/cmd/seagate/app"
	"seagate/gateway/ws/wstest"
)

const (
	stalledOf     = 50       // subscribers that stop reading
	stalledBudget = 64 << 10 // bytes that each of them may cost
	stalledCount  = 64       // messages in each phase: together much more than what the kernel takes in
	stalledBytes  = 16 << 10
)

// A subscriber that stops reading costs a cursor and its queue, and does not affect
// other subscribers. When it reads again it misses nothing.
func TestAStalledSubscriberCostsLittle(t *testing.T) {
	subscribers := 100
	if soaking() {
		subscribers = 1000
	}
	c := testConfig(t)
	c.Limits.Sockets = subscribers + 100
	a, _ := start(t, c)
	if status, text := call(t, newClient(t), "POST", a.URL()+"/api/v1/streams/s/define",
		`{"version":1,"fields":[{"name":"n","type":"integer"},{"name":"pad","type":"string"}]}`); status != http.StatusOK {
		t.Fatal(text)
	}
	gate, over := make(chan struct{}), make(chan struct{})
	finish := sync.OnceFunc(func() { close(over) })
	resume := sync.OnceFunc(func() { close(gate) })
	t.Cleanup(func() { resume(); finish() })
	var readers []*stallingReader
	var reading sync.WaitGroup
	for i := range subscribers {
		r := newStallingReader(t, a, i < stalledOf, gate, over)
		readers = append(readers, r)
		reading.Go(r.run)
	}
	publishAll(t, a, 0)
	await(t, readers, stalledCount)
	publishAll(t, a, stalledCount)
	await(t, readers[stalledOf:], 2*stalledCount)
	stalled := memory()
	for i, r := range readers[:stalledOf] {
		if got := r.received.Load(); got != stalledCount {
			t.Fatalf("subscriber %d has received %d, so it did not stall", i, got)
		}
	}
	resume()
	await(t, readers, 2*stalledCount)
	cost := (stalled - memory()) / stalledOf
	t.Logf("each of %d stalled subscribers among %d costs %d bytes", stalledOf, subscribers, cost)
	if cost > stalledBudget {
		t.Errorf("a stalled subscriber costs %d bytes, want at most %d", cost, stalledBudget)
	}
	finish()
	reading.Wait()
	for i, r := range readers {
		if string(r.sum.Sum(nil)) != string(readers[subscribers-1].sum.Sum(nil)) {
			t.Errorf("subscriber %d received something else than the others", i)
		}
	}
}

// A stallingReader receives the messages of both phases. If it stalls, it waits for
// the gate between them.
type stallingReader struct {
	conn     *wstest.Conn
	gate     <-chan struct{} // nil for one that does not stall
	over     <-chan struct{} // it stays until then, to take its memory all the time
	received atomic.Int64
	failed   chan error // takes why it ended too soon
	sum      hash.Hash  // of all that it received
}

func newStallingReader(t *testing.T, a *app.App, stalls bool, gate, over <-chan struct{}) *stallingReader {
	t.Helper()
	nc, err := net.Dial("tcp", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	r := &stallingReader{over: over, sum: sha256.New(), failed: make(chan error, 1)}
	if stalls {
		r.gate = gate
		nc.(*net.TCPConn).SetReadBuffer(64 << 10) // so that it shows soon
	}
	r.conn, _ = wstest.Over(t, nc, "/api/v1/streams")
	r.conn.Send(fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"root","clientSecret":%q}}`, rootSecret))
	r.conn.Want(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"root"}}`)
	r.conn.Send(`{"id":2,"action":"subscribe","payload":"s"}`)
	r.conn.Want(`{"id":2,"action":"subscription","success":true,"streamName":"s","payload":2}`)
	return r
}

func (r *stallingReader) run() {
	for n := 0; n < 2*stalledCount; n++ {
		if n == stalledCount && r.gate != nil {
			<-r.gate
		}
		message, closed := r.conn.Next()
		if closed != nil {
			r.failed <- closed
			break
		}
		r.sum.Write([]byte(message))
		r.received.Add(1)
	}
	<-r.over
}

func publishAll(t *testing.T, a *app.App, from int) {
	t.Helper()
	client := newClient(t)
	pad := strings.Repeat("x", stalledBytes)
	for n := range stalledCount {
		body := fmt.Sprintf(`{"payload":{"n":%d,"pad":%q}}`, from+n, pad)
		if status, text := call(t, client, "POST", a.URL()+"/api/v1/streams/s/publish", body); status != http.StatusOK {
			t.Fatal(text)
		}
	}
	client.CloseIdleConnections()
}

func await(t *testing.T, readers []*stallingReader, messages int64) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for _, r := range readers {
		for r.received.Load() < messages {
			select {
			case <-tick.C:
			case err := <-r.failed:
				t.Fatalf("a subscriber has received %d messages, and then %v", r.received.Load(), err)
			case <-deadline:
				t.Fatalf("a subscriber has received %d messages, want %d", r.received.Load(), messages)
			}
		}
	}
}

// memory returns the bytes in use after a garbage collection.
func memory() int64 {
	var m runtime.MemStats
	for range 3 { // pools let go of what they have with the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
