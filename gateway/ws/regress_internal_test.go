package ws

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"seagate/gateway"
	"seagate/protocol"
	"seagate/streams"
)

func testServer() *Server {
	g := &gateway.Gateway{Parts: gateway.Parts{
		Metrics: gateway.NewMetrics(prometheus.NewRegistry()),
		Log:     slog.New(slog.DiscardHandler),
	}}
	return &Server{gateway: g, opts: DefaultOptions(), limits: protocol.DefaultLimits(), log: g.Log}
}

// pipeWire returns a wire that leaves everything to its flusher, as one over
// TLS does, and the peer's end. It is for a bubble: every write waits for the
// peer to read.
func pipeWire(t *testing.T) (*wire, net.Conn) {
	t.Helper()
	nc, peer := net.Pipe()
	w := newWire(nc, nil, testServer())
	w.drained, w.broken = func() {}, func(error) {}
	t.Cleanup(func() { nc.Close(); peer.Close() })
	return w, peer
}

// A kernelBuffer stands for a socket whose buffer has a size that is known.
type kernelBuffer struct {
	syscall.RawConn
	fd uintptr
}

func (k kernelBuffer) Write(f func(uintptr) bool) error { f(k.fd); return nil }

// What the kernel took ended exactly at a frame. The next was over the budget
// and turned away, though nothing was queued: no flusher was there to tell the
// subscription to go on, and it never did.
func TestAFrameOverTheBudgetIsTakenIntoAnEmptyQueue(t *testing.T) {
	const buffer = 64 << 10 // of a pipe, see pipe(7)
	synctest.Test(t, func(t *testing.T) {
		w, peer := pipeWire(t)
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
		w.raw = kernelBuffer{fd: fd}
		frame := bytes.Repeat([]byte("x"), buffer)
		both := append(frame, frame...)
		if n := w.offer(both, []int{buffer, 2 * buffer}); n != 2 {
			t.Errorf("took %d of 2 frames with nothing queued", n)
		}
		peer.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := io.ReadFull(peer, make([]byte, buffer)); err != nil {
			t.Errorf("the second frame was not flushed: %v", err)
		}
		synctest.Wait()
	})
}

// A frame offered after the flusher's last write and before its end, as groups
// do from within drained, was turned away with nobody left to call drained
// again.
func TestAFrameOfferedWhileTheFlusherEndsIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, peer := pipeWire(t)
		go io.Copy(io.Discard, peer)
		const total = 5
		frame := make([]byte, w.budget+1)
		taken := 0
		offer := func() {
			for taken < total && w.offer(frame, []int{len(frame)}) == 1 {
				taken++
			}
		}
		w.drained = offer
		offer()
		synctest.Wait()
		if taken != total {
			t.Errorf("stopped for good after %d of %d frames", taken, total)
		}
	})
}

// The messages of a group that an ended connection took were dropped: it
// counted them as sent until it had left.
func TestAnEndedConnectionTakesNothingOfAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, peer := pipeWire(t)
		go io.Copy(io.Discard, peer)
		w.end(closeFrame(closePolicyViolation, "over"))
		if taken, tag := w.offerShared([]byte("abc"), []int{1, 2, 3}); taken != 0 || tag != 0 {
			t.Errorf("took %d messages, tag %d", taken, tag)
		}
		synctest.Wait()
	})
}

// A reader that waited for its peer to read did not notice that the connection
// had ended, and a client that was revoked stayed until the stall timeout.
func TestAReaderThatWaitsForItsPeerNoticesTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := pipeWire(t)
		w.send(make([]byte, w.budget+1)) // which the peer does not read
		waiting := true
		go func() { w.awaitBudget(); waiting = false }()
		synctest.Wait()
		if !waiting {
			t.Fatal("the reader does not wait for its peer")
		}
		w.end(closeFrame(closePolicyViolation, "over"))
		synctest.Wait()
		if waiting {
			t.Error("the reader waits on after the end")
			w.nc.Close()
		}
	})
}

