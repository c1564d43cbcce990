package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"seagate/internal/panics"
	"seagate/streams/peer"
)

// A Handler answers a call. The result is what the services of the link agree
// on, usually JSON. An error that is a *peer.ServerError reaches the caller as
// it is. Of any other error the caller gets the text, with the code CodeFailed.
type Handler func(ctx context.Context, c *Call) (result []byte, err error)

// The codes of the errors that Serve itself answers with.
const (
	CodeFailed   = "failed"   // the handler returned an error without a code
	CodePanicked = "panicked" // the handler panicked
)

// A Call is a call as its Handler sees it.
type Call struct {
	peer.Message
	call *peer.Call // nil for a signal
}

// Signal reports whether nobody waits for an answer. What the handler returns
// is dropped then.
func (c *Call) Signal() bool { return c.call == nil }

// Part sends a partial result before the result. The error is ErrCallOver if
// nobody waits for it any more.
func (c *Call) Part(body []byte) error {
	if c.call == nil {
		return nil
	}
	return c.call.Part(body)
}

// Options of a Server. The zero value is right for most.
type Options struct {
	AtOnce int  // handlers that run at a time; 0 is peer.DefaultCredit
	Sole   bool // refuse other servers of the service

	// OnPanic is told what a handler panicked with. It may be nil.
	OnPanic func(procedure string, value any, stack []byte)
}

// A Server runs handlers for the calls of one service.
type Server struct {
	handlers     map[string]Handler
	options      Options
	registration peer.Registration
	ctx          context.Context // of all handlers
	cancel       context.CancelFunc
	running      sync.WaitGroup

	mu      sync.Mutex // guards what follows
	stopped bool
	atOnce  int // handlers that are running
	ends    map[*peer.Call]context.CancelCauseFunc
}

// Serve begins to serve the procedures that have handlers. The caller must Stop
// the server, also after the end of the link.
func Serve(ctx context.Context, l peer.Calls, service string, handlers map[string]Handler, o Options) (*Server, error) {
	o.AtOnce = cmp.Or(o.AtOnce, peer.DefaultCredit)
	s := &Server{handlers: handlers, options: o, ends: map[*peer.Call]context.CancelCauseFunc{}}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	offer := peer.Offer{Service: service, Procedures: slices.Sorted(maps.Keys(handlers)), Credit: o.AtOnce, Sole: o.Sole}
	var err error
	if s.registration, err = l.Serve(ctx, offer, serving{s}); err != nil {
		s.cancel()
		return nil, err
	}
	return s, nil
}

// StopTime is how long calls and signals under way may take after Stop.
const StopTime = 30 * time.Second

// Stop takes nothing new and waits for the handlers that run. After StopTime it
// ends their contexts, those of signals too, and returns nil once they have
// returned. When ctx ends first, it does so then, and returns the error of ctx.
func (s *Server) Stop(ctx context.Context) error {
	s.registration.Withdraw(StopTime)
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { s.running.Wait(); close(done) }()
	late := time.NewTimer(StopTime)
	defer late.Stop()
	var err error
	select {
	case <-done:
	case <-late.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.cancel()
	<-done
	return err
}

// serving is a Server as the network sees it.
type serving struct{ *Server }

// Call implements peer.Server.
func (s serving) Call(c *peer.Call) bool {
	ctx, end := context.WithCancelCause(s.ctx)
	if !s.begin(func() { s.ends[c] = end }) {
		end(nil)
		return false
	}
	go s.answer(ctx, c, end)
	return true
}

// begin takes a place for a handler. It returns false if there is none.
func (s *Server) begin(note func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.atOnce == s.options.AtOnce {
		return false
	}
	s.atOnce++
	s.running.Add(1)
	note()
	return true
}

// release gives the place of a handler back.
func (s *Server) release(c *peer.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.atOnce--
	delete(s.ends, c)
}

func (s *Server) answer(ctx context.Context, c *peer.Call, end context.CancelCauseFunc) {
	defer s.running.Done()
	defer end(nil)
	defer panics.Contain("calls", func() { c.Fail(&peer.ServerError{Code: CodePanicked, Message: "the call failed"}) })
	result, err := s.handle(withDeadline{ctx, c.Deadline}, &Call{c.Message, c})
	s.release(c) // first, since whoever has the answer may call again at once
	// If an answer is refused, the network tells the caller, if there still is one.
	if err == nil {
		c.Answer(result)
		return
	}
	failure, ok := errors.AsType[*peer.ServerError](err)
	if !ok {
		failure = &peer.ServerError{Code: CodeFailed, Message: err.Error()}
	}
	c.Fail(failure)
}

// withDeadline is a context with a deadline that somebody else enforces: the
// network ends the call, and so the context.
type withDeadline struct {
	context.Context
	deadline time.Time
}

// Deadline implements context.Context.
func (c withDeadline) Deadline() (time.Time, bool) { return c.deadline, true }

// handle runs the handler of a procedure. A panic becomes an error, and handle itself has none.
func (s *Server) handle(ctx context.Context, c *Call) (result []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			s.tell(c.Procedure, v, debug.Stack())
			result, err = nil, &peer.ServerError{Code: CodePanicked, Message: fmt.Sprintf("the procedure %s failed", c.Procedure)}
		}
	}()
	return s.handlers[c.Procedure](ctx, c)
}

// tell tells Options.OnPanic of a panic.
func (s *Server) tell(procedure string, value any, stack []byte) {
	if s.options.OnPanic == nil {
		return
	}
	defer panics.Contain("calls")
	s.options.OnPanic(procedure, value, stack)
}

// Signal implements peer.Server.
func (s serving) Signal(m *peer.Message) bool {
	if !s.begin(func() {}) {
		return false
	}
	go func() {
		defer s.running.Done()
		defer s.release(nil)
		s.handle(s.ctx, &Call{*m, nil})
	}()
	return true
}

// GivenUp implements peer.Server.
func (s serving) GivenUp(c *peer.Call, why peer.Reason) {
	s.mu.Lock()
	end := s.ends[c]
	s.mu.Unlock()
	if end != nil {
		end(&GivenUpError{why})
	}
}

// A GivenUpError is the cause of a handler's context whose call has ended.
type GivenUpError struct{ Reason peer.Reason }

// Error says why.
func (e *GivenUpError) Error() string { return "fetch: the call was given up: " + string(e.Reason) }
