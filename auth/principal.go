package auth

import (
	"sync/atomic"
	"time"

	"seagate/auth/fdsl"
)

// A Method is how a principal authenticated. The zero Method means that it did not.
type Method uint8

// The methods.
const (
	MethodBasic Method = iota + 1 // client id and secret
	MethodToken                   // a JWT that the client signed
)

// A Principal is a client that authenticated, or the bearer of a client's token. It is
// immutable, and requests share it.
type Principal struct {
	JailID    string
	JailUID   string // what belongs to the jail is kept under its uid
	ClientID  string
	ClientUID string
	Method    Method
	Root      bool // of the root jail

	// The claims of a token; zero for a client that presented its secret.
	Expires    time.Time    // the principal is current before this time
	MustFanout bool         // must not share the messages of a group
	Filter     *fdsl.Filter // the messages that it may see; nil for all
	Fetches    []FetchGrant // the procedures that it may call

	credential *credential
}

// A credential is a secret until it is rotated, or a public key until it is replaced.
type credential struct {
	principal Principal // whoever presents the credential
	revoked   atomic.Bool
}

// Current reports whether p's credential is still in force: the client and jail exist, the
// secret or key is unchanged, and the token has not expired.
func (p *Principal) Current() bool {
	return p.credential != nil && !p.credential.revoked.Load() && (p.Expires.IsZero() || time.Now().Before(p.Expires))
}

// InForce returns nil if p is Current. Otherwise it returns ErrTokenExpired if p's token has
// expired and nothing else is wrong, or ErrInvalidCredentials.
func (p *Principal) InForce() error {
	switch {
	case p.Current():
		return nil
	case p.credential != nil && !p.credential.revoked.Load():
		return ErrTokenExpired
	}
	return ErrInvalidCredentials
}

// An Action is something that a principal may be allowed to do within its jail.
type Action uint8

// The actions.
const (
	Subscribe         Action = iota + 1
	Publish                  // to a stream
	Provide                  // a stream: say that messages come, and be told whether anybody wants them
	Define                   // a stream's schema; also the dry run of it
	Describe                 // read schemas and the state of a stream
	ListStreams              //
	AdministerStreams        // header, pause, resume, delete
	Serve                    // calls and signals of a service
	Fetch                    // call a procedure of a service; see MayFetch
	Signal                   // a service
	ListServices             //
	DefineServices           // their schemas; also the dry run of it, and to delete them
	ManageClients            // create, list, delete; secrets and keys
	ManageJails              // create, list, delete
	BackUp                   // the whole server
	ImportAll                // jails, clients with their secrets, and streams
	endOfActions
)

var actionNames = [endOfActions]string{
	Subscribe:         "subscribe",
	Publish:           "publish",
	Provide:           "provide streams",
	Define:            "define schemas",
	Describe:          "read schemas",
	ListStreams:       "list streams",
	AdministerStreams: "administer streams",
	Serve:             "serve",
	Fetch:             "fetch",
	Signal:            "signal",
	ListServices:      "list services",
	DefineServices:    "define services",
	ManageClients:     "manage clients",
	ManageJails:       "manage jails",
	BackUp:            "back up the server",
	ImportAll:         "import jails and clients",
}

func (a Action) known() bool { return a > 0 && a < endOfActions }

// String completes the sentence "not allowed to".
func (a Action) String() string {
	if !a.known() {
		return "do this"
	}
	return actionNames[a]
}

// May returns nil if principals such as p may take the action, and a *ForbiddenError otherwise.
// It does not check whether the credential is in force: Current does.
func (p *Principal) May(action Action) error {
	switch {
	case !action.known():
		return &ForbiddenError{action, "no such action"}
	case p.Method == MethodToken && action == Fetch && len(p.Fetches) > 0: // MayFetch looks closer
	case p.Method == MethodToken && action != Subscribe:
		return &ForbiddenError{action, "the bearer of a token may only subscribe; use the client's id and secret"}
	case p.Method != MethodBasic && p.Method != MethodToken:
		return &ForbiddenError{action, "not authenticated"}
	case (action == ManageJails || action == BackUp || action == ImportAll) && !p.Root:
		return &ForbiddenError{action, "only clients of the root jail may"}
	}
	return nil
}
