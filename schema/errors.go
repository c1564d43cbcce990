package schema

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotFound: the stream has no definition.
	ErrNotFound = errors.New("schema: no such stream")
	// ErrTooManyStreams: the jail has as many streams as it may; delete one.
	ErrTooManyStreams = errors.New("schema: the jail has too many streams")
	// ErrHistoryFull: there is no room for another version of this stream;
	// delete the stream and define it again.
	ErrHistoryFull = errors.New("schema: the history of the stream is full")
	// ErrBadName: a jail is empty or has a slash, or a stream is empty.
	ErrBadName = errors.New("schema: bad name of a jail or stream")
)

// An OlderVersionError refuses a version lower than the one that is defined.
type OlderVersionError struct {
	Stream  string
	Pushed  Version
	Defined Version
}

// Error is worded as deployed clients look for it, "older" included.
func (e *OlderVersionError) Error() string {
	return fmt.Sprintf("The version pushed for the schema [%s] is [%s] but there is already an older version defined [%s]",
		e.Stream, e.Pushed, e.Defined)
}

// A ConflictError refuses other fields for a version that is defined.
type ConflictError struct {
	Stream      string
	Version     Version      // as it is defined
	Differences []Difference // from what is defined to what was pushed; at least one
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s version %s is already defined with other fields; give the new ones a higher version: %s",
		e.Stream, e.Version, strings.Join(e.Lines(), "; "))
}

// Lines returns the differences as text, for the answer's errors.
func (e *ConflictError) Lines() []string { return differenceLines(e.Differences) }

func differenceLines(list []Difference) []string {
	text := make([]string, len(list))
	for i, d := range list {
		text[i] = d.String()
	}
	return text
}
