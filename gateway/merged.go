package gateway

import (
	"context"
	"time"

	"seagate/auth"
	"seagate/protocol"
	"seagate/streams"
	"seagate/streams/merge"
)

// A MergedSink is a transport's end of a merged subscription. Streams are named
// by their index in the request. All methods but End are called by one
// goroutine at a time; End may come from any. None may block.
type MergedSink interface {
	// Deliver offers messages in their order, and returns how many of them,
	// from the first, it took. After fewer than all, nothing comes until
	// MergedSubscription.Resume.
	Deliver(items []merge.Item) (taken int)

	// Dropped tells that n messages of a stream were dropped.
	Dropped(stream int, why merge.Reason, n int)

	// Gap tells that messages of a stream were dropped by retention.
	Gap(stream int, first, last uint64)

	// Ended tells that a stream was deleted, for a sink that asked for
	// MergedRequest.TellEnds. The others go on.
	Ended(stream int, reason *protocol.Error)

	// End tells why the subscription ends. Nothing follows.
	End(reason *protocol.Error) (told bool)
}

// A MergedRequest is what SubscribeMerged needs to know.
type MergedRequest struct {
	Streams []MergedStream
	By      string // see merge.Path; "" is the time of acceptance
	Wait    time.Duration

	// TellEnds: the sink is told of gaps, and of streams that are deleted.
	// Otherwise Settings.SkipGaps decides on gaps, and the end of a stream ends
	// the subscription.
	TellEnds bool
}

// A MergedStream is one of the streams of a MergedRequest.
type MergedStream struct {
	Name     string
	From     Position
	Priority int
}

// A MergedSubscription is one client's place in several streams, whose messages
// come in the order of their timestamps.
type MergedSubscription struct {
	gateway   *Gateway
	principal *auth.Principal
	request   MergedRequest
	sink      MergedSink
	merge     *merge.Merge
	filters   []*sharedFilter // by stream; nil: everything is visible
	release   []func()        // releases the filters and the places in the share of the jail
}

// SubscribeMerged begins a merged subscription. Nothing is delivered before
// Start.
func (g *Gateway) SubscribeMerged(ctx context.Context, p *auth.Principal, r MergedRequest, sink MergedSink) (*MergedSubscription, error) {
	for _, stream := range r.Streams {
		if err := g.authorize(p, auth.Subscribe, stream.Name); err != nil {
			return nil, err
		}
	}
	opts := merge.Options{Wait: r.Wait, Shard: g.shards.Add(1)}
	if r.By != "" {
		by, err := merge.Path(r.By)
		if err != nil {
			return nil, protocol.Errorf(protocol.CodeInvalidRequest, "sync.by: %v", err)
		}
		opts.By = by
	}
	s := &MergedSubscription{gateway: g, principal: p, request: r, sink: sink, filters: make([]*sharedFilter, len(r.Streams))}
	giveBack, err := g.shares.merged.take(p, len(r.Streams))
	if err != nil {
		return nil, err
	}
	s.release = append(s.release, giveBack)
	joined := false
	defer func() { // also after a panic of a filter
		if !joined {
			s.Close()
		}
	}()
	sources := make([]merge.Source, len(r.Streams))
	for i, stream := range r.Streams {
		topic, err := g.readable(p, stream.Name)
		if err != nil {
			return nil, err
		}
		sources[i] = merge.Source{Topic: topic, From: stream.From.from(), Priority: stream.Priority}
		s.applyFilter(p, i, &sources[i])
	}
	if s.merge, err = merge.Open(ctx, sources, opts, mergeSink{s}); err != nil {
		return nil, attempted("subscribe", err)
	}
	joined = true
	return s, nil
}

// applyFilter hides what the principal's filter hides of a stream.
func (s *MergedSubscription) applyFilter(p *auth.Principal, i int, source *merge.Source) {
	if p.Filter == nil {
		return
	}
	stream := s.request.Streams[i].Name
	filter, release := s.gateway.filters.take(p.Filter, p, stream)
	s.filters[i], s.release = filter, append(s.release, release)
	if filter == nil {
		return
	}
	passes, constant := filter.filter.Constant()
	source.Hidden = constant && !passes
	source.Visible = func(b *streams.Batch) []int { return visible(b, filter).index }
}

// Joined returns where a stream stood when the subscription began.
func (s *MergedSubscription) Joined(stream int) streams.Joined { return s.merge.Joined(stream) }

// Header returns the header of a stream if there is one and the filter passes
// it, or nil.
func (s *MergedSubscription) Header(stream int) []byte {
	header := s.merge.Joined(stream).Header
	if f := s.filters[stream]; header != nil && f != nil {
		b := &streams.Batch{Messages: []*streams.Message{{Payload: header}}}
		if len(visible(b, f).index) == 0 {
			return nil
		}
	}
	return header
}

// Start begins delivery.
func (s *MergedSubscription) Start() { s.merge.Start() }

// Resume must be called when a sink that took fewer messages than it was
// offered has room again.
func (s *MergedSubscription) Resume() { s.merge.Resume() }

// Close ends the subscription. It must be called once.
func (s *MergedSubscription) Close() {
	if s.merge != nil {
		s.merge.Close()
	}
	for _, release := range s.release {
		release()
	}
}

// mergeSink is a MergedSubscription as its merge sees it.
type mergeSink struct{ *MergedSubscription }

func (s mergeSink) Deliver(items []merge.Item) int {
	if !s.principal.Current() { // its connection is about to end
		return 0
	}
	return s.sink.Deliver(items)
}

func (s mergeSink) Dropped(stream int, why merge.Reason, n int) {
	s.gateway.Metrics.MergeDropped.WithLabelValues(why.String()).Add(float64(n))
	s.sink.Dropped(stream, why, n)
}

func (s mergeSink) Gap(stream int, first, last uint64) {
	s.gateway.Metrics.MessagesLost.Add(float64(last - first + 1))
	switch {
	case s.request.TellEnds:
		s.sink.Gap(stream, first, last)
	case !s.gateway.settings.SkipGaps:
		s.sink.End(lost(s.request.Streams[stream].Name, first, last))
	}
}

func (s mergeSink) End(stream int, err error) {
	reason := s.gateway.endReason(s.request.Streams[stream].Name, err)
	if reason.Code == protocol.CodeStreamDeleted && s.request.TellEnds {
		s.sink.Ended(stream, reason)
		return
	}
	s.sink.End(reason)
}
