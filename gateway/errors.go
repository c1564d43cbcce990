package gateway

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"

	"seagate/auth"
	"seagate/auth/jwks"
	"seagate/catalog"
	"seagate/groups"
	"seagate/internal/quota"
	"seagate/protocol"
	"seagate/schema"
	"seagate/storage"
	"seagate/streams"
	"seagate/streams/peer"
)

// errorTable has the code on the wire of each error of the packages below. The
// client is shown the error's own text, which is safe, unless the row has
// another one.
var errorTable = []struct {
	err     error
	code    protocol.Code
	message string
}{
	{auth.ErrInvalidCredentials, protocol.CodeInvalidCredentials, invalidCredentials},
	{auth.ErrTokenExpired, protocol.CodeTokenExpired, ""},
	{auth.ErrForbidden, protocol.CodeForbidden, ""},
	{auth.ErrTooManyAttempts, protocol.CodeTooManyAttempts, ""},
	{auth.ErrClientExists, protocol.CodeClientExists, ""},
	{auth.ErrSeveralClients, protocol.CodeClientNotFound, ""},
	{auth.ErrClientNotFound, protocol.CodeClientNotFound, ""},
	{auth.ErrJailExists, protocol.CodeJailExists, ""},
	{auth.ErrJailNotFound, protocol.CodeJailNotFound, ""},
	{auth.ErrRootJail, protocol.CodeRootJail, ""},
	{auth.ErrLastClient, protocol.CodeLastClient, ""},
	{auth.ErrTooManyClients, protocol.CodeTooManyClients, ""},
	{auth.ErrTooManyJails, protocol.CodeTooManyJails, ""},
	{auth.ErrTooManyKeys, protocol.CodeTooManyKeys, ""},
	{auth.ErrTooManyJWKS, protocol.CodeTooManyKeys, ""},
	{auth.ErrKeyTaken, protocol.CodeKeyTaken, ""},
	{auth.ErrInvalidProof, protocol.CodeInvalidKey, ""},
	{auth.ErrKeyNotFound, protocol.CodeKeyNotFound, ""},
	{auth.ErrTooManyRevoked, protocol.CodeTooManyRevokedTokens, ""},
	{auth.ErrInvalidTokenID, protocol.CodeInvalidRequest, ""},
	{auth.ErrInvalidTokenRules, protocol.CodeInvalidRequest, ""},
	{jwks.ErrURL, protocol.CodeInvalidRequest, ""},
	{auth.ErrInvalidKey, protocol.CodeInvalidKey, ""},
	{auth.ErrInvalidName, protocol.CodeInvalidName, ""},
	{auth.ErrInvalidRights, protocol.CodeInvalidRequest, ""},
	{auth.ErrInvalidDescription, protocol.CodeInvalidRequest, ""},

	{catalog.ErrNotFound, protocol.CodeStreamNotFound, ""},
	{catalog.ErrTooManyStreams, protocol.CodeTooManyStreams, ""},
	{catalog.ErrTooManyServices, protocol.CodeTooManyServices, ""},
	{catalog.ErrBadName, protocol.CodeInvalidName, ""},
	{schema.ErrHistoryFull, protocol.CodeTooManyVersions, ""},
	{schema.ErrTooCostly, protocol.CodeTooCostly, ""},

	{streams.ErrHeld, protocol.CodeStreamPaused, "the stream is paused: it takes no messages until it is resumed"},
	{streams.ErrDeleted, protocol.CodeStreamNotFound, "the stream was deleted"},
	{streams.ErrTooManyTopics, protocol.CodeTooManyStreams, "the jail has as many streams as it may have"},

	{streams.ErrPosition, protocol.CodePositionLost, ""},
	{streams.ErrNotAllowed, protocol.CodeInvalidRequest, ""},
	{streams.ErrDurabilityFixed, protocol.CodeDurabilityFixed, "a stream that has had messages keeps its durability"},

	{groups.ErrTooManyGroups, protocol.CodeTooManyGroups, ""},
	{groups.ErrNotFound, protocol.CodeGroupNotFound, ""},
	{groups.ErrNotExplicit, protocol.CodeNotExplicit, `the subscription does not acknowledge explicitly: subscribe with a groupId and "ack":"explicit"`},
	{groups.ErrClosed, protocol.CodeShuttingDown, "the server shuts down; try again in a moment"},

	{peer.ErrNoSuchService, protocol.CodeNoSuchService, ""},
	{peer.ErrNoSuchProcedure, protocol.CodeNoSuchProcedure, ""},
	{peer.ErrBusy, protocol.CodeServerBusy, "each server of the service has as many calls as it takes"},
	{peer.ErrTooManyCalls, protocol.CodeTooManyCalls, ""},
	{peer.ErrTooManyServices, protocol.CodeTooManyServices, ""},
	{peer.ErrServiceTaken, protocol.CodeServiceTaken, "the service has a sole server, or has servers where a sole one was to be"},
	{peer.ErrServerGone, protocol.CodeServerGone, "the server left before it answered the call"},
	{peer.ErrTimeout, protocol.CodeCallTimeout, "the server did not answer in time"},
	{peer.ErrBadAnswer, protocol.CodeServerError, "the server's answer was not acceptable, and was refused"},
	{peer.ErrFull, protocol.CodeCallCancelled, "the answer came while too much waited to be read"},
	{peer.ErrCallOver, protocol.CodeCallNotFound, "the call is over: it was answered, or nobody waits for it any more"},
	{peer.ErrTimeoutRange, protocol.CodeInvalidRequest, ""},
	{peer.ErrBadOffer, protocol.CodeInvalidRequest, ""},
	{peer.ErrClosed, protocol.CodeShuttingDown, "the connection ends"},

	{quota.ErrExceeded, protocol.CodeQuotaExceeded, ""},
	{storage.ErrNoSpace, protocol.CodeInsufficientStorage, "the server's disk is almost full; it takes nothing new until there is room"},
	{storage.ErrKeyReused, protocol.CodeIdempotencyKeyReused, "other messages were published under this id"},
	{storage.ErrTooManyKeys, protocol.CodeTooManyMessageIDs, "the server remembers as many message ids as it may"},
	{storage.ErrClosed, protocol.CodeShuttingDown, "the server shuts down; try again in a moment"},
}

