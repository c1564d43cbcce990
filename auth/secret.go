package auth

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"log/slog"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"seagate/internal/secret"
)

// Bounds of secrets that the operator supplies.
const (
	MinSecret = 16   // characters
	MaxSecret = 1024 // bytes; of any secret that is presented, too
)

const redacted = "(hidden)"

// The text of a generated secret:
//
//	"sea_" base64url( selector (8 bytes) | proof (32 bytes) )
//
// The selector finds the secret among those of all clients of one id. It is
// no secret; the proof alone has 256 random bits. The prefix lets scanners
// recognize a secret that leaked into a repository or a log.
const (
	secretPrefix  = "sea_"
	selectorBytes = 8
	secretBytes   = selectorBytes + 32
	secretText    = 54 // characters of secretBytes in base64url
)

type (
	selector     [selectorBytes]byte
	secretBinary [secretBytes]byte
)

// strictBase64 has one text for each value.
var strictBase64 = base64.RawURLEncoding.Strict()

// NewSecret generates a secret, to be handed to EnsureRoot by whoever wants to
// have it on disk before it is in force.
func NewSecret() secret.Text {
	var raw secretBinary
	rand.Read(raw[:])
	return raw.text()
}

func (raw secretBinary) text() secret.Text {
	return secret.New(secretPrefix + strictBase64.EncodeToString(raw[:]))
}

func (raw secretBinary) selector() selector { return selector(raw[:selectorBytes]) }

// parseGenerated returns what is in the text of a generated secret. ok is
// false for everything that does not look like one.
func parseGenerated(text string) (raw secretBinary, ok bool) {
	if len(text) != len(secretPrefix)+secretText || text[:len(secretPrefix)] != secretPrefix {
		return raw, false
	}
	var encoded [secretText]byte // on the stack, as this is on every request's path
	copy(encoded[:], text[len(secretPrefix):])
	n, err := strictBase64.Decode(raw[:], encoded[:])
	return raw, err == nil && n == secretBytes
}

// secretRecord is a secret as it is stored: a generated one has a Selector,
// one in the operator's own words a Salt and Iterations.
type secretRecord struct {
	Selector   []byte `json:"selector,omitempty"`
	Salt       []byte `json:"salt,omitempty"`
	Iterations int    `json:"iterations,omitempty"`
	Digest     []byte `json:"digest"`
}

// String hides what a guess could be checked against.
func (r secretRecord) String() string { return redacted }

// LogValue hides what a guess could be checked against.
func (r secretRecord) LogValue() slog.Value { return slog.StringValue(redacted) }

// stretchIterations takes about 30 ms of a core in 2026. Of a secret with at
// least MinSecret characters that is more than enough.
const (
	stretchIterations    = 200_000
	maxStretchIterations = 10_000_000
	saltBytes            = 16
)

// digestSecret makes the stored form of a secret that somebody chose or
// NewSecret generated.
func digestSecret(text string) (secretRecord, error) {
	if raw, generated := parseGenerated(text); generated {
		digest := sha256.Sum256(raw[:])
		selector := raw.selector()
		return secretRecord{Selector: selector[:], Digest: digest[:]}, nil
	}
	if err := checkChosen(text); err != nil {
		return secretRecord{}, err
	}
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	digest, err := stretch(text, salt, stretchIterations)
	return secretRecord{Salt: salt, Iterations: stretchIterations, Digest: digest}, err
}

func checkChosen(text string) error {
	switch {
	case utf8.RuneCountInString(text) < MinSecret:
		return fmt.Errorf("%w: it must have at least %d characters", ErrWeakSecret, MinSecret)
	case len(text) > MaxSecret:
		return fmt.Errorf("%w: it may have at most %d bytes", ErrWeakSecret, MaxSecret)
	case !printable(text):
		return fmt.Errorf("%w: it must be UTF-8 without control characters, or HTTP Basic could not carry it", ErrWeakSecret)
	}
	return nil
}

func printable(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

func stretch(text string, salt []byte, iterations int) ([]byte, error) {
	return pbkdf2.Key(sha256.New, text, salt, iterations, sha256.Size)
}

func (r secretRecord) check() error {
	generated := len(r.Selector) == selectorBytes && r.Salt == nil && r.Iterations == 0
	chosen := r.Selector == nil && len(r.Salt) > 0 && r.Iterations > 0 && r.Iterations <= maxStretchIterations
	if len(r.Digest) != sha256.Size || generated == chosen {
		return fmt.Errorf("not a stored secret")
	}
	return nil
}

func (r secretRecord) chosen() bool { return r.Selector == nil }

func (r secretRecord) equal(other secretRecord) bool {
	return subtle.ConstantTimeCompare(r.Digest, other.Digest) == 1 && string(r.Selector) == string(other.Selector) &&
		string(r.Salt) == string(other.Salt) && r.Iterations == other.Iterations
}

// A clientSecret is one in force, as Basic meets it.
type clientSecret struct {
	record    secretRecord
	principal *Principal // whoever presents it

	// HMAC of the operator's words, once they proved right; nil before, and
	// always for generated secrets.
	seen atomic.Pointer[[sha256.Size]byte]
}

func (s *clientSecret) grant() *grant { return s.principal.grant }

// LogValue hides what a guess could be checked against.
func (s *clientSecret) LogValue() slog.Value { return slog.StringValue(redacted) }
