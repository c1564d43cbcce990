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
}

// NewBudget returns a budget of as many steps as the checks may take, without a bound
// if it is 0. A value takes a step of some 50 ns, and an object another one for each 64
// fields of its definition. The budget lists as many problems as a problems.List.
func NewBudget(steps int) Budget {
	if steps == 0 {
		steps = math.MaxInt
	}
	return Budget{steps, maxJudgeWork, maxSuggestions, problems.DefaultMax, problems.DefaultMaxBytes}
}

// IsFull reports whether as many problems were listed as may be. Of the next message only
// the first one is.
func (b *Budget) IsFull() bool { return b.problems <= 0 || b.bytes <= 0 }
