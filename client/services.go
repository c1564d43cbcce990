package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
	"seagate/streams/fetch"
	"seagate/streams/peer"
	signals "seagate/streams/signal"
)

// A Handler answers the calls of one procedure. The result is marshalled to JSON.
// An error that is an *Error reaches the caller with its Code, Message and Details;
// of any other the caller gets the text, under the code "failed". A handler that
// panics answers with the code "panicked".
//
// The context ends with the call: when its caller is gone or has cancelled it, when
// there is no time left, or when the connection ends.
type Handler func(ctx context.Context, c *Call) (result any, err error)

// A Call is a call, or a signal, as its Handler sees it.
type Call struct {
	Procedure string
	Body      jsontext.Value
	ClientID  string // of the caller, as the gateway knows it
	inner     *fetch.Call
}

// Signal reports whether nobody waits for an answer. What the handler returns is
// dropped then.
func (c *Call) Signal() bool { return c.inner.Signal() }

// Part sends a partial result, before the handler returns the result. It waits until
// the gateway has it. After an error nobody waits for more.
func (c *Call) Part(result any) error {
	raw, err := marshal(result)
	if err != nil {
		return err
	}
	return c.inner.Part(raw)
}

// ServeOptions says how to serve. The zero value is right for most.
type ServeOptions struct {
	AtOnce int  // handlers that run at a time; 0 is 16, and 1,024 is the most
	Sole   bool // refuse other servers of the service

	// OnServing is called whenever Client.Serve has begun to serve, and OnLost
	// whenever it has lost its connection or could not connect, with the reason. They
	// may be nil.
	OnServing func()
	OnLost    func(cause error)
}

// A Server is a service that a connection serves. Stop ends it.
type Server = fetch.Server

// Serve serves the procedures of a service that have handlers, until the server is
// stopped or the connection ends. Each call has a goroutine, so that a slow one
// delays no other. The caller must Stop the server, also after the end of the
// connection. The codes to expect are service_taken and too_many_services.
func (c *Conn) Serve(ctx context.Context, service string, handlers map[string]Handler, options ServeOptions) (*Server, error) {
	if err := protocol.CheckServiceName(service); err != nil {
		return nil, fmt.Errorf("client: serve: %w", named(err))
	}
	inner := make(map[string]fetch.Handler, len(handlers))
	for procedure, handle := range handlers {
		inner[procedure] = handle.answer
	}
	s, err := fetch.Serve(ctx, link{Conn: c}, service, inner, fetch.Options{AtOnce: options.AtOnce, Sole: options.Sole})
	if err != nil {
		return nil, fmt.Errorf("client: serve %q: %w", service, err)
	}
	return s, nil
}

// answer is the handler as package fetch has it.
func (h Handler) answer(ctx context.Context, c *fetch.Call) ([]byte, error) {
	result, err := h(ctx, &Call{Procedure: c.Procedure, Body: c.Body, ClientID: c.Caller.ClientID, inner: c})
	if own, ok := errors.AsType[*Error](err); ok {
		return nil, &peer.ServerError{Code: string(own.Code), Message: own.Message, Details: own.Details}
	}
	if err != nil {
		return nil, err
	}
	return marshal(result)
}

// Serve is Conn.Serve on a connection of its own. When the connection ends, it
// connects and serves again, as Follow does. The bearer of a token may not serve: the
// credentials must be Basic.
//
// When ctx ends, Serve takes no more calls, lets the handlers that run finish within
// 30 s, and returns the cause of ctx. So a server can be replaced without a call
// being lost: start the new one before the old one ends. Serve returns an *Error if
// trying again does not help.
func (c *Client) Serve(ctx context.Context, service string, handlers map[string]Handler, options ServeOptions) error {
	var stopping sync.WaitGroup // servers whose connections are lost
	defer stopping.Wait()
	served := false
	for failures := 0; ; failures++ {
		began, cause := c.serveOnce(ctx, service, handlers, options, &stopping)
		if began {
			served, failures = true, 0
		}
		// The gateway may not have noticed yet that the last connection is gone.
		own := served && CodeOf(cause) == protocol.CodeServiceTaken
		switch {
		case ctx.Err() != nil:
			return contextError(ctx)
		case !mayPass(cause) && !own:
			return cause
		}
		if options.OnLost != nil {
			options.OnLost(cause)
		}
		if err := sleep(ctx, retryAfter(cause, failures)); err != nil {
			return err
		}
	}
}

