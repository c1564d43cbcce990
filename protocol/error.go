package protocol

import (
	"fmt"
	"strings"

	"seagate/internal/problems"
)

// An Error refuses one request. All of it is safe to show to the sender of the
// request; a cause that is not belongs in the log.
type Error struct {
	Code    Code
	Message string
	// Errors lists everything that is wrong, each with its place. It is empty
	// if there can be only one thing.
	Errors []string
	// Call is the server's own error if the code is CodeServerError. It is only
	// for HTTP: on the WebSocket it is itself the error.
	Call *CallError
}

// Errorf returns an Error with a formatted message and an empty list.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Listed returns an Error with a list. Its message is the heading and ": see errors"
// and repeats nothing of the list: the PHP client shows both.
func Listed(code Code, heading string, list []string) *Error {
	return &Error{Code: code, Message: heading + SeeErrors, Errors: list}
}

// SeeErrors ends the message of an Error with a list.
const SeeErrors = ": see errors"

// InvalidRequest returns an *Error (invalid_request) with all that is wrong with
// a request, and nil if nothing is. Its message begins with subject, as in "The
// request".
func InvalidRequest(subject string, wrong *problems.List) error {
	if wrong.Count() == 0 {
		return nil
	}
	return Listed(CodeInvalidRequest, subject+" is not well formed", problems.Lines(wrong.All()))
}

func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Message
	if len(e.Errors) > 0 {
		text += " [" + strings.Join(e.Errors, "; ") + "]"
	}
	return text
}

// A Violation ends the connection. ID and Action are those of the wrong
// message, and 0 and "" if they could not be read.
type Violation struct {
	ID      int64
	Action  string
	Refusal *Error
}

func (v *Violation) Error() string { return v.Refusal.Error() }

// Unwrap returns the Refusal. Look for a *Violation before you look for an
// *Error: code that finds only the *Error keeps the connection open.
func (v *Violation) Unwrap() error { return v.Refusal }

// quote quotes text from a client for a message to people. It keeps only the
// beginning, so that an error does not become as long as what caused it.
func quote(s string) string {
	const most = 64
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q…", strings.ToValidUTF8(s[:most], ""))
}
