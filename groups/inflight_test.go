package groups

import (
	"math/rand/v2"
	"testing"

	"seagate/streams"
)

func TestWhatIsInFlightOfAMemberThatAcknowledgesInAnyOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 4))
	h, want := inFlight{explicit: true}, map[uint64]bool{}
	var order []uint64
	searched := 0 // times that the list was short enough to be searched
	for seq := uint64(1); seq < 5000; seq++ {
		h.add(handOut{message: &streams.Message{Seq: seq}})
		want[seq] = true
		order = append(order, seq)
		for range rng.IntN(3) {
			i := rng.IntN(len(order))
			if _, ok := h.take(order[i]); ok != want[order[i]] {
				t.Fatalf("take(%d) is %v", order[i], ok)
			}
			delete(want, order[i])
		}
		for len(order) > 0 && !want[order[0]] {
			order = order[1:]
		}
		if oldest := h.oldest(); (oldest == nil) != (len(order) == 0) || oldest != nil && oldest.message.Seq != order[0] {
			t.Fatalf("oldest is %v, want the first of %v", oldest, order)
		}
		if h.live != len(want) || h.at != nil && len(h.at) != len(want) {
			t.Fatalf("%d live, %d indexed, want %d", h.live, len(h.at), len(want))
		}
		if h.at == nil {
			searched++
		}
	}
	if searched < 10 || searched > 4900 {
		t.Errorf("the list was short %d times of 5000", searched)
	}
	for h.oldest() != nil {
		if d := h.takeOldest(); d.message.Seq != order[0] {
			t.Fatalf("took %d, want %d", d.message.Seq, order[0])
		}
		order = order[1:]
		for len(order) > 0 && !want[order[0]] {
			order = order[1:]
		}
	}
	if h.list != nil || h.at != nil {
		t.Error("a member that holds nothing holds memory")
	}
}
