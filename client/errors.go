package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

var (
	// ErrConnection reports that the gateway could not be reached, that the
	// connection broke, or that the answer does not come from a gateway. It is not
	// known whether the gateway has executed a request that was sent.
	ErrConnection = errors.New("no connection to the gateway")
	// ErrClosed reports that Close has ended the Conn.
	ErrClosed = errors.New("the connection was closed")
	// ErrSlow reports that nobody read from a Subscription for too long while its
	// queue was full. Messages are lost. Read faster, or subscribe again.
	ErrSlow = errors.New("the subscription was not read in time")
	// ErrUnsubscribed reports that Unsubscribe or Drain has ended the Subscription.
	ErrUnsubscribed = errors.New("unsubscribed")
	// ErrWithdrawn reports that Withdraw has ended the Provider.
	ErrWithdrawn = errors.New("withdrawn")
	// ErrTokenReads reports an HTTP call with a token. HTTP calls need a client's
	// secret. A token is for subscribing only.
	ErrTokenReads = errors.New("a token is for subscribing only: use the client's secret")
)

// An Error is the gateway's reason for refusing a request, or for ending a
// connection or a subscription.
type Error struct {
	// Code is the reason. It is empty if the answer has none, such as the answer of
	// a proxy.
	Code protocol.Code
	// Status is the HTTP status, or 0 on the WebSocket.
	Status int
	// Close is the WebSocket close code if the connection ended, or 0.
	Close int
	// Message is for people.
	Message string
	// Errors lists all problems with their places, if there can be several.
	Errors []string
	// Details is what the server of a service added to its error, or nil. The Code
	// and the Message are the server's own then.
	Details jsontext.Value
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

// Temporary reports whether the same request may succeed later, without any
// correction. Follow tries again after such an error.
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

// closePolicyViolation is the close code for a connection whose client broke the
// rules (RFC 6455 §7.4.1).
const closePolicyViolation = 1008

func temporaryStatus(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// CodeOf returns the code of the *Error that err is or wraps, or "".
func CodeOf(err error) protocol.Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// ResponseError reads the answer to an HTTP request that failed. It is for programs that make
// requests of their own, such as a handshake.
func ResponseError(status int, body []byte) *Error {
	problem, err := protocol.DecodeProblem(body)
	if err != nil || problem.Code == "" && problem.Message == "" {
		return &Error{Status: status, Message: fmt.Sprintf(
			"the answer is HTTP %d %s and does not come from a gateway", status, http.StatusText(status))}
	}
	if own := problem.Call; own != nil {
		return &Error{Code: protocol.Code(own.Code), Status: status, Message: own.Message, Details: own.Details}
	}
	return &Error{Code: problem.Code, Status: status, Message: problem.Message, Errors: problem.Errors}
}

// closeError reads a close frame. The reason of a gateway is "code: message".
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

// connectionError marks an error as ErrConnection. If the context has ended, it
// returns the error of the context.
func connectionError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	return fmt.Errorf("%w: %w", ErrConnection, err)
}

// contextError returns why a context ended. It wraps both Err and Cause of the
// context, since callers look for either.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == err {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// named turns the error of a name into the *Error that the gateway would answer.
// Checking names also keeps "." and ".." out of paths.
func named(err error) error {
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return &Error{Code: refusal.Code, Message: refusal.Message, Errors: refusal.Errors}
	}
	return err
}
