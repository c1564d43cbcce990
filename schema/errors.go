package schema

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"seagate/internal/problems"
)

// ErrHistoryFull reports a stream or service whose record has no room for another
// version. Delete the definitions and define it again.
var ErrHistoryFull = errors.New("schema: the history of definitions is full")

// A DefinitionError is everything that is wrong with a definition.
type DefinitionError struct {
	Stream   string
	Problems []Problem // at least one; places such as fields[2].enum
}

func (e *DefinitionError) Error() string { return e.Heading() + ": " + problems.Summary(e.Problems) }

// Heading says what is wrong, without the list of problems.
func (e *DefinitionError) Heading() string {
	return fmt.Sprintf("the definition of %s is not valid", e.Stream)
}

// Lines returns each problem as one line.
func (e *DefinitionError) Lines() []string { return lines(e.Problems) }

// A ValidationError is everything that is wrong with a message, or with the body or result
// of a call.
type ValidationError struct {
	What     string // "" for a message; as in: body of quote
	Stream   string
	Version  Version
	Problems []Problem // at least one, in the order of the message; at most 1000 and one that counts the rest
}

func (e *ValidationError) Error() string { return e.Heading() + ": " + problems.Summary(e.Problems) }

// Heading says what is wrong, without the list of problems.
func (e *ValidationError) Heading() string {
	return fmt.Sprintf("the %s does not match %s version %s", cmp.Or(e.What, "message"), e.Stream, e.Version)
}

// Lines returns each problem as one line.
func (e *ValidationError) Lines() []string { return lines(e.Problems) }

// An OlderVersionError refuses a version that is lower than the current one.
type OlderVersionError struct {
	Stream  string
	Pushed  Version
	Defined Version
}

// Error has the wording that deployed clients check for, "older" included.
func (e *OlderVersionError) Error() string {
	return fmt.Sprintf("The version pushed for the schema [%s] is [%s] but there is already an older version defined [%s]",
		e.Stream, e.Pushed, e.Defined)
}

// A ConflictError refuses different fields for the current version.
type ConflictError struct {
	Stream      string
	Version     Version      // the current one, as it was given first
	Differences []Difference // from the current definition to the pushed one; at least one
}

func (e *ConflictError) Error() string { return e.Heading() + ": " + strings.Join(e.Lines(), "; ") }

// Heading says what is wrong, without the list of differences.
func (e *ConflictError) Heading() string {
	return fmt.Sprintf("%s version %s is already defined with other fields; give the new ones a higher version", e.Stream, e.Version)
}

// Lines returns each difference as one line.
func (e *ConflictError) Lines() []string { return lines(e.Differences) }

func lines[T fmt.Stringer](list []T) []string {
	text := make([]string, len(list))
	for i, item := range list {
		text[i] = item.String()
	}
	return text
}
