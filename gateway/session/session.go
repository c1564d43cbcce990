package session

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"seagate/auth"
	"seagate/gateway"
	"seagate/gateway/outbox"
	"seagate/internal/panics"
	"seagate/protocol"
	"seagate/streams"
)

// A Link is the connection below a session, apart from its outbox.
type Link interface {
	// BeginFrame appends room for the beginning of a frame. The caller appends
	// the message and then calls EndFrame with what dst was long before.
	BeginFrame(dst []byte) []byte
	EndFrame(dst []byte, start int) []byte

	// Enter is called when the client's credentials are right, before the client is
	// told so. An error refuses the client.
	Enter() error

	// End closes the connection for the reason given. It returns whether the
	// peer is told of it, as far as that can be known, and does not block.
	End(reason *protocol.Error) (told bool)
}

// Options of all sessions of a transport. All fields must be set.
type Options struct {
	Transport         string // its name in the metrics
	Limits            protocol.Limits
	Action            string // of answers to subscribe, and of deliveries
	PublishesInFlight int    // publishes of one session that may be unanswered
}

// State is how far a session has come.
type State uint8

const (
	Stranger      State = iota // no request has come
	Refused                    // authentication failed; nothing more is looked at
	Authenticated              // requests are served
)

// A Session is the dialogue with one client. Handle, Flush, State and Refusal are for
// one goroutine, the reader of the connection; Resume, Acknowledge, Settle, Client and
// Subscriptions are for any.
type Session struct {
	gateway *gateway.Gateway
	opts    *Options
	link    Link
	out     *outbox.Outbox
	address netip.Addr

	// Owned by the reader.
	state     State
	sequence  protocol.Sequence
	login     *gateway.Login
	principal *auth.Principal
	refusal   *protocol.Error // why authentication failed
	answers   *outbox.Answers
	burst     outbox.Burst

	client      atomic.Pointer[auth.Principal] // for the log
	lastRefusal atomic.Pointer[gateway.Refused]

	services *gateway.Services // nil until it is needed; owned by the reader
	ownerOf  *streams.Owner    // of the subscriptions, likewise

	mu         sync.Mutex // guards what follows
	subs       map[int64]*subscription
	serving    map[int64]*served    // by the id of the serve request
	calls      map[int64]servedCall // that the client has to answer, by number
	lastCall   int64
	fetches    map[int64]*fetching // by the id of the fetch request
	provisions map[int64]*provision
	merges     map[int64]*merged
	watches    map[int64]*watching
}

// New returns the session of a connection from the given address.
func New(g *gateway.Gateway, opts *Options, link Link, out *outbox.Outbox, address netip.Addr) *Session {
	answers := outbox.NewAnswers(out.SendAnswers)
	return &Session{gateway: g, opts: opts, link: link, out: out, address: address, answers: answers}
}

// State returns how far the session has come. Only for the reader.
func (s *Session) State() State { return s.state }

// Refusal returns why authentication failed. Only for the reader.
func (s *Session) Refusal() *protocol.Error { return s.refusal }

// Client returns who authenticated, or nil for a stranger.
func (s *Session) Client() *auth.Principal { return s.client.Load() }

// Handle executes one message. It does not use the message after it has returned. more
// says that the next message is there already, so the answer may wait and be sent with
// the next one. An error ends the session.
func (s *Session) Handle(message []byte, more bool) error {
	if more && s.state == Authenticated {
		s.burst.Hold(s.out)
	}
	err := s.handle(message)
	if !more || err != nil {
		s.burst.Release()
	}
	return err
}

// Flush sends the answers that wait for the next message. It is for a reader that
// handles no next message after all.
func (s *Session) Flush() { s.burst.Release() }

func (s *Session) handle(message []byte) error {
	if s.state == Refused {
		return nil
	}
	r, err := protocol.DecodeRequest(message, s.opts.Limits)
	if err != nil {
		return err
	}
	if err := s.sequence.Next(r); err != nil {
		return err
	}
	if r.Action == protocol.ActionPublish {
		s.publish(r)
		return nil
	}
	if !isQuick(r.Action) || s.answers.Pending() > 0 {
		s.burst.Release()
	}
	s.answers.Settle() // the answers before this one go first
	switch r.Action {
	case protocol.ActionAuthenticate:
		s.authenticate(r)
	case protocol.ActionSubscribe:
		s.subscribe(r)
	case protocol.ActionUnsubscribe:
		s.unsubscribe(r)
	case protocol.ActionAck:
		s.ack(r)
	case protocol.ActionNack:
		s.nack(r)
	case protocol.ActionDefine:
		s.define(r)
	case protocol.ActionDescribe:
		s.describe(r)
	case protocol.ActionServe:
		s.serve(r)
	case protocol.ActionAnswer:
		s.answerCall(r)
	case protocol.ActionFetch:
		s.fetch(r)
	case protocol.ActionSignal:
		s.signal(r)
	case protocol.ActionProvide:
		s.provide(r)
	case protocol.ActionPause:
		s.pause(r)
	case protocol.ActionAddress:
		s.tellAddress(r)
	case protocol.ActionWatch:
		s.watch(r)
	case protocol.ActionPing:
		s.answer(r, nil, nil)
	default:
		s.answer(r, nil, protocol.UnknownAction(r.Action))
	}
	return nil
}

