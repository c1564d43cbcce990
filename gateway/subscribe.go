package gateway

import (
	"context"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"seagate/auth"
	"seagate/auth/fdsl"
	"seagate/groups"
	"seagate/protocol"
	"seagate/storage"
	"seagate/streams"
)

// A Sink is a transport's end of a subscription. Deliver and Gap are called by
// one goroutine at a time. End may come from any goroutine, also while another
// call is under way. None is called with locks held, and none may block.
type Sink interface {
	// Deliver offers messages of a batch: those that share names, or all if it
	// is nil. It returns how many of them, from the first, it took, and a tag
	// for Subscription.Ack. After fewer than all, nothing comes until
	// Subscription.Resume.
	Deliver(b *streams.Batch, share []groups.Share) (taken int, tag uint64)

	// Gap tells that messages were dropped before they could be delivered. The
	// subscription goes on behind them. It returns a tag as Deliver does, and
	// false if it cannot tell, since the subscription has ended.
	Gap(first, last uint64) (tag uint64, told bool)

	// End tells why the subscription ends. Nothing follows. It returns false if
	// it cannot tell, since the subscription has ended before.
	End(reason *protocol.Error) (told bool)
}

// A Request is what Subscribe needs to know.
type Request struct {
	Stream   string
	Group    string // "" for none
	From     Position
	Explicit bool // a group's messages are acknowledged one by one, not by their arrival
	Credit   int  // of a member, in messages; see groups.JoinOptions

	// Filter, if it is not nil, is a tree of FDSL. Of the messages that the principal may see, the
	// subscription gets those that pass it. It is in no group then, as with Alone.
	Filter jsontext.Value

	// Alone: the subscription is in no group even if Settings.UngroupedShare is set. It is
	// for transports that cannot acknowledge.
	Alone bool

	// State, if it is not nil, is called with each change of the stream's state
	// after Subscription.State, in order with the messages. It is called as
	// Sink.Deliver is. It returns false if there is no room for the change. Then
	// nothing is delivered until Subscription.Resume, and the change comes first.
	State func(s streams.State) (taken bool)

	// Passed, if it is not nil, is told of the progress of a subscription in no group:
	// the subscriber has had the messages before next, apart from those that the filter
	// hides and those that were dropped. It is called after the Sink, by the same
	// goroutine.
	Passed func(next uint64)

	// Owner, if it is not nil, is whose subscriptions share a turn: see streams.Owner.
	Owner *streams.Owner

	// TellGaps: the sink is told of gaps. Otherwise Settings.SkipGaps decides.
	TellGaps bool

	// Begun, if it is not nil, lets the subscription wait for a stream that nobody has
	// defined, with Settings.AwaitUndefined: it begins with the first message that is
	// published. Begun is called when the stream is there, before anything is delivered.
	// If the subscription cannot join the stream then, Sink.End is called instead.
	Begun func()

	// Drained, if it is not nil, is called when the subscription has left its group after
	// Subscription.Drain. Nothing is delivered afterwards.
	Drained func()

	// Resumed, if it is not nil, answers Subscription.Resume, for a subscription in no
	// group: see streams.Consumer.
	Resumed func() (hasRoom bool)
}

// isSingleUse reports whether the client may have made up the group for this one
// subscription. Deployed clients that want every message do so, with a fresh
// UUID, and use no extension.
func (r *Request) isSingleUse() bool {
	return r.Group != "" && !r.Explicit && !r.TellGaps && r.State == nil && r.Credit == 0 && r.From == Position{}
}

// A Subscription is one client's place in a stream.
type Subscription struct {
	gateway   *Gateway
	principal *auth.Principal
	request   Request
	stream    string
	sink      Sink
	filter    *sharedFilter // nil: everything is visible
	release   func()        // releases the filter and the place in the share of the jail
	after     uint64        // of a subscription that waits: the number of the stream's next message

	giveUpWaiting func() // gives back the place among the waiting subscriptions; nil if it has none; guarded by waiting.mu

	place atomic.Pointer[place] // nil while it waits; left once it is closed
}

