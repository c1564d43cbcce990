// Package problems collects everything that is wrong with one input, so that
// its sender can correct everything at once.
//
// A List is bounded, because a hostile input of a megabyte can have hundreds
// of thousands of problems.
package problems

import (
	"cmp"
	"fmt"
	"strings"
)

// DefaultMax is how many problems a List keeps if it does not say. Nobody
// reads more than the first few.
const DefaultMax = 1000

// DefaultMaxBytes is how many bytes of text a List keeps if it does not say. The
// place of a problem can be some kilobytes long.
const DefaultMaxBytes = 256 << 10

// A Problem is one thing that is wrong.
type Problem struct {
	Place   string // as the input's readers write it: moves[2].load, /e/0/e; empty for all of the input
	Message string // what was expected, and what was there
}

// String returns the problem as one line, as in
// moves[2].load: expected an integer, got the string "abc".
func (p Problem) String() string {
	if p.Place == "" {
		return p.Message
	}
	return p.Place + ": " + p.Message
}

// A List keeps the first Max problems, or fewer if their texts reach MaxBytes, and
// counts the rest. The zero value is an empty list. It is not safe for concurrent use.
type List struct {
	Max      int // 0 means DefaultMax
	MaxBytes int // 0 means DefaultMaxBytes; the problem that crosses it is kept
	kept     []Problem
	bytes    int // of the texts of kept
	count    int
}

// Add notes a problem.
func (l *List) Add(place, message string) {
	if !l.Full() {
		l.kept = append(l.kept, Problem{Place: place, Message: message})
		l.bytes += len(place) + len(message)
	}
	l.count++
}

// Addf is Add with a formatted message, which a full list does not make.
func (l *List) Addf(place, format string, args ...any) {
	if l.Full() {
		l.count++
		return
	}
	l.Add(place, fmt.Sprintf(format, args...))
}

// Full reports whether the list keeps no more, so that the caller can use Skip
// instead of making a message.
func (l *List) Full() bool {
	return len(l.kept) >= cmp.Or(l.Max, DefaultMax) || l.bytes >= cmp.Or(l.MaxBytes, DefaultMaxBytes)
}

// Bytes returns the length of the texts of the problems that the list keeps.
func (l *List) Bytes() int { return l.bytes }

// Skip counts n problems without keeping them.
func (l *List) Skip(n int) { l.count += n }

// Count returns how many problems there are, kept or not.
func (l *List) Count() int { return l.count }

// Kept returns the problems that the list keeps, in the order of Add.
func (l *List) Kept() []Problem { return l.kept }

// More returns how many problems are not kept.
func (l *List) More() int { return l.count - len(l.kept) }

// All returns Kept, and if there are more, one more entry that says how many.
func (l *List) All() []Problem {
	if more := l.More(); more > 0 {
		return append(l.kept, Problem{Message: fmt.Sprintf("... and %d more", more)})
	}
	return l.kept
}

// Lines returns each problem as one line.
func Lines(list []Problem) []string {
	lines := make([]string, len(list))
	for i, p := range list {
		lines[i] = p.String()
	}
	return lines
}

// Summary joins the first few problems to one line, for an error's text.
func Summary(list []Problem) string {
	const few = 3
	if len(list) <= few {
		return strings.Join(Lines(list), "; ")
	}
	return strings.Join(Lines(list[:few]), "; ") + "; ..."
}
