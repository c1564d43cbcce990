package protocol

import (
	"log/slog"

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

// LogValue implements slog.LogValuer. It leaves out the secret.
func (c Credentials) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("type", c.Type), slog.String("client", c.ClientID)}
	if c.JailID != "" {
		attrs = append(attrs, slog.String("jail", c.JailID))
	}
	return slog.GroupValue(attrs...)
}