// A place is where a subscription that has begun reads.
type place struct {
	header     []byte
	next       uint64
	bounds     storage.Bounds
	state      streams.State
	in         *streams.InTopic   // nil if in a group
	membership *groups.Membership // nil if not
}

// left is the place of a subscription that is closed.
var left = &place{}

func (p *place) start() {
	switch {
	case p.membership != nil:
		p.membership.Start()
	case p.in != nil:
		p.in.Start()
	}
}

func (p *place) resume() {
	switch {
	case p.membership != nil:
		p.membership.Resume()
	case p.in != nil:
		p.in.Resume()
	}
}

func (p *place) leave() {
	if p.membership != nil {
		p.membership.Leave()
	}
	if p.in != nil {
		p.in.Close()
	}
}

// Subscribe begins a subscription, in the group that the request names or in none.
// Nothing is delivered before Start.
func (g *Gateway) Subscribe(ctx context.Context, p *auth.Principal, r Request, sink Sink) (*Subscription, error) {
	if err := g.authorize(p, auth.Subscribe, r.Stream); err != nil {
		return nil, err
	}
	return g.subscribe(ctx, p, r, sink)
}

// subscribe is Subscribe for a principal that is authorized.
func (g *Gateway) subscribe(ctx context.Context, p *auth.Principal, r Request, sink Sink) (*Subscription, error) {
	topic, err := g.readable(p, r.Stream)
	mayWait := g.mayWait(r, err)
	if err != nil && !mayWait {
		return nil, err
	}
	s := &Subscription{gateway: g, principal: p, request: r, stream: r.Stream, sink: sink}
	if err := s.check(); err != nil {
		return nil, attempted("subscribe", err)
	}
	filter, err := g.narrowed(p, r.Filter)
	if err != nil {
		return nil, err
	}
	if s.release, err = g.shares.subscriptions.take(p, 1); err != nil {
		return nil, err
	}
	if filter != nil {
		s.applyFilter(filter)
	}
	joined := false
	defer func() { // also if a filter panics: no member may be left behind
		if !joined {
			s.Close()
		}
	}()
	if !mayWait {
		var at *place
		err = change(p, func() (err error) {
			at, err = s.join(ctx, topic, r)
			return err
		})
		s.place.Store(at)
		mayWait = g.mayWait(r, err) // it was deleted meanwhile
	}
	if mayWait {
		err = g.waiting.admit(s)
	}
	if err != nil {
		return nil, attempted("subscribe", err)
	}
	joined = true
	return s, nil
}

func (s *Subscription) applyFilter(filter *fdsl.Filter) {
	giveBack := s.release
	var release func()
	s.filter, release = s.gateway.filters.take(filter, s.principal, s.stream)
	s.release = func() {
		release()
		giveBack()
	}
}

// narrowed returns the principal's filter combined with a tree of the request, which may be nil.
// It returns nil if everything passes.
func (g *Gateway) narrowed(p *auth.Principal, tree jsontext.Value) (*fdsl.Filter, error) {
	if tree == nil {
		return p.Filter, nil
	}
	parsed, err := g.Directory.ParseFilter(tree)
	if err != nil {
		return nil, filterRefusal(err)
	}
	if p.Filter == nil {
		return parsed.Filter(), nil
	}
	return p.Filter.And(parsed.Filter()), nil
}

// NewOwner returns the owner of the subscriptions of one connection.
func (g *Gateway) NewOwner() *streams.Owner { return streams.NewOwner(g.shards.Add(1)) }

// shares reports whether the subscription is in a group.
func (s *Subscription) shares() bool {
	r, p := &s.request, s.principal
	switch {
	case r.Alone || p.MustFanout || r.Filter != nil:
		return false
	case r.Group == "":
		return s.gateway.settings.UngroupedShare
	}
	return p.MayJoin(r.Group)
}

// groupName returns the name of the subscription's group. A bearer shares a group only with bearers
// that have the same filter. So it takes no message away from the client itself, and a message that
// the present members may not see is one that absent members may not see either.
func (s *Subscription) groupName() groups.Name { return groupName(s.principal, s.request.Group) }

