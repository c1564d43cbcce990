package auth

import (
	"log/slog"
	"sync/atomic"
	"time"

	"seagate/auth/fdsl"
)

// A Method is how a principal proved who it is.
type Method uint8

// The methods. There is no zero method: a Principal that nobody
// authenticated may do nothing.
const (
	MethodBasic Method = iota + 1 // client id and secret
	MethodToken                   // a JWT that the client signed
)

// String returns the name for logs.
func (m Method) String() string {
	switch m {
	case MethodBasic:
		return "basic"
	case MethodToken:
		return "jwt"
	default:
		return "none"
	}
}

// A Principal is whoever authenticated: a client, or the bearer of a token of
// one. It is shared between requests and never changes; nobody may write to
// it.
type Principal struct {
	JailID    string
	JailUID   string // of this incarnation of the jail: what to keep things under
	ClientID  string
	ClientUID string
	Method    Method
	Root      bool // of the operator's own jail

	// What a token says; zero for a client that came with its secret.
	Expires    time.Time    // from then on the principal is nobody
	MustFanout bool         // may never take a message away from anybody
	Filter     *fdsl.Filter // the messages it may see; nil: all of them

	grant *grant
}

// A grant is one credential as it stands behind principals: a secret until it
// is rotated, a key until it is replaced.
type grant struct {
	ended atomic.Bool
}

func (g *grant) inForce() bool { return g != nil && !g.ended.Load() }

// Current says whether the credential behind p is still in force: its client
// and jail exist, it was not rotated, and the token has not expired.
func (d *Directory) Current(p *Principal) bool {
	return p.grant.inForce() && (p.Expires.IsZero() || time.Now().Before(p.Expires))
}

// LogValue shows who it is.
func (p *Principal) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("jail", p.JailID),
		slog.String("client", p.ClientID),
		slog.String("method", p.Method.String()),
	)
}

// An Action is something that a principal may or may not do within its jail.
type Action uint8

// The actions.
const (
	Subscribe         Action = iota + 1
	Unsubscribe              // ending a subscription of its own
	Publish                  //
	Define                   // setting a stream's schema, and the dry run of it
	Describe                 // reading schemas and a stream's state
	ListStreams              //
	AdministerStreams        // header, pause, resume, delete
	ManageClients            // create, list, delete; secrets and keys
	ManageJails              // create, list, delete
	BackUp                   // copying everything there is
)

var actionNames = map[Action]string{
	Subscribe:         "subscribe",
	Unsubscribe:       "unsubscribe",
	Publish:           "publish",
	Define:            "define schemas",
	Describe:          "read schemas",
	ListStreams:       "list streams",
	AdministerStreams: "administer streams",
	ManageClients:     "manage clients",
	ManageJails:       "manage jails",
	BackUp:            "back up the server",
}

// String completes the sentence "not allowed to".
func (a Action) String() string {
	if name, known := actionNames[a]; known {
		return name
	}
	return "do this"
}

// May returns nil or a *ForbiddenError. It says what the kind of principal
// permits, not whether the credential is still in force: that is Current.
func (p *Principal) May(action Action) error {
	_, known := actionNames[action]
	switch {
	case !known:
		return &ForbiddenError{action, "no such action"}
	case p.Method == MethodToken && action != Subscribe && action != Unsubscribe:
		return &ForbiddenError{action, "the bearer of a token may only subscribe; use the client's id and secret"}
	case p.Method != MethodBasic && p.Method != MethodToken:
		return &ForbiddenError{action, "not authenticated"}
	case (action == ManageJails || action == BackUp) && !p.Root:
		return &ForbiddenError{action, "only clients of the root jail may"}
	}
	return nil
}
