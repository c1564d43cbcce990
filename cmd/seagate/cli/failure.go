package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"

	"seagate/client"
	"seagate/cmd/seagate/terminal"
	"seagate/protocol"
)

// The exit statuses. They do not change.
const (
	ExitOK         = 0
	ExitFailed     = 1 // the gateway refused, or something else failed
	ExitUsage      = 2 // the command line is wrong, or an input file that it names cannot be opened
	ExitConnection = 3 // there is no connection: no credentials, the gateway is not reachable, or it refuses them
)

// Usage marks an error of the command line, for Report.
func Usage(err error) error { return &usageError{err} }

type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usagef returns a usage error.
func usagef(format string, args ...any) error { return Usage(fmt.Errorf(format, args...)) }

// errNoCredentials reports that there are no credentials to connect with.
type errNoCredentials struct{ message string }

func (e *errNoCredentials) Error() string { return e.message }

// A failure is the error of a command, with what Report needs to print it.
type failure struct {
	err     error
	command string
	args    []string
	service bool // the first of args is a service, and not a stream
	json    bool
	used    *target // the gateway that the command used; nil if it used none
}

// Error returns the text that Report prints, with line breaks.
func (f *failure) Error() string {
	var b strings.Builder
	newReport(f).print(&b, "")
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), "error: "), "\n")
}

func (f *failure) Unwrap() error { return f.err }

// Report prints why a command failed and what to do about it. It returns the exit
// status. It prints nothing for nil.
func Report(w io.Writer, err error) int {
	if err == nil {
		return ExitOK
	}
	r := newReport(err)
	if f, ok := errors.AsType[*failure](err); ok && f.json {
		writeJSON(w, struct {
			Error report `json:"error"`
		}{r})
	} else {
		r.print(w, "")
	}
	return ExitCode(err)
}

// ExitCode returns the exit status for the error of a command, which may be nil.
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

// isOutside reports whether a refusal is about connecting. An HTTP error without
// a code does not come from a gateway.
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
	Gateway *gatewayUsed  `json:"gateway,omitempty"`
	Hint    string        `json:"hint,omitempty"`
}

// gatewayUsed is a target as JSON.
type gatewayUsed struct {
	URL      string `json:"url"`
	ClientID string `json:"clientId"`
	Context  string `json:"context,omitempty"`

	text string
}

func (t target) used() *gatewayUsed {
	return &gatewayUsed{redacted(t.url), t.id, t.context, t.String()}
}

func newReport(err error) report {
	r := report{Hint: hintFor(err)}
	e, refused := errors.AsType[*client.Error](err)
	address, toLines := "", false
	if f, ok := errors.AsType[*failure](err); ok {
		toLines = f.command == linesName
		if f.used != nil && f.used.url != "" && (refused || errors.Is(err, client.ErrConnection)) {
			r.Gateway, address = f.used.used(), hostOf(f.used.url)
		}
		err = f.err
	}
	switch {
	case refused && e.Code == "" && e.Status != 0:
		r.Message, r.Hint = stranger(e.Status, address)
		return r
	case refused:
		r.Code, r.Message, r.Errors = e.Code, e.Message, e.Errors
		if e.Details != nil {
			r.Errors = append(slices.Clone(e.Errors), string(e.Details))
		}
		return r
	case errors.Is(err, client.ErrConnection):
		r.Message, r.Hint = unreachable(err, address)
		if toLines {
			r.Hint = hintsOfLines.Replace(r.Hint)
		}
		return r
	}
	// Further lines are a list, such as the problems of a configuration.
	message, rest, listed := strings.Cut(strings.TrimPrefix(inPlainWords(err), "client: "), "\n")
	r.Message = message
	if listed {
		r.Errors = strings.Split(rest, "\n")
	}
	return r
}

// why says in one line why something failed, for notes about what is tried again.
func (c *Console) why(err error) string {
	r := newReport(&failure{err: err, used: c.used})
	if r.Code != "" {
		return string(r.Code) + ": " + r.Message
	}
	return r.Message
}

// print prints the report as text. The place names the input that it is about.
func (r report) print(w io.Writer, place string) {
	style := terminal.StyleOf(w)
	var b strings.Builder
	b.WriteString(style.Alarm("error:") + " ")
	if place != "" {
		b.WriteString(place + ": ")
	}
	if r.Code != "" {
		b.WriteString(string(r.Code) + ": ")
	}
	message := r.Message
	if len(r.Errors) > 0 { // which follow
		message = strings.TrimSuffix(message, protocol.SeeErrors)
	}
	b.WriteString(terminal.Printable(message) + "\n")
	for _, line := range r.Errors {
		b.WriteString("  " + terminal.Printable(line) + "\n")
	}
	if r.Gateway != nil {
		b.WriteString(style.Faint("gateway:") + " " + terminal.Printable(r.Gateway.text) + "\n")
	}
	if r.Hint != "" {
		b.WriteString(style.Faint("hint:") + " " + r.Hint + "\n")
	}
	io.WriteString(w, b.String())
}

// hintFor returns what to do next, if possible a command. Errors of connections have their
// own: see unreachable.
func hintFor(err error) string {
	e, said := errors.AsType[*client.Error](err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "another process has the port, perhaps a gateway: end it, or choose other ports with --listen and --admin-listen"
	case !said:
		return ""
	}
	f, ok := errors.AsType[*failure](err)
	subject, describe, versions := "STREAM", "`seagate describe %s`", "`seagate describe %s --all`"
	if ok && f.service {
		subject, describe, versions = "SERVICE", "`seagate service show %s`", "`seagate service show %s`"
	}
	if ok && len(f.args) > 0 && protocol.CheckStreamName(f.args[0]) == nil {
		subject = f.args[0]
	}
	switch e.Code {
	case protocol.CodeStreamNotFound:
		return fmt.Sprintf("`seagate streams` lists what there is; `seagate define %s --version 1 --field NAME:TYPE` makes it", subject)
	case protocol.CodeInvalidPayload, protocol.CodeVersionConflict, protocol.CodeVersionTooOld:
		return fmt.Sprintf(describe+" shows the definition in force", subject)
	case protocol.CodeVersionNotFound:
		return fmt.Sprintf(versions+" lists the versions", subject)
	case protocol.CodeStreamPaused:
		return fmt.Sprintf("`seagate stream resume %s` lets messages through again", subject)
	case protocol.CodeClientNotFound:
		return "`seagate clients list` lists what there is"
	case protocol.CodeGroupNotFound:
		return fmt.Sprintf("`seagate groups %s` lists what there is", subject)
	case protocol.CodeNoSuchService:
		return "`seagate services` lists what there is"
	case protocol.CodeNoSuchProcedure:
		return "`seagate services` lists the procedures of each service"
	case protocol.CodeJailNotFound:
		return "`seagate jails list` lists what there is"
	}
	info, _ := e.Code.Info()
	return info.Advice
}
