package session

import (
	"sync"
	"time"

	"seagate/gateway"
	"seagate/protocol"
	"seagate/streams/peer"
)

// joined returns the session's gateway.Services. It is made when it is first
// needed, since most connections never need it. Only for the reader.
func (s *Session) joined() *gateway.Services {
	if s.services == nil {
		s.services = s.gateway.JoinServices(s.principal)
	}
	return s.services
}

// A served is the session as a server of one service. It implements peer.Server.
type served struct {
	session      *Session
	id           int64 // of the serve request
	service      string
	registration peer.Registration
	addresses    bool // it is told the addresses of callers

	mu      sync.Mutex // guards what follows
	began   bool       // the request was answered
	waiting [][]byte   // frames that came before that, at most peer.MaxCredit
	ended   bool       // the client has withdrawn the server
}

// A servedCall is a call that the client has to answer.
type servedCall struct {
	serve int64
	call  *peer.Call
}

func (s *Session) serve(r protocol.Request) {
	request, err := r.Serve()
	if err == nil {
		err = s.beginServing(r.ID, request)
	}
	if err != nil {
		s.answer(r, nil, err)
	}
}

func (s *Session) beginServing(id int64, r protocol.Serve) (err error) {
	if most := s.gateway.Settings().SubscriptionsPerConnection; s.countSubscriptions() >= most {
		return protocol.Errorf(protocol.CodeTooManySubscriptions,
			"the connection has %d subscriptions and served services, as many as it may have", most)
	}
	to := &served{session: s, id: id, service: r.Service, addresses: r.Addresses}
	offer := peer.Offer{Service: r.Service, Procedures: r.Procedures, Credit: r.Credit, Sole: r.Sole}
	if to.registration, err = s.joined().Serve(offer, to); err != nil {
		return err
	}
	put(s, &s.serving, id, to)
	to.begin()
	return nil
}

// begin answers the serve request, and sends the calls that came before the
// answer.
func (to *served) begin() {
	to.mu.Lock()
	defer to.mu.Unlock()
	to.began = true
	to.session.send(func(b []byte) []byte { return protocol.AppendSuccess(b, to.id, protocol.ActionServe, nil) })
	for _, frame := range to.waiting {
		to.session.out.Send(frame)
	}
	to.waiting = nil
}

// end makes the server take nothing more, so that nothing comes after the answer to
// the request that withdraws it.
func (to *served) end() {
	to.mu.Lock()
	defer to.mu.Unlock()
	to.ended = true
}

// deliver sends a call or a signal if there is room. A connection that has more to
// send than it may queue takes nothing.
func (to *served) deliver(build func([]byte) []byte) (sent bool) {
	frame := to.session.frame(build)
	to.mu.Lock()
	defer to.mu.Unlock()
	switch {
	case to.ended: // a call that was on its way goes to another server
		return false
	case to.began:
		return to.session.out.SendIfRoom(frame)
	}
	if len(to.waiting) == peer.MaxCredit {
		return false
	}
	to.waiting = append(to.waiting, frame)
	return true
}

// answerGrace is how long the calls of a server that was withdrawn may still be
// answered.
const answerGrace = 30 * time.Second

// Call implements peer.Server.
func (to *served) Call(c *peer.Call) bool {
	s := to.session
	if f, ok := c.Replies().(*fetching); ok { // this is the caller's reader
		f.session.burst.Join(s.out)
	}
	c.Tag = s.keep(servedCall{to.id, c})
	sent := to.deliver(func(b []byte) []byte {
		return protocol.AppendCall(b, to.id, protocol.ServedCall{
			Number:    c.Tag,
			Procedure: c.Procedure,
			Body:      c.Body,
			ClientID:  c.Caller.ClientID,
			Address:   to.addressOf(c.Caller),
			Timeout:   c.Timeout,
		})
	})
	if !sent {
		s.dropCall(c.Tag)
	}
	return sent
}

// addressOf returns the address of a caller, "" for servers that did not ask for it.
func (to *served) addressOf(c peer.Caller) string {
	if to.addresses {
		return string(c.Address)
	}
	return ""
}

// Signal implements peer.Server.
func (to *served) Signal(m *peer.Message) bool {
	return to.deliver(func(b []byte) []byte {
		return protocol.AppendSignalled(b, to.id, m.Procedure, m.Body, m.Caller.ClientID, to.addressOf(m.Caller))
	})
}

// GivenUp implements peer.Server.
func (to *served) GivenUp(c *peer.Call, why peer.Reason) {
	if to.session.dropCall(c.Tag) {
		to.session.send(func(b []byte) []byte { return protocol.AppendCallCancelled(b, to.id, c.Tag, string(why)) })
	}
}

