package gateway

import (
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"seagate/auth"
	"seagate/internal/panics"
	"seagate/protocol"
)

// Authenticate returns the principal of the credentials. The error tells the peer whether its
// own token has expired, and no other reason. The log has the reason.
func (g *Gateway) Authenticate(c protocol.Credentials, from netip.Addr) (*auth.Principal, error) {
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
	who := *p
	who.Address = from
	return &who, nil
}

// Trust returns the principal of a client that the operator's configuration trusts whoever
// connects to be. jailID may be "" if only one jail has a client of that id.
func (g *Gateway) Trust(clientID, jailID string) (*auth.Principal, error) {
	p, err := g.Directory.Trusted(clientID, jailID)
	if err != nil {
		g.Log.Warn("the configured client of a listener cannot be used", "client", clientID, "jail", jailID, "error", err)
	}
	return p, err
}

// errOtherJail reports valid credentials of a client that is not in the jail that
// was named with them.
var errOtherJail = errors.New("the client is not in the jail that was named")

// A Connection, or a request that lasts, is what a login ends when its credentials do.
type Connection interface {
	// End closes the connection for the reason given. It must not block.
	End(reason *protocol.Error)
}

// A Login is a connection or a request that has authenticated. The connection
// or request owns it.
type Login struct {
	gateway    *Gateway
	principal  *auth.Principal
	connection Connection
	table      *logins
	id         string
	since      time.Time

	mu     sync.Mutex  // guards what follows
	expiry *time.Timer // nil unless the credential expires
	out    bool        // LogOut was called
}

// LogIn admits an authenticated connection. From then on the connection is
// ended when its credentials expire or are revoked, until LogOut.
func (g *Gateway) LogIn(p *auth.Principal, c Connection) (*Login, error) {
	return g.attach(p, c, g.logins)
}

// Attend is LogIn for one request that lasts, such as a call over HTTP. It does not
// count as a connection of its client.
func (g *Gateway) Attend(p *auth.Principal, c Connection) (*Login, error) {
	return g.attach(p, c, g.requests)
}

func (g *Gateway) attach(p *auth.Principal, c Connection, table *logins) (*Login, error) {
	l := &Login{gateway: g, principal: p, connection: c, table: table, id: newConnectionID(), since: time.Now()}
	if err := table.add(l); err != nil {
		return nil, err
	}
	// A revocation first changes the directory and then looks for logins. So a
	// revocation that comes at the same time is noticed either here or by its
	// search.
	if err := p.InForce(); err != nil {
		table.remove(l)
		return nil, err
	}
	if !p.Expires.IsZero() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.expiry = time.AfterFunc(l.untilLook(), l.expire)
	}
	return l, nil
}

// expiryLook is the interval at which the expiry of a token is checked. One timer until
// exp would not do: exp is a time of the machine's clock, and a timer takes no notice
// when that clock is set.
const expiryLook = 30 * time.Second

func (l *Login) untilLook() time.Duration {
	return min(expiryLook, time.Until(l.principal.Expires))
}

// expire ends the connection if its token has expired. Otherwise it checks
// again later.
func (l *Login) expire() {
	defer panics.Contain("timer")
	if l.hasExpired() {
		l.connection.End(l.gateway.Refusal(auth.ErrTokenExpired))
	}
}

// hasExpired reports whether the token has expired. Otherwise expire is called again.
func (l *Login) hasExpired() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := l.untilLook()
	if left > 0 && !l.out {
		l.expiry.Reset(left)
	}
	return left <= 0
}

// LogOut ends the login. It is safe to call twice.
func (l *Login) LogOut() {
	l.mu.Lock()
	l.out = true
	if l.expiry != nil {
		l.expiry.Stop()
	}
	l.mu.Unlock()
	l.table.remove(l)
}

