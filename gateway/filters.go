package gateway

import (
	"iter"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json"

	"seagate/auth"
	"seagate/auth/fdsl"
	"seagate/groups"
	"seagate/internal/jsonscan"
	"seagate/streams"
)

// filterTable shares equal filters, so that one verdict per message serves all
// subscriptions of a stream that have the same one.
type filterTable struct {
	steps       int                               // that one filter may take for one message
	onTooCostly func(e *sharedFilter, hidden int) // messages were hidden since a filter took too many

	mu      sync.Mutex // guards what follows
	streams map[streams.ID]*streamFilters
}

// maxIndexedPaths bounds the paths at which the filters of one stream are indexed: each
// costs a look into every message. Other filters are evaluated.
const maxIndexedPaths = 16

// streamFilters are the filters of the subscriptions to one stream.
type streamFilters struct {
	id    streams.ID
	table *filterTable

	mu      sync.RWMutex             // guards what follows
	entries map[string]*sharedFilter // by canonical form
	born    uint64                   // the number of the newest entry that there ever was
	index   map[string]*pathIndex    // by the path in canonical form
}

// A pathIndex finds the filters that need one value at one path.
type pathIndex struct {
	condition fdsl.Condition // of any of them; its value means nothing
	byValue   map[any][]*sharedFilter
	uses      int
}

// A sharedFilter is a filter as it applies to one stream. Subscriptions that have equal
// ones share it.
type sharedFilter struct {
	filter *fdsl.Filter
	of     *streamFilters
	born   uint64 // its number among all entries of the stream that there ever were
	uses   int
	jail   string
	client string // the id of a client that brought it

	isIndexed bool
	needs     fdsl.Condition // if isIndexed: of every message that passes
	path      string         // of needs, in canonical form

	reported atomic.Bool // the log says that it hid messages
}

