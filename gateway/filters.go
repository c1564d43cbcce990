package gateway

import (
	"sync"

	"github.com/go-json-experiment/json"

	"seagate/auth/fdsl"
	"seagate/streams"
)

// filterTable shares equal filters, so that one verdict per message serves all
// subscriptions that have the same one.
type filterTable struct {
	mu      sync.Mutex              // guards what follows
	entries map[string]*filterEntry // by canonical form
}

type filterEntry struct {
	filter *fdsl.Filter
	uses   int
}

// take returns the filter as it applies to one stream, or nil if there
// everything passes, and a function that gives it back.
func (t *filterTable) take(f *fdsl.Filter, stream string) (*fdsl.Filter, func()) {
	f = f.For(stream)
	if passes, constant := f.Constant(); constant && passes {
		return nil, func() {}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := f.Key()
	e := t.entries[key]
	if e == nil {
		e = &filterEntry{filter: f}
		if t.entries == nil {
			t.entries = map[string]*filterEntry{}
		}
		t.entries[key] = e
	}
	e.uses++
	return e.filter, func() { t.giveBack(key, e) }
}

func (t *filterTable) giveBack(key string, e *filterEntry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.uses--; e.uses == 0 {
		delete(t.entries, key)
	}
}

// sights is what the filtered subscriptions of a pass share: each message
// decoded once, and each filter's verdicts.
type sights struct {
	documents []any
	verdicts  map[*fdsl.Filter][]bool
	visible   map[*fdsl.Filter][]int
}

type sightsKey struct{}

// verdicts returns, for each message of the pass, which is of that stream,
// whether the filter passes it.
func verdicts(p *streams.Batch, f *fdsl.Filter, stream string) []bool {
	shared := p.Memo(sightsKey{}, func() any { return newSights(p) }).(*sights)
	v, ok := shared.verdicts[f]
	if !ok {
		v = make([]bool, len(shared.documents))
		for i, document := range shared.documents {
			v[i] = document != undecodable && f.Match(document, stream)
		}
		shared.verdicts[f] = v
	}
	return v
}

// visible returns the indices of the messages that the filter passes. They are
// not to be changed: equal filters share them.
func visible(p *streams.Batch, f *fdsl.Filter, stream string) []int {
	passes := verdicts(p, f, stream)
	shared := p.Memo(sightsKey{}, nil).(*sights)
	v, ok := shared.visible[f]
	if !ok {
		v = []int{} // nil would be all
		for i, passes := range passes {
			if passes {
				v = append(v, i)
			}
		}
		shared.visible[f] = v
	}
	return v
}

// undecodable stands for a payload that is no JSON. Nothing that was published
// is; if something were, no filter would pass it.
var undecodable any = &struct{ _ byte }{}

func newSights(p *streams.Batch) *sights {
	s := &sights{documents: make([]any, len(p.Messages)), verdicts: map[*fdsl.Filter][]bool{}, visible: map[*fdsl.Filter][]int{}}
	for i, m := range p.Messages {
		if err := json.Unmarshal(m.Payload, &s.documents[i]); err != nil {
			s.documents[i] = undecodable
		}
	}
	return s
}
