package ws

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"seagate/gateway"
	"seagate/gateway/session"
	"seagate/internal/origin"
	"seagate/protocol"
)

// Options of a Server. All fields must be set.
type Options struct {
	Connections           int           // open at once, over all clients
	MessageBytes          int           // largest message from a client
	QueuedBytes           int           // waiting to be written per connection before its subscriptions are left behind
	FramesPerSecond       int           // control and empty frames from a client, beyond the answers to pings
	PublishesInFlight     int           // publishes of one connection that are not answered yet
	PingInterval          time.Duration // a peer that leaves a ping unanswered for as long is dropped
	AuthenticationTimeout time.Duration
	StallTimeout          time.Duration // a peer that reads nothing for so long is dropped
	LingerTimeout         time.Duration // how long a peer may take to close after we did

	// LiteralActions makes answers and deliveries of a subscription carry the
	// request's action, "subscribe". The clients in use expect "subscription".
	LiteralActions bool

	// Origins says which web pages may connect.
	Origins origin.Set
}

// A Server is the endpoint and its connections. Safe for concurrent use.
type Server struct {
	gateway *gateway.Gateway
	opts    Options
	session session.Options
	log     *slog.Logger
	ids     atomic.Uint64

	mu       sync.Mutex                    // guards what follows
	conns    [pingSlots]map[*conn]struct{} // by when they are pinged
	open     int                           // connections, and handshakes that were admitted
	draining bool
	gone     sync.WaitGroup // one per connection, and the keep-alive

	stop     chan struct{}
	stopOnce sync.Once
}

// NewServer returns a server. Shutdown ends it.
func NewServer(g *gateway.Gateway, opts Options) *Server {
	s := &Server{
		gateway: g,
		opts:    opts,
		session: session.Options{
			Transport:         transport,
			Limits:            protocol.DefaultLimits(),
			Action:            protocol.ActionSubscription,
			PublishesInFlight: opts.PublishesInFlight,
		},
		log:  g.Log,
		stop: make(chan struct{}),
	}
	s.session.Limits.MessageBytes = opts.MessageBytes
	s.session.Limits.JSONDepth = g.Settings().JSONDepth + 1 // the message around the payload
	if opts.LiteralActions {
		s.session.Action = protocol.ActionSubscribe
	}
	for i := range s.conns {
		s.conns[i] = map[*conn]struct{}{}
	}
	s.gone.Go(s.keepAlive)
	return s
}

// strangerBytes bounds a message of a client that has not authenticated: enough
// for the largest token, and not what anybody could make the server hold.
func (s *Server) strangerBytes() int {
	return min(s.opts.MessageBytes, s.session.Limits.TokenBytes+strangerSlack)
}

const strangerSlack = 8 << 10 // for the message around the token

// ServeHTTP accepts a connection. The request must be a WebSocket handshake
// from an allowed origin; the caller has seen to the path.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.admit(r); err != nil {
		s.refuse(w, err)
		return
	}
	defer s.gone.Done() // of admit: from here on the connection counts
	c, err := accept(w, r, s)
	if err != nil {
		s.releasePlace()
		s.log.Debug("handshake refused", "address", r.RemoteAddr, "error", err)
		return
	}
	if !s.add(c) {
		c.End(protocol.Errorf(protocol.CodeServerShutdown, "the server shuts down"))
	}
	// The handler returns, so that what the HTTP server holds for a request
	// is freed; the goroutine takes nothing of it along.
	go c.run()
}

// maxLoggedOrigin keeps strangers from filling the log.
const maxLoggedOrigin = 256

// transport names this one in metrics.
const transport = "websocket"

// refuse answers a handshake that is not accepted.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	e := s.gateway.Refusal(err)
	s.gateway.Metrics.Refused(transport, e)
	gateway.WriteProblem(w, e)
}

// admit reserves a place for the connection, which releasePlace or remove gives
// back.
func (s *Server) admit(r *http.Request) error {
	if origin := r.Header.Get("Origin"); !s.opts.Origins.Allows(origin, r.Host) {
		s.log.Warn("origin refused", "origin", origin[:min(len(origin), maxLoggedOrigin)], "address", r.RemoteAddr,
			"advice", "add it to allowed_origins if it is yours")
		return protocol.Errorf(protocol.CodeOriginNotAllowed, "pages of this origin may not connect")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return protocol.Errorf(protocol.CodeShuttingDown, "the server shuts down; connect again in a moment")
	}
	if s.open >= s.opts.Connections {
		return protocol.Errorf(protocol.CodeTooManyConnections, "the server has %d connections, as many as it takes", s.opts.Connections)
	}
	s.open++
	s.gone.Add(1) // here, so that Shutdown waits for handshakes under way
	return nil
}

// releasePlace releases the place of a handshake that failed.
func (s *Server) releasePlace() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// add registers a connection. It returns false if the server shuts down, but
// waits for the connection all the same.
func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c.slot()][c] = struct{}{}
	s.gone.Add(1)
	s.gateway.Metrics.Connections.WithLabelValues(transport).Inc()
	s.gateway.Metrics.ConnectionsMade.WithLabelValues(transport).Inc()
	return !s.draining
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns[c.slot()], c)
	s.open--
	s.gateway.Metrics.Connections.WithLabelValues(transport).Dec()
	s.gone.Done()
}

// all returns the connections, in no order.
func (s *Server) all() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*conn, 0, s.open)
	for _, conns := range s.conns {
		all = slices.AppendSeq(all, maps.Keys(conns))
	}
	return all
}

func (s *Server) inSlot(slot int) []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns[slot]))
}

// slot is when, of the pings of an interval, the connection gets its own.
func (c *conn) slot() int { return int(c.id % pingSlots) }

// pingSlots spreads the pings of all connections over the interval.
const pingSlots = 20

// keepAlive pings each connection once per interval and drops those that do
// not answer. One goroutine does it for all: a timer each would cost more than
// the rest of an idle connection's state.
func (s *Server) keepAlive() {
	tick := time.NewTicker(s.opts.PingInterval / pingSlots)
	defer tick.Stop()
	for slot := 0; ; slot = (slot + 1) % pingSlots {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		for _, c := range s.inSlot(slot) {
			if !c.out.KeepAlive(s.opts.PingInterval * 3 / 4) {
				c.drop(protocol.Errorf(protocol.CodePeerGone, "the peer answers no pings"))
			}
		}
	}
}

// ErrNotDrained: Shutdown's context ended before all connections had.
var ErrNotDrained = errors.New("ws: connections were cut off")

// Shutdown takes no more connections and ends those there are, one after the
// other over the time given, so that their clients do not all come back at
// once. It waits for them until the context ends, and then cuts them off.
func (s *Server) Shutdown(ctx context.Context, over time.Duration) error {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	s.endAll(ctx, over) // those whose turn is late are kept alive meanwhile
	s.stopOnce.Do(func() { close(s.stop) })
	done := make(chan struct{})
	go func() { s.gone.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		for _, c := range s.all() {
			c.nc.Close()
		}
		<-done
		return ErrNotDrained
	}
}

func (s *Server) endAll(ctx context.Context, over time.Duration) {
	all := s.all()
	start := time.Now()
	for i, c := range all {
		due := time.Until(start.Add(over * time.Duration(i) / time.Duration(len(all))))
		if due > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(due):
			}
		}
		c.End(protocol.Errorf(protocol.CodeServerShutdown, "the server shuts down; connect again in a moment"))
	}
}
