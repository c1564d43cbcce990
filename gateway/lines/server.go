package lines

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net"
	"slices"
	"sync"
	"time"

	"seagate/auth"
	"seagate/gateway"
	"seagate/internal/budget"
	"seagate/internal/pace"
	"seagate/internal/panics"
	"seagate/protocol"
	"seagate/protocol/msgstream"
)

// Options of a Server. All fields must be set, apart from those that say what the zero
// value means.
type Options struct {
	Connections           int           // connections that may be open at once
	ConnectionsPerJail    int           // of the clients of one jail; no bound with ClientID
	LineBytes             int           // size of the longest line of a client
	LineTimeout           time.Duration // how long a line may take from its first byte to its end
	QueuedBytes           int           // bytes queued for a connection above which its listeners are parked
	PublishesInFlight     int           // unanswered puts of one connection
	AuthenticationTimeout time.Duration // how long a client may take to authenticate
	StallTimeout          time.Duration // a peer that reads nothing for this long is dropped
	LingerTimeout         time.Duration // how long a peer may take to close after the server's last line
	SweepInterval         time.Duration // time between two looks for idle job streams

	// ClientID makes every connection one of that client, without credentials. "" lets each
	// authenticate with its first line. JailID names the client's jail, and may be "" if
	// only one jail has a client of that id.
	ClientID, JailID string

	TLS *tls.Config // nil: connections are not encrypted

	// Wire is the format of the lines. The zero value is msgstream.JSON.
	Wire msgstream.Wire
}

// transport is the name of this transport in metrics.
const transport = protocol.ConnectionLines

// A Server is the connections of one listener. It is safe for concurrent use.
type Server struct {
	gateway     *gateway.Gateway
	opts        Options
	credentials protocol.Limits
	log         *slog.Logger

	mu        sync.Mutex // guards what follows
	listener  net.Listener
	conns     map[*conn]struct{}
	listening map[streamKey]map[*listening]struct{}
	draining  bool           // Shutdown was called
	gone      sync.WaitGroup // connections, and the sweeper

	jails *budget.Budget[string] // connections by the uid of the jail

	stop context.CancelFunc
}

// A streamKey names a stream of a jail.
type streamKey struct{ jail, stream string }

// NewServer returns a server. Shutdown ends it.
func NewServer(g *gateway.Gateway, opts Options) *Server {
	if opts.Wire.Requests == nil {
		limits := msgstream.DefaultLimits()
		limits.JSONDepth = g.Settings().JSONDepth + 1 // the line around the message
		opts.Wire = msgstream.JSON(limits)
	}
	life, stop := context.WithCancel(context.Background())
	s := &Server{
		gateway:     g,
		opts:        opts,
		credentials: protocol.DefaultLimits(),
		log:         g.Log,
		conns:       map[*conn]struct{}{},
		listening:   map[streamKey]map[*listening]struct{}{},
		jails:       budget.New[string](int64(opts.ConnectionsPerJail), math.MaxInt64),
		stop:        stop,
	}
	s.gone.Go(func() { s.sweep(life) })
	return s
}

// sweep ends idle job streams until the context ends.
func (s *Server) sweep(ctx context.Context) {
	tick := time.NewTicker(s.opts.SweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			func() {
				defer panics.Contain("job streams")
				s.gateway.EndIdleJobs(ctx)
			}()
		case <-ctx.Done():
			return
		}
	}
}

// strangerBytes returns the size of the longest line before authentication: enough for
// the largest token. Without it anybody could make the server hold LineBytes for each
// connection.
func (s *Server) strangerBytes() int {
	const aroundToken = 8 << 10
	return min(s.opts.LineBytes, s.credentials.TokenBytes+aroundToken)
}

// Bounds of the wait after an Accept that failed, for example for want of file
// descriptors.
const (
	firstAcceptWait = 5 * time.Millisecond
	lastAcceptWait  = time.Second
)