// isQuick reports whether a request is answered without waiting, so that earlier answers
// may wait for its answer.
func isQuick(action string) bool {
	return action == protocol.ActionAnswer || action == protocol.ActionFetch || action == protocol.ActionSignal
}

// Violation answers a message that breaks the protocol.
func (s *Session) Violation(v *protocol.Violation) {
	s.answers.Settle()
	s.out.Send(s.refused(v.ID, v.Action, v.Refusal))
}

// authenticate answers the first message. After a refusal the client should
// close, and nothing that it sends is looked at.
func (s *Session) authenticate(r protocol.Request) {
	if err := s.logIn(r); err != nil {
		s.state, s.refusal = Refused, s.gateway.Refusal(err)
		s.out.Send(s.refused(r.ID, r.Action, s.refusal))
		return
	}
	s.state = Authenticated
	s.send(func(b []byte) []byte { return protocol.AppendAuthenticated(b, r.ID, s.principal.JailID) })
}

func (s *Session) logIn(r protocol.Request) error {
	credentials, err := r.Authenticate(s.opts.Limits)
	if err != nil {
		return err
	}
	p, err := s.gateway.Authenticate(credentials, s.address)
	if err != nil {
		return err
	}
	if err := s.link.Enter(); err != nil {
		return err
	}
	s.out.SetShare(s.gateway.QueueShare(p))
	s.client.Store(p)
	s.principal = p
	s.login, err = s.gateway.LogIn(p, s)
	return err
}

// End closes the connection for the reason given. It implements
// gateway.Connection.
func (s *Session) End(reason *protocol.Error) { s.link.End(reason) }

// Settle waits until every earlier publish is answered.
func (s *Session) Settle() { s.answers.Settle() }

// Close ends all subscriptions, withdraws what the session provides, and gives
// back what it holds.
func (s *Session) Close() {
	s.burst.Release() // if a request panicked
	s.mu.Lock()
	subs, provisions, merges := s.subs, s.provisions, s.merges
	s.subs, s.provisions, s.merges = nil, nil, nil
	s.calls = nil // a client that is gone is not told that they are cancelled
	s.mu.Unlock()
	for _, p := range provisions {
		contained(p.close)
	}
	for _, sub := range subs {
		contained(sub.close)
	}
	for _, m := range merges {
		contained(m.close)
	}
	if s.services != nil {
		contained(s.services.Close)
	}
	if s.login != nil {
		s.login.LogOut()
	}
}

// contained calls f and contains a panic, so that the steps after f are done
// too.
func contained(f func()) {
	defer panics.Contain("connection")
	f()
}

// send frames and sends the message that build appends.
func (s *Session) send(build func([]byte) []byte) { s.out.Send(s.frame(build)) }

// frame returns, as a frame, the message that build appends.
func (s *Session) frame(build func([]byte) []byte) []byte {
	return s.link.EndFrame(build(s.link.BeginFrame(make([]byte, 0, usualFrame))), 0)
}

// usualFrame is enough for an answer, a call and most results, in bytes, so that such a
// frame is allocated once.
const usualFrame = 256

// answer answers a request.
func (s *Session) answer(r protocol.Request, payload []byte, err error) {
	s.out.Send(s.answerFrame(r.ID, r.Action, payload, err))
}

// answerFrame is the answer to a request: the payload, which is JSON or nil for
// none, or the refusal that err becomes.
func (s *Session) answerFrame(id int64, action string, payload []byte, err error) []byte {
	if err != nil {
		return s.refused(id, action, s.gateway.Refusal(err))
	}
	return s.frame(func(b []byte) []byte { return protocol.AppendSuccess(b, id, action, payload) })
}

// refused is the frame of a refusal, which it counts.
func (s *Session) refused(id int64, action string, e *protocol.Error) []byte {
	s.gateway.Refused(s.opts.Transport, s.client.Load(), e)
	s.noteRefusal(e)
	return s.frame(func(b []byte) []byte { return protocol.AppendRefusal(b, id, action, e) })
}
