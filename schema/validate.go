package schema

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// maxJudgeWork is the most work that the messages of one Budget may cause the
// judge together, in look-ups of a property at about 12 ns each. The judge looks
// up every field of the definition in every object of the message: a megabyte of
// {},{},... takes it 4 s if the definition has 1000 optional fields. It also
// writes out the path of every value, and keeps each error with three paths.
// Beyond this bound, or with more problems than a list keeps, the explainer
// decides alone.
const maxJudgeWork = 4 << 20

// problemWork is what one problem costs the judge, in the same unit.
const problemWork = 256

// A Schema is what the messages of a stream must match. It is safe for concurrent
// use.
type Schema struct {
	Definition *Definition
	rules      Rules
	compiled   atomic.Pointer[Validator] // nil: it was not needed yet
}

// NewSchema returns the schema of a definition. It is compiled when the first message is
// checked: there can be thousands of definitions, and most are not in use.
func NewSchema(def *Definition, rules Rules) *Schema { return &Schema{Definition: def, rules: rules} }

// Compile returns an error if messages cannot be checked. It keeps nothing that it compiles.
func (s *Schema) Compile() error {
	_, err := Compile(s.Definition, s.rules).judge.compile()
	return err
}

// validator returns the validator, which is kept from the first call on.
func (s *Schema) validator() *Validator {
	v := s.compiled.Load()
	if v == nil {
		v = Compile(s.Definition, s.rules)
		s.compiled.Store(v)
	}
	return v
}

// A Validator checks messages against one definition. It is safe for concurrent
// use.
type Validator struct {
	def          *Definition
	rules        Rules
	judge        *judge
	top          shape
	takesUnknown bool
	title        string // as in: portCall version 3
}

// Compile returns the validator of a definition. It does not compile the judge, which is
// the costly part (see DefaultLimits): that happens when the judge is asked.
func Compile(def *Definition, rules Rules) *Validator {
	return &Validator{
		def:          def,
		rules:        rules,
		judge:        &judge{def: def, rules: rules},
		top:          shaper{rules}.object(def.Fields, 0),
		takesUnknown: acceptsUnknown(def, rules),
		title:        fmt.Sprintf("%s version %s", def.Name, def.Version),
	}
}

// Validate returns nil if the message matches the definition, and otherwise a
// *ValidationError with everything that does not match. Any other error means
// that there is no verdict, and that the message must be refused.
func (v *Validator) Validate(doc Document) error {
	b := NewBudget(0)
	return v.validate(doc, &b)
}

// validate is Validate within a budget. It returns ErrTooCostly if the budget does not suffice.
func (v *Validator) validate(doc Document, b *Budget) error {
	found, err := explain(v, doc.Raw, b)
	if err != nil {
		return err
	}
	work := found.work + problemWork*found.Count()
	if b.judge -= work; b.judge < 0 || found.More() > 0 {
		return v.refusal(found.All())
	}
	verdict := v.judge.verdict(doc.Value, b)
	var refused *jsonschema.ValidationError
	switch {
	case verdict == nil:
		return v.refusal(found.hidden)
	case verdict == errNotAsked || verdict == ErrTooCostly && found.Count() > 0:
		return v.refusal(found.All())
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
