package link

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"seagate/streams"
	"seagate/streams/peer"
)

// A client is a peer.Link that reaches all networks of its switch.
type client struct {
	peer.Link // in the network of the switch
	home      *Switch
	space     string
	who       peer.Identity

	mu     sync.Mutex // guards what follows
	closed bool
	away   map[*Switch]peer.Link
	held   map[withdrawer]struct{}
}

// A withdrawer is what has to end with its client.
type withdrawer interface{ withdraw() }

// Join returns a link of a client in a space of this network and of all others.
// The caller must close it.
func (s *Switch) Join(space string, who peer.Identity) peer.Link {
	return &client{
		Link:  s.hub.Join(space, who),
		home:  s,
		space: space,
		who:   who,
		away:  map[*Switch]peer.Link{},
		held:  map[withdrawer]struct{}{},
	}
}

// Close implements peer.Link.
func (c *client) Close() error {
	c.mu.Lock()
	held := slices.Collect(maps.Keys(c.held))
	away := slices.Collect(maps.Values(c.away))
	c.closed = true
	c.mu.Unlock()
	for _, h := range held {
		h.withdraw()
	}
	var errs []error
	for _, l := range away {
		errs = append(errs, l.Close())
	}
	return errors.Join(append(errs, c.Link.Close())...)
}

// hold lets h end with the client. It returns false if the client has ended.
func (c *client) hold(h withdrawer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.held[h] = struct{}{}
	}
	return !c.closed
}

// release undoes hold. It returns false if that was done.
func (c *client) release(h withdrawer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, held := c.held[h]
	delete(c.held, h)
	return held
}

func (t *inTopic) withdraw() { t.Close() }

// keep lets the switch move an in topic.
func (c *client) keep(t *inTopic) bool {
	c.home.mu.Lock()
	c.home.ins[t] = struct{}{}
	c.home.mu.Unlock()
	c.home.look() // the routes may have changed since the topic was opened
	return c.hold(t)
}

func (c *client) forget(t *inTopic) {
	c.release(t)
	c.home.mu.Lock()
	defer c.home.mu.Unlock()
	delete(c.home.ins, t)
}

// follow lets in topics, watchers and calls follow the routes.
func (s *Switch) follow() {
	s.mu.Lock()
	ins := slices.Collect(maps.Keys(s.ins))
	watches := slices.Collect(maps.Keys(s.watches))
	var gone []*awayCall
	for c := range s.calls {
		if _, reachable := s.routes[c.node]; !reachable {
			gone = append(gone, c)
		}
	}
	s.mu.Unlock()
	for _, t := range ins {
		t.follow()
	}
	for _, w := range watches {
		w.teller.News()
	}
	for _, c := range gone {
		c.serverGone()
	}
}

// An offered is a provider or server that the switch has announced.
type offered struct {
	client   *client
	what     thing
	withdrew func()
}

func (c *client) announce(what thing, withdrew func()) (*offered, bool) {
	o := &offered{c, what, withdrew}
	c.home.offer(what, 1)
	if !c.hold(o) {
		c.home.offer(what, -1)
		return nil, false
	}
	return o, true
}

func (o *offered) withdraw() {
	if o.client.release(o) {
		o.client.home.offer(o.what, -1)
		o.withdrew()
	}
}

// An outTopic is a peer.OutTopic that is announced.
type outTopic struct {
	peer.OutTopic
	offered *offered
}

// Close implements peer.OutTopic.
func (o *outTopic) Close() { o.offered.withdraw() }

// Out implements peer.Link.
func (c *client) Out(ctx context.Context, name string, p streams.Provider) (peer.OutTopic, streams.Interest, error) {
	out, interest, err := c.Link.Out(ctx, name, p)
	if err != nil {
		return nil, interest, err
	}
	o, ok := c.announce(thing{topics, c.space, name}, out.Close)
	if !ok {
		out.Close()
		return nil, interest, peer.ErrClosed
	}
	return &outTopic{out, o}, interest, nil
}

// Publish implements peer.Link. The messages go to the nearest network whose
// clients provide the topic, or to this one.
func (c *client) Publish(p peer.Publication, done func(streams.Sent, error)) {
	c.nearest(p.Topic).Publish(p, done)
}

// SetHeader implements peer.Link, where Publish sends messages.
func (c *client) SetHeader(ctx context.Context, topic string, header []byte) error {
	return c.nearest(topic).SetHeader(ctx, topic, header)
}

func (c *client) nearest(topic string) peer.Link {
	return c.placesOf(thing{topics, c.space, topic})[0].link
}

// A registration is a peer.Registration that is announced.
type registration struct {
	peer.Registration
	offered *offered
}

// Withdraw implements peer.Registration.
func (r *registration) Withdraw(grace time.Duration) {
	r.offered.withdraw()
	r.Registration.Withdraw(grace)
}

// Serve implements peer.Link.
func (c *client) Serve(ctx context.Context, o peer.Offer, s peer.Server) (peer.Registration, error) {
	r, err := c.Link.Serve(ctx, o, s)
	if err != nil {
		return nil, err
	}
	offered, ok := c.announce(thing{services, c.space, o.Service}, func() {})
	if !ok {
		r.Withdraw(0)
		return nil, peer.ErrClosed
	}
	return &registration{r, offered}, nil
}

// A place is where a service can be called.
type place struct {
	node string
	link peer.Link
}

