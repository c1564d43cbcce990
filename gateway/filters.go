package gateway

import (
	"sync"

	"github.com/go-json-experiment/json"

	"seagate/auth/fdsl"
	"seagate/groups"
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

// take returns the filter as it applies to one stream, or nil if everything
// passes it, and a function that releases it.
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

// batchVerdicts is what the filtered subscriptions of a batch share: each
// message is decoded once, and each filter evaluated once.
type batchVerdicts struct {
	documents []any
	passing   map[*fdsl.Filter]*passing
}

type batchVerdictsKey struct{}

// passing is the messages of a batch that a filter passes, in two forms. Equal
// filters share it: it is not to be changed.
type passing struct {
	index []int // not nil
	share []groups.Share
}

// visible returns the messages of the batch, which is of that stream, that the
// filter passes.
func visible(b *streams.Batch, f *fdsl.Filter, stream string) *passing {
	shared := b.Memo(batchVerdictsKey{}, func() any { return newBatchVerdicts(b) }).(*batchVerdicts)
	p := shared.passing[f]
	if p == nil {
		p = &passing{index: []int{}}
		for i, document := range shared.documents {
			if document != undecodable && f.Match(document, stream) {
				p.index = append(p.index, i)
				p.share = append(p.share, groups.Share{Index: i})
			}
		}
		shared.passing[f] = p
	}
	return p
}

// undecodable stands for a payload that is not JSON. Nothing that was published
// is; if something were, no filter would pass it.
var undecodable any = &struct{ _ byte }{}

func newBatchVerdicts(b *streams.Batch) *batchVerdicts {
	v := &batchVerdicts{documents: make([]any, len(b.Messages)), passing: map[*fdsl.Filter]*passing{}}
	for i, m := range b.Messages {
		if err := json.Unmarshal(m.Payload, &v.documents[i]); err != nil {
			v.documents[i] = undecodable
		}
	}
	return v
}
