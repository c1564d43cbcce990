package auth

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// Errors of authentication and authorization.
var (
	// ErrInvalidCredentials covers an unknown client, a wrong secret and an unusable token. The
	// peer is not told which of them it is.
	ErrInvalidCredentials = errors.New("auth: the credentials are not valid")
	// ErrTokenExpired reports an expired token with a valid signature. Only a holder of such a
	// token gets this error, so it tells a stranger nothing.
	ErrTokenExpired = errors.New("auth: the token has expired; connect with a new one")
	// ErrTooManyAttempts reports too many failures from the address or for the client id.
	ErrTooManyAttempts = errors.New("auth: too many failed attempts, try again in a minute")
	// ErrForbidden reports that the principal may not do this.
	ErrForbidden = errors.New("auth: forbidden")
)

// Errors of managing jails and clients.
var (
	ErrClientExists       = errors.New("auth: the jail has a client with this id already")
	ErrClientNotFound     = errors.New("auth: no such client in this jail")
	ErrJailExists         = errors.New("auth: there is a jail with this id already")
	ErrJailNotFound       = errors.New("auth: no such jail")
	ErrRootJail           = errors.New("auth: the root jail cannot be deleted")
	ErrLastClient         = errors.New("auth: the last client of the root jail that has all rights keeps them and cannot be deleted, nobody could administer the server any more; create another first")
	ErrTooManyClients     = errors.New("auth: the jail has as many clients as it may have; delete some first")
	ErrTooManyJails       = errors.New("auth: there are as many jails as there may be; delete some first")
	ErrTooManyKeys        = errors.New("auth: too many public keys are registered for clients with this id; register it with a client of another id")
	ErrKeyNotFound        = errors.New("auth: the client has no key of this id; list its keys")
	ErrKeyTaken           = errors.New("auth: a client with this id in another jail has registered this key; prove that its private half is yours: give `seagate clients key` the file of the private key, which it does not send, or send a proof")
	ErrTooManyJWKS        = errors.New("auth: too many clients of this jail have their keys at a URL; let some share a client, or register keys")
	ErrTooManyRevoked     = errors.New("auth: the client has as many revoked tokens as it may have")
	ErrInvalidTokenID     = errors.New("auth: not usable as the id of a token")
	ErrInvalidKey         = errors.New("auth: not a usable public key")
	ErrInvalidName        = errors.New("auth: not a usable id")
	ErrInvalidDescription = errors.New("auth: not a usable description")
	ErrWeakSecret         = errors.New("auth: not a usable secret")
)

// A Reason says why credentials were refused. It is for logs and metrics only, since it says
// what the peer must not learn.
type Reason string

// All reasons of a Refusal. Metrics use them as label values.
const (
	ReasonUnknownClient  Reason = "unknown client"
	ReasonWrongSecret    Reason = "wrong secret"
	ReasonNoKey          Reason = "client has no public key"
	ReasonTokenKey       Reason = "no key with the kid, or in the jail, that the token names"
	ReasonTokenJail      Reason = "the token is for another jail" // only where somebody asks about it
	ReasonTokenMalformed Reason = "token malformed"
	ReasonTokenSignature Reason = "token signature wrong"
	ReasonTokenExpired   Reason = "token expired"
	ReasonTokenTime      Reason = "token not yet valid, or without expiry"
	ReasonTokenFilter    Reason = "token filter does not compile"
	ReasonTokenRules     Reason = "token against the rules for aud, iss or iat"
	ReasonTokenRevoked   Reason = "token revoked"
	ReasonRevoked        Reason = "credential revoked meanwhile"
	ReasonAddressLimit   Reason = "too many failures from the address"
	ReasonClientLimit    Reason = "too many failures for the client id"
	ReasonBusy           Reason = "too many operator secrets to check at once"
)

// A Refusal is the error of Basic and Token. It wraps ErrInvalidCredentials,
// ErrTokenExpired or ErrTooManyAttempts and has the same text.
type Refusal struct {
	Err    error
	Reason Reason // for the log
	Cause  error  // for the log; holds no secret; nil if Reason says everything

	signed bool // the signature of the token was valid, so the attempt does not count
}

// Error returns a text that is safe to show to the peer.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns Err.
func (r *Refusal) Unwrap() error { return r.Err }

// Explain returns the reason with its cause, in words for whoever asks about credentials of its own.
// The words quote a token, and must not be shown to somebody who tries one out.
func (r *Refusal) Explain() string {
	if r.Cause == nil {
		return string(r.Reason)
	}
	cause := text(r.Cause)
	return string(r.Reason) + ": " + strings.ToValidUTF8(cause[:min(len(cause), maxExplained)], "")
}

// maxExplained bounds a cause, which may quote a token, in bytes. It suffices for all problems of a
// filter.
const maxExplained = 8 << 10

// maxLoggedCause keeps a hostile token from writing kilobytes into the log.
const maxLoggedCause = 256

// LogValue implements slog.LogValuer with the reason and the cause.
func (r *Refusal) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("reason", string(r.Reason))}
	if r.Cause != nil {
		cause := r.Cause.Error()
		attrs = append(attrs, slog.String("cause", cause[:min(len(cause), maxLoggedCause)]))
	}
	return slog.GroupValue(attrs...)
}

func invalid(reason Reason, cause error) *Refusal {
	return &Refusal{Err: ErrInvalidCredentials, Reason: reason, Cause: cause}
}

// invalidSigned is invalid for a token whose signature is valid.
func invalidSigned(reason Reason, cause error) *Refusal {
	return &Refusal{Err: ErrInvalidCredentials, Reason: reason, Cause: cause, signed: true}
}

func tooMany(reason Reason, cause error) *Refusal {
	return &Refusal{Err: ErrTooManyAttempts, Reason: reason, Cause: cause}
}

// A ForbiddenError says what a principal may not do and why. It wraps ErrForbidden and is safe
// to show.
type ForbiddenError struct {
	Action Action
	Why    string
}

// Error names the action and the rule against it.
func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("not allowed to %s: %s", e.Action, e.Why)
}

// Unwrap returns ErrForbidden.
func (e *ForbiddenError) Unwrap() error { return ErrForbidden }
