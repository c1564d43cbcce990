package gateway

import (
	"context"
	"time"
)

// requestTimeout bounds how long a request over a connection waits for storage.
const requestTimeout = 30 * time.Second

// RequestContext returns the context of a request over a connection, which HTTP has and the other
// transports have not.
func RequestContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), requestTimeout)
}
