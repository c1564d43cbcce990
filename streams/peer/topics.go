package peer

import (
	"context"
	"errors"

	"seagate/streams"
)

// ErrNoTopics reports that the network of a link has no topics.
var ErrNoTopics = errors.New("peer: this network has no topics")

// inTopic and outTopic are what has to end with the link.
type inTopic struct {
	*streams.InTopic
	link *link
}

type outTopic struct {
	*streams.OutTopic
	link *link
}

func (l *link) topic(name string) (*streams.Topic, error) {
	if l.space.hub.opts.Topics == nil {
		return nil, ErrNoTopics
	}
	return l.space.hub.opts.Topics.Topic(streams.ID{Space: l.space.name, Name: name})
}

// In implements Link.
func (l *link) In(ctx context.Context, name string, c streams.Consumer, from streams.StartAt) (InTopic, streams.Joined, error) {
	t, err := l.topic(name)
	if err != nil {
		return nil, streams.Joined{}, err
	}
	in, joined, err := t.In(ctx, c, 0, from)
	if err != nil {
		return nil, streams.Joined{}, err
	}
	held := &inTopic{in, l}
	l.topics.Lock()
	defer l.topics.Unlock()
	if l.left {
		in.Close()
		return nil, streams.Joined{}, ErrClosed
	}
	l.ins[held] = struct{}{}
	return held, joined, nil
}

// Out implements Link.
func (l *link) Out(_ context.Context, name string, p streams.Provider) (OutTopic, streams.Interest, error) {
	t, err := l.topic(name)
	if err != nil {
		return nil, streams.Interest{}, err
	}
	out, interest, err := t.Out(p)
	if err != nil {
		return nil, streams.Interest{}, err
	}
	held := &outTopic{out, l}
	l.topics.Lock()
	defer l.topics.Unlock()
	if l.left {
		out.Close()
		return nil, streams.Interest{}, ErrClosed
	}
	l.outs[held] = struct{}{}
	return held, interest, nil
}

// Close implements InTopic.
func (in *inTopic) Close() {
	in.link.topics.Lock()
	delete(in.link.ins, in)
	in.link.topics.Unlock()
	in.InTopic.Close()
}

// Close implements OutTopic.
func (out *outTopic) Close() {
	out.link.topics.Lock()
	delete(out.link.outs, out)
	out.link.topics.Unlock()
	out.OutTopic.Close()
}

// closeTopics ends what the link has open.
func (l *link) closeTopics() {
	l.topics.Lock()
	defer l.topics.Unlock()
	l.left = true
	for in := range l.ins {
		in.InTopic.Close()
	}
	for out := range l.outs {
		out.OutTopic.Close()
	}
	clear(l.ins)
	clear(l.outs)
}