// A lagging group's gap reached a subscription that its client had ended, and
// closed the whole connection for it.
func TestAnEndedSubscriptionDoesNotEndItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, peer := pipeWire(t)
		go io.Copy(io.Discard, peer)
		c := &conn{server: testServer(), wire: w}
		s := &subscription{conn: c, id: 2, stream: "boiler", over: true}
		s.End(protocol.Errorf(protocol.CodeMessagesLost, "messages were dropped"))
		if reason := c.ended.Load(); reason != nil {
			t.Errorf("the connection ended: %v", reason)
		}
		synctest.Wait()
	})
}

// A connection with many subscriptions to one stream had each pass encoded,
// and kept, once for each of them.
func TestAPassKeepsFramesForFewSubscriptionIDs(t *testing.T) {
	p := &streams.Batch{Messages: []*streams.Message{{Payload: []byte(`1`)}, {Payload: []byte(`22`)}}}
	c := &conn{server: testServer()}
	owned := 0
	for id := range int64(100) {
		s := &subscription{conn: c, id: id, stream: "boiler"}
		f, own := s.framesOf(p)
		want := s.appendDelivery(s.appendDelivery(nil, p.Messages[0], 0), p.Messages[1], 0)
		if !bytes.Equal(f.bytes, want) {
			t.Errorf("id %d: frames %q, want %q", id, f.bytes, want)
		}
		if own {
			owned++
			f.release()
		}
	}
	kept := p.Memo(passFramesKey{}, func() any { return passFrames{} }).(passFrames)
	if len(kept) != sharedIDs || owned != 100-sharedIDs {
		t.Errorf("the pass keeps %d encodings and %d were the caller's; want %d and %d", len(kept), owned, sharedIDs, 100-sharedIDs)
	}
}

// The kernel took megabytes for a peer that read slowly. The ping waited
// behind them for longer than its answer may take, and the peer was dropped.
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
	w := newWire(nc, nil, testServer())
	size := 0
	err = w.raw.Control(func(fd uintptr) {
		size, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF)
	})
	if err != nil {
		t.Fatal(err)
	}
	if size > 2*socketBuffer { // socket(7): the kernel doubles what is asked for
		t.Errorf("the kernel keeps %d bytes for a peer, want at most %d", size, 2*socketBuffer)
	}
}

// A pong waits behind the message that the peer is sending. One on a slow line
// was dropped in the middle of it.
func TestAPeerThatIsSendingIsNotGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = time.Second
		w, peer := pipeWire(t)
		go io.Copy(io.Discard, peer)
		go func() {
			peer.Write([]byte{finBit | opText, maskBit | 100, 1, 2, 3, 4})
			for range 100 {
				time.Sleep(patience / 2)
				peer.Write([]byte("x"))
			}
		}()
		w.keepAlive(patience) // the ping that is not answered
		for {
			n, err := w.Read(make([]byte, 512))
			if err != nil {
				t.Fatal(err)
			}
			if !w.keepAlive(patience) {
				t.Fatalf("%d bytes after %v came from a peer that is taken for gone", n, time.Since(w.pinged))
			}
			if !w.sniffer.inPayload {
				break
			}
		}
		time.Sleep(2 * patience)
		if w.keepAlive(patience) {
			t.Error("a peer that sends nothing and answers nothing is kept")
		}
		w.nc.Close()
		synctest.Wait()
	})
}

// A ping waits behind what was written before it. A peer that read a large
// message slowly was dropped in the middle of it.
func TestAPeerThatIsReadingIsNotGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = time.Second
		w, peer := pipeWire(t)
		w.send(make([]byte, 10*writeStep))
		w.keepAlive(patience) // the ping behind it
		for range 20 {
			io.CopyN(io.Discard, peer, writeStep/2)
			time.Sleep(patience / 3)
			if !w.keepAlive(patience) {
				t.Fatalf("taken for gone while it reads, %v after the ping", time.Since(w.pinged))
			}
		}
		time.Sleep(2 * patience)
		if !w.keepAlive(patience) || w.hasEnded() {
			t.Error("dropped before the stall timeout")
		}
		time.Sleep(w.stall)
		if !w.hasEnded() {
			t.Error("a peer that has read nothing for the stall timeout is kept")
		}
		w.nc.Close()
		synctest.Wait()
	})
}
