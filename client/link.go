package client

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
	"seagate/streams/fetch"
	"seagate/streams/peer"
)

// A link serves and calls on a connection, as a peer.Link does inside the gateway's
// process, so that packages fetch and signal work on both. It implements peer.Calls.
type link struct {
	*Conn
	addresses bool // its servers are told the addresses of callers
}

// aboutService is what messages about services have beside other messages.
type aboutService struct {
	Call      int64  `json:"call"` // this and what follows is for a server
	Signal    bool   `json:"signal"`
	Procedure string `json:"procedure"`
	Caller    struct {
		ClientID string       `json:"clientId"`
		Address  peer.Address `json:"address"`
	} `json:"caller"`
	Timeout   float64     `json:"timeout"`
	Cancelled peer.Reason `json:"cancelled"`

	Result  jsontext.Value `json:"result"` // this and what follows is for a caller
	Done    bool           `json:"done"`
	Reached int            `json:"reached"`

	Address string `json:"address"` // of this connection
	Servers int    `json:"servers"` // of a service that is watched
	LastSeq uint64 `json:"lastSeq"` // of a batch that was published
}

// A serving is a server of a service on the connection.
type serving struct {
	conn  *Conn
	id    int64 // owned by the connection's writer; the reader knows it from messages
	to    peer.Server
	calls map[int64]*peer.Call // under way, by number; guarded by Conn.mu
}

// Serve implements peer.Calls.
//
//	{"id":4,"action":"serve","payload":{"service":"pricing","procedures":["quote"],"credit":16,"sole":true}}
func (l link) Serve(ctx context.Context, o peer.Offer, to peer.Server) (peer.Registration, error) {
	s := &serving{conn: l.Conn, to: to, calls: map[int64]*peer.Call{}}
	r := newCall(func(dst []byte) []byte { return appendServe(dst, o, l.addresses) })
	r.serv = s
	if _, err := l.roundTrip(ctx, r); err != nil {
		if ctx.Err() != nil { // it may serve, or may begin to
			l.startLater(s.withdrawal())
		}
		return nil, err
	}
	return s, nil
}

func appendServe(dst []byte, o peer.Offer, addresses bool) []byte {
	dst = appendMember(dst, "action", protocol.ActionServe)
	dst = appendQuoted(append(dst, `,"payload":{"service":`...), o.Service)
	dst = append(dst, `,"procedures":[`...)
	for i, p := range o.Procedures {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, p)
	}
	dst = strconv.AppendInt(append(dst, `],"credit":`...), int64(o.Credit), 10)
	if o.Sole {
		dst = append(dst, `,"sole":true`...)
	}
	if addresses {
		dst = append(dst, `,"addresses":true`...)
	}
	return append(dst, '}', '}')
}

// withdrawTimeout is how long Withdraw waits for the gateway.
const withdrawTimeout = 10 * time.Second

// Withdraw implements peer.Registration. It waits until the gateway has withdrawn
// the server: the calls that came before are with the server by then.
func (s *serving) Withdraw(time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), withdrawTimeout)
	defer cancel()
	s.conn.roundTrip(ctx, s.withdrawal()) // without a connection it is withdrawn anyway
}

func (s *serving) withdrawal() *call { return unsubscribing(&s.id) }

// unsubscribing returns a request that ends what the request with that id began.
// The id is read by the writer, which has given it by then.
func unsubscribing(id *int64) *call {
	return newCall(func(dst []byte) []byte {
		dst = appendMember(dst, "action", protocol.ActionUnsubscribe)
		return append(strconv.AppendInt(append(dst, `,"payload":`...), *id, 10), '}')
	})
}