// attempted adds to an error what was attempted. It returns nil for nil.
func attempted(what string, err error) error {
	if err == nil {
		return nil
	}
	return &attemptError{what, err}
}

type attemptError struct {
	what  string
	cause error
}

func (e *attemptError) Error() string { return e.what + ": " + e.cause.Error() }
func (e *attemptError) Unwrap() error { return e.cause }

// Refusal returns what a client is told of an error of a Gateway's method, or
// nil for nil. Transports call it where they encode an answer. An error that is
// not in the table is a failure of the server: the client is told only that,
// and the log has the rest.
func (g *Gateway) Refusal(err error) *protocol.Error {
	if err == nil {
		return nil
	}
	if e := (*protocol.Error)(nil); errors.As(err, &e) {
		return e
	}
	what := "answer the request"
	if a := (*attemptError)(nil); errors.As(err, &a) {
		what, err = a.what, a.cause
	}
	if e := schemaRefusal(err); e != nil {
		return e
	}
	for _, row := range errorTable {
		if errors.Is(err, row.err) {
			return &protocol.Error{Code: row.code, Message: cmp.Or(row.message, plain(err))}
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return protocol.Errorf(protocol.CodeStorageUnavailable,
			"the request ended before it was known whether the server could %s", what)
	}
	g.Log.Error("an operation failed", "attempt", what, "error", err)
	return protocol.Errorf(protocol.CodeInternal, "the server failed to %s; its log says why", what)
}

// schemaRefusal returns the refusal for an error of schema that lists what is
// wrong, or nil for other errors.
func schemaRefusal(err error) *protocol.Error {
	var (
		decode     *schema.DecodeError
		definition *schema.DefinitionError
		validation *schema.ValidationError
		conflict   *schema.ConflictError
		older      *schema.OlderVersionError
	)
	switch {
	case errors.As(err, &decode):
		code := decodeCodes[decode.Kind]
		if decode.Kind == schema.NumberRange { // valid JSON, but not a valid message
			return protocol.Listed(code, "a number is not valid", []string{decode.Error()})
		}
		return &protocol.Error{Code: code, Message: decode.Error()}
	case errors.As(err, &definition):
		return protocol.Listed(protocol.CodeInvalidDefinition, definition.Heading(), definition.Lines())
	case errors.As(err, &validation):
		return protocol.Listed(protocol.CodeInvalidPayload, validation.Heading(), validation.Lines())
	case errors.As(err, &conflict):
		return protocol.Listed(protocol.CodeVersionConflict, conflict.Heading(), conflict.Lines())
	case errors.As(err, &older):
		return &protocol.Error{Code: protocol.CodeVersionTooOld, Message: older.Error()}
	}
	return nil
}

var decodeCodes = map[schema.DecodeErrorKind]protocol.Code{
	schema.Malformed:    protocol.CodeMalformedJSON,
	schema.DuplicateKey: protocol.CodeMalformedJSON,
	schema.InvalidText:  protocol.CodeInvalidUTF8,
	schema.TooDeep:      protocol.CodeNestingTooDeep,
	schema.NumberRange:  protocol.CodeInvalidPayload,
}

// plain returns the error's text without the name of its package.
func plain(err error) string {
	text := err.Error()
	for _, prefix := range []string{"auth: ", "catalog: ", "schema: ", "streams: ", "groups: ", "peer: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

// refuseCredentials logs who was refused and why, and returns the error that
// the client may see.
func (g *Gateway) refuseCredentials(c protocol.Credentials, from netip.Addr, err error) error {
	reason := "another jail was named"
	if refused := (*auth.Refusal)(nil); errors.As(err, &refused) {
		reason = string(refused.Reason)
	}
	g.rationed.Log(slog.LevelWarn, reason, "authentication refused", "credentials", c, "address", from, "why", err)
	g.Metrics.Credentials.WithLabelValues(strings.ReplaceAll(reason, " ", "_")).Inc()
	if errors.Is(err, auth.ErrTooManyAttempts) || errors.Is(err, auth.ErrTokenExpired) {
		return err
	}
	return auth.ErrInvalidCredentials
}

// Refused counts a refusal, and logs it if p has no right to do what it asked for. p is nil before
// authentication, and for public routes.
func (g *Gateway) Refused(transport string, p *auth.Principal, e *protocol.Error) {
	g.Metrics.Refused(transport, e)
	if e.Code == protocol.CodeForbidden && p != nil {
		g.rationed.Log(slog.LevelWarn, "forbidden "+p.JailID, "request forbidden", // a budget for each jail
			"jail", p.JailID, "client", p.ClientID, "address", p.Address, "transport", transport, "why", e.Message)
	}
}

// RefuseOrigin logs the handshake or request of a page that may not use the gateway.
func (g *Gateway) RefuseOrigin(origin string, from netip.Addr) {
	const most = 64 // bytes of the header, which strangers can make long
	if len(origin) > most {
		origin = strings.ToValidUTF8(origin[:most], "") + "…"
	}
	g.rationed.Log(slog.LevelWarn, "origin", "origin refused", "origin", origin, "address", from,
		"advice", "add it to allowed_origins if it is yours")
}

// SuppressedLines returns how many log lines were left out because clients or strangers
// caused too many of their kind.
func (g *Gateway) SuppressedLines() uint64 { return g.rationed.Suppressed() }
