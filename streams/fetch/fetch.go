package fetch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"seagate/streams/peer"
)

// Fetch calls a procedure and returns its result. Partial results are dropped.
// The deadline is that of ctx, at most peer.MaxTimeout from now; without one it
// is peer.DefaultTimeout. When ctx ends, the call is cancelled.
//
// The error is a *peer.ServerError if the server answered with one, and
// otherwise one of package peer or of ctx.
func Fetch(ctx context.Context, l peer.Calls, service, procedure string, body []byte) ([]byte, error) {
	return All(ctx, l, service, procedure, body, nil)
}

// All is Fetch that calls part for each partial result, in order. An error of
// part cancels the call and is returned.
func All(ctx context.Context, l peer.Calls, service, procedure string, body []byte, part func([]byte) error) ([]byte, error) {
	timeout, err := timeoutOf(ctx)
	if err != nil {
		return nil, err
	}
	c := &caller{wantsParts: part != nil, some: make(chan struct{}, 1)}
	pending, err := l.Fetch(ctx, peer.Request{Service: service, Procedure: procedure, Body: body, Timeout: timeout}, c)
	if err != nil {
		return nil, err
	}
	for {
		parts, done := c.take()
		for _, p := range parts {
			if err := part(p); err != nil {
				pending.Cancel()
				return nil, err
			}
		}
		if done {
			return c.result, c.err
		}
		select {
		case <-c.some:
		case <-l.Done():
			if pending.Cancel() || !c.hasEnded() {
				return nil, peer.ErrClosed
			}
		case <-ctx.Done():
			if pending.Cancel() {
				return nil, contextError(ctx)
			}
		}
	}
}

func timeoutOf(ctx context.Context) (time.Duration, error) {
	if ctx.Err() != nil {
		return 0, contextError(ctx)
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return peer.DefaultTimeout, nil
	}
	// Never 0, which stands for the default.
	return max(1, min(time.Until(deadline), peer.MaxTimeout)), nil
}

// contextError returns why a context ended.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// queuedParts bounds the partial results of a call that wait for All, and
// queuedBytes their size. A single one may be larger.
const (
	queuedParts = 1024
	queuedBytes = 4 << 20
)

// A caller is the peer.Replies of one call.
type caller struct {
	wantsParts bool
	some       chan struct{} // has a token if there may be something to take

	mu     sync.Mutex // guards what follows, and result and err until done
	parts  [][]byte
	bytes  int
	done   bool
	result []byte
	err    error
}

// take returns the parts that have come, and whether they are the last.
func (c *caller) take() (parts [][]byte, done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	parts, c.parts, c.bytes = c.parts, nil, 0
	return parts, c.done
}

func (c *caller) hasEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}

func (c *caller) wake() {
	select {
	case c.some <- struct{}{}:
	default:
	}
}

// Accepted implements peer.Replies.
func (c *caller) Accepted() {}

// Part implements peer.Replies.
func (c *caller) Part(body []byte) bool {
	if !c.wantsParts {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.parts) > 0 && (len(c.parts) == queuedParts || c.bytes+len(body) > queuedBytes) {
		return false
	}
	c.parts = append(c.parts, body)
	c.bytes += len(body)
	c.wake()
	return true
}

// Done implements peer.Replies.
func (c *caller) Done(result []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done, c.result, c.err = true, result, err
	c.wake()
}