func groupName(p *auth.Principal, group string) groups.Name {
	if p.Method == auth.MethodToken {
		group = groups.BearersPrefix + uuid.NewSHA1(uuid.NameSpaceOID, []byte(p.FilterID+"/"+group)).String()
	}
	return groups.Name{Client: p.ClientUID, Group: group}
}

// check refuses options that only members of groups have, on other
// subscriptions.
func (s *Subscription) check() error {
	r := &s.request
	switch {
	case r.Filter != nil && (r.Group != "" || r.Explicit || r.Credit > 0):
		return errFilterGroup
	case r.Explicit && r.Group != "" && !s.principal.MustFanout && !s.principal.MayAcknowledge():
		return errExplicitBearer
	case s.shares():
		return nil
	case r.Explicit && r.Group != "":
		return errExplicitFanout
	case r.Explicit:
		return errExplicitAlone
	case r.Credit > 0 && r.Group == "":
		return errCreditAlone
	}
	return nil
}

// join returns the subscription's place in the topic. It leaves none after an error or a
// panic.
func (s *Subscription) join(ctx context.Context, topic *streams.Topic, r Request) (*place, error) {
	at := &place{}
	joined := false
	defer func() {
		if !joined {
			at.leave()
		}
	}()
	join := s.joinAlone
	if s.shares() {
		join = s.joinGroup
	}
	if err := join(ctx, topic, r, at); err != nil {
		return nil, err
	}
	joined = true
	return at, nil
}

func (s *Subscription) joinAlone(ctx context.Context, topic *streams.Topic, r Request, at *place) error {
	var shard uint32
	if r.Owner != nil {
		shard = r.Owner.Shard()
	} else {
		shard = s.gateway.shards.Add(1)
	}
	in, joined, err := topic.In(ctx, consumer{s}, shard, r.From.from())
	if err != nil {
		return err
	}
	at.in, at.next, at.bounds, at.state = in, joined.Next, joined.Bounds, joined.State
	at.header = s.visibleHeader(joined.Header)
	return nil
}

var errExplicitAlone = protocol.Errorf(protocol.CodeInvalidRequest,
	`ack: "explicit" is for members of a group; give a groupId, or leave it out`)

var errFilterGroup = protocol.Errorf(protocol.CodeInvalidRequest,
	"filter: is for subscriptions in no group; leave out groupId, ack and credit, or the filter")

var errExplicitBearer = protocol.Errorf(protocol.CodeForbidden,
	`not allowed to acknowledge: the token has no groups claim; with it the bearer could use ack: "explicit"`)

var errExplicitFanout = protocol.Errorf(protocol.CodeInvalidRequest,
	`ack: "explicit" is for members of a group, and the subscriptions of this token are in none (mustFanout)`)

var errCreditAlone = protocol.Errorf(protocol.CodeInvalidRequest,
	"credit: is for members of a group; give a groupId, or leave it out")

func (s *Subscription) joinGroup(ctx context.Context, topic *streams.Topic, r Request, at *place) (err error) {
	// An existing group stays where it is. The epoch is checked all the same.
	if _, err := topic.Locate(ctx, streams.Latest().In(r.From.Epoch)); err != nil {
		return err
	}
	options := groups.JoinOptions{From: r.From.from(), Explicit: r.Explicit, Credit: r.Credit, State: r.State,
		SingleUse: s.request.isSingleUse()} // of the original request: r.From may have changed
	if at.membership, err = s.gateway.Catalog.Groups.Topic(topic.ID()).Join(ctx, topic, s.groupName(), options, member{s}); err != nil {
		return err
	}
	at.next, at.bounds, at.state = at.membership.Position(), topic.Readable(), at.membership.State()
	header := topic.Header()
	if r.Group != "" {
		// A client that wants everything sends a fresh id with each subscription,
		// so whoever makes a group gets what a subscription without one gets.
		header = at.membership.Header()
	}
	at.header = s.visibleHeader(header)
	return nil
}

// visibleHeader returns the header if there is one and the filter passes it.
func (s *Subscription) visibleHeader(header []byte) []byte {
	if header == nil {
		return nil
	}
	b := &streams.Batch{Messages: []*streams.Message{{Payload: header}}}
	if s.filter == nil || len(visible(b, s.filter).index) > 0 {
		return header
	}
	return nil
}
