package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Limits of public keys. Shorter keys can be factored. With longer keys or larger exponents, one
// attempt would keep a core busy.
const (
	MinKeyBits     = 2048
	MaxKeyBits     = 8192
	maxKeyExponent = 1<<31 - 1
	maxKeyPEM      = 8 << 10

	// MaxKeysPerID bounds the keys of all clients with the same id, over all jails. A token that
	// names neither its jail nor its key is verified with each.
	MaxKeysPerID = 256
	// MaxKeysPerClient bounds the keys of one client, with those that are to end.
	MaxKeysPerClient = 16
	// MaxKID bounds the kid of a key, in bytes.
	MaxKID = 255
)

// parsePublicKey reads an RSA public key in PEM: one block, PKIX ("PUBLIC KEY") or PKCS #1 ("RSA
// PUBLIC KEY"), with nothing around it. Errors wrap ErrInvalidKey and never repeat the text, which
// may be a private key.
func parsePublicKey(text string) (*rsa.PublicKey, error) {
	if len(text) > maxKeyPEM {
		return nil, fmt.Errorf("%w: the text is longer than %d bytes", ErrInvalidKey, maxKeyPEM)
	}
	if strings.Contains(text, "PRIVATE KEY") {
		return nil, fmt.Errorf("%w: this is a private key, which must never leave its owner: "+
			"take it for compromised, generate a new pair and register the public half "+
			"(openssl rsa -in private.pem -pubout)", ErrInvalidKey)
	}
	block, err := onlyBlock(text)
	if err != nil {
		return nil, err
	}
	key, err := decodeBlock(block)
	if err != nil {
		return nil, err
	}
	return key, checkKey(key)
}

// onlyBlock refuses text around the block and headers in it, so that nothing but a public key is
// stored and shown again.
func onlyBlock(text string) (*pem.Block, error) {
	text = strings.TrimSpace(text)
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, fmt.Errorf("%w: not PEM; it begins with -----BEGIN PUBLIC KEY-----", ErrInvalidKey)
	case !strings.HasPrefix(text, "-----BEGIN "+block.Type+"-----"):
		return nil, fmt.Errorf("%w: there is text before the key", ErrInvalidKey)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, fmt.Errorf("%w: there is text after the key", ErrInvalidKey)
	case len(block.Headers) > 0:
		return nil, fmt.Errorf("%w: the PEM block has headers", ErrInvalidKey)
	}
	return block, nil
}

func decodeBlock(block *pem.Block) (*rsa.PublicKey, error) {
	switch block.Type {
	case "PUBLIC KEY":
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: not a PKIX public key", ErrInvalidKey)
		}
		key, isRSA := parsed.(*rsa.PublicKey)
		if !isRSA {
			return nil, fmt.Errorf("%w: tokens are signed RS512, so it must be an RSA key", ErrInvalidKey)
		}
		return key, nil
	case "RSA PUBLIC KEY":
		key, err := x509.ParsePKCS1PublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: not a PKCS #1 public key", ErrInvalidKey)
		}
		return key, nil
	default:
		return nil, fmt.Errorf("%w: the PEM block must be a PUBLIC KEY or an RSA PUBLIC KEY", ErrInvalidKey)
	}
}

func checkKey(key *rsa.PublicKey) error {
	bits := key.N.BitLen()
	switch {
	case bits < MinKeyBits || bits > MaxKeyBits:
		return fmt.Errorf("%w: it has %d bits; %d to %d are allowed", ErrInvalidKey, bits, MinKeyBits, MaxKeyBits)
	case key.N.Bit(0) == 0:
		return fmt.Errorf("%w: the modulus is even", ErrInvalidKey)
	case key.E < 3 || key.E%2 == 0 || key.E > maxKeyExponent:
		return fmt.Errorf("%w: the exponent must be odd and from 3 to 2^31-1", ErrInvalidKey)
	}
	return nil
}

// newDecoyKey returns a key without a private half: its modulus is a random number.
func newDecoyKey() *rsa.PublicKey {
	modulus := make([]byte, MinKeyBits/8)
	rand.Read(modulus)
	modulus[0] |= 0x80
	modulus[len(modulus)-1] |= 1
	return &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}
}

// keyRecord is a public key as it is stored.
type keyRecord struct {
	PEM string `json:"pem"`
	// KID is the name that the headers of tokens have for it (RFC 7515 §4.1.4). A key without one
	// verifies tokens of any kid that no other key of the client has.
	KID string `json:"kid,omitzero"`
	// Until is when the key ends; zero is never.
	Until time.Time `json:"until,omitzero"`
	// Proven is true if who registered the key has proven to have its private half.
	Proven bool `json:"proven,omitzero"`
	// Inert is true if a client of the same id in another jail had the same key first. Tokens that
	// name no jail belong to that client. See the package comment.
	Inert bool `json:"inert,omitzero"`
}

func (r keyRecord) isCurrent() bool { return r.Until.IsZero() || time.Now().Before(r.Until) }
