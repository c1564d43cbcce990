package cli

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"seagate/internal/spelling"
	"seagate/protocol"
)

// A codeShown is what is known about an error code.
type codeShown struct {
	Code   protocol.Code `json:"code"`
	Title  string        `json:"title"`
	Cause  string        `json:"cause"`
	Advice string        `json:"advice"`
	Status *int          `json:"status"` // of HTTP; nil if only the WebSocket has the code
	Close  *int          `json:"close"`  // of the WebSocket; nil if no connection ends with it
}

// showCode says when a code is used, from the one table of codes.
func showCode(info protocol.CodeInfo) codeShown {
	s := codeShown{Code: info.Code, Title: info.Title, Advice: info.Advice}
	var where []string
	if info.Status != 0 {
		s.Status = &info.Status
		where = append(where, fmt.Sprintf("a request is answered with HTTP %d (%s)", info.Status, http.StatusText(info.Status)))
	}
	if info.Close != 0 {
		s.Close = &info.Close
		where = append(where, fmt.Sprintf("a WebSocket is closed with %d", info.Close))
	}
	s.Cause = kindOfCode(info)
	if len(where) > 0 {
		s.Cause += ": " + strings.Join(where, ", and ")
	}
	return s
}

// kindOfCode says what is wrong in general, by the status.
func kindOfCode(info protocol.CodeInfo) string {
	switch {
	case info.Status == 0:
		return "the gateway ends a connection or a subscription"
	case info.Status == http.StatusTooManyRequests, info.Status == http.StatusInsufficientStorage:
		return "a limit is reached"
	case info.Status == http.StatusUnauthorized, info.Status == http.StatusForbidden:
		return "the sender is unknown, or lacks the right"
	case info.Status == http.StatusNotFound, info.Status == http.StatusConflict, info.Status == http.StatusGone:
		return "what the request is about is missing, or its state forbids it"
	case info.Status >= http.StatusInternalServerError:
		return "the gateway, or a server behind it, could not do it"
	}
	return "the request itself is wrong"
}

func errorsCommand() *cobra.Command {
	cmd := NewCommand("errors [CODE]", "Explain an error code, or list all of them", cobra.RangeArgs(0, 1), func(_ context.Context, c *Console) error {
		if len(c.Args) == 0 {
			var all []codeShown
			for _, info := range protocol.Codes() {
				all = append(all, showCode(info))
			}
			return list(c, each(all), []string{"CODE", "HTTP", "WEBSOCKET", "TITLE"}, func(s codeShown) []string {
				return []string{string(s.Code), optional(s.Status), optional(s.Close), s.Title}
			})
		}
		info, err := findCode(c.Args[0])
		if err != nil {
			return err
		}
		s := showCode(info)
		if c.JSON {
			return c.value(s)
		}
		_, err = fmt.Fprintf(c, "%s: %s\n\n  cause       %s\n  what to do  %s\n", s.Code, s.Title, indented(s.Cause), indented(s.Advice))
		return err
	})
	cmd.Long = `Explain an error code: what it says, why it comes, and what to do. The codes are the same
in answers, in close frames, in logs and in docs/protocol.md. It asks no gateway.`
	cmd.Example = `  seagate errors invalid_payload
  seagate errors --json`
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
		if len(args) == 0 {
			for _, info := range protocol.Codes() {
				names = append(names, string(info.Code)+"\t"+info.Title)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

// findCode finds a code, however it is written: also as HTTP or log lines have it, with a
// colon behind it.
func findCode(text string) (protocol.CodeInfo, error) {
	text = strings.TrimSuffix(strings.TrimSpace(text), ":")
	if info, ok := protocol.Code(spelling.Fold(text)).Info(); ok {
		return info, nil
	}
	var codes []string
	for _, info := range protocol.Codes() {
		codes = append(codes, string(info.Code))
	}
	slips := func(known string) int { return max(1, len(known)/3) }
	if near, ok := spelling.Nearest(text, codes, slips); ok {
		return protocol.CodeInfo{}, usagef("there is no error code %q; did you mean %q?", text, near)
	}
	return protocol.CodeInfo{}, usagef("there is no error code %q; `seagate errors` lists them", text)
}

func optional(n *int) string {
	if n == nil {
		return "-"
	}
	return strconv.Itoa(*n)
}

// indented breaks a text into lines that stand under each other.
func indented(text string) string {
	return strings.Join(wrap(text, 64), "\n"+strings.Repeat(" ", 14))
}