// handle gives a call or a signal to the server, or tells it of a call that is over.
func (s *serving) handle(m message) {
	said := peer.Message{Procedure: m.Procedure, Body: m.Payload, Caller: peer.Caller{ClientID: m.Caller.ClientID, Address: m.Caller.Address}}
	switch {
	case m.Signal:
		s.to.Signal(&said) // a server that has no room loses it
	case m.Cancelled != "":
		if c := s.take(m.Call); c != nil {
			s.to.GivenUp(c, m.Cancelled)
		}
	default:
		timeout := time.Duration(m.Timeout * float64(time.Second))
		answers := &answers{s, m.ID, m.Call}
		c := peer.NewCall(said, timeout, answers)
		s.conn.mu.Lock()
		s.calls[m.Call] = c
		s.conn.mu.Unlock()
		if !s.to.Call(c) {
			s.conn.work.Go(func() { c.Fail(busy) })
		}
	}
}

var busy = &peer.ServerError{Code: string(protocol.CodeServerBusy), Message: "the server has as many calls as it takes"}

var notJSON = &peer.ServerError{Code: fetch.CodeFailed, Message: "the result is not JSON"}

// take removes a call that is under way and returns it, or returns nil if there is none.
func (s *serving) take(number int64) *peer.Call {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	c := s.calls[number]
	delete(s.calls, number)
	return c
}

// An answers sends the answers to one call. It implements peer.Answerer.
type answers struct {
	serving *serving
	serve   int64
	number  int64
}

// Part implements peer.Answerer.
func (a *answers) Part(body []byte) error {
	if body = orNull(body); !isJSON(body) {
		return errNotJSON
	}
	return a.send(func(dst []byte) []byte {
		return append(append(append(dst, `,"result":`...), body...), `,"more":true`...)
	})
}

// Answer implements peer.Answerer.
func (a *answers) Answer(result []byte, failure *peer.ServerError) error {
	if a.serving.take(a.number) == nil {
		return peer.ErrCallOver
	}
	if result = orNull(result); !isJSON(result) {
		result, failure = nil, notJSON
	}
	return a.send(func(dst []byte) []byte {
		if failure == nil {
			return append(append(dst, `,"result":`...), result...)
		}
		dst = appendQuoted(append(dst, `,"error":{"code":`...), failure.Code)
		dst = appendMember(dst, "message", failure.Message)
		if failure.Details != nil && isJSON(failure.Details) {
			dst = append(append(dst, `,"details":`...), failure.Details...)
		}
		return append(dst, '}')
	})
}

// send sends an answer and waits until the gateway has it.
//
//	{"id":5,"action":"answer","payload":{"serve":4,"call":71,"result":{...}}}
func (a *answers) send(content func([]byte) []byte) error {
	_, err := a.serving.conn.roundTrip(context.Background(), newCall(func(dst []byte) []byte {
		dst = appendMember(dst, "action", protocol.ActionAnswer)
		dst = strconv.AppendInt(append(dst, `,"payload":{"serve":`...), a.serve, 10)
		dst = strconv.AppendInt(append(dst, `,"call":`...), a.number, 10)
		return append(content(dst), '}', '}')
	}))
	if CodeOf(err) == protocol.CodeCallNotFound {
		return peer.ErrCallOver
	}
	return err
}

// A fetching is a call on the connection. It implements peer.Pending.
type fetching struct {
	conn *Conn
	id   int64 // owned by the connection's writer; the reader knows it from messages
	to   peer.Replies
	over bool // nothing is handed to it any more; guarded by Conn.mu
}

// Fetch implements peer.Calls. Its errors, and those that Replies gets, are those of
// the connection: an *Error, or ErrConnection.
//
//	{"id":6,"action":"fetch","payload":{"service":"pricing","procedure":"quote","body":{...},"timeout":5}}
func (l link) Fetch(ctx context.Context, req peer.Request, to peer.Replies) (peer.Pending, error) {
	f := &fetching{conn: l.Conn, to: to}
	r := newCall(func(dst []byte) []byte {
		dst = appendCalled(appendMember(dst, "action", protocol.ActionFetch), req.Service, req.Procedure, req.Body)
		dst = strconv.AppendFloat(append(dst, `,"timeout":`...), max(req.Timeout.Seconds(), 1e-3), 'f', -1, 64)
		return append(dst, '}', '}')
	})
	r.out = f
	if err := l.start(ctx, r); err != nil {
		return nil, err
	}
	if _, err := l.wait(ctx, r); err != nil {
		if ctx.Err() != nil {
			f.Cancel()
		}
		return nil, err
	}
	return f, nil
}

