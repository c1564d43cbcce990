package outbox

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"seagate/gateway"
)

func options() Options {
	return Options{
		Budget:       32 << 10,
		StallTimeout: time.Minute,
		Probe:        binary.BigEndian.AppendUint64,
		Drained:      func() {},
		Broken:       func(error) {},
		Metrics:      gateway.NewMetrics(prometheus.NewRegistry()),
	}
}

// overPipe returns an outbox whose flusher writes everything, as over TLS, and the
// peer's end. It needs a synctest bubble: each write waits until the peer reads.
func overPipe(t *testing.T) (*Outbox, net.Conn) {
	t.Helper()
	nc, peer := net.Pipe()
	t.Cleanup(func() { nc.Close(); peer.Close() })
	return New(nc, options()), peer
}

// A fixedBuffer is a socket whose buffer has a known size.
type fixedBuffer struct {
	syscall.RawConn
	fd uintptr
}

func (k fixedBuffer) Write(f func(uintptr) bool) error { f(k.fd); return nil }

// Past bug: the kernel took exactly one frame. The next was over the budget and
// refused, although nothing was queued. So no flusher ran that could resume the
// subscription.
func TestAFrameOverTheBudgetIsTakenIntoAnEmptyQueue(t *testing.T) {
	const buffer = 64 << 10 // of a pipe, see pipe(7)
	synctest.Test(t, func(t *testing.T) {
		o, peer := overPipe(t)
		r, full, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer full.Close()
		fd := full.Fd()
		if err := syscall.SetNonblock(int(fd), true); err != nil {
			t.Fatal(err)
		}
		o.raw = fixedBuffer{fd: fd}
		frame := bytes.Repeat([]byte("x"), buffer)
		both := append(frame, frame...)
		if n := o.Offer(both, []int{buffer, 2 * buffer}); n != 2 {
			t.Errorf("took %d of 2 frames with nothing queued", n)
		}
		peer.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := io.ReadFull(peer, make([]byte, buffer)); err != nil {
			t.Errorf("the second frame was not flushed: %v", err)
		}
		synctest.Wait()
	})
}

// Past bug: a frame offered after the flusher's last write and before its end, as
// groups do from within drained, was refused, and nobody called drained again.
func TestAFrameOfferedWhileTheFlusherEndsIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, peer := overPipe(t)
		go io.Copy(io.Discard, peer)
		const total = 5
		frame := make([]byte, o.opts.Budget+1)
		taken := 0
		offer := func() {
			for taken < total && o.Offer(frame, []int{len(frame)}) == 1 {
				taken++
			}
		}
		o.opts.Drained = offer
		offer()
		synctest.Wait()
		if taken != total {
			t.Errorf("stopped for good after %d of %d frames", taken, total)
		}
	})
}

// Past bug: an ended connection took messages of a group, and counted them as sent
// until it left.
func TestAnEndedConnectionTakesNothingOfAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, peer := overPipe(t)
		go io.Copy(io.Discard, peer)
		o.SendLast([]byte("over"))
		if taken, tag := o.OfferConfirmed(nil, []byte("abc"), []int{1, 2, 3}); taken != 0 || tag != 0 {
			t.Errorf("took %d messages, tag %d", taken, tag)
		}
		synctest.Wait()
	})
}

// Past bug: a reader that waited for its peer did not notice the end of the
// connection. A revoked client stayed until the stall timeout.
func TestAReaderThatWaitsForItsPeerNoticesTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := overPipe(t)
		o.Send(make([]byte, o.opts.Budget+1)) // which the peer does not read
		waiting := true
		go func() { o.AwaitRoom(); waiting = false }()
		synctest.Wait()
		if !waiting {
			t.Fatal("the reader does not wait for its peer")
		}
		o.SendLast([]byte("over"))
		synctest.Wait()
		if waiting {
			t.Error("the reader waits on after the end")
			o.conn.Close()
		}
	})
}

// Past bug: a reader closed the connection when it was to end and the last frame had not
// been sent yet, so the peer was not told why.
func TestTheLastFrameComesBeforeTheEnd(t *testing.T) {
	for range 200 {
		o, peer, _ := overTCP(t)
		var closing sync.WaitGroup
		closing.Go(func() {
			for !o.Ending() {
				runtime.Gosched()
			}
			o.Close(time.Second, true)
		})
		if first, told := o.End([]byte("last")); !first || !told {
			t.Errorf("first %v, told %v", first, told)
		}
		wantRead(t, peer, "last")
		closing.Wait()
	}
}

