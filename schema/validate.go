package schema

import (
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"seagate/internal/problems"
)

// maxJudgeWork is the most work that a message may make for the judge, in
// look-ups of a property at about 12 ns. The judge looks for every field of an
// object that the definition knows, and not for those that the message has:
// a megabyte of {},{},... takes it 4 s against 1000 optional fields. It also
// writes out the path to every value, and keeps every error with three of them.
// Beyond this, or with more problems than are listed, the explainer decides
// alone.
const maxJudgeWork = 4 << 20

// A ValidationError is everything that is wrong with a message.
type ValidationError struct {
	Stream   string
	Version  Version
	Problems []Problem // at least one, in the order of the message; at most 1000 and one that counts the rest
}

func (e *ValidationError) Error() string {
	return fmt.Sprintf("the message does not match %s version %s: %s", e.Stream, e.Version, problems.Summary(e.Problems))
}

// Lines returns the problems as text, for the answer's errors.
func (e *ValidationError) Lines() []string { return problems.Lines(e.Problems) }

// A Validator checks messages against one definition. Safe for concurrent use.
type Validator struct {
	def          *Definition
	rules        Rules
	judge        *judge
	top          shape
	takesUnknown bool
	title        string // portCall version 3
}

// Compile makes a validator. A definition that ParseDefinition made does not
// fail to compile; DefaultLimits says what it can cost.
func Compile(def *Definition, rules Rules) (*Validator, error) {
	title := fmt.Sprintf("%s version %s", def.Name, def.Version)
	judge, err := newJudge(def, rules)
	if err != nil {
		return nil, fmt.Errorf("schema: compile %s: %w", title, err)
	}
	return &Validator{
		def:          def,
		rules:        rules,
		judge:        judge,
		top:          shaper{rules}.object(def.Fields, 0),
		takesUnknown: acceptsUnknown(def, rules),
		title:        title,
	}, nil
}

// Validate returns nil if the message matches the definition, and otherwise a
// *ValidationError that lists everything that does not. Any other error means
// that no verdict was reached, and the message must be refused.
func (v *Validator) Validate(doc Document) error {
	found, err := explain(v, doc.Raw)
	if err != nil {
		return err
	}
	if found.work > maxJudgeWork || found.More() > 0 {
		return v.refusal(found.All())
	}
	verdict := v.judge.verdict(doc.Value)
	var refused *jsonschema.ValidationError
	switch {
	case verdict == nil:
		return v.refusal(found.hidden)
	case !errors.As(verdict, &refused):
		return verdict
	case found.Count() == 0:
		return v.refusal([]Problem{{Place: "payload", Message: shorten(refused.Error(), 200)}})
	default:
		return v.refusal(found.All())
	}
}

func (v *Validator) refusal(list []Problem) error {
	if len(list) == 0 {
		return nil
	}
	return &ValidationError{Stream: v.def.Name, Version: v.def.Version, Problems: list}
}
