// Package signal sends messages that are not answered to the servers of a
// service, over a peer.Link, and serves them. It is fetch without results.
package signal

import (
	"context"

	"seagate/streams/fetch"
	"seagate/streams/peer"
)

// A Handler handles a signal. It runs in a goroutine of its own.
type Handler func(ctx context.Context, m peer.Message)

// Serve begins to serve signals. A procedure that is called all the same is
// handled as if it were signalled, and answered with null. The caller must Stop
// the server.
func Serve(ctx context.Context, l peer.Calls, service string, handlers map[string]Handler, o fetch.Options) (*fetch.Server, error) {
	answering := make(map[string]fetch.Handler, len(handlers))
	for procedure, handle := range handlers {
		answering[procedure] = func(ctx context.Context, c *fetch.Call) ([]byte, error) {
			handle(ctx, c.Message)
			return []byte("null"), nil
		}
	}
	return fetch.Serve(ctx, l, service, answering, o)
}

// Send sends a signal to one server of a service that has room.
func Send(ctx context.Context, l peer.Calls, service, procedure string, body []byte) error {
	_, err := l.Signal(ctx, peer.Signal{Service: service, Procedure: procedure, Body: body})
	return err
}

// SendAll sends a signal to each server of a service. It returns how many took
// it, which is not 0 without an error.
func SendAll(ctx context.Context, l peer.Calls, service, procedure string, body []byte) (reached int, err error) {
	return l.Signal(ctx, peer.Signal{Service: service, Procedure: procedure, Body: body, All: true})
}
