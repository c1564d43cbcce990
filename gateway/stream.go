package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/protocol"
	"seagate/schema"
	"seagate/storage"
	"seagate/streams"
)

// StreamInfo is what there is to know about a stream apart from its messages.
type StreamInfo struct {
	Name    string
	Version *schema.Version // nil if nobody defined it
	Topic   streams.Info
}

// Streams returns the streams of the principal's jail whose names come after
// the given one, at most limit, in order. more says whether there are others.
func (g *Gateway) Streams(p *auth.Principal, after string, limit int) (list []StreamInfo, more bool, err error) {
	if err := g.authorize(p, auth.ListStreams); err != nil {
		return nil, false, err
	}
	for _, d := range g.Schemas.List(p.JailUID, after, limit+1) {
		list = append(list, g.describe(p, d.Name, &d.Version))
	}
	if g.settings.AcceptUndefined {
		list = append(list, g.undefined(p, after)...)
		slices.SortFunc(list, func(a, b StreamInfo) int { return strings.Compare(a.Name, b.Name) })
	}
	if more = len(list) > limit; more {
		list = list[:limit]
	}
	return list, more, nil
}

// undefined returns the streams that are used though nobody defined them.
func (g *Gateway) undefined(p *auth.Principal, after string) (list []StreamInfo) {
	for _, name := range g.Network.Names(p.JailUID) {
		if _, defined := g.Schemas.Current(p.JailUID, name); !defined && name > after {
			list = append(list, g.describe(p, name, nil))
		}
	}
	return list
}

// Stream returns one stream's state.
func (g *Gateway) Stream(p *auth.Principal, stream string) (StreamInfo, error) {
	if err := g.authorize(p, auth.Describe); err != nil {
		return StreamInfo{}, err
	}
	if current, ok := g.Schemas.Current(p.JailUID, stream); ok {
		return g.describe(p, stream, &current.Definition.Version), nil
	}
	if _, ok := g.Network.Lookup(streams.ID{Space: p.JailUID, Name: stream}); ok {
		return g.describe(p, stream, nil), nil
	}
	return StreamInfo{}, streamNotFound(stream)
}

func (g *Gateway) describe(p *auth.Principal, stream string, v *schema.Version) StreamInfo {
	info := StreamInfo{Name: stream, Version: v, Topic: streams.Info{Bounds: storage.Bounds{First: 1, Next: 1}, Policy: g.Network.Policy()}}
	if topic, ok := g.Network.Lookup(streams.ID{Space: p.JailUID, Name: stream}); ok {
		info.Topic = topic.Info()
	}
	return info
}

// DeleteStream deletes a stream with its messages, header and all versions of
// its schema, durably. Its subscriptions end.
func (g *Gateway) DeleteStream(ctx context.Context, p *auth.Principal, stream string) error {
	if err := g.authorize(p, auth.AdministerStreams); err != nil {
		return err
	}
	if _, err := g.Stream(p, stream); err != nil {
		return err
	}
	if err := g.deleteStream(ctx, streams.ID{Space: p.JailUID, Name: stream}); err != nil {
		return attempted("delete the stream", err)
	}
	g.audit(p, "stream deleted", stream)
	return nil
}

// deleteTime is how long a deletion is waited for, whoever asked for it: half of
// one is of use to nobody.
const deleteTime = 2 * time.Minute

// deleteStream deletes the schema last: after a crash in between the stream is
// still there to be deleted again.
func (g *Gateway) deleteStream(ctx context.Context, id streams.ID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTime)
	defer cancel()
	// Whoever asks for the topic from here on gets one that is deleted.
	g.mu.Lock()
	g.provideLocked(id)
	g.mu.Unlock()
	if err := g.Network.Delete(ctx, id); err != nil {
		return err
	}
	if err := g.Groups.DeleteTopic(id); err != nil {
		return err
	}
	err := g.Schemas.Delete(ctx, id.Space, id.Name)
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.providers, id)
	if errors.Is(err, schema.ErrNotFound) {
		return nil
	}
	return err
}

// deleteStreams deletes all streams of a jail that is gone.
func (g *Gateway) deleteStreams(ctx context.Context, jail string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTime)
	defer cancel()
	if err := g.Network.DeleteSpace(ctx, jail); err != nil {
		return err
	}
	if err := g.Groups.DeleteSpace(jail); err != nil {
		return err
	}
	err := g.Schemas.DeleteJail(ctx, jail)
	g.mu.Lock()
	defer g.mu.Unlock()
	for id := range g.providers {
		if id.Space == jail {
			delete(g.providers, id)
		}
	}
	return err
}

// SetHeader replaces the stream's header, durably: what a new subscription
// without group receives first. It is checked like a message.
func (g *Gateway) SetHeader(ctx context.Context, p *auth.Principal, stream string, header jsontext.Value) error {
	if err := g.authorize(p, auth.AdministerStreams); err != nil {
		return err
	}
	if len(header) > g.settings.HeaderBytes {
		return protocol.Errorf(protocol.CodeHeaderTooLarge,
			"the header has %d bytes; at most %d are allowed", len(header), g.settings.HeaderBytes)
	}
	validator, err := g.validator(p, stream)
	if err != nil {
		return err
	}
	checked, err := g.check(validator, []jsontext.Value{header}, false)
	if err != nil {
		return err
	}
	return g.store(p, stream, "header set", func(t *streams.Topic) error { return t.SetHeader(ctx, checked[0]) })
}

// ClearHeader removes the stream's header, durably.
func (g *Gateway) ClearHeader(ctx context.Context, p *auth.Principal, stream string) error {
	if err := g.authorize(p, auth.AdministerStreams); err != nil {
		return err
	}
	return g.store(p, stream, "header cleared", func(t *streams.Topic) error { return t.SetHeader(ctx, nil) })
}

// Header returns the stream's header.
func (g *Gateway) Header(p *auth.Principal, stream string) (jsontext.Value, error) {
	if _, err := g.Stream(p, stream); err != nil {
		return nil, err
	}
	if topic, ok := g.Network.Lookup(streams.ID{Space: p.JailUID, Name: stream}); ok {
		if header := topic.Header(); header != nil {
			return header, nil
		}
	}
	return nil, protocol.Errorf(protocol.CodeHeaderNotFound, "the stream %q has no header", stream)
}

// SetPaused pauses or resumes a stream, durably. Publishing to a paused stream
// is refused.
func (g *Gateway) SetPaused(ctx context.Context, p *auth.Principal, stream string, paused bool) error {
	if err := g.authorize(p, auth.AdministerStreams); err != nil {
		return err
	}
	what := "stream resumed"
	if paused {
		what = "stream paused"
	}
	return g.store(p, stream, what, func(t *streams.Topic) error { return t.SetPaused(ctx, paused) })
}

func (g *Gateway) store(p *auth.Principal, stream, what string, change func(*streams.Topic) error) error {
	topic, err := g.topic(p, stream)
	if err != nil {
		return err
	}
	if err := change(topic); err != nil {
		return attempted("change the stream", err)
	}
	g.audit(p, what, stream)
	return nil
}
