package protocol

import "log/slog"

// The two ways to authenticate, as Credentials.Type has them.
const (
	BasicCredentials = "basic"
	JWTCredentials   = "jwt"
)

// Credentials are what an authenticate request presents. They are well
// formed, and nothing more is known about them.
type Credentials struct {
	Type     string // BasicCredentials or JWTCredentials
	ClientID string
	// JailID says in which jail the client is meant to be. It is an extension:
	// "" if the request does not say.
	JailID string
	// Secret is the client's secret under BasicCredentials and the signed
	// token under JWTCredentials.
	Secret Secret
}

// LogValue describes the credentials without the secret.
func (c Credentials) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("type", c.Type), slog.String("client", c.ClientID)}
	if c.JailID != "" {
		attrs = append(attrs, slog.String("jail", c.JailID))
	}
	return slog.GroupValue(attrs...)
}

// A Secret is text that is not to be seen. It prints, logs and marshals
// without its content.
type Secret struct {
	// Behind a pointer because fmt does not call the methods of what it finds
	// in unexported fields: with the text in place, printing a struct that
	// holds credentials would show it.
	text *string
}

// NewSecret hides the text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal returns the text, "" for the zero value.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

const hidden = "[hidden]"

// String hides the text.
func (s Secret) String() string { return hidden }

// LogValue hides the text.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