// serveOnce serves until ctx or the connection ends. began reports whether it could.
// A server that has lost its connection is stopped in the background.
func (c *Client) serveOnce(ctx context.Context, service string, handlers map[string]Handler, options ServeOptions, stopping *sync.WaitGroup) (began bool, err error) {
	connecting, cancel := context.WithTimeoutCause(ctx, connectTimeout, errConnectTimeout)
	defer cancel()
	conn, err := c.Dial(connecting)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	s, err := conn.Serve(connecting, service, handlers, options)
	if err != nil {
		return false, err
	}
	if options.OnServing != nil {
		options.OnServing()
	}
	select {
	case <-ctx.Done():
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetch.StopTime)
		defer cancel()
		s.Stop(bounded) // when the time is over its handlers have ended all the same
	case <-conn.Done():
		stopping.Go(func() { s.Stop(context.WithoutCancel(ctx)) })
	}
	return true, conn.Err()
}

// Fetch calls a procedure of a service and returns its result. Without a deadline in
// ctx the call has 30 s; it has 5 minutes at most. When ctx ends, the call is
// cancelled. Partial results are dropped.
//
// An error of the server is an *Error with the server's own code and Details. Other
// codes are no_such_service, no_such_procedure, server_busy, server_gone,
// server_error and call_timeout.
func (c *Conn) Fetch(ctx context.Context, service, procedure string, body any) (jsontext.Value, error) {
	return c.fetch(ctx, service, procedure, body, nil)
}

// FetchParts is Fetch that calls part for each partial result, in order. An error of
// part cancels the call, and is returned.
func (c *Conn) FetchParts(ctx context.Context, service, procedure string, body any, part func(jsontext.Value) error) (jsontext.Value, error) {
	return c.fetch(ctx, service, procedure, body, func(raw []byte) error { return part(raw) })
}

func (c *Conn) fetch(ctx context.Context, service, procedure string, body any, part func([]byte) error) (jsontext.Value, error) {
	raw, err := called(service, procedure, body)
	if err == nil {
		raw, err = fetch.All(ctx, link{Conn: c}, service, procedure, raw, part)
	}
	if err != nil {
		return nil, fmt.Errorf("client: call %s of %q: %w", procedure, service, err)
	}
	return raw, nil
}

// called checks the names and marshals the body.
func called(service, procedure string, body any) (jsontext.Value, error) {
	for _, err := range []error{protocol.CheckServiceName(service), protocol.CheckProcedureName(procedure)} {
		if err != nil {
			return nil, named(err)
		}
	}
	return marshal(body)
}

// Signal sends a message to one server of a service. The codes to expect are
// no_such_service, no_such_procedure and server_busy.
func (c *Conn) Signal(ctx context.Context, service, procedure string, body any) error {
	raw, err := called(service, procedure, body)
	if err == nil {
		err = signals.Send(ctx, link{Conn: c}, service, procedure, raw)
	}
	return signalError(service, err)
}

// SignalAll sends a message to each server of a service, and returns how many got
// it.
func (c *Conn) SignalAll(ctx context.Context, service, procedure string, body any) (reached int, err error) {
	raw, err := called(service, procedure, body)
	if err == nil {
		reached, err = signals.SendAll(ctx, link{Conn: c}, service, procedure, raw)
	}
	return reached, signalError(service, err)
}

func signalError(service string, err error) error {
	if err != nil {
		return fmt.Errorf("client: signal %q: %w", service, err)
	}
	return nil
}

// Fetch is Conn.Fetch over HTTP.
func (c *Client) Fetch(ctx context.Context, service, procedure string, body any) (jsontext.Value, error) {
	raw, err := called(service, procedure, body)
	doing := fmt.Sprintf("call %s of %q", procedure, service)
	if err != nil {
		return nil, fmt.Errorf("client: %s: %w", doing, err)
	}
	seconds, err := timeoutMember(ctx)
	if err != nil {
		return nil, fmt.Errorf("client: %s: %w", doing, err)
	}
	content := struct {
		Payload jsontext.Value `json:"payload"`
		Timeout float64        `json:"timeout"`
	}{raw, seconds}
	var outcome protocol.CallOutcome
	r := request{doing: doing, method: http.MethodPost, path: []string{"services", service, procedure}, body: content}
	err = c.do(ctx, r, &outcome)
	return outcome.Result, err
}

// Services lists the services of the client's jail, those that have servers and those
// that are defined, ordered by name. Their definitions are left out. An error ends the
// list.
func (c *Client) Services(ctx context.Context) iter.Seq2[ServiceInfo, error] {
	return list[ServiceInfo](ctx, c, request{doing: "list services", method: http.MethodGet, path: []string{"services"}}, "services")
}
