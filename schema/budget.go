package schema

import (
	"errors"
	"math"

	"seagate/internal/problems"
)

// ErrTooCostly reports that a message cannot be checked within its budget. It must be
// refused.
var ErrTooCostly = errors.New("schema: the messages are too costly to check; send fewer or simpler ones at a time")

// A Budget bounds what the checks of several messages may cost together, such as those
// of a batch: a few bytes of a message can lack a thousand fields. Messages that one walk
// over their text accepts cost nothing of it. Not safe for concurrent use.
type Budget struct {
	steps    int // see NewBudget
	judge    int // work of the judge; see maxJudgeWork
	compared int // names that may be compared for suggestions
	problems int // that may be listed
	bytes    int // of the texts of the problems

	mayCompile func(tenant string, fields int) bool // see RationCompiling; nil: always
	tenant     string
}

// NewBudget returns a budget of as many steps as the checks may take, without a bound
// if it is 0. A value takes a step of some 50 ns, and an object another one for each 64
// fields of its definition. The budget lists as many problems as a problems.List.
func NewBudget(steps int) Budget {
	if steps == 0 {
		steps = math.MaxInt
	}
	return Budget{steps: steps, judge: maxJudgeWork, compared: maxSuggestions, problems: problems.DefaultMax, bytes: problems.DefaultMaxBytes}
}

// RationCompiling makes the checks ask, for a tenant, before they compile a definition with so many
// fields as a JSON Schema, which takes some 50 µs for each. It happens once for a definition, and again
// for each that has given way to others: whoever sends wrong messages to many large definitions in turn
// would have them compiled for each message. If may returns false, a message is refused for the problems
// that are found without it, or with ErrTooCostly if none are.
func (b *Budget) RationCompiling(tenant string, may func(tenant string, fields int) bool) {
	b.tenant, b.mayCompile = tenant, may
}

// compileSteps is what compiling a definition takes for each of its fields.
const compileSteps = 1000

// compiles reports whether a definition is to be compiled for a message, and takes the steps that it
// takes. If as many are not left, the explainer decides alone, as beyond maxJudgeWork. It returns
// ErrTooCostly if the definition may not be compiled.
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

// IsFull reports whether as many problems were listed as may be. Of the next message only
// the first one is.
func (b *Budget) IsFull() bool { return b.problems <= 0 || b.bytes <= 0 }