// A connection that its reader closes already is not told why it ends, nor one twice.
func TestEndOfAnOutboxThatHasEnded(t *testing.T) {
	o, _, _ := overTCP(t)
	o.Close(time.Second, true)
	if first, told := o.End([]byte("last")); !first || told {
		t.Errorf("after Close: first %v, told %v", first, told)
	}
	if first, told := o.End([]byte("last")); first || told {
		t.Errorf("the second time: first %v, told %v", first, told)
	}
}

// Past bug: the kernel took megabytes for a slow peer. The ping waited behind them for
// longer than its answer may take, and the peer was dropped.
func TestTheKernelKeepsLittleForASlowPeer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	o := New(nc, options())
	size := 0
	err = o.raw.Control(func(fd uintptr) {
		size, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF)
	})
	if err != nil {
		t.Fatal(err)
	}
	if size > 2*kernelBuffer { // socket(7): the kernel doubles what is asked for
		t.Errorf("the kernel keeps %d bytes for a peer, want at most %d", size, 2*kernelBuffer)
	}
}

// Past bug: a ping waits behind what was written before it. A peer that slowly read
// a large message was dropped in the middle of it.
func TestAPeerThatIsReadingIsNotGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = time.Second
		o, peer := overPipe(t)
		o.Send(make([]byte, 10*writeStep))
		o.KeepAlive(patience) // the ping behind it
		for range 20 {
			io.CopyN(io.Discard, peer, writeStep/2)
			time.Sleep(patience / 3)
			if !o.KeepAlive(patience) {
				t.Fatalf("taken for gone while it reads, %v after the ping", time.Since(o.probed))
			}
		}
		time.Sleep(2 * patience)
		if !o.KeepAlive(patience) || o.Ended() {
			t.Error("dropped before the stall timeout")
		}
		time.Sleep(o.opts.StallTimeout)
		if !o.Ended() {
			t.Error("a peer that has read nothing for the stall timeout is kept")
		}
		o.conn.Close()
		synctest.Wait()
	})
}

// An account of at most most bytes.
type account struct {
	most int

	mu   sync.Mutex
	held int
}

func (a *account) Hold(n int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.held+n > a.most {
		return false
	}
	a.held += n
	return true
}

func (a *account) Release(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held -= n
}

// An account has the bytes of two connections until their peers have read them.
func TestQueuedBytesAreHeldUntilTheyAreRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 1000
		a := &account{most: 3 * size}
		one, reader := overPipe(t)
		two, _ := overPipe(t)
		send := func(o *Outbox, want bool) {
			t.Helper()
			if sent := o.SendHeld(1<<20, make([]byte, size), a); sent != want {
				t.Errorf("sent: %t, with %d bytes held", sent, a.held)
			}
		}
		one.Send(make([]byte, size)) // is not held
		send(one, true)
		send(one, true)
		send(two, true)
		send(one, false)
		send(two, false)
		if a.held != 3*size {
			t.Errorf("%d bytes are held", a.held)
		}
		synctest.Wait()
		io.CopyN(io.Discard, reader, 3*size)
		synctest.Wait()
		if a.held != size {
			t.Errorf("%d bytes are held after one peer has read", a.held)
		}
		send(one, true)
		two.conn.Close() // with its frame unread
		one.conn.Close()
		synctest.Wait()
		if a.held != 0 {
			t.Errorf("%d bytes are held for connections that are gone", a.held)
		}
		send(one, false)
		if a.held != 0 {
			t.Errorf("a frame for a connection that is gone is held")
		}
	})
}

// Bytes that a burst kept back are held until it ends, and no longer.
func TestBytesOfABurstAreHeldUntilItEnds(t *testing.T) {
	a := &account{most: 1000}
	o, peer, _ := overTCP(t)
	var b Burst
	b.Hold(o)
	if !o.SendHeld(1<<20, []byte("result"), a) || a.held != len("result") {
		t.Fatalf("%d bytes are held in a burst", a.held)
	}
	b.Release()
	wantRead(t, peer, "result")
	if a.held != 0 {
		t.Errorf("%d bytes are held after the burst", a.held)
	}
}

// When the peer was heard is not told by the clock of the machine: after a step back of that, the peer
// would have been heard in the future, and not be dropped for so long.
func TestWhenThePeerWasHeardIsNoTimeOfTheClock(t *testing.T) {
	var o Outbox
	o.Heard()
	if heard := time.Duration(o.heard.Load()); heard <= 0 || heard > 24*time.Hour {
		t.Errorf("heard at %v", heard)
	}
}