// revoked ends the connections and requests whose credentials a change has ended.
func (g *Gateway) revoked(r auth.Revocation) {
	for _, l := range append(g.logins.covered(r), g.requests.covered(r)...) {
		l.connection.End(protocol.Errorf(protocol.CodeCredentialsRevoked, "the credentials of this connection were revoked"))
	}
	g.rates.forget(r.JailUID, r.ClientUID)
	if r.ClientUID == "" {
		g.changes.forget(r.JailUID, "")
		g.reads.forget(r.JailUID, "")
		g.compiled.forget(r.JailUID, "")
	}
}

// logins is the connections or requests that are authenticated, by client.
type logins struct {
	perClient atomic.Int64
	perJail   int // 0: no bound

	mu      sync.Mutex // guards what follows
	clients map[string]map[*Login]struct{}
	jails   map[string]int // logins of each
}

func newLogins(perClient, perJail int) *logins {
	t := &logins{perJail: perJail, clients: map[string]map[*Login]struct{}{}, jails: map[string]int{}}
	t.perClient.Store(int64(perClient))
	return t
}

func (t *logins) add(l *Login) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	of, jail := t.clients[l.principal.Budget()], l.principal.JailUID
	if most := t.perClient.Load(); len(of) >= int(most) {
		return protocol.Errorf(protocol.CodeTooManyConnections,
			"this client has %d connections, as many as it may have (limits.connections_per_client)", most)
	}
	if t.perJail > 0 && t.jails[jail] >= t.perJail {
		return protocol.Errorf(protocol.CodeTooManyConnections,
			"the clients of this jail have %d connections, as many as they may have (limits.connections_per_jail)", t.perJail)
	}
	if of == nil {
		of = map[*Login]struct{}{}
		t.clients[l.principal.Budget()] = of
	}
	of[l] = struct{}{}
	t.jails[jail]++
	return nil
}

func (t *logins) remove(l *Login) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of, jail := t.clients[l.principal.Budget()], l.principal.JailUID
	if _, there := of[l]; !there {
		return
	}
	delete(of, l)
	if len(of) == 0 {
		delete(t.clients, l.principal.Budget())
	}
	if t.jails[jail]--; t.jails[jail] == 0 {
		delete(t.jails, jail)
	}
}

// covered returns the logins that rely on a credential that was revoked.
func (t *logins) covered(r auth.Revocation) (found []*Login) {
	t.mu.Lock()
	defer t.mu.Unlock()
	clients := t.clients
	if r.ClientUID != "" {
		bearers := auth.BearersOf(r.ClientUID)
		clients = map[string]map[*Login]struct{}{r.ClientUID: t.clients[r.ClientUID], bearers: t.clients[bearers]}
	}
	for _, of := range clients {
		for l := range of {
			if r.Covers(l.principal) {
				found = append(found, l)
			}
		}
	}
	return found
}

// all returns all logins, in no order.
func (t *logins) all() (found []*Login) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, of := range t.clients {
		for l := range of {
			found = append(found, l)
		}
	}
	return found
}

// links returns the logins that are links in this process.
func (t *logins) links() (found []*Link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, of := range t.clients {
		for login := range of {
			if l, ok := login.connection.(*Link); ok {
				found = append(found, l)
			}
		}
	}
	return found
}

// ConnectionEnded logs and counts a connection that the server has ended. p is nil if it
// had not authenticated.
func (g *Gateway) ConnectionEnded(p *auth.Principal, address netip.Addr, reason *protocol.Error) {
	g.Metrics.Ended(reason.Code)
	level := slog.LevelInfo
	if reason.Code == protocol.CodeServerShutdown {
		level = slog.LevelDebug // the operator ends all connections at once
	}
	kind := "ended " + string(reason.Code)
	attributes := []any{"code", reason.Code, "reason", reason.Message}
	if address.IsValid() { // a link in this process has none
		attributes = append([]any{"address", address}, attributes...)
	}
	if p != nil {
		kind += " " + p.JailID // a budget for each jail
		attributes = append(attributes, "jail", p.JailID, "client", p.ClientID)
	}
	g.rationed.Log(level, kind, "connection ended", attributes...)
}
