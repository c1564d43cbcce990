// Package secret keeps confidential texts out of logs, error texts and other output.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// Text is a text that is never shown, such as a client's secret or a token. fmt, log/slog and
// JSON print "(hidden)" instead; Reveal alone returns the text. The zero Text holds none.
//
// Text has no comparison, and == compares identities. What decides about access compares
// digests of revealed texts in constant time (package auth).
type Text struct {
	// A pointer, because fmt prints the content of an unexported field without calling its
	// methods. Of a pointer in such a field it prints the address.
	text *string
}

const hidden = "(hidden)"

// New hides text. The empty text makes the zero Text.
func New(text string) Text {
	if text == "" {
		return Text{}
	}
	return Text{&text}
}

// Reveal returns the text, or "" if there is none.
func (t Text) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// IsSet reports whether there is a text.
func (t Text) IsSet() bool { return t.text != nil }

// String returns "(hidden)".
func (Text) String() string { return hidden }

// Format implements fmt.Formatter. It prints "(hidden)" for every verb.
func (Text) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// LogValue implements slog.LogValuer.
func (Text) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText implements encoding.TextMarshaler, which JSON encoders use.
func (Text) MarshalText() ([]byte, error) { return []byte(hidden), nil }
