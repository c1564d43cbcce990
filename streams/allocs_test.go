package streams_test

import (
	"context"
	"sync/atomic"
	"testing"

	"seagate/streams"
)

// A tally is a consumer that counts what all consumers take.
type tally struct {
	*counter
	taken *atomic.Int64
}

func (c *tally) Deliver(b *streams.Batch) int {
	c.taken.Add(int64(len(b.Messages)))
	return len(b.Messages)
}

// What a message allocates on its way from the sender to the consumers is bounded, and does not
// depend on how many consumers there are.
func TestConsumersCostNoAllocations(t *testing.T) {
	allocations := func(consumers int) float64 {
		n := open(t, streams.Options{Workers: 1})
		defer n.Close()
		out := provide(t, n)
		var taken atomic.Int64
		for range consumers {
			in, _, err := out.Topic().In(context.Background(), &tally{&counter{}, &taken}, 0, streams.Latest())
			if err != nil {
				t.Fatal(err)
			}
			in.Start()
		}
		payload := [][]byte{make([]byte, 256)}
		delivered := make(chan struct{}, 1)
		end, _, err := out.Topic().In(context.Background(), signal{&counter{}, delivered}, 0, streams.Latest())
		if err != nil {
			t.Fatal(err)
		}
		end.Start()
		return testing.AllocsPerRun(500, func() {
			out.Send(payload, func(streams.Sent, error) {})
			<-delivered
		})
	}
	few, many := allocations(1), allocations(200)
	if few > 16 {
		t.Errorf("a message to one consumer takes %v allocations, want at most 16", few)
	}
	if many > few+20 { // one for each consumer would be 199 more; others in the process allocate too
		t.Errorf("a message takes %v allocations with 1 consumer and %v with 200", few, many)
	}
}

// A signal is a consumer that tells of each batch.
type signal struct {
	*counter
	delivered chan<- struct{}
}

func (s signal) Deliver(b *streams.Batch) int {
	for range b.Messages {
		s.delivered <- struct{}{}
	}
	return len(b.Messages)
}
