package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"seagate/auth"
	"seagate/protocol"
	"seagate/streams"
	"seagate/streams/peer"
)

// A Link joins a Go service in the gateway's own process to the network, as a principal. It
// implements peer.Link. It has the same rights, filters and limits as a WebSocket of that
// principal, and reaches the same streams, groups and services.
//
// It counts as a connection. It ends when the credentials of its principal are revoked or
// expire, when its jail is deleted, when a consumer, provider or member of it panics, and with
// the gateway.
//
// A refusal is an error that wraps a *protocol.Error with its code. With errors.Is it also
// matches the error of package peer or streams that a link without a gateway returns in the
// same case.
type Link struct {
	gateway   *Gateway
	principal *auth.Principal
	services  *Services
	login     *Login
	done      chan struct{}

	lastRefusal atomic.Pointer[Refused]

	mu       sync.Mutex // guards what follows
	closed   bool
	reason   *protocol.Error // why the gateway ended it, or nil
	places   int             // taken by subscriptions, members, servers and watches
	provided int             // streams
	held     map[ender]struct{}
}

// An ender is something that must end when its link ends. end is called once.
type ender interface{ end() }

// Link returns a link of a principal, from Authenticate or Trust. The caller must close it.
// The error is that of LogIn.
func (g *Gateway) Link(p *auth.Principal) (*Link, error) {
	l := &Link{gateway: g, principal: p, done: make(chan struct{}), held: map[ender]struct{}{}}
	l.services = g.JoinServices(p)
	l.mu.Lock() // End may come before the login is known
	defer l.mu.Unlock()
	var err error
	if l.login, err = g.LogIn(p, l); err != nil {
		l.services.Close()
		return nil, l.refused(err)
	}
	g.Metrics.Connections.WithLabelValues(protocol.ConnectionLink).Inc()
	g.Metrics.ConnectionsMade.WithLabelValues(protocol.ConnectionLink).Inc()
	return l, nil
}

// Address implements peer.Link.
func (l *Link) Address() peer.Address { return l.services.link.Address() }

// Done implements peer.Link.
func (l *Link) Done() <-chan struct{} { return l.done }

// Err returns why the gateway ended the link, and nil if it did not. It wraps a
// *protocol.Error.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reason == nil {
		return nil
	}
	return l.wrap(l.reason)
}

// Close implements peer.Link.
func (l *Link) Close() error {
	l.close(nil)
	return nil
}

// End closes the link for the reason given. It implements Connection.
func (l *Link) End(reason *protocol.Error) {
	if l.close(reason) {
		l.gateway.ConnectionEnded(l.principal, netip.Addr{}, reason)
	}
}

// close ends the link, and reports whether it was open.
func (l *Link) close(reason *protocol.Error) bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	l.closed, l.reason = true, reason
	held := l.held
	l.held = nil
	l.mu.Unlock()
	for h := range held {
		h.end()
	}
	l.services.Close()
	l.login.LogOut()
	l.gateway.Metrics.Connections.WithLabelValues(protocol.ConnectionLink).Dec()
	close(l.done)
	return true
}

// take takes a place in taken, of which there are at most most. It returns peer.ErrClosed if
// the link has ended.
func (l *Link) take(taken *int, most int, refusal func(most int) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return peer.ErrClosed
	case *taken >= most:
		return refusal(most)
	}
	*taken++
	return nil
}

// takePlace takes a place for a subscription, member, server or watch.
func (l *Link) takePlace() error {
	return l.take(&l.places, l.gateway.settings.SubscriptionsPerConnection, func(most int) error {
		return protocol.Errorf(protocol.CodeTooManySubscriptions,
			"the link has %d subscriptions, watches and served services, as many as it may have", most)
	})
}

// giveBack gives a place back.
func (l *Link) giveBack(taken *int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*taken--
}

// hold makes h end when the link ends. If the link has already ended, hold ends h and
// returns false.
func (l *Link) hold(h ender) bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		h.end()
		return false
	}
	l.held[h] = struct{}{}
	l.mu.Unlock()
	return true
}

// drop ends h and gives back its place, unless h has been ended before.
func (l *Link) drop(h ender, taken *int) {
	l.mu.Lock()
	_, held := l.held[h]
	if held {
		delete(l.held, h)
		*taken--
	}
	l.mu.Unlock()
	if held {
		h.end()
	}
}

// refused counts a refusal and returns what the service is told of it.
func (l *Link) refused(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e := l.gateway.Refusal(err)
	l.gateway.Refused(protocol.ConnectionLink, l.principal, e)
	l.lastRefusal.Store(&Refused{time.Now(), e})
	return l.wrap(e)
}

func (l *Link) wrap(e *protocol.Error) error { return &linkError{e} }

// A linkError is a refusal as a Link returns it.
type linkError struct{ refusal *protocol.Error }

// Error returns the code, the message and all problems.
func (e *linkError) Error() string {
	text := fmt.Sprintf("%s: %s", e.refusal.Code, e.refusal.Message)
	if len(e.refusal.Errors) > 0 {
		text += fmt.Sprintf(" [%s]", strings.Join(e.refusal.Errors, "; "))
	}
	return text
}

// Unwrap returns the *protocol.Error.
func (e *linkError) Unwrap() error { return e.refusal }

// Is reports whether a link without a gateway would return target in this case.
func (e *linkError) Is(target error) bool {
	for _, row := range errorTable {
		if row.code == e.refusal.Code && row.err == target {
			return true
		}
	}
	switch e.refusal.Code {
	case protocol.CodeStreamDeleted:
		return target == streams.ErrDeleted
	case protocol.CodeMessageTooLarge:
		return target == peer.ErrTooLarge
	}
	return false
}
