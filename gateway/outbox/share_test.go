package outbox

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seagate/internal/budget"
)

// sharing returns two outboxes of a jail whose connections may have most bytes queued.
func sharing(t *testing.T, most int64) (all *budget.Shared, outs [2]*Outbox, peers [2]net.Conn) {
	t.Helper()
	all = budget.NewShared(most, 1<<30)
	for i := range outs {
		outs[i], peers[i] = overPipe(t)
		outs[i].SetShare(all.Part("jail"))
	}
	return all, outs, peers
}

func offer(t *testing.T, o *Outbox, size, want int) {
	t.Helper()
	if taken := o.Offer(make([]byte, size), []int{size}); taken != want {
		t.Errorf("took %d of a frame of %d bytes, want %d", taken, size, want)
	}
}

// A jail whose connections have as many bytes queued as they may: deliveries to others wait, and
// go on when there is room. What has to be sent is sent, and counted. Nothing stays counted.
func TestTheQueuesOfAJailHaveAShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 100 << 10
		all, outs, peers := sharing(t, 150<<10)
		deaf, waits := outs[0], outs[1]
		var drained atomic.Int64
		waits.opts.Drained = func() { drained.Add(1) }

		offer(t, deaf, uncounted, 1) // as any connection may have
		if all.Held() != 0 {
			t.Errorf("%d bytes of the share are held for a small queue", all.Held())
		}
		offer(t, waits, size, 1)
		go io.CopyN(io.Discard, peers[1], size)
		synctest.Wait()
		if all.Held() != 0 {
			t.Errorf("%d bytes are held for a queue that was read", all.Held())
		}
		io.CopyN(io.Discard, peers[0], uncounted)
		offer(t, deaf, size, 1)
		offer(t, waits, size, 0)
		offer(t, waits, uncounted, 0) // in their order
		if waits.HasRoom() {
			t.Error("a connection that waits for room has some")
		}
		time.Sleep(time.Minute / 2)
		if n := drained.Load(); n != 0 {
			t.Errorf("resumed %d times without room", n)
		}
		waits.Send(make([]byte, size)) // an answer
		if held := all.Held(); held < 2*size-2*uncounted || held > 2*size+2*shareStep {
			t.Errorf("%d bytes are held for two frames", held)
		}
		go io.CopyN(io.Discard, peers[0], size)
		go io.CopyN(io.Discard, peers[1], size)
		time.Sleep(time.Second)
		if drained.Load() == 0 || !waits.HasRoom() {
			t.Error("the delivery was not resumed")
		}
		offer(t, waits, size, 1)
		offer(t, deaf, size, 0)
		deaf.conn.Close() // while it waits
		waits.conn.Close()
		deaf.Close(0, true)
		waits.Close(0, true)
		synctest.Wait()
		if all.Held() != 0 {
			t.Errorf("%d bytes are held for connections that are gone", all.Held())
		}
	})
}

// A connection whose peer reads takes none of the share while there is room for all, since the
// kernel takes what it is sent. At the bound a large frame waits before any of it is sent.
func TestAConnectionWithoutAQueueHasNoShare(t *testing.T) {
	o, peer, _ := overTCP(t)
	all := budget.NewShared(64<<10, 1<<30)
	o.SetShare(all.Part("jail"))
	const size = 16 << 10
	offer(t, o, size, 1)
	wantRead(t, peer, string(make([]byte, size)))
	if all.Held() != 0 {
		t.Errorf("%d bytes are held", all.Held())
	}
	others := all.Part("jail")
	others.Take(64 << 10)
	offer(t, o, size, 0)
	others.Give(64 << 10)
	o.Close(time.Second, true)
	if rest, err := io.ReadAll(peer); len(rest) > 0 || err != nil {
		t.Errorf("%d bytes were sent of a frame that was turned away, and %v", len(rest), err)
	}
}
