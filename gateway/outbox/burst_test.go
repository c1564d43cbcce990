package outbox

import (
	"bytes"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"seagate/internal/sockets/socketstest"
)

// counted counts the writes to a socket.
type counted struct {
	syscall.RawConn
	writes *int
}

func (c counted) Write(f func(uintptr) bool) error {
	*c.writes++
	return c.RawConn.Write(f)
}

// overTCP returns an outbox over a socket, the peer's end, and the number of writes
// that needed no flusher.
func overTCP(t testing.TB) (o *Outbox, peer net.Conn, writes *int) {
	t.Helper()
	nc, peer := socketstest.Pair(t)
	o, writes = New(nc, options()), new(int)
	o.raw = counted{o.raw, writes}
	return o, peer, writes
}

// wantRead expects what has arrived to be exactly this, with nothing behind it yet.
func wantRead(t *testing.T, peer net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want)+1)
	peer.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := io.ReadAtLeast(peer, got, len(want))
	if err != nil || string(got[:n]) != want {
		t.Fatalf("arrived: %.80q, %v, want %.80q", got[:n], err, want)
	}
}

func queueBytes(t *testing.T, o *Outbox) float64 {
	t.Helper()
	return measured(t, o.opts.Metrics.QueueBytes).GetGauge().GetValue()
}

func counter(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	return measured(t, c).GetCounter().GetValue()
}

func measured(t *testing.T, metric prometheus.Metric) *dto.Metric {
	t.Helper()
	var m dto.Metric
	if err := metric.Write(&m); err != nil {
		t.Fatal(err)
	}
	return &m
}

func TestABurstIsOneWrite(t *testing.T) {
	o, peer, writes := overTCP(t)
	other, otherPeer, otherWrites := overTCP(t)
	var b Burst
	b.Join(o)
	o.Send([]byte("before "))
	wantRead(t, peer, "before ")
	*writes = 0
	b.Hold(o)
	b.Join(other)
	o.Send([]byte("one "))
	o.SendSoon([]byte("two "))
	o.SendIfRoom([]byte("three"))
	other.Send([]byte("other"))
	if *writes+*otherWrites != 0 {
		t.Fatalf("%d writes in a burst", *writes+*otherWrites)
	}
	b.Release()
	wantRead(t, peer, "one two three")
	wantRead(t, otherPeer, "other")
	o.Send([]byte(" after"))
	wantRead(t, peer, " after")
	if *writes != 2 || *otherWrites != 1 {
		t.Errorf("%d and %d writes, want 2 and 1", *writes, *otherWrites)
	}
	if n := queueBytes(t, o); n != 0 {
		t.Errorf("the metric has %v bytes queued", n)
	}
}

// Two readers may hold one outbox, that of a server with two callers for example.
func TestTheLastBurstToEndWrites(t *testing.T) {
	o, peer, writes := overTCP(t)
	var a, b Burst
	a.Hold(o)
	b.Hold(o)
	o.Send([]byte("one "))
	a.Release()
	o.Send([]byte("two"))
	if *writes != 0 {
		t.Fatal("written while a burst holds it")
	}
	b.Release()
	wantRead(t, peer, "one two")
}

// What is not kept back goes behind what is.
func TestWhatABurstKeepsBackGoesFirst(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*Outbox)
		want string
	}{
		"delivery":     {func(o *Outbox) { o.Offer([]byte("message"), []int{7}) }, "message"},
		"notice":       {func(o *Outbox) { o.OfferNotice([]byte("notice")) }, "notice"},
		"last frame":   {func(o *Outbox) { o.SendLast([]byte("last")) }, "last"},
		"long answer":  {func(o *Outbox) { o.Send([]byte(strings.Repeat("x", maxHeldBytes+1))) }, strings.Repeat("x", maxHeldBytes+1)},
		"close":        {func(o *Outbox) { o.Close(time.Second, true) }, ""},
		"nothing more": {func(o *Outbox) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o, peer, _ := overTCP(t)
			var b Burst
			b.Hold(o)
			o.Send([]byte("answer "))
			c.do(o)
			if name == "nothing more" {
				b.Release()
			}
			wantRead(t, peer, "answer "+c.want)
			b.Release()
		})
	}
}

// The frames that a burst keeps back are bounded.
func TestABurstKeepsBackOnlySoMuch(t *testing.T) {
	o, peer, writes := overTCP(t)
	go io.Copy(io.Discard, peer)
	var b Burst
	b.Hold(o)
	frame := bytes.Repeat([]byte("x"), 1<<10)
	for range 4 * maxHeldBytes / len(frame) {
		o.Send(frame)
		if n := len(o.queue); n > maxHeldBytes {
			t.Fatalf("%d bytes are kept back, more than %d", n, maxHeldBytes)
		}
	}
	if *writes < 3 || *writes > 4 {
		t.Errorf("%d writes of four times the bound", *writes)
	}
	b.Release()
}

// A peer that does not read gets what was kept back from the flusher, in order, and
// deliveries that were turned away meanwhile go on.
func TestABurstForASlowReader(t *testing.T) {
	o, peer, _ := overTCP(t)
	drained := make(chan struct{}, 1)
	o.opts.Drained = func() { drained <- struct{}{} }
	frame := bytes.Repeat([]byte("x"), 1<<10)
	sent := 0
	for !o.isFlushing() {
		o.Send(frame)
		sent += len(frame)
	}
	var b Burst
	b.Hold(o)
	for range 10 {
		o.Send(frame)
		sent += len(frame)
	}
	large := bytes.Repeat([]byte("y"), 2*o.opts.Budget)
	if n := o.Offer(large, []int{len(large)}); n != 0 {
		t.Fatal("a full queue takes a delivery")
	}
	b.Release()
	peer.SetReadDeadline(time.Now().Add(10 * time.Second))
	got := make([]byte, sent)
	if _, err := io.ReadFull(peer, got); err != nil || bytes.IndexByte(got, 'y') >= 0 {
		t.Fatal(err)
	}
	<-drained
}

func (o *Outbox) isFlushing() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.flushing
}

// Answers that come soon behind one another are left to the flusher. Nothing is lost
// when it ends.
func TestSendSoon(t *testing.T) {
	o, peer, writes := overTCP(t)
	var want strings.Builder
	for range 1000 {
		want.WriteString("soon ")
		o.SendSoon([]byte("soon "))
	}
	want.WriteString("now")
	o.Send([]byte("now"))
	wantRead(t, peer, want.String())
	if *writes > 1 {
		t.Errorf("%d writes without the flusher", *writes)
	}
}

func TestABurstAllocatesNothing(t *testing.T) {
	o, peer, _ := overTCP(t)
	go io.Copy(io.Discard, peer)
	frame := bytes.Repeat([]byte("x"), 100)
	var b Burst
	n := testing.AllocsPerRun(100, func() {
		b.Hold(o)
		for range 16 {
			o.Send(frame)
		}
		b.Release()
	})
	// The list of what is held, and the buffer that goes back to the pool.
	if n > 2 {
		t.Errorf("a burst allocates %v times", n)
	}
}