// take returns a filter as it applies to one stream, or nil if everything passes it, and a
// function that releases it. The principal is who brought it.
func (t *filterTable) take(f *fdsl.Filter, p *auth.Principal, stream string) (*sharedFilter, func()) {
	f, id := f.For(stream), streamID(p, stream)
	if passes, constant := f.Constant(); constant && passes {
		return nil, func() {}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.streams[id]
	if of == nil {
		of = &streamFilters{id: id, table: t, entries: map[string]*sharedFilter{}, index: map[string]*pathIndex{}}
		if t.streams == nil {
			t.streams = map[streams.ID]*streamFilters{}
		}
		t.streams[id] = of
	}
	e := of.take(f, p)
	return e, func() { t.release(e) }
}

func (t *filterTable) release(e *sharedFilter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.of.release(e); len(e.of.entries) == 0 {
		delete(t.streams, e.of.id)
	}
}

// take is filterTable.take. The table is locked.
func (s *streamFilters) take(f *fdsl.Filter, p *auth.Principal) *sharedFilter {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := f.Key()
	if e := s.entries[key]; e != nil {
		e.uses++
		return e
	}
	s.born++
	e := &sharedFilter{filter: f, of: s, born: s.born, uses: 1, jail: p.JailID, client: p.ClientID}
	s.entries[key] = e
	s.indexLocked(e)
	return e
}

// indexLocked puts the filter into the index, if it needs a value and there is room.
func (s *streamFilters) indexLocked(e *sharedFilter) {
	needs, ok := e.filter.Needs()
	if !ok {
		return
	}
	path := string(needs.Path.Append(nil))
	at := s.index[path]
	if at == nil && len(s.index) >= maxIndexedPaths {
		return
	}
	e.isIndexed, e.needs, e.path = true, needs, path
	if at == nil {
		at = &pathIndex{condition: e.needs, byValue: map[any][]*sharedFilter{}}
		s.index[e.path] = at
	}
	at.uses++
	at.byValue[e.needs.Value] = append(at.byValue[e.needs.Value], e)
}

func (s *streamFilters) release(e *sharedFilter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.uses--; e.uses > 0 {
		return
	}
	delete(s.entries, e.filter.Key())
	if e.isIndexed {
		s.unindexLocked(e)
	}
}

func (s *streamFilters) unindexLocked(e *sharedFilter) {
	at := s.index[e.path]
	if at.uses--; at.uses == 0 {
		delete(s.index, e.path)
		return
	}
	rest := slices.DeleteFunc(at.byValue[e.needs.Value], func(other *sharedFilter) bool { return other == e })
	if at.byValue[e.needs.Value] = rest; len(rest) == 0 {
		delete(at.byValue, e.needs.Value)
	}
}

// batchVerdicts is what the filtered subscriptions of a batch share: each
// message is decoded once, and each filter evaluated once. Filters that need a value
// which no message has are not evaluated at all.
type batchVerdicts struct {
	documents []any
	all       []int  // the indexes of all documents
	indexed   uint64 // the index was asked for the filters born up to this one

	// about has the filters that were evaluated, and those that the index has found.
	about map[*sharedFilter]*verdict
}

// batchVerdictsKey is the memo of a batch's verdicts. A batch may outlive the filters of its
// stream, and then meet later ones.
type batchVerdictsKey struct{ of *streamFilters }

// A verdict is what a filter is to a batch.
type verdict struct {
	candidates []int    // the messages that it may pass
	passes     *passing // nil: it was not evaluated yet
}

// passing is the messages of a batch that a filter passes, in two forms. Equal
// filters share it: it is not to be changed.
type passing struct {
	index []int // not nil
	share []groups.Share
}

// nothingPasses is shared by all filters that pass no message of their batch.
var nothingPasses = &passing{index: []int{}}

// visible returns the messages of the batch that the filter passes. It charges the batch
// with the work.
func visible(b *streams.Batch, e *sharedFilter) *passing {
	shared := e.of.verdicts(b)
	v := shared.about[e]
	switch {
	case v != nil && v.passes != nil:
		return v.passes
	case v == nil && e.isIndexed && e.born <= shared.indexed:
		return nothingPasses
	case v == nil:
		v = &verdict{candidates: shared.all}
		shared.about[e] = v
	}
	v.passes = shared.evaluate(b, e, v.candidates)
	return v.passes
}

// Passes implements streams.Filter.
func (e *sharedFilter) Passes(b *streams.Batch) bool { return len(visible(b, e).index) > 0 }

// Index implements streams.Filter.
func (e *sharedFilter) Index() streams.FilterIndex {
	if !e.isIndexed {
		return nil
	}
	return e.of
}

// Find implements streams.FilterIndex.
func (s *streamFilters) Find(b *streams.Batch) iter.Seq[streams.Filter] {
	return func(yield func(streams.Filter) bool) {
		for e := range s.verdicts(b).about {
			if e.isIndexed && !yield(e) {
				return
			}
		}
	}
}

// verdicts returns what is known of the batch. It charges the batch with the work.
func (s *streamFilters) verdicts(b *streams.Batch) *batchVerdicts {
	key := batchVerdictsKey{s}
	if shared, ok := b.Memo(key, nil).(*batchVerdicts); ok {
		return shared
	}
	return b.Memo(key, func() any { return s.newBatchVerdicts(b) }).(*batchVerdicts)
}

// evaluate asks the filter about the messages with those indexes.
func (v *batchVerdicts) evaluate(b *streams.Batch, e *sharedFilter, indexes []int) *passing {
	p := &passing{index: []int{}}
	tooCostly, work := 0, 0
	for _, i := range indexes {
		if v.documents[i] == undecodable {
			continue
		}
		steps := e.of.table.steps
		if v.documents[i] == oversized {
			steps = 0
		}
		passes, took, ok := e.filter.MatchWithin(v.documents[i], e.of.id.Name, steps)
		work += took
		if !ok {
			tooCostly++
		}
		if passes {
			p.index = append(p.index, i)
			p.share = append(p.share, groups.Share{Index: i})
		}
	}
	b.Spend(work)
	if tooCostly > 0 {
		e.of.table.onTooCostly(e, tooCostly)
	}
	if len(p.index) == 0 {
		return nothingPasses
	}
	return p
}

// valuesPerStep times filterTable.steps is how many values a message may have that filters are asked
// about. To decode a value takes as long as some 20 steps, and no run of a worker can be shorter than
// that of one message.
const valuesPerStep = 5

// maxValues returns how many values a message may have that filters are asked about. More hide it
// from all filters that look into messages.
func (t *filterTable) maxValues() int {
	if t.steps > math.MaxInt/valuesPerStep {
		return math.MaxInt
	}
	return valuesPerStep * t.steps
}

// oversized stands for a payload that has more values than that.
var oversized any = &struct{ _ byte }{}

// decode returns the document of a payload for filters, and the steps that one of them may take.
// They are 0 for a payload that is oversized.
func (t *filterTable) decode(payload []byte) (document any, steps int, err error) {
	if jsonscan.MoreValuesThan(payload, t.maxValues()) {
		return oversized, 0, nil
	}
	err = json.Unmarshal(payload, &document)
	return document, t.steps, err
}

// undecodable stands for a payload that is not JSON. Nothing that was published
// is; if something were, no filter would pass it.
var undecodable any = &struct{ _ byte }{}

// decodedPerStep is how many bytes are decoded in the time of a step of a filter.
const decodedPerStep = 2

func (s *streamFilters) newBatchVerdicts(b *streams.Batch) *batchVerdicts {
	v := &batchVerdicts{
		documents: make([]any, len(b.Messages)),
		all:       make([]int, len(b.Messages)),
		about:     map[*sharedFilter]*verdict{},
	}
	for i, m := range b.Messages {
		v.all[i] = i
		b.Spend(len(m.Payload) / decodedPerStep)
		document, _, err := s.table.decode(m.Payload)
		if err != nil {
			document = undecodable
		}
		v.documents[i] = document
	}
	s.findCandidates(b, v)
	return v
}

// findCandidates notes in v which indexed filters may pass messages, and which messages, and
// for which filters the index was asked.
func (s *streamFilters) findCandidates(b *streams.Batch, v *batchVerdicts) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v.indexed = s.born
	for _, at := range s.index {
		b.Spend(len(v.documents) * at.condition.Path.Len())
		for i, document := range v.documents {
			if document == oversized { // each filter is to say that it takes too much
				for _, found := range at.byValue {
					v.consider(b, found, i)
				}
				continue
			}
			if value, ok := at.condition.Path.Resolve(document); ok && isScalar(value) {
				v.consider(b, at.byValue[value], i)
			}
		}
	}
}

// consider makes the message with the index a candidate of the filters.
func (v *batchVerdicts) consider(b *streams.Batch, found []*sharedFilter, index int) {
	b.Spend(len(found))
	for _, e := range found {
		if v.about[e] == nil {
			v.about[e] = &verdict{}
		}
		v.about[e].candidates = append(v.about[e].candidates, index)
	}
}

// isScalar reports whether a decoded value can be that of a Condition.
func isScalar(value any) bool {
	switch value.(type) {
	case nil, bool, float64, string:
		return true
	default:
		return false
	}
}

// filterTooCostly counts messages that were hidden since their filter took too many steps.
// The log has one line for each filter.
func (g *Gateway) filterTooCostly(e *sharedFilter, hidden int) {
	g.Metrics.FiltersTooCostly.Add(float64(hidden))
	if e.reported.CompareAndSwap(false, true) {
		g.Log.Warn("a filter takes too many steps and hides messages", "reason", "filter_too_costly",
			"jail", e.jail, "client", e.client, "stream", e.of.id.Name, "steps", e.of.table.steps)
	}
}
