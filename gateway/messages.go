package gateway

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/auth/fdsl"
	"seagate/internal/jsonpath"
	"seagate/protocol"
	"seagate/storage"
	"seagate/streams"
)

// A Position is where in a stream to begin, as a client says it.
type Position struct {
	protocol.Position
	Epoch string // in which the position was read; "" if it does not matter
}

func (p Position) from() streams.StartAt {
	from := streams.Latest()
	switch p.Kind {
	case protocol.PositionEarliest:
		from = streams.Earliest()
	case protocol.PositionSeq:
		from = streams.At(p.Seq)
	case protocol.PositionTime:
		from = streams.Since(p.Time)
	}
	return from.In(p.Epoch)
}

// positionOf returns the Position whose from is s.
func positionOf(s streams.StartAt) Position {
	p := Position{Epoch: s.Epoch()}
	seq, numbered := s.Seq()
	at, timed := s.Time()
	switch {
	case s.IsEarliest():
		p.Kind = protocol.PositionEarliest
	case numbered:
		p.Kind, p.Seq = protocol.PositionSeq, seq
	case timed:
		p.Kind, p.Time = protocol.PositionTime, at
	}
	return p
}

// A Page is messages of a stream, in order.
type Page struct {
	Messages []*streams.Message
	Next     uint64 // the number at which the next page begins
	More     bool   // there is something at Next
	Dropped  uint64 // messages at and after the position that are no longer kept
	Bounds   storage.Bounds
}

// pageBytes bounds the payloads of a page.
const pageBytes = 1 << 20

// Bounds of a search for the messages that a filter passes: the messages of one page, and the steps of
// the filter.
const (
	searchedMessages = 1000
	searchedSteps    = 1_000_000
)

// Messages returns at most limit messages from a position on, without those that
// the principal may not see. A page may be empty although More is true.
func (g *Gateway) Messages(ctx context.Context, p *auth.Principal, stream string, from Position, limit int) (Page, error) {
	return g.Search(ctx, p, stream, from, limit, nil)
}

// Search is Messages with a filter, a tree of FDSL; nil passes everything. With a filter, a page
// looks at no more than 1,000 messages, and if that is much work, it waits for a turn like other
// large input.
func (g *Gateway) Search(ctx context.Context, p *auth.Principal, stream string, from Position, limit int, tree jsontext.Value) (Page, error) {
	if err := g.authorize(p, auth.Subscribe, stream); err != nil {
		return Page{}, err
	}
	topic, err := g.readable(p, stream)
	if err != nil {
		return Page{}, err
	}
	filter, err := g.narrowed(p, tree)
	if err != nil {
		return Page{}, err
	}
	run := limit
	if filter != nil {
		run = searchedMessages
	}
	page, err := readPage(ctx, topic, from, run)
	if err != nil {
		return Page{}, attempted("read the messages", err)
	}
	if err := p.InForce(); err != nil { // it may have been revoked meanwhile
		return Page{}, err
	}
	if filter != nil {
		filter = filter.For(stream)
		err = inTurn(&g.large, "search the messages", ctx, p, isLargeSearch(page.Messages, filter), func() error {
			g.search(&page, filter, stream, limit)
			return nil
		})
	}
	if err != nil {
		return Page{}, err
	}
	return page, nil
}

// largeSearch is the work that counts as large input: bytes of messages times nodes of the
// filter.
const largeSearch = 8 * largeBytes

func isLargeSearch(messages []*streams.Message, filter *fdsl.Filter) bool {
	bytes := 0
	for _, m := range messages {
		bytes += len(m.Payload)
	}
	return bytes*filter.Nodes() >= largeSearch
}

// search keeps at most limit messages that the filter passes, and ends the page where it stopped.
func (g *Gateway) search(page *Page, filter *fdsl.Filter, stream string, limit int) {
	var passed []*streams.Message
	paths, steps := jsonpath.SetOf(filter.Paths()), 0
	for _, m := range page.Messages {
		if len(passed) == limit || steps > searchedSteps {
			page.Next, page.More = m.Seq, true
			break
		}
		var document jsonpath.Document
		if !paths.Read(m.Payload, &document) {
			continue // a filter passes nothing that it cannot read
		}
		passes, took, _ := filter.MatchWithin(document.Value, stream, g.filters.steps)
		steps += took
		if passes {
			passed = append(passed, m)
		}
	}
	page.Messages = passed
}

func readPage(ctx context.Context, topic *streams.Topic, from Position, limit int) (Page, error) {
	at, err := topic.Locate(ctx, from.from())
	if err != nil {
		return Page{}, err
	}
	run, err := topic.Read(ctx, at, limit, pageBytes)
	if errors.Is(err, storage.ErrTrimmed) { // retention was faster
		return readPage(ctx, topic, from, limit)
	}
	if err != nil {
		return Page{}, err
	}
	page := Page{Messages: run, Next: at + uint64(len(run)), Bounds: topic.Bounds()}
	if page.Bounds.Epoch == "" {
		return Page{}, streams.ErrDeleted
	}
	page.More = page.Next < page.Bounds.Next
	if from.Kind == protocol.PositionSeq && from.Seq < at {
		page.Dropped = at - from.Seq
	}
	return page, nil
}
