package protocol

import "slices"

// A Code says why something was refused or ended. Programs may rely on it. It is
// the same on the WebSocket, over HTTP and in the log.
type Code string

// The content of a request is wrong.
const (
	CodeMalformedJSON     Code = "malformed_json"
	CodeInvalidUTF8       Code = "invalid_utf8"
	CodeNestingTooDeep    Code = "nesting_too_deep"
	CodeInvalidRequest    Code = "invalid_request"
	CodeInvalidName       Code = "invalid_name"
	CodeInvalidDefinition Code = "invalid_definition"
	CodeVersionTooOld     Code = "version_too_old"
	CodeInvalidPayload    Code = "invalid_payload"
	CodeInvalidKey        Code = "invalid_key"

	CodeMessageTooLarge      Code = "message_too_large"
	CodeTooCostly            Code = "too_costly"
	CodeHeaderTooLarge       Code = "header_too_large"
	CodeUnsupportedMediaType Code = "unsupported_media_type"
	CodeUnsupportedEncoding  Code = "unsupported_encoding"
)

// The sender is unknown, or lacks the right.
const (
	CodeInvalidCredentials  Code = "invalid_credentials"
	CodeCredentialsRequired Code = "credentials_required"
	CodeForbidden           Code = "forbidden"
	CodeOriginNotAllowed    Code = "origin_not_allowed"
)

// The subject of the request is missing, or its state forbids the request.
const (
	CodeStreamNotFound       Code = "stream_not_found"
	CodeVersionNotFound      Code = "version_not_found"
	CodeClientNotFound       Code = "client_not_found"
	CodeJailNotFound         Code = "jail_not_found"
	CodeKeyNotFound          Code = "key_not_found"
	CodeHeaderNotFound       Code = "header_not_found"
	CodeGroupNotFound        Code = "group_not_found"
	CodeSubscriptionNotFound Code = "subscription_not_found"
	CodeProvideNotFound      Code = "provide_not_found"
	CodeConnectionNotFound   Code = "connection_not_found"
	CodePathNotFound         Code = "path_not_found"
	CodeMethodNotAllowed     Code = "method_not_allowed"

	CodeVersionConflict Code = "version_conflict"
	CodeStreamPaused    Code = "stream_paused"
	CodeClientExists    Code = "client_exists"
	CodeJailExists      Code = "jail_exists"
	CodeKeyTaken        Code = "key_taken"
	CodeLastClient      Code = "last_client"
	CodeRootJail        Code = "root_jail"
	CodeDurabilityFixed Code = "durability_fixed"
	CodeNotExplicit     Code = "not_explicit"
	CodePositionLost    Code = "position_lost"

	CodeIdempotencyKeyReused Code = "idempotency_key_reused"
)

// A call cannot be made, or got no result. See also CodeTooManyCalls and
// CodeTooManyServices.
const (
	CodeNoSuchService   Code = "no_such_service"
	CodeNoSuchProcedure Code = "no_such_procedure"
	CodeServiceTaken    Code = "service_taken"
	CodeServerBusy      Code = "server_busy"
	CodeServerGone      Code = "server_gone"
	CodeServerError     Code = "server_error"
	CodeCallTimeout     Code = "call_timeout"
	CodeCallCancelled   Code = "call_cancelled"
	CodeCallNotFound    Code = "call_not_found"
)

// A limit is reached.
const (
	CodeTooManyAttempts      Code = "too_many_attempts"
	CodeRateLimited          Code = "rate_limited"
	CodeTooManySubscriptions Code = "too_many_subscriptions"
	CodeTooManyProvided      Code = "too_many_provided"
	CodeTooManyConnections   Code = "too_many_connections"
	CodeTooManyKeys          Code = "too_many_keys"
	CodeTooManyRevokedTokens Code = "too_many_revoked_tokens"
	CodeTooManyStreams       Code = "too_many_streams"
	CodeTooManyVersions      Code = "too_many_versions"
	CodeTooManyClients       Code = "too_many_clients"
	CodeTooManyJails         Code = "too_many_jails"
	CodeTooManyMessageIDs    Code = "too_many_message_ids"
	CodeTooManyGroups        Code = "too_many_groups"
	CodeTooManyServices      Code = "too_many_services"
	CodeTooManyCalls         Code = "too_many_calls"
	CodeQuotaExceeded        Code = "quota_exceeded"
)

// The server failed.
const (
	CodeInternal            Code = "internal"
	CodeShuttingDown        Code = "shutting_down"
	CodeStorageUnavailable  Code = "storage_unavailable"
	CodeInsufficientStorage Code = "insufficient_storage"
)

// The server ends a WebSocket connection, or, with CodeStreamDeleted, only a
// subscription with meta or a provide.
const (
	CodeProtocolViolation     Code = "protocol_violation"
	CodeAuthenticationTimeout Code = "authentication_timeout"
	CodeTokenExpired          Code = "token_expired"
	CodeCredentialsRevoked    Code = "credentials_revoked"
	CodeTooManyFrames         Code = "too_many_frames"
	CodeMessagesLost          Code = "messages_lost"
	CodePeerGone              Code = "peer_gone"
	CodeServerShutdown        Code = "server_shutdown"
	CodeStreamDeleted         Code = "stream_deleted"
	CodeConnectionEnded       Code = "connection_ended"
)

// CodeInfo describes a Code.
type CodeInfo struct {
	Code Code
	// Status is the HTTP status of the code, or 0 if only the WebSocket uses
	// the code.
	Status int
	// Close is the WebSocket close code with which the server ends a connection
	// for this reason (RFC 6455 §7.4; from 4000 on it is our own). It is 0 if
	// the server ends no connection, or ends it without a close frame. A refused
	// authenticate ends the connection with 1008, whatever its code.
	Close int
	// Title is the same each time (RFC 9457 §3.1.3).
	Title string
	// Advice is one sentence that says what to do next.
	Advice string
}

// A CodeView is what the API shows of a code.
type CodeView struct {
	Code   Code   `json:"code"`
	Title  string `json:"title"`
	Advice string `json:"advice"`
	Status *int   `json:"status"` // nil if only the WebSocket uses the code
	Close  *int   `json:"close"`  // nil if no connection is closed with it
}

// View returns what the API shows of the code.
func (i CodeInfo) View() CodeView {
	v := CodeView{Code: i.Code, Title: i.Title, Advice: i.Advice}
	if i.Status != 0 {
		v.Status = &i.Status
	}
	if i.Close != 0 {
		v.Close = &i.Close
	}
	return v
}

// Codes returns all codes in the order of the documentation. The slice belongs
// to the caller.
func Codes() []CodeInfo { return slices.Clone(codeTable) }

// Info describes the code. It returns false for a code that is not in Codes, as
// a newer server may send.
func (c Code) Info() (CodeInfo, bool) {
	info, ok := codesByName[c]
	return info, ok
}

var codesByName = func() map[Code]CodeInfo {
	byName := make(map[Code]CodeInfo, len(codeTable))
	for _, info := range codeTable {
		byName[info.Code] = info
	}
	return byName
}()
