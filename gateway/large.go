package gateway

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/internal/turns"
)

// Input of largeBytes, or a batch of largeBatch messages, keeps a processor busy long enough to
// delay others. For smaller input, taking a turn would cost more than the work itself.
const (
	largeBytes = 16 << 10
	largeBatch = 64
)

// inTurn calls do. Calls with large input wait for one of few turns, so that a processor stays free
// for small input if there is more than one. Messages and definitions have turns of their own; a
// definition keeps its turn until it is on disk. Jails take turns, so a call waits for at most one
// call of each other jail. inTurn gives up if ctx ends while it waits; otherwise it does not use
// ctx, which may be nil. doing is for the error of giving up.
func inTurn(turns *turns.Turns, doing string, ctx context.Context, p *auth.Principal, large bool, do func() error) error {
	if !large {
		return do()
	}
	var gone <-chan struct{}
	if ctx != nil {
		gone = ctx.Done()
	}
	if !turns.TakeUnless(gone, p.JailUID) {
		return attempted(doing, context.Canceled)
	}
	defer turns.Give()
	return do()
}

// computing calls do in a turn of large messages, because do is as much work. It evaluates
// filters, or checks messages against definitions, for a question and not for a delivery.
func (g *Gateway) computing(ctx context.Context, doing string, p *auth.Principal, do func() error) error {
	return inTurn(&g.large, doing, ctx, p, true, do)
}

// compiling calls do, which compiles a definition, and may write it.
func (g *Gateway) compiling(ctx context.Context, doing string, p *auth.Principal, definition []byte, do func() error) error {
	return inTurn(&g.defining, doing, ctx, p, len(definition) >= largeBytes, do)
}

func isLarge(payloads []jsontext.Value) bool {
	if len(payloads) >= largeBatch {
		return true
	}
	bytes := 0
	for _, payload := range payloads {
		bytes += len(payload)
	}
	return bytes >= largeBytes
}
