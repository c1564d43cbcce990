package schema

import (
	"errors"
	"fmt"
	"testing"
)

// The judges that were asked last are kept compiled, as many as there is room for. Others are
// compiled again when they are asked.
func TestJudgesAreKeptWithinABound(t *testing.T) {
	c := &judgeCache{most: 20} // two with nine fields
	fields := make([]Field, 9)
	for i := range fields {
		fields[i] = Field{Name: string(rune('a' + i)), Type: Integer}
	}
	var all []*judge
	ask := func(j *judge) {
		t.Helper()
		schema, err := c.schemaOf(j)
		if err != nil || schema == nil {
			t.Fatal(schema, err)
		}
	}
	for range 4 {
		j := &judge{def: &Definition{Name: "s", Fields: fields}}
		all = append(all, j)
		ask(j)
		ask(all[0]) // which therefore stays
	}
	for i, want := range []bool{true, false, false, true} {
		if kept := all[i].schema != nil; kept != want || (all[i].place != nil) != want {
			t.Errorf("judge %d is kept: %v, want %v", i, kept, want)
		}
	}
	if c.fields != 20 || c.order.Len() != 2 {
		t.Errorf("%d judges with %d fields are kept, want 2 with 20", c.order.Len(), c.fields)
	}
	ask(all[1])
	if all[3].schema != nil {
		t.Error("the one that was asked longest ago is kept")
	}
	large := &judge{def: &Definition{Name: "s", Fields: append(fields[:9:9], Field{Name: "o", Type: Object, Fields: fields})}}
	ask(large)
	if c.order.Len() != 1 || large.schema == nil {
		t.Errorf("%d judges are kept beside a large one", c.order.Len())
	}
}

// A schema that nobody has published to holds nothing compiled, also after its definition was
// tried.
func TestASchemaAtRestHoldsNothingCompiled(t *testing.T) {
	s := NewSchema(&Definition{Name: "s", Version: Version{text: "1"}, Fields: []Field{{Name: "a", Type: Integer}}}, Rules{})
	if err := s.Compile(); err != nil {
		t.Fatal(err)
	}
	if s.compiled.Load() != nil {
		t.Error("a validator is kept")
	}
	if _, err := s.Check([]byte(`{"a":1}`), 2); err != nil {
		t.Fatal(err)
	}
	v := s.compiled.Load()
	if v == nil || v.judge.schema != nil {
		t.Error("no validator is kept, or a judge that nobody asked")
	}
	if _, err := s.Check([]byte(`{"a":"x"}`), 2); err == nil || v.judge.schema == nil {
		t.Errorf("got %v, and the judge that was asked is not kept", err)
	}
}

// Whoever sends wrong messages to many large definitions in turn has as many compiled as its budget
// lets it. What is refused is refused all the same, and what nobody has looked at is not accepted.
func TestCompilingIsRationed(t *testing.T) {
	wide := func(name string) *Schema {
		fields := []Field{{Name: "at", Type: Date, Optional: true}}
		for i := range 999 {
			fields = append(fields, Field{Name: fmt.Sprintf("f%d", i), Type: Integer, Optional: true})
		}
		return NewSchema(&Definition{Name: name, Version: Version{text: "1"}, Fields: fields}, Rules{})
	}
	check := func(s *Schema, budget int, may bool, payload string) (asked int, err error) {
		b := NewBudget(budget)
		b.RationCompiling("a", func(_ string, fields int) bool { asked += fields; return may })
		_, err = s.CheckWithin(&b, []byte(payload), 5)
		return asked, err
	}
	var refused *ValidationError
	s := wide("a")
	asked, err := check(s, 0, false, `{"f7":"x"}`)
	if asked != 1001 || !errors.As(err, &refused) || len(refused.Problems) != 1 || s.compiled.Load().judge.schema != nil {
		t.Errorf("without a ration: asked for %d fields, got %v", asked, err)
	}
	if asked, err := check(s, 1_000_000, true, `{"f7":"x"}`); asked != 0 || !errors.As(err, &refused) || s.compiled.Load().judge.schema != nil {
		t.Errorf("with a small budget: asked for %d fields, got %v", asked, err)
	}
	if _, err := check(s, 0, false, `{"at":"2026\u002d01-01T00:00:00Z"}`); !errors.Is(err, ErrTooCostly) { // the walk does not accept it
		t.Errorf("a message in which nothing wrong is found: %v", err)
	}
	if asked, err := check(s, 0, true, `{"f7":"x"}`); asked != 1001 || !errors.As(err, &refused) || s.compiled.Load().judge.schema == nil {
		t.Errorf("with a ration: asked for %d fields, got %v", asked, err)
	}
	if asked, err := check(s, 0, false, `{"f7":"x"}`); asked != 0 || !errors.As(err, &refused) {
		t.Errorf("when it is compiled: asked for %d fields, got %v", asked, err)
	}
	b := NewBudget(2_000_000)
	for _, s := range []*Schema{wide("b"), wide("c")} {
		if _, err := s.CheckWithin(&b, []byte(`{"f7":"x"}`), 5); !errors.As(err, &refused) {
			t.Error(err)
		}
	}
	if b.steps > 1_000_000 || b.steps < 0 {
		t.Errorf("%d steps are left, want those of one definition", b.steps)
	}
}
