package peer

import (
	"context"
	"time"

	"seagate/streams"
)

// A Link joins a client to the network, in this process or through a gateway.
// It is safe for concurrent use.
type Link interface {
	Services
	Topics

	// Address returns the client's address.
	Address() Address

	// Close ends the link and everything that the client did through it. It can
	// be called again.
	Close() error
}

// Calls is the part of a Link that serves and calls. A gateway's WebSocket has it
// too.
type Calls interface {
	// Serve makes s a server of a service.
	Serve(ctx context.Context, o Offer, s Server) (Registration, error)

	// Fetch hands a call to one of a service's servers. It returns once a server
	// has it, or with an error; then nothing of Replies is called.
	Fetch(ctx context.Context, r Request, to Replies) (Pending, error)

	// Signal hands a message to one of a service's servers, or to each of them.
	// It returns how many took it, which is not 0 without an error.
	Signal(ctx context.Context, s Signal) (reached int, err error)

	// Done returns a channel that is closed when the link has ended.
	Done() <-chan struct{}
}

// Services is what a link does with services.
type Services interface {
	Calls

	// Watch calls changed with the number of servers of a service: at once and
	// whenever servers come or go, one call after the other. Changes that follow
	// each other quickly may be told together, so the same number again means
	// that other servers are there. The last call has the last number. changed
	// must not block; it may use the link, and stop the watch. A watch ends with
	// stop and with the link, and a closed link calls nothing. A call that is
	// under way in another goroutine at that moment still comes.
	Watch(service string, changed func(servers int)) (stop func())

	// Service describes a service. It returns ErrNoSuchService.
	Service(ctx context.Context, name string) (Service, error)

	// List describes the services whose names come after the given one, in the
	// byte order of the names, at most limit. more reports whether there are
	// others behind them. Addresses are not listed.
	List(ctx context.Context, after string, limit int) (list []Service, more bool, err error)
}

// Topics is what a link does with topics.
type Topics interface {
	// In opens an in topic, see streams.Topic.In. Nothing is delivered before
	// InTopic.Start.
	In(ctx context.Context, topic string, c streams.Consumer, from streams.StartAt) (InTopic, streams.Joined, error)

	// Out opens an out topic, see streams.Topic.Out. p is told nothing before
	// OutTopic.Start, and may be nil.
	Out(ctx context.Context, topic string, p streams.Provider) (OutTopic, streams.Interest, error)

	// Publish sends messages to a topic without providing it. done is called
	// exactly once, perhaps before Publish returns and perhaps by another
	// goroutine, and must not block. Publish may block as streams.Topic.Send does.
	Publish(p Publication, done func(streams.Sent, error))

	// SetHeader replaces the header of a topic durably, see
	// streams.Topic.SetHeader. nil removes it.
	SetHeader(ctx context.Context, topic string, header []byte) error

	// JoinGroup makes m a member of a consumer group of a topic, which it creates
	// if there is none. Nothing is delivered before Membership.Start. The bare
	// network of a Hub has no groups: it returns ErrNoGroups.
	JoinGroup(ctx context.Context, topic string, m Member, o MemberOptions) (Membership, error)
}

// A Publication is messages for a topic: all of them or none.
type Publication struct {
	Topic    string
	Payloads [][]byte // must not be changed afterwards
	ID       string   // not "": a repeat by the same client adds nothing, see streams.Topic.SendOnce
	Header   []byte   // not nil: it becomes the topic's header in one step, see streams.Topic.SendWithHeader
}

// A Rerouter is a streams.Consumer that is told when the log behind its in topic
// is another one. That happens on links that join several networks, when the
// provider that the messages came from is gone and another one is reached; and
// on links of a gateway, when a topic that was waited for is defined.
type Rerouter interface {
	// Rerouted tells how the topic stands now. What follows is counted from
	// Joined.Next in the epoch of Joined.Bounds; nothing that was in the log
	// before came from this one. It is called in order with the messages and
	// must not block.
	Rerouted(now streams.Joined)
}

// An InTopic is a client's cursor on a topic, as streams.InTopic.
type InTopic interface {
	Start()
	Resume()
	Close()
}

// An OutTopic is a client's hold on a topic, as streams.OutTopic.
type OutTopic interface {
	Start()

	// Interest returns the interest in the topic, as far as it is known here.
	Interest() streams.Interest

	// SetPaused says that this provider pauses, or goes on. It waits until the
	// network has heard it. A gateway may refuse it.
	SetPaused(paused bool) error

	// Send is Topics.Publish.
	Send(payloads [][]byte, done func(streams.Sent, error))
	Close()
}

// An Offer is what a server offers.
type Offer struct {
	Service    string
	Procedures []string
	Credit     int  // calls under way, from 1 to MaxCredit; 0 is DefaultCredit
	Sole       bool // refuse other servers of the service, and fail if there are any
}

