package peer

import (
	"context"
	"errors"

	"seagate/streams"
)

var (
	// ErrNoTopics reports that the network of a link has no topics.
	ErrNoTopics = errors.New("peer: this network has no topics")
	// ErrNoGroups reports that the network of a link has no consumer groups.
	ErrNoGroups = errors.New("peer: this network has no groups")
)

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
	held := &inTopic{link: l}
	in, joined, err := t.In(ctx, consumer{c, held}, 0, from)
	if err != nil {
		return nil, streams.Joined{}, err
	}
	held.InTopic = in
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
	held := &outTopic{link: l}
	if p != nil {
		p = provider{p, held}
	}
	out, interest, err := t.Out(p)
	if err != nil {
		return nil, streams.Interest{}, err
	}
	held.OutTopic = out
	l.topics.Lock()
	defer l.topics.Unlock()
	if l.left {
		out.Close()
		return nil, streams.Interest{}, ErrClosed
	}
	l.outs[held] = struct{}{}
	return held, interest, nil
}

// Publish implements Link.
func (l *link) Publish(p Publication, done func(streams.Sent, error)) {
	t, err := l.openTopic(p.Topic)
	if err != nil {
		done(streams.Sent{}, err)
		return
	}
	key := ""
	if p.ID != "" {
		key = l.who.Owner + "/" + p.ID
	}
	switch {
	case p.Header != nil:
		t.SendWithHeader(key, p.Payloads, p.Header, done)
	case key != "":
		t.SendOnce(key, p.Payloads, done)
	default:
		t.Send(p.Payloads, done)
	}
}

// SetHeader implements Link.
func (l *link) SetHeader(ctx context.Context, name string, header []byte) error {
	t, err := l.openTopic(name)
	if err != nil {
		return err
	}
	return t.SetHeader(ctx, header)
}

// JoinGroup implements Link.
func (l *link) JoinGroup(context.Context, string, Member, MemberOptions) (Membership, error) {
	return nil, ErrNoGroups
}

// openTopic is topic for a link that has not ended.
func (l *link) openTopic(name string) (*streams.Topic, error) {
	l.topics.Lock()
	left := l.left
	l.topics.Unlock()
	if left {
		return nil, ErrClosed
	}
	return l.topic(name)
}

// SetPaused implements OutTopic.
func (out *outTopic) SetPaused(paused bool) error {
	out.OutTopic.SetPaused(paused)
	return nil
}

// Close implements InTopic.
func (in *inTopic) Close() {
	in.forget()
	in.InTopic.Close()
}

func (in *inTopic) forget() {
	in.link.topics.Lock()
	defer in.link.topics.Unlock()
	delete(in.link.ins, in)
}

// A consumer lets its link forget an in topic whose topic was deleted.
type consumer struct {
	streams.Consumer
	in *inTopic
}

// End implements streams.Consumer.
func (c consumer) End(err error) {
	c.in.forget()
	c.Consumer.End(err)
}

// Close implements OutTopic.
func (out *outTopic) Close() {
	out.forget()
	out.OutTopic.Close()
}

func (out *outTopic) forget() {
	out.link.topics.Lock()
	defer out.link.topics.Unlock()
	delete(out.link.outs, out)
}

// A provider lets its link forget an out topic whose topic was deleted.
type provider struct {
	streams.Provider
	out *outTopic
}

// End implements streams.Provider.
func (p provider) End(err error) {
	p.out.forget()
	p.Provider.End(err)
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
