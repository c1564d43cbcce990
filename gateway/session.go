package gateway

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"seagate/auth"
	"seagate/protocol"
)

// Authenticate returns who presents the credentials. The refusal tells the
// peer nothing about what was wrong with them; the log does.
func (g *Gateway) Authenticate(c protocol.Credentials, from netip.Addr) (*auth.Principal, *protocol.Error) {
	var p *auth.Principal
	var err error
	if c.Type == protocol.JWTCredentials {
		p, err = g.Directory.Token(c.ClientID, c.Secret.Reveal(), c.JailID, from)
	} else {
		p, err = g.Directory.Basic(c.ClientID, c.Secret.Reveal(), from)
	}
	if err == nil && c.JailID != "" && c.JailID != p.JailID {
		err = errOtherJail
	}
	if err != nil {
		return nil, g.refuseCredentials(c, from, err)
	}
	return p, nil
}

// errOtherJail: the credentials are good, for a client of another jail than the
// one that was named with them.
var errOtherJail = errors.New("the client is not in the jail that was named")

// A Connection is a transport's end of a session.
type Connection interface {
	// End closes the connection for the reason given. It must not block.
	End(reason *protocol.Error)
}

// A Session is a connection that authenticated. Owned by its connection.
type Session struct {
	gateway    *Gateway
	principal  *auth.Principal
	connection Connection
	expiry     *time.Timer // nil unless the credential expires
}

// Enter admits an authenticated connection. From then on the connection is
// ended when its credentials expire or are revoked, until Leave.
func (g *Gateway) Enter(p *auth.Principal, c Connection) (*Session, *protocol.Error) {
	s := &Session{gateway: g, principal: p, connection: c}
	if !g.sessions.add(s) {
		return nil, protocol.Errorf(protocol.CodeTooManyConnections,
			"this client has %d connections, as many as it may have", g.settings.ConnectionsPerClient)
	}
	// Revocation first changes the directory and then looks for sessions; so
	// one that came in between is seen here or there.
	if !g.Directory.Current(p) {
		g.sessions.remove(s)
		return nil, protocol.Errorf(protocol.CodeInvalidCredentials, invalidCredentials)
	}
	if !p.Expires.IsZero() {
		s.expiry = time.AfterFunc(time.Until(p.Expires), s.expire)
	}
	return s, nil
}

func (s *Session) expire() {
	s.connection.End(protocol.Errorf(protocol.CodeTokenExpired, "the token has expired; connect with a new one"))
}

// Leave ends the session. It is safe to call twice.
func (s *Session) Leave() {
	if s.expiry != nil {
		s.expiry.Stop()
	}
	s.gateway.sessions.remove(s)
}

// revoked ends the sessions whose credentials a change has ended.
func (g *Gateway) revoked(r auth.Revocation) {
	for _, s := range g.sessions.covered(r) {
		s.connection.End(protocol.Errorf(protocol.CodeCredentialsRevoked, "the credentials of this connection were revoked"))
	}
	g.rates.forget(r.JailUID, r.ClientUID)
}

// sessions is the connections that are authenticated, by client.
type sessions struct {
	perClient int

	mu      sync.Mutex // guards what follows
	clients map[string]map[*Session]struct{}
}

func newSessions(perClient int) *sessions {
	return &sessions{perClient: perClient, clients: map[string]map[*Session]struct{}{}}
}

func (t *sessions) add(s *Session) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.clients[s.principal.ClientUID]
	if len(of) >= t.perClient {
		return false
	}
	if of == nil {
		of = map[*Session]struct{}{}
		t.clients[s.principal.ClientUID] = of
	}
	of[s] = struct{}{}
	return true
}

func (t *sessions) remove(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.clients[s.principal.ClientUID]
	delete(of, s)
	if len(of) == 0 {
		delete(t.clients, s.principal.ClientUID)
	}
}

// covered returns the sessions that rely on a credential that was revoked.
func (t *sessions) covered(r auth.Revocation) (found []*Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	clients := t.clients
	if r.ClientUID != "" {
		clients = map[string]map[*Session]struct{}{r.ClientUID: t.clients[r.ClientUID]}
	}
	for _, of := range clients {
		for s := range of {
			if r.Covers(s.principal) {
				found = append(found, s)
			}
		}
	}
	return found
}
