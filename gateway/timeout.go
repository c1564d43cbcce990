package gateway

import (
	"context"
	"time"
)

// requestTimeout bounds how long work waits for storage if nothing else does.
const requestTimeout = 30 * time.Second

// RequestContext returns a context for work that has none of its own: requests that came over a
// WebSocket or as lines, and what the gateway does by itself.
func RequestContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), requestTimeout)
}
