package gateway

import (
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"seagate/auth"
	"seagate/auth/fdsl"
	"seagate/groups"
	"seagate/internal/jsonpath"
	"seagate/streams"
)

// filterTable shares equal filters, so that one verdict per message serves all
// subscriptions of a stream that have the same one.
type filterTable struct {
	steps       int                               // that one filter may spend on one message; 0 is no bound
	onTooCostly func(e *sharedFilter, hidden int) // called when messages are hidden because a filter took too many steps

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
	uses  int // guarded by filterTable.mu

	mu      sync.RWMutex             // guards what follows
	paths   jsonpath.Set             // where the filters look
	entries map[string]*sharedFilter // by canonical form
	changes uint64                   // how often an entry was added or removed
	index   map[string]*pathIndex    // by the path in canonical form
}

// A pathIndex finds the filters that need one value at one path.
type pathIndex struct {
	condition fdsl.Condition // of any of them; its value means nothing
	byValue   map[any][]*sharedFilter
	uses      int
}

// A sharedFilter is a filter as it applies to one stream. Subscriptions that have equal
// filters share one.
type sharedFilter struct {
	filter *fdsl.Filter
	of     *streamFilters
	uses   int
	added  uint64        // streamFilters.changes after it was added
	gone   atomic.Uint64 // streamFilters.changes after it was removed; 0 while it is used
	jail   string
	client string // the id of a client that brought it

	isIndexed bool
	needs     fdsl.Condition // if isIndexed: of every message that passes
	path      string         // of needs, in canonical form

	reported atomic.Bool // the log has a line that says so
}

// take returns a filter as it applies to one stream, or nil if everything passes it, and a
// function that releases it. p is the principal that the filter belongs to.
func (t *filterTable) take(f *fdsl.Filter, p *auth.Principal, stream string) (*sharedFilter, func()) {
	f, id := f.For(stream), streamID(p, stream)
	if passes, constant := f.Constant(); constant && passes {
		return nil, func() {}
	}
	of := t.use(id)
	e := of.take(f, p)
	return e, func() {
		of.release(e)
		t.endUse(of)
	}
}

// use returns the filters of a stream. It holds the lock of the table only for a moment, so
// work on the filters of one stream does not delay other streams.
func (t *filterTable) use(id streams.ID) *streamFilters {
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
	of.uses++
	return of
}

func (t *filterTable) endUse(of *streamFilters) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if of.uses--; of.uses == 0 {
		delete(t.streams, of.id)
	}
}

func (s *streamFilters) take(f *fdsl.Filter, p *auth.Principal) *sharedFilter {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := f.Key()
	if e := s.entries[key]; e != nil {
		e.uses++
		return e
	}
	s.changes++
	e := &sharedFilter{filter: f, of: s, added: s.changes, uses: 1, jail: p.JailID, client: p.ClientID}
	s.entries[key] = e
	for path := range f.Paths() {
		s.paths.Add(path)
	}
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
	s.changes++
	e.gone.Store(s.changes)
	delete(s.entries, e.filter.Key())
	for path := range e.filter.Paths() {
		s.paths.Remove(path)
	}
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
// message is read once, and each filter evaluated once. Filters that need a value
// which no message has are not evaluated at all.
type batchVerdicts struct {
	documents []*jsonpath.Document // nil: not JSON
	all       []int                // the indexes of all documents
	asOf      uint64               // streamFilters.changes when they were read, and the index was asked

	// about has the filters that were evaluated, and those that the index found.
	about map[*sharedFilter]*verdict
}

// batchVerdictsKey is the memo of a batch's verdicts. A batch may outlive the streamFilters
// of its stream, and then be offered to subscriptions of a later one.
type batchVerdictsKey struct{ of *streamFilters }

// A verdict is the result of a filter for a batch.
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
	v, known := shared.about[e], shared.knew(e)
	switch {
	case v != nil && v.passes != nil:
		return v.passes
	case v == nil && e.isIndexed && known:
		return nothingPasses
	case v == nil:
		v = &verdict{candidates: shared.all}
		shared.about[e] = v
	}
	documents := shared.documents
	if !known {
		documents = read(b, jsonpath.SetOf(e.filter.Paths()))
	}
	v.passes = evaluate(b, e, documents, v.candidates)
	return v.passes
}

// knew reports whether the filter was there when the messages were read. If not, the documents
// may lack values that it needs, and the index did not consider it.
func (v *batchVerdicts) knew(e *sharedFilter) bool {
	gone := e.gone.Load()
	return e.added <= v.asOf && (gone == 0 || gone > v.asOf)
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
func evaluate(b *streams.Batch, e *sharedFilter, documents []*jsonpath.Document, indexes []int) *passing {
	p := &passing{index: []int{}}
	tooCostly, work := 0, 0
	for _, i := range indexes {
		d := documents[i]
		if d == nil {
			continue
		}
		decoded := d.Decoded()
		passes, took, ok := e.filter.MatchWithin(d.Value, e.of.id.Name, e.of.table.steps)
		work += took + (d.Decoded()-decoded)*decodeWork
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

// The cost of reading messages, in the unit of Batch.Spend: how many bytes are read per unit, and
// the units for each value that a filter asks for.
const (
	readPerStep = 2
	decodeWork  = 20
)

// read returns what is at the paths in each message of the batch, nil for a payload that is not
// JSON. Published messages are always JSON; no filter would pass another one. read charges the
// batch with the work.
func read(b *streams.Batch, paths *jsonpath.Set) []*jsonpath.Document {
	documents := make([]*jsonpath.Document, len(b.Messages))
	all := make([]jsonpath.Document, len(b.Messages))
	for i, m := range b.Messages {
		b.Spend(len(m.Payload) / readPerStep)
		if paths.Read(m.Payload, &all[i]) {
			documents[i] = &all[i]
		}
	}
	return documents
}

// newBatchVerdicts reads the messages. Meanwhile the lock keeps filters of the stream from being
// added or removed. That takes some milliseconds for the largest messages.
func (s *streamFilters) newBatchVerdicts(b *streams.Batch) *batchVerdicts {
	v := &batchVerdicts{all: make([]int, len(b.Messages)), about: map[*sharedFilter]*verdict{}}
	for i := range v.all {
		v.all[i] = i
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	v.asOf = s.changes
	v.documents = read(b, &s.paths)
	s.findCandidatesLocked(b, v)
	return v
}

// findCandidatesLocked notes in v which indexed filters may pass messages, and which messages.
func (s *streamFilters) findCandidatesLocked(b *streams.Batch, v *batchVerdicts) {
	for _, at := range s.index {
		b.Spend(len(v.documents) * at.condition.Path.Len())
		for i, d := range v.documents {
			if d == nil {
				continue
			}
			if value, ok := at.condition.Path.Resolve(d.Value); ok && isScalar(value) {
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

// filterTooCostly counts messages that were hidden because their filter took too many
// steps. The log has one line for each filter.
func (g *Gateway) filterTooCostly(e *sharedFilter, hidden int) {
	g.Metrics.FiltersTooCostly.Add(float64(hidden))
	if e.reported.CompareAndSwap(false, true) {
		g.Log.Warn("a filter takes too many steps and hides messages", "reason", "filter_too_costly",
			"jail", e.jail, "client", e.client, "stream", e.of.id.Name, "steps", e.of.table.steps)
	}
}
