package discovery

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"seagate/streams"
	"seagate/streams/fetch"
	"seagate/streams/peer"
)

var (
	// ErrNoSuchSpace reports that no topic space has the id: it was deleted, or
	// the link of its maker has ended.
	ErrNoSuchSpace = errors.New("discovery: no such topic space")
	// ErrNoSuchTopic reports a topic that is not in the space.
	ErrNoSuchTopic = errors.New("discovery: the topic is not in this space")
)

// FreshTopics returns n names of topics that nobody has used, with a prefix.
func FreshTopics(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = prefix + rand.Text()
	}
	return names
}

const (
	// spacePrefix begins the ids of spaces, which are names of services.
	spacePrefix = "space:"
	// procedureTopics answers with the topics of a space by name, in JSON.
	procedureTopics = "topics"
)

// A Space is a set of names for topics. It does not change.
type Space struct {
	id     string
	topics map[string]string // by name
	names  map[string]string // by topic
	server *fetch.Server     // nil if somebody else made the space
}

func newSpace(id string, topics map[string]string) *Space {
	s := &Space{id: id, topics: topics, names: make(map[string]string, len(topics))}
	for name, topic := range topics {
		s.names[topic] = name
	}
	return s
}

// NewSpace makes a space in which each of the names stands for a fresh topic. It
// lasts until Delete or the end of the link. The caller must Delete it, also
// after the end of the link.
func NewSpace(ctx context.Context, l peer.Calls, names []string) (*Space, error) {
	id := spacePrefix + rand.Text()
	topics := make(map[string]string, len(names))
	for _, name := range names {
		topics[name] = FreshTopics("", 1)[0]
	}
	answer, err := json.Marshal(topics)
	if err != nil {
		return nil, err
	}
	s := newSpace(id, topics)
	s.server, err = fetch.Serve(ctx, l, id, map[string]fetch.Handler{
		procedureTopics: func(context.Context, *fetch.Call) ([]byte, error) { return answer, nil },
	}, fetch.Options{Sole: true, AtOnce: peer.MaxCredit})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// OpenSpace looks a space up. It returns ErrNoSuchSpace.
func OpenSpace(ctx context.Context, l peer.Calls, id string) (*Space, error) {
	if !strings.HasPrefix(id, spacePrefix) {
		return nil, fmt.Errorf("%w: %s", ErrNoSuchSpace, id)
	}
	answer, err := fetch.Fetch(ctx, l, id, procedureTopics, []byte("null"))
	if errors.Is(err, peer.ErrNoSuchService) {
		return nil, fmt.Errorf("%w: %s", ErrNoSuchSpace, id)
	}
	if err != nil {
		return nil, err
	}
	topics := map[string]string{}
	if err := json.Unmarshal(answer, &topics); err != nil {
		return nil, fmt.Errorf("discovery: the topics of %s cannot be read: %w", id, err)
	}
	return newSpace(id, topics), nil
}

// ID returns what OpenSpace finds the space by. It cannot be guessed.
func (s *Space) ID() string { return s.id }

// Names returns the names of the space in order.
func (s *Space) Names() []string { return slices.Sorted(maps.Keys(s.topics)) }

// Topic returns the topic that a name stands for, or ErrNoSuchTopic.
func (s *Space) Topic(name string) (string, error) { return translate(s.topics, name) }

// Name returns the name of a topic, or ErrNoSuchTopic.
func (s *Space) Name(topic string) (string, error) { return translate(s.names, topic) }

func translate(names map[string]string, from string) (string, error) {
	if to, ok := names[from]; ok {
		return to, nil
	}
	return "", fmt.Errorf("%w: %s", ErrNoSuchTopic, from)
}

// Delete ends a space that NewSpace made: links in it open and serve nothing any
// more. What they have open stays. Of a space that was opened it does nothing.
func (s *Space) Delete(ctx context.Context) error {
	if s.server == nil {
		return nil
	}
	return s.server.Stop(ctx)
}

// Link returns l as a link in the space. It has l's address, and to close it is
// to close l.
func (s *Space) Link(l peer.Link) peer.Link { return &spaceLink{l, s, s.id + ":"} }

// A spaceLink gives topics and services the names that they have outside.
type spaceLink struct {
	peer.Link
	space  *Space
	prefix string // of services
}

// alive returns ErrNoSuchSpace if the space has ended.
func (l *spaceLink) alive(ctx context.Context) error {
	_, err := l.Link.Service(ctx, l.space.id)
	if errors.Is(err, peer.ErrNoSuchService) {
		return fmt.Errorf("%w: %s", ErrNoSuchSpace, l.space.id)
	}
	return err
}

// In implements peer.Link.
func (l *spaceLink) In(ctx context.Context, name string, c streams.Consumer, from streams.StartAt) (peer.InTopic, streams.Joined, error) {
	topic, err := l.topic(ctx, name)
	if err != nil {
		return nil, streams.Joined{}, err
	}
	return l.Link.In(ctx, topic, c, from)
}

// Out implements peer.Link.
func (l *spaceLink) Out(ctx context.Context, name string, p streams.Provider) (peer.OutTopic, streams.Interest, error) {
	topic, err := l.topic(ctx, name)
	if err != nil {
		return nil, streams.Interest{}, err
	}
	return l.Link.Out(ctx, topic, p)
}

// Publish implements peer.Link.
func (l *spaceLink) Publish(p peer.Publication, done func(streams.Sent, error)) {
	topic, err := l.space.Topic(p.Topic) // the space may have ended: what is open in it stays
	if err != nil {
		done(streams.Sent{}, err)
		return
	}
	p.Topic = topic
	l.Link.Publish(p, done)
}

// SetHeader implements peer.Link.
func (l *spaceLink) SetHeader(ctx context.Context, name string, header []byte) error {
	topic, err := l.topic(ctx, name)
	if err != nil {
		return err
	}
	return l.Link.SetHeader(ctx, topic, header)
}

// JoinGroup implements peer.Link.
func (l *spaceLink) JoinGroup(ctx context.Context, name string, m peer.Member, o peer.MemberOptions) (peer.Membership, error) {
	topic, err := l.topic(ctx, name)
	if err != nil {
		return nil, err
	}
	return l.Link.JoinGroup(ctx, topic, m, o)
}

func (l *spaceLink) topic(ctx context.Context, name string) (string, error) {
	if err := l.alive(ctx); err != nil {
		return "", err
	}
	return l.space.Topic(name)
}

// Serve implements peer.Link.
func (l *spaceLink) Serve(ctx context.Context, o peer.Offer, s peer.Server) (peer.Registration, error) {
	if err := l.alive(ctx); err != nil {
		return nil, err
	}
	o.Service = l.prefix + o.Service
	return l.Link.Serve(ctx, o, s)
}

// Fetch implements peer.Link.
func (l *spaceLink) Fetch(ctx context.Context, r peer.Request, to peer.Replies) (peer.Pending, error) {
	r.Service = l.prefix + r.Service
	return l.Link.Fetch(ctx, r, to)
}

// Signal implements peer.Link.
func (l *spaceLink) Signal(ctx context.Context, s peer.Signal) (reached int, err error) {
	s.Service = l.prefix + s.Service
	return l.Link.Signal(ctx, s)
}

// Watch implements peer.Link.
func (l *spaceLink) Watch(service string, changed func(servers int)) (stop func()) {
	return l.Link.Watch(l.prefix+service, changed)
}

// Service implements peer.Link.
func (l *spaceLink) Service(ctx context.Context, name string) (peer.Service, error) {
	s, err := l.Link.Service(ctx, l.prefix+name)
	s.Name = strings.TrimPrefix(s.Name, l.prefix)
	return s, err
}

// List implements peer.Link.
func (l *spaceLink) List(ctx context.Context, after string, limit int) (list []peer.Service, more bool, err error) {
	for after, more = l.prefix+after, true; more; {
		var page []peer.Service
		if page, more, err = l.Link.List(ctx, after, limit+1); err != nil {
			return nil, false, err
		}
		for _, s := range page {
			after = s.Name
			name, inside := strings.CutPrefix(s.Name, l.prefix)
			switch {
			case !inside: // behind the last one
				return list, false, nil
			case peer.IsAddress(name):
			case len(list) == limit:
				return list, true, nil
			default:
				s.Name = name
				list = append(list, s)
			}
		}
	}
	return list, false, nil
}
