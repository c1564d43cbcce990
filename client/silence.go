package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

// A SilenceError reports that a gateway has answered nothing at all. See Options.Silence.
type SilenceError struct {
	Waited    time.Duration
	Connected bool // there was a connection, which was silent
}

// Error implements error.
func (e *SilenceError) Error() string {
	if e.Connected {
		return fmt.Sprintf("the gateway has answered nothing for %v", e.Waited)
	}
	return fmt.Sprintf("there was no connection within %v", e.Waited)
}

// Timeout says that this is a matter of time, as net.Error does.
func (e *SilenceError) Timeout() bool { return true }

// A listening transport gives up a request whose gateway is silent. A gateway that takes long
// for one answer is not silent: after half of the time, the transport asks it something else.
type listening struct {
	http.RoundTripper
	silence time.Duration
}

// RoundTrip implements http.RoundTripper.
func (l listening) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	var connected atomic.Bool
	var outcome atomic.Int32 // answered or silent, whichever comes first
	const answered, silent = 1, 2
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	asking := time.AfterFunc(l.silence/2, func() {
		if !l.answers(ctx, r) && outcome.CompareAndSwap(0, silent) {
			cancel()
		}
	})
	resp, err := l.RoundTripper.RoundTrip(r.WithContext(ctx))
	asking.Stop()
	first := outcome.CompareAndSwap(0, answered)
	switch {
	case err != nil:
		cancel()
		if !first && r.Context().Err() == nil {
			return nil, &SilenceError{l.silence, connected.Load()}
		}
		return nil, err
	case !first: // the answer came too late: its body is cut off
		resp.Body.Close()
		return nil, &SilenceError{l.silence, connected.Load()}
	case resp.StatusCode == http.StatusSwitchingProtocols:
		cancel() // what asks; the connection does not end with it
	default:
		resp.Body = cancelled{resp.Body, cancel}
	}
	return resp, nil
}

// answers reports whether anything answers where r goes, within the other half of the time.
func (l listening) answers(ctx context.Context, r *http.Request) bool {
	ctx, cancel := context.WithTimeout(ctx, l.silence/2)
	defer cancel()
	u := *r.URL
	before, _, _ := strings.Cut(u.Path, apiPath)
	u.Path, u.RawPath, u.RawQuery = before+apiPath, "", ""
	// Credentials are not needed for an answer.
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return false
	}
	ask.Header.Set("User-Agent", userAgent)
	resp, err := l.RoundTripper.RoundTrip(ask)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

// A cancelled body ends a context when it is closed.
type cancelled struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close implements io.Closer.
func (c cancelled) Close() error {
	defer c.cancel()
	return c.ReadCloser.Close()
}

// CloseIdleConnections is for http.Client.
func (l listening) CloseIdleConnections() {
	if t, ok := l.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