// Bounds of what one server may have under way.
const (
	DefaultCredit = 16
	MaxCredit     = 1024
)

// A Registration is a server's place in its service.
type Registration interface {
	// Withdraw takes the server out of its service. Once Withdraw has returned,
	// nothing new comes to the server, except what was already under way in this
	// process. For the time grace, the server may still answer the calls that it
	// has; then they fail with ErrServerGone.
	Withdraw(grace time.Duration)
}

// A Request is what a call asks for.
type Request struct {
	Service   string
	Procedure string
	Body      []byte        // must not be changed afterwards
	Timeout   time.Duration // up to MaxTimeout; 0 is DefaultTimeout

	// CheckResult, if it is not nil, judges the result, but not parts and errors. A
	// result with an error is refused: the server gets the error, and the caller
	// ErrBadAnswer. Only links of this process use it.
	CheckResult func(result []byte) error
}

// How long a call may take.
const (
	DefaultTimeout = 30 * time.Second
	MaxTimeout     = 5 * time.Minute
)

// A Signal is a message to a server, without an answer.
type Signal struct {
	Service   string
	Procedure string
	Body      []byte // must not be changed afterwards
	All       bool   // to each server of the service that has the procedure
}

// Replies is a caller's end of a call. One method is called at a time, with
// locks held: they must not block, and must not use the call's Pending.
type Replies interface {
	// Accepted says that a server has the call. It comes first.
	Accepted()

	// Part hands over a partial result. It returns false if the caller has no
	// room; the call is cancelled then.
	Part(body []byte) (taken bool)

	// Done hands over the end: the result, or why there is none. The error is a
	// *ServerError, ErrServerGone, ErrTimeout, ErrBadAnswer or ErrFull.
	Done(result []byte, err error)
}

// Pending is a call that is under way.
type Pending interface {
	// Cancel gives the call up. Nothing of Replies begins afterwards. It returns
	// false if the call had ended before.
	Cancel() bool
}

// A Server takes calls and signals. Its methods may be called by several
// goroutines at a time and must not block.
type Server interface {
	// Call hands over a call. It returns false if the server has no room, so that
	// another one is asked. It must not answer the call before it returns.
	Call(c *Call) (taken bool)

	// Signal hands over a message. It returns false if the server has no room.
	Signal(m *Message) (taken bool)

	// GivenUp tells that a call which the server took has ended without its
	// answer. Answers to it are refused.
	GivenUp(c *Call, why Reason)
}

// A Message is what a server is told of a signal or of a call. It must not be
// changed.
type Message struct {
	Procedure string
	Body      []byte
	Caller    Caller
}

// A Caller is who calls, as the maker of its link says.
type Caller struct {
	ClientID string
	Address  Address // "" if unknown
}

// A Call is a call as its server sees it. Its methods are safe for concurrent
// use and return ErrCallOver if the call has ended.
type Call struct {
	Message
	Deadline time.Time
	Timeout  time.Duration // until the Deadline, when the server is handed the call
	Tag      int64         // for the server, which may set it in Server.Call
	answerer Answerer
}

// An Answerer takes the answers to one call. A Link has one behind each Call.
type Answerer interface {
	Part(body []byte) error
	Answer(result []byte, failure *ServerError) error
}

// SetAnswerer makes the answers go to a instead. It is for a Server that hands
// the call on to another one, in Server.Call alone. If the other one does not take
// the call, the Server must give it back its old value.
func (c *Call) SetAnswerer(a Answerer) { c.answerer = a }

// NewCall returns a Call whose answers go to a. It is for implementations of
// Link.
func NewCall(m Message, timeout time.Duration, a Answerer) *Call {
	return &Call{Message: m, Deadline: time.Now().Add(timeout), Timeout: timeout, answerer: a}
}

// Replies returns what hears of the answers, or nil if the caller is in another
// process. A server can tell by it that the caller is of its own kind.
func (c *Call) Replies() Replies {
	if inner, ok := c.answerer.(*call); ok {
		return inner.to
	}
	return nil
}

// Part sends a partial result.
func (c *Call) Part(body []byte) error { return c.answerer.Part(body) }

// Answer ends the call with its result.
func (c *Call) Answer(result []byte) error { return c.answerer.Answer(result, nil) }

// Fail ends the call with an error.
func (c *Call) Fail(err *ServerError) error { return c.answerer.Answer(nil, err) }

// A Reason says why a call was given up.
type Reason string

// The reasons.
const (
	TimedOut   Reason = "timeout"
	CallerGone Reason = "caller_gone"
	Cancelled  Reason = "cancelled"
	ServerGone Reason = "server_gone" // the server's own link has ended
)
