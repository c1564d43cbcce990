package gateway_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json"

	"seagate/auth"
	"seagate/gateway"
	"seagate/groups"
	"seagate/storage/memory"
	"seagate/streams"
)

// A fullSink is a sink that takes a bounded number of messages until it is given more room.
type fullSink struct {
	sink
	room int // -1: for all
}

func (s *fullSink) Deliver(b *streams.Batch, share []groups.Share) (taken int, tag uint64) {
	offered := len(b.Messages)
	if share != nil {
		offered = len(share)
	}
	s.mu.Lock()
	if s.room >= 0 {
		offered = min(offered, s.room)
		s.room -= offered
	}
	s.mu.Unlock()
	if offered == 0 {
		return 0, 0
	}
	if share != nil {
		return s.sink.Deliver(b, share[:offered])
	}
	return s.sink.Deliver(&streams.Batch{Messages: b.Messages[:offered]}, nil)
}

// A filteredReader is a subscription with a filter, from the first message to the last that it is
// to get.
type filteredReader struct {
	sink  *fullSink
	sub   *gateway.Subscription
	who   *auth.Principal
	first int // index in what was published
}

// Each subscription gets exactly the messages that its filter passes when it is asked alone, in
// their order, whatever the filters of the others are, while subscriptions come and go and are
// full.
func TestEachSubscriptionGetsWhatItsFilterPasses(t *testing.T) {
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) { readFiltered(t, rand.New(rand.NewPCG(seed, 3))) })
	}
}

func readFiltered(t *testing.T, random *rand.Rand) {
	g := build(t, memory.New(), nil)
	root := g.root()
	_, err := g.Define(context.Background(), root, "s",
		[]byte(`{"version":1,"fields":[{"name":"a","type":"integer"},{"name":"b","type":"integer"}]}`))
	g.ok(err)
	var published []string
	var readers []*filteredReader
	join := func() {
		who := root
		if random.IntN(10) > 0 {
			who = g.bearer(root, `,"filter":`+randomFilter(random))
		}
		r := &filteredReader{sink: &fullSink{room: random.IntN(20) - 1}, who: who, first: len(published)}
		request := gateway.Request{Stream: "s", Alone: true}
		if random.IntN(3) == 0 {
			request.From, r.first = at(1), 0
		}
		r.sub, err = g.Subscribe(context.Background(), who, request, r.sink)
		g.ok(err)
		r.sub.Start()
		readers = append(readers, r)
	}
	for range 300 {
		switch n := random.IntN(6); {
		case n == 0 && len(readers) < 60:
			join()
		case n == 1 && len(readers) > 40:
			i := random.IntN(len(readers))
			readers[i].sub.Close()
			readers = slices.Delete(readers, i, i+1)
		case n == 2 && len(readers) > 0:
			readers[random.IntN(len(readers))].giveRoom(random.IntN(20) - 1)
		default:
			payload := fmt.Sprintf(`{"a":%d,"b":%d}`, random.IntN(4), random.IntN(4))
			published = append(published, payload)
			g.ok(g.publish(root, "s", payload))
		}
		if random.IntN(4) == 0 {
			synctest.Wait()
		}
	}
	got := 0
	for _, r := range readers {
		r.giveRoom(-1)
	}
	synctest.Wait()
	for _, r := range readers {
		r.sink.want(t, g.passing(r.who, published[r.first:])...)
		got += len(r.sink.got)
		r.sub.Close()
	}
	if len(readers) < 20 || got < 200 {
		t.Errorf("%d readers got %d messages: too few to show anything", len(readers), got)
	}
	g.Network.Close()
}

func (r *filteredReader) giveRoom(n int) {
	r.sink.mu.Lock()
	r.sink.room = n
	r.sink.mu.Unlock()
	r.sub.Resume()
}

// passing returns the payloads that the evaluator passes.
func (p *parts) passing(who *auth.Principal, payloads []string) (passes []string) {
	for _, payload := range payloads {
		var document any
		must(p.t, json.Unmarshal([]byte(payload), &document))
		if who.Filter == nil || who.Filter.Match(document, "s") {
			passes = append(passes, payload)
		}
	}
	return passes
}

// randomFilter returns a filter, most often one that an index can find.
func randomFilter(random *rand.Rand) string {
	eq := func() string {
		return fmt.Sprintf(`{"t":"eq","e":[{"t":"path","e":"$.%s"},{"t":"number","e":%d}]}`,
			[]string{"a", "b", "c"}[random.IntN(3)], random.IntN(4))
	}
	switch random.IntN(6) {
	case 0:
		return `{"t":"not","e":` + eq() + `}`
	case 1:
		return `{"t":"or","e":[` + eq() + "," + eq() + `]}`
	case 2:
		return `{"t":"and","e":[` + eq() + "," + eq() + `]}`
	default:
		return eq()
	}
}
