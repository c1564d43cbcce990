package config

import (
	"fmt"
	"io"
	"log/slog"
	"unicode/utf8"
)

// MinSecretLength is how many characters a secret that an operator chooses
// must have at least.
const MinSecretLength = 16

const hidden = "(hidden)"

// Secret is a text that is never shown: fmt, log/slog and JSON all print
// (hidden). The zero Secret is none.
type Secret struct {
	// A pointer, because fmt shows the content of an unexported field without
	// asking its methods; of a pointer it shows the address.
	text *string
}

// NewSecret hides text; "" makes no secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal is the secret itself, or "" if there is none.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet reports whether there is a secret.
func (s Secret) IsSet() bool { return s.text != nil }

// Format implements fmt.Formatter, for every verb.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// secret is the value that a Secret is set by. It has no decode: a file may
// not hold one. Its errors never repeat what they are about.
type secret struct{ at *Secret }

func (s secret) parse(text string) error {
	*s.at = NewSecret(text)
	return nil
}

func (s secret) check() error {
	if s.at.IsSet() && utf8.RuneCountInString(s.at.Reveal()) < MinSecretLength {
		return fmt.Errorf("must have %s", s.bounds())
	}
	return nil
}

func (secret) bounds() string {
	return fmt.Sprintf("at least %d characters", MinSecretLength)
}

func (s secret) plain() any {
	if !s.at.IsSet() {
		return nil
	}
	return *s.at
}
