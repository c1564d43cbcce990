package httpapi

import (
	"net/http"
	"strings"

	"seagate/internal/secret"
	"seagate/protocol"
)

// challenge is the WWW-Authenticate header (RFC 7617 §2).
const challenge = `Basic realm="seagate", charset="UTF-8"`

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
