package auth

import (
	"errors"
	"fmt"
	"log/slog"
)

// What authentication and authorization answer.
var (
	// ErrInvalidCredentials: no such client, or not its secret, or not its
	// token, or the token is not good: the peer is never told which.
	ErrInvalidCredentials = errors.New("auth: the credentials are not valid")
	// ErrTooManyAttempts: too many failures from this address or for this
	// client id; try again in a minute.
	ErrTooManyAttempts = errors.New("auth: too many failed attempts, try again in a minute")
	// ErrForbidden: the principal is known and may not do this.
	ErrForbidden = errors.New("auth: forbidden")
)

// What managing jails and clients answers.
var (
	ErrClientExists       = errors.New("auth: the jail has a client with this id already")
	ErrClientNotFound     = errors.New("auth: no such client in this jail")
	ErrJailExists         = errors.New("auth: there is a jail with this id already")
	ErrJailNotFound       = errors.New("auth: no such jail")
	ErrRootJail           = errors.New("auth: the root jail cannot be deleted")
	ErrLastClient         = errors.New("auth: the last client of the root jail cannot be deleted, nobody could administer the server any more; create another first")
	ErrTooManyClients     = errors.New("auth: the jail has as many clients as it may have; delete some first")
	ErrTooManyJails       = errors.New("auth: there are as many jails as there may be; delete some first")
	ErrTooManyKeys        = errors.New("auth: too many clients with this id hold a public key; register it with a client of another id")
	ErrInvalidKey         = errors.New("auth: not a usable public key")
	ErrInvalidName        = errors.New("auth: not a usable id")
	ErrInvalidDescription = errors.New("auth: not a usable description")
	ErrWeakSecret         = errors.New("auth: not a usable secret")
)

// A Reason says why somebody was refused. It is one of a fixed few, fit to be
// counted by, and for the log alone: it says what the peer must not learn.
type Reason string

// The reasons of a Refusal.
const (
	ReasonUnknownClient  Reason = "unknown client"
	ReasonWrongSecret    Reason = "wrong secret"
	ReasonNoKey          Reason = "client has no public key"
	ReasonTokenMalformed Reason = "token malformed"
	ReasonTokenSignature Reason = "token signature wrong"
	ReasonTokenTime      Reason = "token expired, not yet valid, or without expiry"
	ReasonTokenFilter    Reason = "token filter does not compile"
	ReasonRevoked        Reason = "credential revoked meanwhile"
	ReasonAddressLimit   Reason = "too many failures from the address"
	ReasonClientLimit    Reason = "too many failures for the client id"
	ReasonBusy           Reason = "too many operator secrets to check at once"
)

// A Refusal is the error of Basic and Token. It wraps ErrInvalidCredentials or
// ErrTooManyAttempts, and reads like it.
type Refusal struct {
	Err    error
	Reason Reason // for the log
	Cause  error  // for the log; nil if the reason says all; holds no secret

	proven bool // the signature was right: no guess, see the package comment
}

// Error is safe to show to the peer: it tells nothing but what it wraps.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns what errors.Is looks for.
func (r *Refusal) Unwrap() error { return r.Err }

// maxLoggedCause keeps a hostile token from writing kilobytes into the log.
const maxLoggedCause = 256

// LogValue shows the reason and the cause.
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

// proven is invalid for a token whose signature is right.
func proven(reason Reason, cause error) *Refusal {
	return &Refusal{Err: ErrInvalidCredentials, Reason: reason, Cause: cause, proven: true}
}

func tooMany(reason Reason, cause error) *Refusal {
	return &Refusal{Err: ErrTooManyAttempts, Reason: reason, Cause: cause}
}

// A ForbiddenError says what a principal may not do and why. It wraps
// ErrForbidden and is safe to show.
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