// places returns where a service is offered, the nearest first. If it is offered
// nowhere, that is at home, where calls fail.
func (c *client) places(service string) []place { return c.placesOf(thing{services, c.space, service}) }

// placesOf is places for a topic too.
func (c *client) placesOf(what thing) (list []place) {
	c.home.mu.Lock()
	nodes := c.home.nodesLocked(what)
	c.home.mu.Unlock()
	for _, node := range nodes {
		if w, ok := c.home.wayTo(node); ok {
			if l := c.at(w.to); l != nil {
				list = append(list, place{node, l})
			}
		}
	}
	if len(list) == 0 {
		list = []place{{c.home.node, c.Link}}
	}
	return list
}

// at returns the client's link in the network of a switch, or nil if the client
// has ended.
func (c *client) at(s *Switch) peer.Link {
	if s == c.home {
		return c.Link
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away[s] == nil && !c.closed {
		c.away[s] = s.hub.JoinAs(c.space, c.who, c.Address())
	}
	return c.away[s]
}

// mayBeElsewhere reports whether an error of one network leaves hope for others.
func mayBeElsewhere(err error) bool {
	return errors.Is(err, peer.ErrNoSuchService) || errors.Is(err, peer.ErrNoSuchProcedure) || errors.Is(err, peer.ErrBusy)
}

// Fetch implements peer.Link.
func (c *client) Fetch(ctx context.Context, r peer.Request, to peer.Replies) (peer.Pending, error) {
	var refusal error
	for _, at := range c.places(r.Service) {
		var p peer.Pending
		var err error
		if at.node == c.home.node {
			p, err = at.link.Fetch(ctx, r, to)
		} else {
			p, err = c.fetchAway(ctx, at, r, to)
		}
		if err == nil || !mayBeElsewhere(err) {
			return p, err
		}
		if refusal == nil || errors.Is(err, peer.ErrBusy) { // ErrBusy tells the caller that trying again may help
			refusal = err
		}
	}
	return nil, refusal
}

// An awayCall is a call in another network. It is its caller's peer.Replies.
type awayCall struct {
	peer.Replies
	home    *Switch
	node    string
	pending peer.Pending // set before the call is in Switch.calls
	done    bool         // guarded by Switch.mu
}

func (c *client) fetchAway(ctx context.Context, at place, r peer.Request, to peer.Replies) (peer.Pending, error) {
	call := &awayCall{Replies: to, home: c.home, node: at.node}
	p, err := at.link.Fetch(ctx, r, call)
	if err != nil {
		return nil, err
	}
	call.pending = p
	c.home.mu.Lock()
	defer c.home.mu.Unlock()
	if !call.done {
		c.home.calls[call] = struct{}{}
		c.home.look() // the server may have become unreachable already
	}
	return call, nil
}

// end forgets the call.
func (c *awayCall) end() {
	c.home.mu.Lock()
	defer c.home.mu.Unlock()
	c.done = true
	delete(c.home.calls, c)
}

// Done implements peer.Replies.
func (c *awayCall) Done(result []byte, err error) {
	c.end()
	c.Replies.Done(result, err)
}

// Cancel implements peer.Pending.
func (c *awayCall) Cancel() bool {
	c.end()
	return c.pending.Cancel()
}

// serverGone ends the call, whose server cannot be reached any more.
func (c *awayCall) serverGone() {
	if c.Cancel() {
		c.Replies.Done(nil, peer.ErrServerGone)
	}
}

// Signal implements peer.Link.
func (c *client) Signal(ctx context.Context, m peer.Signal) (reached int, err error) {
	for _, at := range c.places(m.Service) {
		n, failed := at.link.Signal(ctx, m)
		reached += n
		if failed != nil {
			err = failed
			if !mayBeElsewhere(failed) {
				break
			}
		} else if !m.All {
			break
		}
	}
	if reached > 0 {
		return reached, nil
	}
	return 0, err
}

// Service implements peer.Link. It describes the servers of all networks.
func (c *client) Service(ctx context.Context, name string) (all peer.Service, err error) {
	for _, at := range c.places(name) {
		s, failed := at.link.Service(ctx, name)
		if failed != nil {
			err = failed
			continue
		}
		all.Name = name
		all.Procedures = append(all.Procedures, s.Procedures...)
		all.Servers = append(all.Servers, s.Servers...)
	}
	if len(all.Servers) == 0 {
		return peer.Service{}, err
	}
	slices.Sort(all.Procedures)
	all.Procedures = slices.Compact(all.Procedures)
	return all, nil
}

// List implements peer.Link.
func (c *client) List(ctx context.Context, after string, limit int) (list []peer.Service, more bool, err error) {
	for _, name := range c.home.serviceNames(c.space) {
		if name <= after || peer.IsAddress(name) {
			continue
		}
		if len(list) == limit {
			return list, true, nil
		}
		if s, err := c.Service(ctx, name); err == nil {
			list = append(list, s)
		}
	}
	return list, false, nil
}

// serviceNames returns the services of a space of all networks, in order.
func (s *Switch) serviceNames(space string) (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add := func(offers map[thing]standing) {
		for t := range offers {
			if t.kind == services && t.space == space {
				names = append(names, t.name)
			}
		}
	}
	add(s.offers)
	for node, a := range s.known {
		if _, reachable := s.routes[node]; reachable && node != s.node {
			add(a.offers)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
