package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"seagate/auth"
	"seagate/gateway"
	"seagate/internal/secret"
	"seagate/internal/sockets"
	"seagate/protocol"
)

// challenge is the WWW-Authenticate header (RFC 7617 §2).
const challenge = `Basic realm="seagate", charset="UTF-8"`

// challengeBrowser is challenge for browsers. A response with 401 must have one (RFC 9110
// §11.6.1), and they know no such scheme.
const challengeBrowser = `xBasic realm="seagate"`

// A login is the principal that authenticated last on a connection, and a digest of its header.
// Most clients send the same header with each request. The digest suffices to recognize it, and is
// no secret.
type login struct {
	digest    [sha256.Size]byte // of the Authorization header
	address   string            // http.Request.RemoteAddr
	principal *auth.Principal
}

// longestKnown is the size of the longest Authorization header that is recognized
// by its digest.
const longestKnown = 512

// authenticate sets the principal.
func (q *request) authenticate() error {
	carrier := sockets.CarrierOf(q.r.Context())
	digest, canKnow := digestOf(q.r.Header["Authorization"])
	if canKnow = canKnow && carrier != nil; canKnow {
		if last, _ := carrier.Note.Load().(*login); last != nil && last.admits(digest, q.r.RemoteAddr) {
			q.principal = last.principal
			carrier.Keep()
			return nil
		}
	}
	credentials, err := readCredentials(q.r)
	if err != nil {
		return err
	}
	if q.principal, err = q.gateway.Authenticate(credentials, gateway.PeerAddress(q.r)); err != nil {
		return err
	}
	if canKnow {
		carrier.Note.Store(&login{digest, q.r.RemoteAddr, q.principal})
	}
	if carrier != nil {
		carrier.Keep()
	}
	return nil
}

// digestOf returns the digest of the Authorization header, unless the header is long or occurs more
// than once.
func digestOf(values []string) (digest [sha256.Size]byte, ok bool) {
	var text [longestKnown]byte
	if len(values) != 1 || len(values[0]) > len(text) {
		return digest, false
	}
	return sha256.Sum256(text[:copy(text[:], values[0])]), true
}

// admits reports whether a request authenticates as the last one did, whose credentials have not been
// revoked since.
func (l *login) admits(digest [sha256.Size]byte, address string) bool {
	return subtle.ConstantTimeCompare(l.digest[:], digest[:]) == 1 && l.address == address && l.principal.Current()
}

func readCredentials(r *http.Request) (protocol.Credentials, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return protocol.Credentials{}, protocol.Errorf(protocol.CodeCredentialsRequired,
			"credentials are required: send the client id and its secret with HTTP Basic authentication")
	}
	if scheme, _, _ := strings.Cut(values[0], " "); strings.EqualFold(scheme, "Bearer") {
		return protocol.Credentials{}, protocol.Errorf(protocol.CodeCredentialsRequired,
			"tokens are for the WebSocket, where their bearers subscribe; over HTTP, send the client id and its secret with HTTP Basic authentication")
	}
	id, text, ok := r.BasicAuth()
	if !ok || len(values) > 1 {
		return protocol.Credentials{}, protocol.Errorf(protocol.CodeCredentialsRequired,
			"the Authorization header is not well formed: send it once, as Basic and the base64 of the client id, a colon and the secret")
	}
	return protocol.Credentials{Type: protocol.BasicCredentials, ClientID: id, Secret: secret.New(text)}, nil
}

// attend returns the context of the request, which also ends when the principal's
// credentials expire or are revoked. It is for operations that may last. The caller must
// call stop.
func (q *request) attend() (ctx context.Context, stop func(), err error) {
	ctx, cancel := context.WithCancel(q.r.Context())
	login, err := q.gateway.Attend(q.principal, ending(cancel))
	if err != nil {
		cancel()
		return nil, nil, err
	}
	return ctx, func() { login.LogOut(); cancel() }, nil
}

// ending ends a request. It implements gateway.Connection.
type ending context.CancelFunc

// End implements gateway.Connection.
func (e ending) End(*protocol.Error) { e() }
