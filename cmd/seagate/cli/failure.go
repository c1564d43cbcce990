package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"seagate/client"
	"seagate/protocol"
)

// The exit statuses. They do not change.
const (
	ExitOK         = 0
	ExitFailed     = 1 // the gateway refused, or something else failed
	ExitUsage      = 2 // the command line is wrong
	ExitConnection = 3 // the gateway was not reached, or did not let us in
)

// Usage marks an error as being about the command line, for Report.
func Usage(err error) error { return &usageError{err} }

type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usagef returns a usage error.
func usagef(format string, args ...any) error { return Usage(fmt.Errorf(format, args...)) }

// errNoCredentials: there are none to connect with.
type errNoCredentials struct{ message string }

func (e *errNoCredentials) Error() string { return e.message }

// A failure is why a command failed, and what Report has to know about it.
type failure struct {
	err     error
	command string
	args    []string
	json    bool
}

// Error returns everything that Report prints for people, with line breaks.
func (f *failure) Error() string {
	var b strings.Builder
	newReport(f).print(&b, "")
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), "error: "), "\n")
}

func (f *failure) Unwrap() error { return f.err }

// Report prints why a command failed, and what to do about it, and returns the
// exit status. It prints nothing for nil.
func Report(w io.Writer, err error) int {
	if err == nil {
		return ExitOK
	}
	r := newReport(err)
	if f, ok := errors.AsType[*failure](err); ok && f.json {
		writeJSON(w, isTerminal(w), struct {
			Error report `json:"error"`
		}{r})
	} else {
		r.print(w, "")
	}
	return ExitCode(err)
}

// ExitCode returns the exit status for what a command returned.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if _, wrong := errors.AsType[*usageError](err); wrong {
		return ExitUsage
	}
	if _, none := errors.AsType[*errNoCredentials](err); none || errors.Is(err, client.ErrConnection) {
		return ExitConnection
	}
	if e, said := errors.AsType[*client.Error](err); said && isOutside(e) {
		return ExitConnection
	}
	return ExitFailed
}

// isOutside says whether a refusal is about getting in. One without a code and
// with a status is not a gateway's.
func isOutside(e *client.Error) bool {
	switch e.Code {
	case protocol.CodeInvalidCredentials, protocol.CodeCredentialsRequired, protocol.CodeTooManyAttempts,
		protocol.CodeTokenExpired, protocol.CodeCredentialsRevoked, protocol.CodeOriginNotAllowed:
		return true
	case "":
		return e.Status != 0
	}
	return false
}

// A report is an error as it is printed.
type report struct {
	Code    protocol.Code `json:"code,omitempty"`
	Message string        `json:"message"`
	Errors  []string      `json:"errors,omitempty"`
	Hint    string        `json:"hint,omitempty"`
}

func newReport(err error) report {
	hint := hintFor(err)
	if f, ok := errors.AsType[*failure](err); ok {
		err = f.err
	}
	if e, said := errors.AsType[*client.Error](err); said {
		return report{e.Code, e.Message, e.Errors, hint}
	}
	// What follows in lines of their own is a list, as of a configuration's faults.
	message, rest, listed := strings.Cut(strings.TrimPrefix(err.Error(), "client: "), "\n")
	r := report{Message: message, Hint: hint}
	if listed {
		r.Errors = strings.Split(rest, "\n")
	}
	return r
}

// print prints the report for people. The place says which input it is about.
func (r report) print(w io.Writer, place string) {
	style := styleOf(w)
	var b strings.Builder
	b.WriteString(style.alarm("error:") + " ")
	if place != "" {
		b.WriteString(place + ": ")
	}
	if r.Code != "" {
		b.WriteString(string(r.Code) + ": ")
	}
	// The gateway's message has the list, too, for clients that show no other.
	message := strings.TrimSuffix(r.Message, ": "+strings.Join(r.Errors, "; "))
	b.WriteString(printable(message) + "\n")
	for _, line := range r.Errors {
		b.WriteString("  " + printable(line) + "\n")
	}
	if r.Hint != "" {
		b.WriteString(style.faint("hint:") + " " + r.Hint + "\n")
	}
	io.WriteString(w, b.String())
}

// isUntrusted says whether the certificate is by nobody who is trusted here.
func isUntrusted(err error) bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	return unknown
}

// hintFor returns what to do next, as a command where there is one.
func hintFor(err error) string {
	e, said := errors.AsType[*client.Error](err)
	switch {
	case said && e.Code == "" && e.Status != 0:
		return "look at the address, SEAGATE_URL or --server: a gateway with TLS has one that begins with https://"
	case errors.Is(err, http.ErrSchemeMismatch):
		return "this gateway has no TLS: its address begins with http://"
	case isUntrusted(err):
		return "to trust a private authority, set SSL_CERT_FILE to a file with its certificates (PEM)"
	case errors.Is(err, client.ErrConnection):
		return "start a gateway with `seagate dev`, or name one with --server or SEAGATE_URL"
	case !said:
		return ""
	}
	subject := "STREAM"
	if f, ok := errors.AsType[*failure](err); ok && len(f.args) > 0 && protocol.CheckStreamName(f.args[0]) == nil {
		subject = f.args[0]
	}
	switch e.Code {
	case protocol.CodeStreamNotFound:
		return fmt.Sprintf("`seagate streams` lists what there is; `seagate define %s --version 1 --field NAME:TYPE` makes it", subject)
	case protocol.CodeInvalidPayload, protocol.CodeVersionConflict, protocol.CodeVersionTooOld:
		return fmt.Sprintf("`seagate describe %s` shows the definition in force", subject)
	case protocol.CodeVersionNotFound:
		return fmt.Sprintf("`seagate describe %s --all` lists the versions", subject)
	case protocol.CodeStreamPaused:
		return fmt.Sprintf("`seagate stream resume %s` lets messages through again", subject)
	case protocol.CodeClientNotFound:
		return "`seagate clients list` lists what there is"
	case protocol.CodeGroupNotFound:
		return fmt.Sprintf("`seagate groups %s` lists what there is", subject)
	case protocol.CodeJailNotFound:
		return "`seagate jails list` lists what there is"
	}
	info, _ := e.Code.Info()
	return info.Advice
}