// keep gives a call a number.
func (s *Session) keep(c servedCall) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == nil {
		s.calls = map[int64]servedCall{}
	}
	s.lastCall++
	s.calls[s.lastCall] = c
	return s.lastCall
}

func (s *Session) dropCall(number int64) (held bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, held = s.calls[number]
	delete(s.calls, number)
	return held
}

// answerCall passes on a server's answer to a call. Only the connection that
// got the call knows its number.
func (s *Session) answerCall(r protocol.Request) {
	a, err := r.Answer()
	if err == nil {
		err = s.giveAnswer(a)
	}
	s.answer(r, nil, err)
}

func (s *Session) giveAnswer(a protocol.Answer) error {
	s.mu.Lock()
	c, ok := s.calls[a.Call]
	ok = ok && c.serve == a.Serve
	if ok && !a.More {
		delete(s.calls, a.Call)
	}
	s.mu.Unlock()
	if !ok {
		return protocol.Errorf(protocol.CodeCallNotFound,
			"serve %d has no call %d: it was answered or cancelled, or is another connection's", a.Serve, a.Call)
	}
	if f, ok := c.call.Replies().(*fetching); ok {
		s.burst.Join(f.session.out)
	}
	err := s.gateway.Answer(s.principal, c.call, a)
	if err != nil && a.More { // the call is over
		s.dropCall(a.Call)
	}
	return err
}

// A fetching is the session as the caller of one call. It implements
// peer.Replies.
type fetching struct {
	session  *Session
	services *gateway.Services
	id       int64        // of the fetch request
	pending  peer.Pending // owned by the reader
}

func (s *Session) fetch(r protocol.Request) {
	request, err := r.Fetch()
	if err == nil {
		err = s.beginFetching(r.ID, request)
	}
	if err != nil {
		s.answer(r, nil, err)
	}
}

func (s *Session) beginFetching(id int64, r protocol.Fetch) (err error) {
	f := &fetching{session: s, services: s.joined(), id: id}
	put(s, &s.fetches, id, f)
	f.pending, err = f.services.Fetch(peer.Request{Service: r.Service, Procedure: r.Procedure, Body: r.Body, Timeout: r.Timeout}, f)
	if err != nil {
		f.forget()
	}
	return err
}

func (f *fetching) forget() {
	f.session.mu.Lock()
	defer f.session.mu.Unlock()
	delete(f.session.fetches, f.id)
}

// Accepted implements peer.Replies. It is the answer to the request.
func (f *fetching) Accepted() {
	f.session.send(func(b []byte) []byte { return protocol.AppendSuccess(b, f.id, protocol.ActionFetch, nil) })
}

// Part implements peer.Replies.
func (f *fetching) Part(body []byte) bool {
	return f.offer(func(b []byte) []byte { return protocol.AppendResult(b, f.id, body, false) })
}

// Done implements peer.Replies. A caller that does not read gets an error
// instead of the result, because an error is small.
func (f *fetching) Done(result []byte, err error) {
	f.forget()
	if err == nil && f.offer(func(b []byte) []byte { return protocol.AppendResult(b, f.id, result, true) }) {
		return
	}
	if err == nil {
		err = peer.ErrFull
	}
	failure, own := f.session.gateway.CallFailure(err)
	failed := func(b []byte) []byte { return protocol.AppendCallFailed(b, f.id, failure) }
	if own && f.offer(failed) {
		return
	}
	if own {
		failure, _ = f.session.gateway.CallFailure(peer.ErrFull)
	}
	f.session.send(failed)
}

// offer sends a result, unless too much is queued on the connection, or on all
// connections of the caller's client.
func (f *fetching) offer(build func([]byte) []byte) (sent bool) {
	g := f.session.gateway
	if sent = f.session.out.SendHeld(g.Settings().Services.QueuedBytes, f.session.frame(build), f.services); !sent {
		g.Metrics.ResultsDropped.Inc()
	}
	return sent
}

func (s *Session) signal(r protocol.Request) {
	request, err := r.Signal()
	reached := 0
	if err == nil {
		reached, err = s.joined().Signal(peer.Signal{Service: request.Service, Procedure: request.Procedure, Body: request.Body, All: request.All})
	}
	if err != nil {
		s.answer(r, nil, err)
		return
	}
	s.send(func(b []byte) []byte { return protocol.AppendReached(b, r.ID, reached) })
}

// endService withdraws the server or cancels the call that the request with that
// id began. It returns false if there is none. Only for the reader.
func (s *Session) endService(id int64) bool {
	s.mu.Lock()
	to, f := s.serving[id], s.fetches[id]
	delete(s.serving, id)
	delete(s.fetches, id)
	s.mu.Unlock()
	switch {
	case to != nil:
		to.end()
		to.registration.Withdraw(answerGrace)
		return true
	case f != nil:
		return f.pending.Cancel()
	}
	return false
}
