package httpapi

import (
	"context"
	"net/http"
	"strings"

	"seagate/internal/secret"
	"seagate/protocol"
)

// challenge is the WWW-Authenticate header (RFC 7617 §2).
const challenge = `Basic realm="seagate", charset="UTF-8"`

// challengeBrowser is challenge for browsers. A response with 401 must have one (RFC 9110
// §11.6.1), and they know no such scheme.
const challengeBrowser = `xBasic realm="seagate"`

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
// credentials expire or are revoked. What lasts longer than a moment uses it. The caller
// must call stop.
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
