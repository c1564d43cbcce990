package streams_test

import (
	"testing"
	"testing/synctest"

	"seagate/streams"
)

// A heldUp consumer begins to take a batch and finishes once it is let.
type heldUp struct {
	recorder
	batches chan int // sizes of the batches that it begins
	finish  chan struct{}
}

func (h *heldUp) Deliver(b *streams.Batch) int {
	h.batches <- len(b.Messages)
	<-h.finish
	return len(b.Messages)
}

// Senders are at most a batch ahead of what the workers have begun to deliver: a message does not
// wait for a whole tail of others. They are a batch ahead, so that the workers find whole ones.
func TestSendersAreABatchAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{Workers: 1, TailMessages: 100_000, TailBytes: 1 << 20})
		defer n.Close()
		out := provide(t, n)
		h := &heldUp{batches: make(chan int, 100), finish: make(chan struct{})}
		in, _, err := out.Topic().In(t.Context(), h, 0, streams.Latest())
		if err != nil {
			t.Fatal(err)
		}
		in.Start()
		send(t, out, "first")
		synctest.Wait()
		if got := <-h.batches; got != 1 {
			t.Fatalf("the first batch has %d messages", got)
		}

		const more, batch = 1000, 256
		sent := 0
		go func() {
			for range more {
				send(t, out, "more")
				sent++
			}
		}()
		synctest.Wait()
		if sent != batch+1 {
			t.Errorf("%d messages were sent while the worker was busy, want %d", sent, batch+1)
		}
		for delivered := 0; delivered < more; {
			h.finish <- struct{}{}
			synctest.Wait()
			size := <-h.batches
			if delivered += size; size < batch && delivered < more {
				t.Errorf("a batch has %d messages after %d of %d", size, delivered, more)
			}
		}
		h.finish <- struct{}{}
		synctest.Wait()
		if sent != more {
			t.Errorf("%d messages of %d were sent", sent, more)
		}
		in.Close()
	})
}
