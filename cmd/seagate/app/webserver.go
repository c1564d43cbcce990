package app

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"seagate/cmd/seagate/config"
	"seagate/internal/monotonic"
	"seagate/internal/panics"
	"seagate/internal/sockets"
)

// A webServer is an http.Server that ends without failing a request. http.Server.Shutdown
// does not suffice: it closes a connection that is idle at that moment, although a
// request may be on its way, and it waits 5 s for a connection on which nothing has come.
type webServer struct {
	http    http.Server
	closing atomic.Bool // each answer is the last one of its connection

	listener net.Listener
	served   chan struct{} // closed when no more connections are accepted

	mu    sync.Mutex // guards what follows
	conns map[net.Conn]*webConn
}

// A webConn is a connection that is not a WebSocket.
type webConn struct {
	made    time.Time
	running atomic.Int32 // requests that are not answered yet
	used    atomic.Int64 // when the last request was answered, by monotonic.Now
}

// newWebServer returns a server with the handler and the limits of server.
func newWebServer(h http.Handler) *webServer {
	s := &webServer{conns: map[net.Conn]*webConn{}}
	s.http.Handler = s.count(contain(h))
	s.http.ConnContext = s.connected
	s.http.ConnState = s.changed
	return s
}

type webConnKey struct{}

// connected implements http.Server.ConnContext.
func (s *webServer) connected(ctx context.Context, nc net.Conn) context.Context {
	now := time.Now()
	c := &webConn{made: now}
	c.used.Store(int64(monotonic.Now()))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[nc] = c
	return context.WithValue(sockets.Context(ctx, nc), webConnKey{}, c)
}

// changed implements http.Server.ConnState.
func (s *webServer) changed(nc net.Conn, state http.ConnState) {
	sockets.Changed(nc, state)
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, nc)
}

// contain ends the connection of a request whose handler panics, as http.Server does, and reports
// that. Most panics do not get here: those of an operation are its answer.
func contain(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				panic(v)
			default:
				panics.Report("request", v)
				panic(http.ErrAbortHandler)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

// count notes which connections have requests that are not answered.
func (s *webServer) count(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := r.Context().Value(webConnKey{}).(*webConn)
		c.running.Add(1)
		defer func() {
			c.used.Store(int64(monotonic.Now()))
			c.running.Add(-1)
		}()
		if s.closing.Load() || r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
			// net/http hides a Content-Length beside Transfer-Encoding. A proxy may have
			// used that length, and then takes a part of this body for the next request:
			// request smuggling (RFC 9112 §6.1). So a connection ends after a chunked body.
			w.Header().Set("Connection", "close") // HTTP/2: GOAWAY
		}
		h.ServeHTTP(w, r)
	})
}

// start serves a listener. What ends that is sent to failed.
func (s *webServer) start(l net.Listener, failed chan<- error) {
	s.listener, s.served = l, make(chan struct{})
	if s.http.TLSConfig != nil {
		l = tls.NewListener(l, s.http.TLSConfig)
	}
	go func() {
		defer close(s.served)
		failed <- s.http.Serve(l)
	}()
}

// requests returns how many requests are not answered yet.
func (s *webServer) requests() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		n += int(c.running.Load())
	}
	return n
}

// finish ends the server after start. It first makes each answer the last one of its
// connection, and waits until the connections that are open now are closed or idle.
// Meanwhile it accepts new ones. Then it closes the listener, answers what has arrived,
// and closes the rest. It returns how many requests were not answered when ctx ended.
func (s *webServer) finish(ctx context.Context) (cut int) {
	s.closing.Store(true)
	begun := time.Now()
	deadline, _ := ctx.Deadline()
	listening, cancel := context.WithDeadline(ctx, deadline.Add(-min(config.LastRequests, time.Until(deadline)/2)))
	defer cancel()
	s.await(listening, func(c *webConn) bool { return c.made.Before(begun) })
	s.listener.Close()
	<-s.served
	last, cancel := context.WithTimeout(ctx, config.LastRequests)
	defer cancel()
	s.await(last, func(*webConn) bool { return true })
	cut = s.requests()
	s.end()
	return cut
}

// await waits until none of the connections that meant selects is in use.
func (s *webServer) await(ctx context.Context, meant func(*webConn) bool) {
	const interval = 2 * time.Millisecond
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for s.inUse(meant) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// inUse reports whether a connection has requests to answer, or may be about to get
// one. A client that was silent for long is not expected to send a request right now.
func (s *webServer) inUse(meant func(*webConn) bool) bool {
	quiet := int64(monotonic.Now() - config.RequestPause)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if meant(c) && (c.running.Load() > 0 || c.used.Load() > quiet) {
			return true
		}
	}
	return false
}

// end closes all connections. It first tells those of HTTP/2 which requests were not
// handled.
func (s *webServer) end() {
	const told = 100 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), told)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
}
