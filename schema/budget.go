package schema

import (
	"errors"
	"math"

	"seagate/internal/problems"
)

// ErrTooCostly reports that a message cannot be checked within its budget. It must be
// refused.
var ErrTooCostly = errors.New("schema: the messages are too costly to check; send fewer or simpler ones at a time")

// A Budget bounds what the checks of several messages, such as those of a batch, may cost
// together: a few bytes of a message can lack a thousand fields. A message that the walk over
// its text accepts costs nothing. A Budget is not safe for concurrent use.
type Budget struct {
	steps    int // see NewBudget
	judge    int // work of the judge; see maxJudgeWork
	compared int // names that may be compared for suggestions
	problems int // that may be listed
	bytes    int // of the texts of the problems

	mayCompile func(tenant string, fields int) bool // see RationCompiling; nil: always
	tenant     string
}

// NewBudget returns a budget of that many steps; 0 means no bound. A value takes a step of
// some 50 ns, and an object another one for each 64 fields of its definition. The budget lists
// as many problems as a problems.List.
func NewBudget(steps int) Budget {
	if steps == 0 {
		steps = math.MaxInt
	}
	return Budget{steps: steps, judge: maxJudgeWork, compared: maxSuggestions, problems: problems.DefaultMax, bytes: problems.DefaultMaxBytes}
}

// RationCompiling makes the checks call may before they compile a definition as a JSON Schema. They
// pass the tenant and the number of fields; each field takes some 50 µs. A definition is compiled when
// it is needed first, and again after the cache has evicted it. So a sender of wrong messages to many
// large definitions in turn would cause one compilation for each message. If may returns false, the
// message is refused for the problems that were found without the JSON Schema, or with ErrTooCostly if
// there are none.
func (b *Budget) RationCompiling(tenant string, may func(tenant string, fields int) bool) {
	b.tenant, b.mayCompile = tenant, may
}

// compileSteps is what compiling a definition takes for each of its fields.
const compileSteps = 1000

// compiles reports whether a definition is to be compiled for a message, and subtracts the steps of
// that. If too few steps are left, it returns false, and the explainer decides alone, as beyond
// maxJudgeWork. It returns ErrTooCostly if mayCompile forbids it.
func (b *Budget) compiles(fields int) (bool, error) {
	switch {
	case b.steps < fields*compileSteps:
		return false, nil
	case b.mayCompile != nil && !b.mayCompile(b.tenant, fields):
		return false, ErrTooCostly
	}
	b.steps -= fields * compileSteps
	return true, nil
}

// IsFull reports whether no more problems may be listed. Of each further message only the first
// problem is listed.
func (b *Budget) IsFull() bool { return b.problems <= 0 || b.bytes <= 0 }