func appendCalled(dst []byte, service, procedure string, body []byte) []byte {
	dst = appendQuoted(append(dst, `,"payload":{"service":`...), service)
	dst = appendMember(dst, "procedure", procedure)
	return append(append(dst, `,"body":`...), body...)
}

// handle gives a part or the end to the caller.
func (f *fetching) handle(m message) {
	if !m.Done {
		if m.Result == nil || f.isOver(false) { // this client knows no message without a result
			return
		}
		if !f.to.Part(m.Result) && f.Cancel() {
			f.to.Done(nil, ErrSlow)
		}
		return
	}
	if f.isOver(true) {
		return
	}
	if m.Result != nil {
		f.to.Done(m.Result, nil)
		return
	}
	f.to.Done(nil, m.refusal())
}

// isOver reports whether the call is over, and ends it if last is set.
func (f *fetching) isOver(last bool) bool {
	f.conn.mu.Lock()
	defer f.conn.mu.Unlock()
	was := f.over
	if last {
		f.over = true
		delete(f.conn.outs, f.id) // given before the first message came
	}
	return was
}

// Cancel implements peer.Pending.
func (f *fetching) Cancel() bool {
	c := f.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.over || c.err != nil {
		return false
	}
	f.over = true
	r := unsubscribing(&f.id)
	body := r.body
	r.body = func(dst []byte) []byte {
		c.mu.Lock()
		delete(c.outs, f.id)
		c.mu.Unlock()
		return body(dst)
	}
	c.startLaterLocked(r)
	return true
}

// startLater sends a request whose answer nobody waits for, unless the connection has
// ended.
func (c *Conn) startLater(r *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.startLaterLocked(r)
}

func (c *Conn) startLaterLocked(r *call) {
	if c.err != nil {
		return
	}
	// It needs no context: it waits for the writer, whose writes have a deadline, or
	// for the end of the connection.
	c.work.Go(func() { c.start(context.Background(), r) })
}

// Signal implements peer.Calls.
//
//	{"id":8,"action":"signal","payload":{"service":"pricing","procedure":"reload","body":{...},"all":true}}
func (l link) Signal(ctx context.Context, s peer.Signal) (reached int, err error) {
	r := newCall(func(dst []byte) []byte {
		dst = appendCalled(appendMember(dst, "action", protocol.ActionSignal), s.Service, s.Procedure, s.Body)
		if s.All {
			dst = append(dst, `,"all":true`...)
		}
		return append(dst, '}', '}')
	})
	if _, err := l.roundTrip(ctx, r); err != nil {
		return 0, err
	}
	return r.reached, nil
}

// endServices ends the servers and the calls of a connection that has ended. It is
// called with Conn.mu held.
func (c *Conn) endServices(reason error) {
	for _, f := range c.outs {
		if !f.over {
			f.over = true
			f.to.Done(nil, reason)
		}
	}
	for _, s := range c.servs {
		for _, call := range s.calls {
			s.to.GivenUp(call, peer.CallerGone)
		}
		clear(s.calls)
	}
}

// timeoutMember is the timeout of a call over HTTP, in seconds.
func timeoutMember(ctx context.Context) (seconds float64, err error) {
	if ctx.Err() != nil {
		return 0, contextError(ctx)
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return peer.DefaultTimeout.Seconds(), nil
	}
	left := time.Until(deadline).Seconds()
	if left <= 0 {
		return 0, fmt.Errorf("%w", context.DeadlineExceeded)
	}
	return min(left, peer.MaxTimeout.Seconds()), nil
}
