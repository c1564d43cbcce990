package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"seagate/protocol"
)

var (
	// ErrConnection: the gateway could not be reached, the connection broke,
	// or what answered is not a gateway. Whether a request that was on its
	// way has been carried out is not known.
	ErrConnection = errors.New("no connection to the gateway")
	// ErrClosed: the Conn was closed with Close.
	ErrClosed = errors.New("the connection was closed")
	// ErrSlow: nothing was taken from a Subscription for too long while its
	// queue was full. Messages were lost; read faster or subscribe again.
	ErrSlow = errors.New("the subscription was not read in time")
	// ErrUnsubscribed: the Subscription was ended with Unsubscribe.
	ErrUnsubscribed = errors.New("unsubscribed")
	// ErrTokenReads: HTTP calls need a client's secret. The bearer of a token
	// subscribes, and does nothing else.
	ErrTokenReads = errors.New("the bearer of a token only subscribes: use the client's secret")
)

// An Error is what the gateway said when it refused a request or ended a
// connection or a subscription.
type Error struct {
	// Code says why. It is empty if the answer had none, as when a proxy on
	// the way gave it.
	Code protocol.Code
	// Status is the HTTP status; 0 on the WebSocket.
	Status int
	// Close is the WebSocket close code, if the connection ended with it.
	Close int
	// Message is for people.
	Message string
	// Errors lists each thing that is wrong, with its place, where there can
	// be several.
	Errors []string
}

// Error returns the code, the message and the first of Errors.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Code != "" {
		fmt.Fprintf(&b, "%s: ", e.Code)
	}
	b.WriteString(e.Message)
	if len(e.Errors) > 0 {
		fmt.Fprintf(&b, " [%s]", e.Errors[0])
	}
	if more := len(e.Errors) - 1; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

// Temporary says whether the same request may succeed later, without anything
// being corrected. It is what Follow goes by.
func (e *Error) Temporary() bool {
	info, known := e.Code.Info()
	switch {
	case known && info.Status != 0:
		return temporaryStatus(info.Status)
	case known:
		return info.Close != closePolicyViolation && e.Code != protocol.CodeStreamDeleted
	case e.Status != 0:
		return temporaryStatus(e.Status)
	default:
		return e.Close != closePolicyViolation
	}
}

// closePolicyViolation is how a gateway ends a connection that is at fault
// (RFC 6455 §7.4.1).
const closePolicyViolation = 1008

func temporaryStatus(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// CodeOf returns the code of the *Error that err is or wraps, and "" if there
// is none.
func CodeOf(err error) protocol.Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// problemError reads the answer to an HTTP request that failed.
func problemError(status int, body []byte) *Error {
	problem, err := protocol.DecodeProblem(body)
	if err != nil || problem.Code == "" && problem.Message == "" {
		return &Error{Status: status, Message: fmt.Sprintf(
			"the answer is HTTP %d %s, and not of a gateway's making", status, http.StatusText(status))}
	}
	return &Error{Code: problem.Code, Status: status, Message: problem.Message, Errors: problem.Errors}
}

// closeError reads a close frame. A gateway's reason is "code: message".
func closeError(code int, reason string) *Error {
	e := &Error{Close: code, Message: reason}
	before, after, found := strings.Cut(reason, ": ")
	if _, known := protocol.Code(before).Info(); found && known {
		e.Code, e.Message = protocol.Code(before), after
	}
	if e.Message == "" {
		e.Message = fmt.Sprintf("the gateway closed the connection with %d", code)
	}
	return e
}

// connectionError marks what went wrong on the way. A context that ended is
// the caller's doing and stays what it is.
func connectionError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return fmt.Errorf("%w: %w", ErrConnection, err)
}

// contextError returns why a context ended: as its Err and as its Cause, since
// callers look for either.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == err {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// named returns what is wrong with a name as the *Error that the gateway would
// answer. It also keeps "." and ".." out of paths.
func named(err error) error {
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return &Error{Code: refusal.Code, Message: refusal.Message, Errors: refusal.Errors}
	}
	return err
}
