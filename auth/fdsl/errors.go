package fdsl

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"seagate/internal/problems"
)

const (
	// maxProblems bounds the problems in an Error, so that a hostile tree cannot make a log line
	// of its own size.
	maxProblems = 16
	// maxText bounds each text of a problem in bytes, because it may quote the tree.
	maxText = 200
)

// Error is the error of Compile for a tree that is not a filter. It quotes the tree, in a bounded
// length: it is safe to log, and to show to the bearer of the token, who owns the tree.
type Error struct {
	// Problems has at least one problem, in the order of the tree. Each place is a JSON pointer
	// (RFC 6901), "" for the root.
	Problems []problems.Problem
	More     bool // whether there are other problems
}

// Error names every problem.
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

// refuse notes a problem at a JSON pointer.
func (p *parser) refuse(pointer, format string, args ...any) {
	if p.problems.Full() {
		p.problems.Skip(1)
		return
	}
	p.problems.Add(clip(pointer), clip(fmt.Sprintf(format, args...)))
}

// err returns nil if there are no problems.
func (p *parser) err() error {
	if p.problems.Count() == 0 {
		return nil
	}
	return &Error{Problems: p.problems.Kept(), More: p.problems.More() > 0}
}

// clip cuts s to maxText bytes at the end of a character.
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
