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
	"seagate/internal/pace"
	"seagate/internal/panics"
	"seagate/protocol"
)

// Options of a Server. All fields must be set.
type Options struct {
	Connections           int           // authenticated connections that may be open at once; Reload changes it
	MessageBytes          int           // size of the largest message from a client
	QueuedBytes           int           // bytes queued for a connection above which its subscriptions are parked
	FramesPerSecond       int           // control and empty frames from a client, without the answers to pings
	PublishesInFlight     int           // unanswered publishes of one connection
	PingInterval          time.Duration // each peer is pinged so often, and dropped if it does not answer
	AuthenticationTimeout time.Duration // how long a client may take to authenticate
	MessageTimeout        time.Duration // how long a message may take from its first byte to its last, after that
	StallTimeout          time.Duration // a peer that reads nothing for this long is dropped
	LingerTimeout         time.Duration // how long a peer may take to close after the server's close frame
	ShutdownLinger        time.Duration // the same for all peers together, after Shutdown has told the last one

	// LiteralActions makes answers and deliveries of a subscription carry the
	// action of the request, "subscribe". Deployed clients expect "subscription".
	LiteralActions bool

	// Origins says which web pages may connect. Reload changes it.
	Origins origin.Set
}

// A Server is the WebSocket endpoint with its connections. It is safe for
// concurrent use.
type Server struct {
	gateway *gateway.Gateway
	opts    Options
	session session.Options
	log     *slog.Logger
	ids     atomic.Uint64
	resting *resting

	mu            sync.Mutex                    // guards what follows
	conns         [pingSlots]map[*conn]struct{} // by ping slot
	open          int                           // connections and admitted handshakes
	authenticated int                           // connections that have authenticated
	most          int                           // connections that may have authenticated
	origins       origin.Set
	draining      bool           // Shutdown was called
	gone          sync.WaitGroup // connections, admitted handshakes and keepAlive

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
		log:     g.Log,
		most:    opts.Connections,
		origins: opts.Origins,
		stop:    make(chan struct{}),
	}
	s.session.Limits.MessageBytes = opts.MessageBytes
	s.session.Limits.JSONDepth = g.Settings().JSONDepth + 1 // the message around the payload
	if opts.LiteralActions {
		s.session.Action = protocol.ActionSubscribe
	}
	for i := range s.conns {
		s.conns[i] = map[*conn]struct{}{}
	}
	s.resting = newResting(g.Log)
	s.gone.Go(s.keepAlive)
	return s
}

// Reload changes Options.Connections and Options.Origins for handshakes to come.
// Connections beyond the new bound stay open.
func (s *Server) Reload(connections int, origins origin.Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most, s.origins = connections, origins
}

// strangerBytes returns the size of the largest message before authentication.
// It is enough for the largest token. Without it anybody could make the server
// hold MessageBytes for each connection.
func (s *Server) strangerBytes() int {
	const aroundToken = 8 << 10
	return min(s.opts.MessageBytes, s.session.Limits.TokenBytes+aroundToken)
}

// ServeHTTP accepts a connection, whatever the path of the request. It refuses
// what is not a WebSocket handshake from an allowed origin.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.admit(r); err != nil {
		s.refuse(w, err)
		return
	}
	defer s.gone.Done() // for the handshake; add counts the connection
	c, err := accept(w, r, s)
	if err != nil {
		s.releaseSlot()
		s.log.Debug("handshake refused", "address", r.RemoteAddr, "error", err)
		return
	}
	if !s.add(c) {
		c.End(protocol.Errorf(protocol.CodeServerShutdown, "the server shuts down"))
	}
	// The handler returns, so that the HTTP server frees the memory of the
	// request, of which the goroutine uses nothing.
	go c.start()
}

// transport is the name of this transport in metrics.
const transport = protocol.ConnectionWebSocket

// refuse answers a handshake that is not accepted.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	refusal := s.gateway.Refusal(err)
	s.gateway.Metrics.Refused(transport, refusal)
	gateway.WriteProblem(w, refusal)
}

