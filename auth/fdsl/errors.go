package fdsl

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"seagate/internal/problems"
)

const (
	// maxProblems is how many problems one Error holds. It keeps a hostile tree
	// from becoming a log line of its own size.
	maxProblems = 16
	// maxText bounds, in bytes, each text of a Problem, which may quote the tree.
	maxText = 200
)

// A Problem is one reason why a tree is not a filter. Its Place is a JSON
// pointer (RFC 6901), "" for the root. Its Message says what is wrong there and
// what would be right.
type Problem = problems.Problem

// Error is what Compile returns for a tree that is not a filter. Its text names
// every problem. It quotes the tree, which belongs to the bearer of the token:
// safe to show to the bearer and to log, in a bounded length.
type Error struct {
	Problems []Problem // at least one, in the order of the tree
	More     bool      // whether there are problems beyond those listed
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("fdsl: not a filter: ")
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteString("; ")
		}
		place := "the root"
		if p.Place != "" {
			place = strconv.Quote(p.Place)
		}
		fmt.Fprintf(&b, "at %s: %s", place, p.Message)
	}
	if e.More {
		b.WriteString("; and more")
	}
	return b.String()
}

// refuse notes a problem.
func (p *parser) refuse(pointer, format string, args ...any) {
	if p.problems.Full() {
		p.problems.Skip(1)
		return
	}
	p.problems.Add(clip(pointer), clip(fmt.Sprintf(format, args...)))
}

// err returns nil if nothing is wrong.
func (p *parser) err() error {
	if p.problems.Count() == 0 {
		return nil
	}
	return &Error{Problems: p.problems.Kept(), More: p.problems.More() > 0}
}

// clip cuts s to maxText bytes, between two characters.
func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
