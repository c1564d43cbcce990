package gateway

import (
	"context"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/catalog"
	"seagate/protocol"
	"seagate/streams"
)

// SetHeader replaces the stream's header, durably. A new subscription without a
// group receives it first. It is checked like a message, and counts as one against the client's
// rate.
func (g *Gateway) SetHeader(ctx context.Context, p *auth.Principal, stream string, header jsontext.Value) error {
	if err := g.authorize(p, auth.AdministerStreams, stream); err != nil {
		return err
	}
	if err := checkWritable(stream); err != nil {
		return err
	}
	if err := g.spend(p, 1); err != nil {
		return err
	}
	s, err := g.find(streamID(p, stream))
	if err != nil {
		return err
	}
	checked, err := g.checkHeader(p.JailUID, s, header)
	if err != nil {
		return err
	}
	return g.store(p, stream, func(t *streams.Topic) error { return t.SetHeader(ctx, checked) },
		func() { g.logChange(p, "header set", stream) }) // a header is data, so it is not in the audit stream
}

// ClearHeader removes the stream's header, durably. It counts as SetHeader does.
func (g *Gateway) ClearHeader(ctx context.Context, p *auth.Principal, stream string) error {
	if err := g.authorize(p, auth.AdministerStreams, stream); err != nil {
		return err
	}
	if err := g.spend(p, 1); err != nil {
		return err
	}
	return g.store(p, stream, func(t *streams.Topic) error { return t.SetHeader(ctx, nil) },
		func() { g.logChange(p, "header cleared", stream) })
}

// Header returns the stream's header.
func (g *Gateway) Header(p *auth.Principal, stream string) (jsontext.Value, error) {
	s, err := g.existing(p, stream)
	if err != nil {
		return nil, err
	}
	if topic, ok := s.Existing(); ok {
		if header := topic.Header(); header != nil {
			return header, nil
		}
	}
	return nil, protocol.Errorf(protocol.CodeHeaderNotFound, "the stream %q has no header", stream)
}

// checkHeader returns the compact form of a header, which is checked like a
// message. s is nil if nobody defined the stream.
func (g *Gateway) checkHeader(jail string, s *catalog.Stream, header jsontext.Value) ([]byte, error) {
	if len(header) > g.settings.HeaderBytes {
		return nil, protocol.Errorf(protocol.CodeHeaderTooLarge,
			"the header has %d bytes; at most %d are allowed", len(header), g.settings.HeaderBytes)
	}
	checked, err := g.check(jail, s.Schema(), Publication{Payloads: []jsontext.Value{header}})
	if err != nil {
		return nil, err
	}
	return checked[0], nil
}

// withHeaderProblems returns what is wrong with messages and with the header that
// came with them. Either may be nil.
func (g *Gateway) withHeaderProblems(messages, header error) error {
	var e *protocol.Error
	switch {
	case header == nil:
		return messages
	case messages == nil && errors.As(header, &e) && e.Code == protocol.CodeHeaderTooLarge:
		return e
	case messages == nil:
		e = &protocol.Error{Code: g.Refusal(attempted("publish", header)).Code, Message: "the header is not valid" + protocol.SeeErrors}
	default:
		e = g.Refusal(attempted("publish", messages))
		e = &protocol.Error{Code: e.Code, Message: e.Message, Errors: append([]string(nil), problemsOf(e)...)}
	}
	for _, problem := range problemsOf(g.Refusal(attempted("publish", header))) {
		e.Errors = append(e.Errors, "header: "+problem)
	}
	return e
}

// problemsOf returns the list of an error, or the error itself as its only item.
func problemsOf(e *protocol.Error) []string {
	if len(e.Errors) > 0 {
		return e.Errors
	}
	return []string{e.Message}
}
