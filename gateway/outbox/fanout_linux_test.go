package outbox

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"seagate/internal/budget"
	"seagate/internal/panics/panicstest"
	"seagate/internal/sockets/socketstest"
	"seagate/internal/uring"
)

func newFanout(t testing.TB) *Fanout {
	t.Helper()
	f, err := NewFanout(func(err error) { t.Errorf("the ring has failed: %v", err) })
	if errors.Is(err, uring.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// gather offers one frame, and expects it to wait for Flush.
func gather(t testing.TB, f *Fanout, o *Outbox, frame string) {
	t.Helper()
	before := len(f.gathered)
	if n := o.OfferIn(f, []byte(frame), []int{len(frame)}, true); n != 1 {
		t.Fatal("the frame is turned away")
	}
	if len(f.gathered) != before+1 {
		t.Fatal("the frame is not gathered")
	}
}

// Each outbox gets its own frames, however many there are.
func TestAFanoutWritesToAll(t *testing.T) {
	for _, n := range []int{1, fewSends, fewSends + 1, 2*fanoutSends + 1} {
		f := newFanout(t)
		outs, peers := make([]*Outbox, n), make([]net.Conn, n)
		writes := make([]*int, n)
		for i := range outs {
			outs[i], peers[i], writes[i] = overTCP(t)
		}
		for _, word := range []string{"first", "second"} {
			for i, o := range outs {
				gather(t, f, o, strings.Repeat(word, 1+i))
			}
			f.Flush()
			for i, peer := range peers {
				wantRead(t, peer, strings.Repeat(word, 1+i))
			}
		}
		for i, o := range outs {
			if sent := 11 * (1 + i); *writes[i] != 0 || counter(t, o.opts.Metrics.BytesOut) != float64(sent) || counter(t, o.opts.Metrics.MessagesOut) != 2 {
				t.Errorf("outbox %d of %d: %d writes of its own, %v bytes and %v messages out, want %d and 2", i, n, *writes[i],
					counter(t, o.opts.Metrics.BytesOut), counter(t, o.opts.Metrics.MessagesOut), sent)
			}
		}
	}
}

// What is sent between OfferIn and Flush goes behind.
func TestWhatAFanoutHasGatheredGoesFirst(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*Outbox)
		want string
	}{
		"answer":       {func(o *Outbox) { o.Send([]byte("answer")) }, "answer"},
		"answers":      {func(o *Outbox) { o.SendSoon([]byte("one ")); o.SendSoon([]byte("two")) }, "one two"},
		"long answer":  {func(o *Outbox) { o.Send(bytes.Repeat([]byte("x"), 2*maxHeldBytes)) }, strings.Repeat("x", 2*maxHeldBytes)},
		"delivery":     {func(o *Outbox) { o.Offer([]byte("ab"), []int{1, 2}) }, "ab"},
		"notice":       {func(o *Outbox) { o.OfferNotice([]byte("notice")) }, "notice"},
		"burst":        {func(o *Outbox) { var b Burst; b.Hold(o); o.Send([]byte("held")); b.Release() }, "held"},
		"last frame":   {func(o *Outbox) { o.SendLast([]byte("last")) }, "last"},
		"probe":        {func(o *Outbox) { o.SendConfirmed([]byte("asked ")) }, "asked \x00\x00\x00\x00\x00\x00\x00\x01"},
		"nothing more": {func(o *Outbox) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFanout(t)
			o, peer, _ := overTCP(t)
			gather(t, f, o, "gathered ")
			c.do(o)
			f.Flush()
			wantRead(t, peer, "gathered "+c.want)
			if n := queueBytes(t, o); n != 0 {
				t.Errorf("the metric has %v bytes queued", n)
			}
			if o.Ended() {
				return
			}
			gather(t, f, o, "again")
			f.Flush()
			wantRead(t, peer, "again")
		})
	}
}

// Frames that do not last are copied. When there is no more room for copies, they go out at
// once, and there is room again behind Flush.
func TestAFanoutCopies(t *testing.T) {
	f := newFanout(t)
	for range 2 {
		var peers []net.Conn
		frame := bytes.Repeat([]byte("x"), maxGathered)
		const most = copiedBytes / (maxGathered + maxProbe)
		for i := range most + 1 {
			o, peer, writes := overTCP(t)
			peers = append(peers, peer)
			frame[0] = byte('a' + i)
			n := o.OfferIn(f, frame, []int{len(frame)}, false)
			if gathered := *writes == 0; n != 1 || gathered != (i < most) {
				t.Errorf("outbox %d took %d frames, and they are gathered: %t", i, n, gathered)
			}
		}
		clear(frame)
		f.Flush()
		for i, peer := range peers {
			wantRead(t, peer, string(rune('a'+i))+strings.Repeat("x", maxGathered-1))
		}
	}
}

