package gateway

import (
	"context"
	"errors"
	"strings"

	"seagate/auth"
	"seagate/catalog"
	"seagate/protocol"
	"seagate/schema"
	"seagate/streams"
)

// StreamInfo is the state of a stream.
type StreamInfo struct {
	Name    string
	Version *schema.Version // nil if nobody defined it
	Topic   streams.Info
}

// Streams returns at most limit streams of the principal's jail, of those that it
// may describe, in the order of their names, from the first name higher than after. more reports whether others
// follow.
func (g *Gateway) Streams(p *auth.Principal, after string, limit int) (list []StreamInfo, more bool, err error) {
	return g.StreamsNamed(p, "", after, limit)
}

// StreamsNamed is Streams for those whose names contain part, in upper or lower case.
func (g *Gateway) StreamsNamed(p *auth.Principal, part, after string, limit int) (list []StreamInfo, more bool, err error) {
	if err := g.look(p, auth.ListStreams, ""); err != nil {
		return nil, false, err
	}
	list, more = g.streamsNamed(p, part, after, limit)
	return list, more, nil
}

func (g *Gateway) streamsNamed(p *auth.Principal, part, after string, limit int) (list []StreamInfo, more bool) {
	part = strings.ToLower(part)
	for end := false; !end && len(list) <= limit; {
		some := g.Catalog.List(p.JailUID, after, limit+1, g.settings.AcceptUndefined)
		end = len(some) <= limit
		for _, s := range some {
			after = s.ID().Name
			// As Kafka does, the list leaves the gateway's own stream out.
			if after != protocol.AuditStream && strings.Contains(strings.ToLower(after), part) && p.May(auth.Describe, after) == nil {
				list = append(list, describe(s))
			}
		}
	}
	if more = len(list) > limit; more {
		list = list[:limit]
	}
	return list, more
}

// Stream returns one stream's state.
func (g *Gateway) Stream(p *auth.Principal, stream string) (StreamInfo, error) {
	s, err := g.existing(p, stream)
	if err != nil {
		return StreamInfo{}, err
	}
	return describe(s), nil
}

// existing returns a stream that is defined, or that is undefined and has a topic,
// if the principal may describe it.
func (g *Gateway) existing(p *auth.Principal, stream string) (*catalog.Stream, error) {
	if err := g.authorize(p, auth.Describe, stream); err != nil {
		return nil, err
	}
	if err := checkReadable(p, stream); err != nil {
		return nil, err
	}
	s := g.Catalog.Lookup(streamID(p, stream))
	if s == nil || s.Schema() == nil && !s.IsOpen() {
		return nil, streamNotFound(stream)
	}
	return s, nil
}

func describe(s *catalog.Stream) StreamInfo {
	info := StreamInfo{Name: s.ID().Name, Topic: s.Info()}
	if current := s.Schema(); current != nil {
		info.Version = &current.Definition.Version
	}
	return info
}

// DeleteStream deletes a stream with its messages, header, groups and all
// versions of its schema, durably. Its subscriptions end.
func (g *Gateway) DeleteStream(ctx context.Context, p *auth.Principal, stream string) error {
	if err := g.manage(p, auth.AdministerStreams, stream); err != nil {
		return err
	}
	if err := checkWritable(stream); err != nil {
		return err
	}
	s, err := g.existing(p, stream)
	if err != nil {
		return err
	}
	if err := change(p, func() error { return g.Catalog.Delete(ctx, s.ID()) }); err != nil && !errors.Is(err, catalog.ErrNotFound) { // deleted meanwhile
		return attempted("delete the stream", err)
	}
	g.audit(p, "stream deleted", stream)
	return nil
}

// Hold pauses a stream, or ends that, durably. A held stream refuses messages.
func (g *Gateway) Hold(ctx context.Context, p *auth.Principal, stream string, held bool) error {
	if err := g.manage(p, auth.AdministerStreams, stream); err != nil {
		return err
	}
	what := "stream resumed"
	if held {
		what = "stream paused"
	}
	return g.store(p, stream, func(t *streams.Topic) error { return t.Hold(ctx, held) },
		func() { g.audit(p, what, stream) })
}

func (g *Gateway) store(p *auth.Principal, stream string, make func(*streams.Topic) error, note func()) error {
	if err := checkWritable(stream); err != nil {
		return err
	}
	topic, err := g.topic(p, stream)
	if err != nil {
		return err
	}
	if err := change(p, func() error { return make(topic) }); err != nil {
		return attempted("change the stream", err)
	}
	if topic.IsTransient() { // a job may set its header many times a second
		return nil
	}
	note()
	return nil
}