// Serve accepts connections until Shutdown. Then it returns nil, and otherwise the error
// of the listener, which it closes.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	s.mu.Lock()
	s.listener = l
	draining := s.draining
	s.mu.Unlock()
	wait := firstAcceptWait
	for !draining {
		nc, err := l.Accept()
		if err == nil {
			wait = firstAcceptWait
			s.accept(nc)
			continue
		}
		if s.isDraining() {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		s.log.Error("a connection of the lines listener could not be accepted", "error", err)
		time.Sleep(wait)
		wait = min(2*wait, lastAcceptWait)
	}
	return nil
}

func (s *Server) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// keepAlive makes the kernel find peers that are gone without a word, since lines have no
// pings. That takes about 50 s.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 20 * time.Second, Interval: 10 * time.Second, Count: 3}

func (s *Server) accept(nc net.Conn) {
	defer panics.Contain("connection", func() { nc.Close() })
	if tcp, ok := nc.(interface {
		SetKeepAliveConfig(net.KeepAliveConfig) error
	}); ok {
		tcp.SetKeepAliveConfig(keepAlive)
	}
	if s.opts.TLS != nil {
		nc = tls.Server(nc, s.opts.TLS)
	}
	c := newConn(s, nc)
	if err := s.add(c); err != nil {
		s.turnAway(c, s.gateway.Refusal(err))
		return
	}
	go c.run()
}

// add registers a connection, or says why it is refused.
func (s *Server) add(c *conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining:
		return protocol.Errorf(protocol.CodeShuttingDown, "the server shuts down; connect again in a moment")
	case len(s.conns) >= s.opts.Connections:
		return protocol.Errorf(protocol.CodeTooManyConnections, "the listener has %d connections, as many as it takes (lines.connections)", s.opts.Connections)
	}
	s.conns[c] = struct{}{}
	s.gone.Add(1)
	s.gateway.Metrics.Connections.WithLabelValues(transport).Inc()
	s.gateway.Metrics.ConnectionsMade.WithLabelValues(transport).Inc()
	return nil
}

// turnAway refuses a connection that was not added. It does not wait for the peer: the
// line fits into the kernel's buffer, and a TLS handshake is not worth its cost.
func (s *Server) turnAway(c *conn, refusal *protocol.Error) {
	s.gateway.Metrics.Refused(transport, refusal)
	if s.opts.TLS == nil {
		c.nc.SetDeadline(time.Now().Add(time.Second))
		c.nc.Write(c.line(msgstream.Event{Action: msgstream.ActionError, Error: refusal}))
	}
	c.nc.Close()
}

// share takes a place for a connection among those of its jail, until remove.
func (s *Server) share(c *conn, p *auth.Principal) error {
	if s.opts.ClientID != "" {
		return nil
	}
	if !s.jails.Take(p.JailUID, 1) {
		return protocol.Errorf(protocol.CodeTooManyConnections,
			"the clients of this jail have %d connections of the lines listener, as many as they may have (lines.connections_per_jail)",
			s.opts.ConnectionsPerJail)
	}
	c.jail = p.JailUID
	return nil
}

func (s *Server) remove(c *conn) {
	if c.jail != "" {
		s.jails.Give(c.jail, 1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.gateway.Metrics.Connections.WithLabelValues(transport).Dec()
	s.gone.Done()
}

// Open returns the number of connections.
func (s *Server) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *Server) all() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns))
}

// ErrNotDrained reports that the context of Shutdown ended before the connections did.
var ErrNotDrained = errors.New("lines: connections were cut off")

// Shutdown accepts no more connections and ends the existing ones at a pace, each once the lines
// that were read from it are answered. It waits until all have ended. When the context ends
// first, it closes the rest at once and returns ErrNotDrained.
func (s *Server) Shutdown(ctx context.Context, at pace.Pace) error {
	s.mu.Lock()
	s.draining = true
	if s.listener != nil {
		s.listener.Close()
	}
	s.mu.Unlock()
	s.stop()
	s.endAll(ctx, at)
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