// A probe goes out with the frames that it confirms, and only one is under way.
func TestAFanoutWithProbes(t *testing.T) {
	f := newFanout(t)
	o, peer, writes := overTCP(t)
	const probe = "\x00\x00\x00\x00\x00\x00\x00"
	for i, want := range []string{"ab" + probe + "\x02", "ab", "ab"} {
		if taken, tag := o.OfferConfirmed(f, []byte("ab"), []int{1, 2}); taken != 2 || tag != uint64(2+2*i) {
			t.Errorf("taken %d, tag %d", taken, tag)
		}
		if len(f.gathered) != 1 {
			t.Fatal("the frames are not gathered")
		}
		f.Flush()
		wantRead(t, peer, want)
	}
	if !o.Answered(2) {
		t.Error("the answer to the probe is not taken for one")
	}
	wantRead(t, peer, probe+"\x06") // the next one, by itself
	if *writes != 1 {
		t.Errorf("%d writes of its own, want that of the second probe", *writes)
	}
}

// A burst that begins before Flush and ends behind it keeps its answers back that long.
func TestABurstOverAFlush(t *testing.T) {
	f := newFanout(t)
	o, peer, _ := overTCP(t)
	gather(t, f, o, "gathered ")
	var b Burst
	b.Hold(o)
	o.Send([]byte("one "))
	f.Flush()
	wantRead(t, peer, "gathered ")
	o.Send([]byte("two"))
	b.Release()
	wantRead(t, peer, "one two")
}

// Close waits for what was gathered.
func TestCloseWaitsForAFlush(t *testing.T) {
	f := newFanout(t)
	o, peer, _ := overTCP(t)
	gather(t, f, o, "gathered ")
	o.SendLast([]byte("last"))
	closed := make(chan struct{})
	go func() { o.Close(time.Minute, true); close(closed) }()
	for {
		o.mu.Lock()
		waits := o.flushed != nil
		o.mu.Unlock()
		if waits {
			break
		}
	}
	f.Flush()
	<-closed
	if got, err := io.ReadAll(peer); string(got) != "gathered last" {
		t.Errorf("the peer has read %q, %v", got, err)
	}
}

// What the kernel does not take is queued, in order. What is turned away meanwhile is asked for
// again.
func TestAFanoutToASlowReader(t *testing.T) {
	f := newFanout(t)
	o, peer, _ := overTCP(t)
	drained := make(chan struct{}, 10)
	o.opts.Drained = func() { drained <- struct{}{} }
	frame := strings.Repeat("x", maxGathered-1) + "."
	sent := 0
	for !o.isFlushing() {
		gather(t, f, o, frame)
		f.Flush()
		sent++
	}
	gathered := len(f.gathered)
	large := make([]byte, 2*o.opts.Budget)
	if n := o.OfferIn(f, large, []int{len(large)}, true); n != 0 || len(f.gathered) != gathered {
		t.Fatal("it takes a delivery while the flusher waits for the peer")
	}
	want := strings.Repeat(frame, sent)
	got := make([]byte, len(want))
	peer.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != want {
		t.Fatalf("the frames do not arrive whole: %v", err)
	}
	<-drained
}

// A delivery that is turned away since a frame is gathered is asked for again behind Flush.
func TestADeliveryThatWaitsForAFlush(t *testing.T) {
	f := newFanout(t)
	o, peer, _ := overTCP(t)
	drained := 0
	o.opts.Drained = func() { drained++ }
	gather(t, f, o, "gathered")
	large := make([]byte, 2*o.opts.Budget)
	if n := o.Offer(large, []int{len(large)}); n != 0 {
		t.Fatal("a frame over the budget is queued behind another")
	}
	f.Flush()
	if wantRead(t, peer, "gathered"); drained != 1 {
		t.Errorf("Drained was called %d times, want 1", drained)
	}
}

// A connection that is closed before Flush: its descriptor may be another client's by then, who
// must get nothing of it. All others get theirs.
func TestAFanoutToAClosedConnection(t *testing.T) {
	f := newFanout(t)
	const n = 2 * fewSends
	var outs [n]*Outbox
	var peers [n]net.Conn
	for i := range outs {
		outs[i], peers[i], _ = overTCP(t)
		gather(t, f, outs[i], "gathered")
	}
	fd := socketstest.Descriptor(t, outs[1].conn)
	outs[1].conn.Close()
	other, peerOfOther := takeDescriptor(t, fd)
	f.Flush()
	other.Write([]byte("of its own"))
	wantRead(t, peerOfOther, "of its own")
	for i, peer := range peers {
		if i != 1 {
			wantRead(t, peer, "gathered")
		}
	}
	if got, _ := io.ReadAll(peers[1]); len(got) > 0 || !outs[1].Ended() {
		t.Errorf("the closed connection got %q; it has ended: %t", got, outs[1].Ended())
	}
}