// admit checks a handshake and reserves a slot for its connection. The caller
// calls gone.Done at the end of the handshake; releaseSlot or remove gives the
// slot back.
func (s *Server) admit(r *http.Request) error {
	s.mu.Lock()
	origins := s.origins
	s.mu.Unlock()
	if origin := r.Header.Get("Origin"); !origins.Allows(origin, r.Host) {
		s.gateway.RefuseOrigin(origin, gateway.PeerAddress(r))
		return protocol.Errorf(protocol.CodeOriginNotAllowed, "pages of this origin may not connect")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return protocol.Errorf(protocol.CodeShuttingDown, "the server shuts down; connect again in a moment")
	}
	if s.authenticated >= s.most {
		return s.tooManyLocked()
	}
	s.open++
	s.gone.Add(1) // Shutdown waits for handshakes too
	return nil
}

// releaseSlot releases the slot of a failed handshake.
func (s *Server) releaseSlot() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// add registers a connection. It returns false if the server is shutting down;
// Shutdown waits for the connection anyway.
func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c.slot()][c] = struct{}{}
	s.gone.Add(1)
	s.gateway.Metrics.Connections.WithLabelValues(transport).Inc()
	s.gateway.Metrics.ConnectionsMade.WithLabelValues(transport).Inc()
	return !s.draining
}

// enter counts a connection that has authenticated. It fails if the server has as many
// as it may. Strangers do not count: they would keep out its clients.
func (s *Server) enter(c *conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.authenticated >= s.most {
		return s.tooManyLocked()
	}
	s.authenticated++
	c.entered = true
	return nil
}

func (s *Server) tooManyLocked() error {
	return protocol.Errorf(protocol.CodeTooManyConnections, "the server has %d connections, as many as it takes (limits.connections)", s.authenticated)
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns[c.slot()], c)
	s.resting.remove(c)
	s.open--
	if c.entered {
		s.authenticated--
	}
	s.gateway.Metrics.Connections.WithLabelValues(transport).Dec()
	s.gone.Done()
}

// Open returns the number of connections, with the handshakes that were admitted.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
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

// slot returns the part of the ping interval in which the connection is pinged.
func (c *conn) slot() int { return int(c.id % pingSlots) }

// pingSlots spreads the pings of all connections over the interval.
const pingSlots = 20

// keepAlive pings each connection once per interval, and drops those that do not
// answer. One goroutine serves all connections: a timer for each would take more
// memory than the rest of an idle connection.
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
			c.keepAlive()
		}
	}
}

// keepAlive pings the peer, or drops it if it has not answered.
func (c *conn) keepAlive() {
	defer panics.Contain("keep-alive", func() { c.nc.Close() })
	if !c.out.KeepAlive(c.server.opts.PingInterval * 3 / 4) {
		c.drop(protocol.Errorf(protocol.CodePeerGone, "the peer answers no pings"))
	}
}

// ErrNotDrained reports that the context of Shutdown ended before the connections did.
var ErrNotDrained = errors.New("ws: connections were cut off")

// Shutdown accepts no more connections and ends the existing ones at a pace, each once
// the requests that were read from it are answered. Until its turn comes a connection
// works as before. Shutdown waits until all have ended. It closes those whose peer does
// not answer the close frame within ShutdownLinger. When the context ends first, it
// closes the rest at once and returns ErrNotDrained.
func (s *Server) Shutdown(ctx context.Context, at pace.Pace) error {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	s.endAll(ctx, at) // keepAlive goes on meanwhile
	s.stopOnce.Do(func() { close(s.stop); s.resting.close() })
	done := make(chan struct{})
	go func() { s.gone.Wait(); close(done) }()
	linger := time.NewTimer(s.opts.ShutdownLinger)
	defer linger.Stop()
	var err error
	select {
	case <-done:
		return nil
	case <-linger.C:
		s.log.Info("connections whose clients do not answer the close frame are cut off", "connections", s.Open())
	case <-ctx.Done():
		err = ErrNotDrained
	}
	for _, c := range s.all() {
		c.close()
	}
	<-done
	return err
}

func (s *Server) endAll(ctx context.Context, at pace.Pace) {
	all := s.all()
	at.Each(ctx, len(all), func(i int) {
		c := all[i]
		s.gone.Go(func() {
			defer panics.Contain("shutdown", func() { c.nc.Close() })
			c.retire(protocol.Errorf(protocol.CodeServerShutdown, "the server shuts down; connect again in a moment"))
		})
	})
}
