package auth

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"unicode"
	"unicode/utf8"

	"seagate/internal/secret"
)

// Limits of secrets.
const (
	MinSecret = 16   // characters of a secret that the operator chooses
	MaxSecret = 1024 // bytes of a secret that is chosen or presented
)

// The text of a generated secret:
//
//	"sea_" base64url( selector (8 bytes) | proof (32 bytes) )
//
// The selector finds the secret among those of all clients with the same id. It is public. The
// proof alone has 256 random bits. The prefix lets scanners recognize a secret that leaked into a
// repository or a log.
const (
	// SecretPrefix begins the text of every generated secret.
	SecretPrefix  = "sea_"
	selectorBytes = 8
	secretBytes   = selectorBytes + 32
	encodedBytes  = 54 // length of secretBytes in base64url
)

type (
	selector        [selectorBytes]byte
	generatedSecret [secretBytes]byte
)

// strictBase64 accepts one text for each value.
var strictBase64 = base64.RawURLEncoding.Strict()

// NewSecret generates a secret. A caller that must not lose the root client's secret in a crash
// stores it before it passes it to EnsureRoot.
func NewSecret() secret.Text { return newGeneratedSecret().text() }

func newGeneratedSecret() (raw generatedSecret) {
	rand.Read(raw[:])
	return raw
}

func (raw generatedSecret) text() secret.Text {
	return secret.New(SecretPrefix + strictBase64.EncodeToString(raw[:]))
}

func (raw generatedSecret) selector() selector { return selector(raw[:selectorBytes]) }

// record needs no salt and no stretching, because all 256 bits of the proof are random.
func (raw generatedSecret) record() secretRecord {
	sum := sha256.Sum256(raw[:])
	return secretRecord{Selector: raw[:selectorBytes], Digest: sum[:]}
}

// parseGenerated decodes the text of a generated secret. ok is false if text is not one.
func parseGenerated(text string) (raw generatedSecret, ok bool) {
	if len(text) != len(SecretPrefix)+encodedBytes || text[:len(SecretPrefix)] != SecretPrefix {
		return raw, false
	}
	var encoded [encodedBytes]byte // on the stack, because every request comes here
	copy(encoded[:], text[len(SecretPrefix):])
	n, err := strictBase64.Decode(raw[:], encoded[:])
	return raw, err == nil && n == secretBytes
}

// generateSecret generates a secret whose selector is free. A selector that another secret has
// would lock out that client; each secret has it with odds of 1 in 2^64.
func (d *Directory) generateSecret() (secret.Text, secretRecord, error) {
	for range 3 {
		raw := newGeneratedSecret()
		if _, taken := d.generated.Load(raw.selector()); !taken {
			return raw.text(), raw.record(), nil
		}
	}
	return secret.Text{}, secretRecord{}, errors.New("generating a secret: the system's random numbers repeat")
}

// secretRecord is a secret as it is stored. A generated secret has a Selector, a chosen one has a
// Salt and Iterations. It must not be shown, since a guess can be verified with it.
type secretRecord struct {
	Selector   []byte `json:"selector,omitempty"`
	Salt       []byte `json:"salt,omitempty"`
	Iterations int    `json:"iterations,omitempty"`
	Digest     []byte `json:"digest"`
}

const hidden = "(hidden)"

// String hides the record.
func (r secretRecord) String() string { return hidden }

// LogValue hides the record.
func (r secretRecord) LogValue() slog.Value { return slog.StringValue(hidden) }

// stretchIterations takes about 30 ms of a core in 2026, which is more than enough for a secret
// of at least MinSecret characters.
const (
	stretchIterations    = 200_000
	maxStretchIterations = 10_000_000
	saltBytes            = 16
)

// digestSecret returns the record of a generated or chosen secret.
func (d *Directory) digestSecret(text string) (secretRecord, error) {
	if raw, generated := parseGenerated(text); generated {
		return raw.record(), nil
	}
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	sum, err := stretch(text, salt, d.iterations)
	return secretRecord{Salt: salt, Iterations: d.iterations, Digest: sum[:]}, err
}

func checkChosen(text string) error {
	if utf8.RuneCountInString(text) < MinSecret {
		return fmt.Errorf("%w: it must have at least %d characters", ErrWeakSecret, MinSecret)
	}
	return checkPresentable(text)
}

// checkPresentable returns an error if no peer could present text as a secret.
func checkPresentable(text string) error {
	switch {
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

func stretch(text string, salt []byte, iterations int) (digest, error) {
	sum, err := pbkdf2.Key(sha256.New, text, salt, iterations, sha256.Size)
	if err != nil {
		return digest{}, err
	}
	return digest(sum), nil
}

func (r secretRecord) check() error {
	generated := len(r.Selector) == selectorBytes && r.Salt == nil && r.Iterations == 0
	chosen := r.Selector == nil && len(r.Salt) > 0 && r.Iterations > 0 && r.Iterations <= maxStretchIterations
	if len(r.Digest) != sha256.Size || generated == chosen {
		return errors.New("not a stored secret")
	}
	return nil
}

func (r secretRecord) chosen() bool { return r.Selector == nil }

// equal reports whether r and other are of the same secret, in constant time for one of equal
// public parts.
func (r secretRecord) equal(other secretRecord) bool {
	return subtle.ConstantTimeCompare(r.Digest, other.Digest) == 1 && string(r.Selector) == string(other.Selector) &&
		string(r.Salt) == string(other.Salt) && r.Iterations == other.Iterations
}
