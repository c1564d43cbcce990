package protocol

import (
	"fmt"
	"strings"
)

// An Error is the refusal of one request. All of it is safe to show to
// whoever sent the request: causes that are not belong in the log.
type Error struct {
	Code    Code
	Message string
	// Errors lists each thing that is wrong, with its place, where there can
	// be several. Empty otherwise.
	Errors []string
}

// Errorf returns an Error with a formatted message and no list.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Message
	if len(e.Errors) > 0 {
		text += " [" + strings.Join(e.Errors, "; ") + "]"
	}
	return text
}

// A Violation ends the connection. ID and Action are what could be read of
// the message at fault, 0 and "" where they could not.
type Violation struct {
	ID      int64
	Action  string
	Refusal *Error
}

func (v *Violation) Error() string { return v.Refusal.Error() }

// Unwrap returns the Refusal. Look for a *Violation before looking for an
// *Error: whoever finds only the latter would keep the connection open.
func (v *Violation) Unwrap() error { return v.Refusal }

// problems gathers what is wrong with one request, so that whoever sent it
// can correct everything at once.
type problems []string

func (p *problems) add(place, problem string) {
	*p = append(*p, place+": "+problem)
}

// err returns the refusal, or nil if there is no problem. The first problem
// is in the message, for clients that show nothing else.
func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	message := "The request is not well formed: " + p[0]
	if more := len(p) - 1; more > 0 {
		message += fmt.Sprintf(" (and %d more)", more)
	}
	return &Error{Code: CodeInvalidRequest, Message: message, Errors: p}
}

// quote quotes text of a client's choosing for a message to people. Only its
// beginning is shown: an error must not become as long as what caused it.
func quote(s string) string {
	const most = 64
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q…", strings.ToValidUTF8(s[:most], ""))
}
