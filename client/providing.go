package client

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ProvideOptions says how to provide a stream. Provide calls the functions one at a
// time. They may be nil.
type ProvideOptions struct {
	// OnProviding is called whenever a provision has begun, before changed. The
	// Provider is good for Pause, and its Conn for publishing, until the connection ends.
	OnProviding func(*Provider) error
	// OnLost is called whenever the connection ends or an attempt to connect fails,
	// with the reason and with the time until the next attempt.
	OnLost func(cause error, wait time.Duration)
}

// Provide is Conn.Provide on a connection of its own. It calls changed whenever the
// stream becomes requested or is not requested any more; the first call says that it is
// requested. When the connection ends, it connects and provides again, as Follow does,
// and pauses again if the last Provider was paused. While there is no connection, nothing
// is known, and nothing is told: changed is called for what is different afterwards.
//
// The bearer of a token may not provide: the credentials must be Basic.
//
// Provide returns the cause of ctx when that ends, an error of changed or OnProviding,
// ErrWithdrawn after Provider.Withdraw, or an *Error if trying again does not help.
func (c *Client) Provide(ctx context.Context, stream string, options ProvideOptions, changed func(Interest) error) error {
	p := producer{client: c, stream: stream, options: options, changed: changed}
	retry := follower{client: c, options: FollowOptions{OnLost: options.OnLost}}
	for {
		cause := p.session(ctx, &retry)
		switch {
		case p.ownErr != nil:
			return p.ownErr
		case ctx.Err() != nil:
			return contextError(ctx)
		case errors.Is(cause, ErrWithdrawn):
			return cause
		case !mayPass(cause):
			return fmt.Errorf("client: provide %q: %w", stream, cause)
		}
		if err := retry.pause(ctx, cause); err != nil {
			return err
		}
	}
}

// A producer is one call of Client.Provide.
type producer struct {
	client  *Client
	stream  string
	options ProvideOptions
	changed func(Interest) error

	ownErr    error // of changed or OnProviding
	requested bool  // what changed was told last
	paused    bool  // what the last Provider was asked for
}

// session connects, provides, and tells of changes. It returns why that ended.
func (p *producer) session(ctx context.Context, retry *follower) error {
	retry.failures++
	conn, provider, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer func() { p.paused = provider.isPaused() }()
	retry.failures = 0
	provider.tellFrom(p.requested)
	if p.options.OnProviding != nil {
		if p.ownErr = p.options.OnProviding(provider); p.ownErr != nil {
			return p.ownErr
		}
	}
	for {
		interest, err := provider.Next(ctx)
		if err != nil {
			return err
		}
		p.requested = interest.Requested
		if p.ownErr = p.changed(interest); p.ownErr != nil {
			return p.ownErr
		}
	}
}

func (p *producer) connect(ctx context.Context) (*Conn, *Provider, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, errConnectTimeout)
	defer cancel()
	conn, err := p.client.Dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	provider, err := conn.Provide(ctx, p.stream)
	if err == nil && p.paused {
		err = provider.Pause(ctx, true)
	}
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, provider, nil
}