// takeDescriptor returns the two ends of a new connection, one of which also has the descriptor fd.
func takeDescriptor(t *testing.T, fd int) (nc, peer net.Conn) {
	t.Helper()
	nc, peer = socketstest.Pair(t)
	switch fd {
	case socketstest.Descriptor(t, nc):
		return nc, peer
	case socketstest.Descriptor(t, peer):
		return peer, nc
	}
	if err := unix.Dup3(socketstest.Descriptor(t, nc), fd, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return nc, peer
}

// What a Fanout does not gather goes out at once, or is queued, as with Offer.
func TestWhatAFanoutDoesNotGather(t *testing.T) {
	long := make([]byte, maxGathered+1)
	for name, c := range map[string]struct {
		prepare func(f *Fanout, o *Outbox) *Fanout
		frame   []byte
	}{
		"no fanout":        {func(*Fanout, *Outbox) *Fanout { return nil }, []byte("x")},
		"a long frame":     {func(f *Fanout, _ *Outbox) *Fanout { return f }, long},
		"a second frame":   {func(f *Fanout, o *Outbox) *Fanout { gather(t, f, o, "first"); return f }, []byte("x")},
		"a crowded share":  {func(f *Fanout, o *Outbox) *Fanout { crowd(o); return f }, []byte("x")},
		"a failed ring":    {func(f *Fanout, _ *Outbox) *Fanout { f.Close(); return f }, []byte("x")},
		"an ended outbox":  {func(f *Fanout, o *Outbox) *Fanout { o.SendLast([]byte("last")); return f }, []byte("x")},
		"an encrypted one": {func(f *Fanout, o *Outbox) *Fanout { o.raw = New(tls.Server(o.conn, nil), options()).raw; return f }, []byte("x")},
	} {
		t.Run(name, func(t *testing.T) {
			o, _, _ := overTCP(t)
			f := c.prepare(newFanout(t), o)
			before := 0
			if f != nil {
				before = len(f.gathered)
			}
			if n := o.OfferIn(f, c.frame, []int{len(c.frame)}, true); n != 1 {
				t.Error("it is turned away")
			}
			if f != nil && len(f.gathered) != before {
				t.Error("it is gathered")
			}
			if f != nil {
				f.Flush()
			}
		})
	}
}

// crowd makes the share of an outbox such that a delivery has to ask for room.
func crowd(o *Outbox) {
	all := budget.NewShared(1<<20, 1<<30)
	o.SetShare(all.Part("jail"))
	all.Part("jail").Force(1 << 20)
}

// A ring that fails costs no frame.
func TestARingThatFails(t *testing.T) {
	f := newFanout(t)
	failed := 0
	f.failed = func(error) { failed++ }
	var peers []net.Conn
	for range 2 * fewSends {
		o, peer, _ := overTCP(t)
		gather(t, f, o, "gathered")
		peers = append(peers, peer)
	}
	f.ring.Close()
	f.Flush()
	for _, peer := range peers {
		wantRead(t, peer, "gathered")
	}
	if failed != 1 {
		t.Errorf("told %d times, want once", failed)
	}
}

// badRaw is a socket that panics when it is to be written to.
type badRaw struct{ syscall.RawConn }

func (badRaw) Control(func(uintptr)) error { panic("injected") }

// After a panic the connections end for which something was gathered, and the Fanout works on.
func TestAFanoutThatPanics(t *testing.T) {
	contained := panicstest.Begin(t, "delivery")
	f := newFanout(t)
	first, firstPeer, _ := overTCP(t)
	bad, _, _ := overTCP(t)
	bad.raw = badRaw{bad.raw}
	gather(t, f, first, "gathered")
	gather(t, f, bad, "gathered")
	f.Flush()
	contained.Want(1)
	if io.Copy(io.Discard, firstPeer); !first.Ended() || !bad.Ended() {
		t.Error("a connection has not ended")
	}
	o, peer, _ := overTCP(t)
	gather(t, f, o, "again")
	f.Flush()
	wantRead(t, peer, "again")
}

func TestAFanoutAllocatesNothing(t *testing.T) {
	f := newFanout(t)
	var outs [2 * fewSends]*Outbox
	for i := range outs {
		o, peer, _ := overTCP(t)
		go io.Copy(io.Discard, peer)
		outs[i] = o
	}
	frame, ends := []byte("frame"), []int{5}
	n := testing.AllocsPerRun(100, func() {
		for i, o := range outs {
			o.OfferIn(f, frame, ends, i%2 == 0)
		}
		f.Flush()
	})
	if n > 0 {
		t.Errorf("a fan-out allocates %v times", n)
	}
}

// BenchmarkFanout compares writes by a Fanout with writes of their own.
func BenchmarkFanout(b *testing.B) {
	for name, fan := range map[string]*Fanout{"gathered": newFanout(b), "alone": nil} {
		b.Run(name, func(b *testing.B) {
			var outs [100]*Outbox
			for i := range outs {
				o, peer, _ := overTCP(b)
				go io.Copy(io.Discard, peer)
				outs[i] = o
			}
			frame, ends := make([]byte, 256), []int{256}
			for b.Loop() {
				for _, o := range outs {
					o.OfferIn(fan, frame, ends, true)
				}
				if fan != nil {
					fan.Flush()
				}
			}
		})
	}
}
