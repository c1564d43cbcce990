package fdsl

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxProblems is how many problems one Error holds. It keeps a hostile tree
	// from becoming a log line of its own size.
	maxProblems = 16
	// maxText bounds, in bytes, each text of a Problem, which may quote the tree.
	maxText = 200
)

// A Problem is one reason why a tree is not a filter.
type Problem struct {
	Pointer string // where in the tree, a JSON pointer (RFC 6901); "" is the root
	Reason  string // what is wrong there and what would be right
}

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
		if p.Pointer != "" {
			place = strconv.Quote(p.Pointer)
		}
		fmt.Fprintf(&b, "at %s: %s", place, p.Reason)
	}
	if e.More {
		b.WriteString("; and more")
	}
	return b.String()
}

// problems gathers what is wrong with a tree.
type problems struct {
	list []Problem
	more bool
}

func (p *problems) add(pointer, format string, args ...any) {
	if len(p.list) == maxProblems {
		p.more = true
		return
	}
	reason := clip(fmt.Sprintf(format, args...))
	p.list = append(p.list, Problem{Pointer: clip(pointer), Reason: reason})
}

// err returns nil where nothing is wrong.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return &Error{Problems: p.list, More: p.more}
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
