package groups

import (
	"math/rand/v2"
	"slices"
	"testing"

	"seagate/streams"
)

func TestAHeapReturnsTheFirst(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 5))
	for size := range 70 {
		var h heap[queued]
		var want, got []uint64
		push := func() {
			seq := rng.Uint64N(50)
			want = append(want, seq)
			h.push(queued{&streams.Message{Seq: seq}})
		}
		for range size {
			push()
		}
		for range size / 2 {
			slices.Sort(want)
			if first := h.pop(); first.Seq != want[0] {
				t.Fatalf("got %d, want %d", first.Seq, want[0])
			}
			want = want[1:]
			push()
		}
		for len(h) > 0 {
			got = append(got, h.pop().Seq)
		}
		if slices.Sort(want); !slices.Equal(got, want) || h != nil {
			t.Fatalf("got %v, want %v; left is %v", got, want, h)
		}
	}
}
