package protocol

import (
	"log/slog"
	"strings"

	"seagate/internal/secret"
)

// The values of Credentials.Type.
const (
	BasicCredentials = "basic"
	JWTCredentials   = "jwt"
)

// Credentials are what an authenticate request presents. They are well formed; nobody has
// verified them yet.
type Credentials struct {
	Type     string // BasicCredentials or JWTCredentials
	ClientID string
	// JailID names the jail that the client must belong to, or is "" for any. It is an
	// extension of stream-sea.
	JailID string
	// Secret is the client's secret under BasicCredentials, and the signed token under
	// JWTCredentials.
	Secret secret.Text
}

// loggedBytes is how much the log shows of a client id that nobody can have.
const loggedBytes = 64

// LogValue implements slog.LogValuer. It leaves out the secret, and keeps only the beginning of a
// client id that is too long to exist: whoever connects can send one, and it must not fill the log.
func (c Credentials) LogValue() slog.Value {
	id := c.ClientID
	if len(id) > MaxNameBytes {
		id = strings.ToValidUTF8(id[:loggedBytes], "") + "…"
	}
	attrs := []slog.Attr{slog.String("type", c.Type), slog.String("client", id)}
	if c.JailID != "" {
		attrs = append(attrs, slog.String("jail", c.JailID))
	}
	return slog.GroupValue(attrs...)
}
