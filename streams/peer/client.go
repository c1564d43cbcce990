package peer

import (
	"context"
	"maps"
	"slices"
	"sync"

	"seagate/streams"
)

// A Client is a Link that can be started and stopped any number of times. It is
// stopped at first.
//
// While it is stopped it receives nothing. Its servers and mailboxes are busy.
// Its in topics stand still; the messages in between are there afterwards, as
// far as their topics keep them, and what they do not keep is told as a gap.
// What the client itself asks for, such as a call, it may ask for at any time, and
// of the interest in its out topics it is always told.
type Client struct {
	Link

	mu      sync.RWMutex // guards what follows
	started bool
	ins     map[resumer]struct{}
}

// A resumer is an in topic or a membership that stands still while the client is
// stopped.
type resumer interface{ resume() }

// NewClient returns a client on a link. To close the client is to close the link.
func NewClient(l Link) *Client { return &Client{Link: l, ins: map[resumer]struct{}{}} }

// Start makes the client receive. If it does already, Start does nothing.
func (c *Client) Start() {
	c.mu.Lock()
	c.started = true
	ins := slices.Collect(maps.Keys(c.ins))
	c.mu.Unlock()
	for _, in := range ins {
		in.resume()
	}
}

// Stop makes the client receive nothing. What is being delivered at the moment
// may still come.
func (c *Client) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = false
}

// Started reports whether the client receives.
func (c *Client) Started() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.started
}

// Serve implements Link.
func (c *Client) Serve(ctx context.Context, o Offer, s Server) (Registration, error) {
	return c.Link.Serve(ctx, o, gatedServer{s, c})
}

type gatedServer struct {
	Server
	client *Client
}

func (s gatedServer) Call(call *Call) bool   { return s.client.Started() && s.Server.Call(call) }
func (s gatedServer) Signal(m *Message) bool { return s.client.Started() && s.Server.Signal(m) }

// In implements Link.
func (c *Client) In(ctx context.Context, topic string, to streams.Consumer, from streams.StartAt) (InTopic, streams.Joined, error) {
	held := &gatedIn{client: c}
	in, joined, err := c.Link.In(ctx, topic, gatedConsumer{to, c, held}, from)
	if err != nil {
		return nil, joined, err
	}
	held.InTopic = in
	c.hold(held)
	return held, joined, nil
}

func (c *Client) hold(in resumer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ins[in] = struct{}{}
}

func (c *Client) release(in resumer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.ins, in)
}

type gatedIn struct {
	InTopic
	client *Client
}

func (in *gatedIn) resume() { in.InTopic.Resume() }

// Close implements InTopic.
func (in *gatedIn) Close() {
	in.client.release(in)
	in.InTopic.Close()
}

// JoinGroup implements Link.
func (c *Client) JoinGroup(ctx context.Context, topic string, m Member, o MemberOptions) (Membership, error) {
	held := &gatedMembership{client: c}
	ms, err := c.Link.JoinGroup(ctx, topic, gatedMember{m, held}, o)
	if err != nil {
		return nil, err
	}
	held.Membership = ms
	c.hold(held)
	return held, nil
}

type gatedMembership struct {
	Membership
	client *Client
}

func (ms *gatedMembership) resume() { ms.Membership.Resume() }

// Close implements Membership.
func (ms *gatedMembership) Close() {
	ms.client.release(ms)
	ms.Membership.Close()
}

type gatedMember struct {
	Member
	membership *gatedMembership
}

// Deliver takes nothing while the client is stopped, so that other members get
// what there is.
func (m gatedMember) Deliver(messages []Delivery) int {
	if !m.membership.client.Started() {
		return 0
	}
	return m.Member.Deliver(messages)
}

// End implements Member.
func (m gatedMember) End(err error) {
	m.membership.client.release(m.membership)
	m.Member.End(err)
}

type gatedConsumer struct {
	streams.Consumer
	client *Client
	in     *gatedIn
}

// Deliver takes nothing while the client is stopped, so that the topic keeps
// what there is.
func (c gatedConsumer) Deliver(b *streams.Batch) int {
	if !c.client.Started() {
		return 0
	}
	return c.Consumer.Deliver(b)
}

// State implements streams.Consumer.
func (c gatedConsumer) State(s streams.State) bool {
	return c.client.Started() && c.Consumer.State(s)
}

// Resumed implements streams.Consumer.
func (c gatedConsumer) Resumed() bool { return c.client.Started() && c.Consumer.Resumed() }

// End implements streams.Consumer.
func (c gatedConsumer) End(err error) {
	c.client.release(c.in)
	c.Consumer.End(err)
}

// Rerouted implements Rerouter.
func (c gatedConsumer) Rerouted(j streams.Joined) {
	if r, ok := c.Consumer.(Rerouter); ok {
		r.Rerouted(j)
	}
}

// A Mailbox takes the messages that are posted to a port.
type Mailbox interface {
	// Take returns false if there is no room; the sender is told. It may be
	// called by several goroutines at a time, and must not block.
	Take(from Caller, body []byte) bool
}

// Bind puts a mailbox at a port of the client's address, until the end of the
// client or Registration.Withdraw.
func (c *Client) Bind(ctx context.Context, port string, m Mailbox) (Endpoint, Registration, error) {
	at := Endpoint{Address: c.Address(), Port: port}
	r, err := c.Serve(ctx, Offer{Service: string(at.Address), Procedures: []string{port}}, mailboxServer{m})
	return at, r, err
}

type mailboxServer struct{ Mailbox }

func (m mailboxServer) Signal(s *Message) bool { return m.Take(s.Caller, s.Body) }

// Call refuses calls: a mailbox answers nothing.
func (m mailboxServer) Call(*Call) bool { return false }

func (m mailboxServer) GivenUp(*Call, Reason) {}
