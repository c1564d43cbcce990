package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

// ProofType is the typ in the header of a proof. No token has it, and no proof has that of a token, so
// neither passes for the other.
const ProofType = "seagate-key-proof+jwt"

const (
	maxProof    = 4 << 10         // bytes
	maxProofAge = 5 * time.Minute // also by which the clock of who signs may be ahead
)

// ErrInvalidProof reports a text that does not prove that somebody has the private half of a key. What
// wraps it says why.
var ErrInvalidProof = errors.New("auth: the proof does not show that you have the private half of the key")

// proofClaims are what a proof says.
type proofClaims struct {
	JailID   string `json:"jailId"`
	ClientID string `json:"clientId"`
	IssuedAt int64  `json:"iat"`
	Nonce    string `json:"nonce,omitzero"` // makes each proof another text
}

// ProveKey returns a proof that whoever registers the public half of the key for the client has the
// private half. It is a JWS (RFC 7515), good for this client and for some minutes.
func ProveKey(key *rsa.PrivateKey, jailID, clientID string) (string, error) {
	claims := jwt.MapClaims{"jailId": jailID, "clientId": clientID, "iat": time.Now().Unix(), "nonce": rand.Text()}
	token := jwt.NewWithClaims(jwt.SigningMethodRS512, claims)
	token.Header["typ"] = ProofType
	return token.SignedString(key)
}

// checkProof returns an error that wraps ErrInvalidProof unless the proof was signed a short time ago,
// for the client, with the private half of the key.
func checkProof(proof string, key *rsa.PublicKey, jailID, clientID string) error {
	parts := strings.Split(proof, ".")
	if len(proof) > maxProof || len(parts) != 3 {
		return fmt.Errorf("%w: it is no JWS of at most %d bytes", ErrInvalidProof, maxProof)
	}
	var raw [3][]byte
	for i, part := range parts {
		var err error
		if raw[i], err = strictBase64.DecodeString(part); err != nil || strings.ContainsAny(part, "\r\n") {
			return fmt.Errorf("%w: part %d is not base64url", ErrInvalidProof, i+1)
		}
	}
	if _, err := checkHeader(raw[0], ProofType); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidProof, err)
	}
	if err := jwt.SigningMethodRS512.Verify(parts[0]+"."+parts[1], raw[2], key); err != nil {
		return fmt.Errorf("%w: the signature is not that of the key", ErrInvalidProof)
	}
	var said proofClaims
	if err := json.Unmarshal(raw[1], &said); err != nil {
		return fmt.Errorf("%w: its claims cannot be read", ErrInvalidProof)
	}
	age := time.Since(time.Unix(said.IssuedAt, 0))
	switch {
	case said.JailID != jailID || said.ClientID != clientID:
		return fmt.Errorf("%w: it is for client %.64q of jail %.64q, and this is client %q of jail %q", ErrInvalidProof,
			said.ClientID, said.JailID, clientID, jailID)
	case age > maxProofAge || age < -maxProofAge:
		return fmt.Errorf("%w: its iat differs by more than %s from %s, which is the time here", ErrInvalidProof,
			maxProofAge, time.Now().UTC().Format(time.RFC3339))
	}
	return nil
}
