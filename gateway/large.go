package gateway

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/internal/turns"
)

// Input of largeBytes, or a batch of largeBatch messages, keeps a processor busy for so long that
// others would notice. Smaller input takes less time than a turn costs.
const (
	largeBytes = 16 << 10
	largeBatch = 64
)

// inTurn calls do. If its input is large, it is one of few such calls at a time, of those that
// share the turns: messages, or definitions, whose turns last until they are on disk. They leave
// a processor for small input, if there are more than one. Jails take turns, so that each waits
// for one call of every other. inTurn gives up if ctx ends before it is the call's turn. ctx is not
// looked at otherwise, and may be nil. doing is for that error.
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

// computing calls do, which is as much work as large messages are: it evaluates filters, or checks
// messages against definitions, that are not looked at for a delivery.
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
