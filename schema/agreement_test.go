package schema

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"seagate/internal/problems"
)

// These tests use what is not exported: they compare the explainer with the judge,
// and give them values that no definition and no message can make.

// checkAgreement fails if judge and explainer decide differently, except about
// what the judge cannot see.
func checkAgreement(t *testing.T, def *Definition, rules Rules, doc Document) {
	t.Helper()
	v := Compile(def, rules)
	budget := NewBudget(0)
	found, err := explain(v, doc.Raw, &budget)
	if err != nil {
		t.Fatalf("%s: %v", doc.Raw, err)
	}
	all := NewBudget(0)
	verdict := v.judge.verdict(doc.Value, &all)
	if errors.Is(verdict, errJudgeFailed) {
		t.Fatalf("%s: %v", doc.Raw, verdict)
	}
	visible := found.Count() - len(found.hidden)
	if found.More() == 0 && (verdict == nil) != (visible == 0) {
		t.Fatalf("definition %s\nmessage %s\nrules %+v\nthe judge says %v\nthe explainer says %q",
			def.AppendJSON(nil), doc.Raw, rules, verdict, problems.Lines(found.Kept()))
	}
	refused := v.Validate(doc)
	if (refused == nil) != (found.Count() == 0) || !reflect.DeepEqual(refused, v.Validate(doc)) {
		t.Fatalf("%s: %v, %q", doc.Raw, refused, problems.Lines(found.Kept()))
	}
	if spaces, accepted := accepts(v, doc.Raw, 20); accepted && (verdict != nil || found.Count() > 0 || spaces > 0) {
		t.Fatalf("definition %s\nmessage %s\nrules %+v\nthe walk accepts what is refused: %v %q",
			def.AppendJSON(nil), doc.Raw, rules, verdict, problems.Lines(found.Kept()))
	}
	if refused != nil && !utf8.ValidString(strings.Join(refused.(*ValidationError).Lines(), "")) {
		t.Fatalf("%s: not UTF-8: %q", doc.Raw, problems.Lines(found.Kept()))
	}
}

func rulesOf(bits uint8) Rules {
	policies := []Policy{"", Accept}
	return Rules{MissingFields: policies[bits&1], UnknownFields: policies[bits>>1&1], LenientDates: bits&4 != 0}
}

// FuzzValidate mutates the text of definitions and messages.
func FuzzValidate(f *testing.F) {
	const def = `{"version":1,"fields":[{"name":"s","type":"string"},{"name":"f","type":"float"},{"name":"i","type":"integer","optional":true},` +
		`{"name":"d","type":"date"},{"name":"e","type":"enum","enum":["x","y"]},{"name":"o","type":"object","fields":[{"name":"ds","type":"array<date>"}]},` +
		`{"name":"m","type":"array<object>","fields":[{"name":"is","type":"array<integer>"}]}]}`
	f.Add([]byte(def), []byte(`{"s":"a","f":1.5,"i":1e3,"d":"2026-11-20T10:00:00Z","e":"x","o":{"ds":["2026-11-20T10:00:00.5Z"]},"m":[{"is":[1,9007199254740993.5]}]}`), uint8(0))
	f.Add([]byte(def), []byte(`{"s":1,"f":"x","d":"2026-02-30T10:00:00Z","e":"z","o":{},"m":[{"is":[1e-400,null]},7],"extra":[]}`), uint8(7))
	f.Add([]byte(`{"version":"1","fields":[{"name":"$ref","type":"object","fields":[{"name":"a/b","type":"integer"}]}],"unknownFields":"accept"}`), []byte(`{"$ref":{"a/b":1,"x":2}}`), uint8(3))
	f.Fuzz(func(t *testing.T, definition, payload []byte, bits uint8) {
		def, err := ParseDefinition(definition, "s", Limits{Fields: 20, Depth: 4, EnumValues: 5, NameBytes: 20})
		if err != nil {
			return
		}
		doc, err := Decode(payload, 20)
		if err == nil {
			checkAgreement(t, def, rulesOf(bits), doc)
		}
		checkWalk(t, Compile(def, rulesOf(bits)), payload, doc, err)
	})
}

// checkWalk fails if the walk accepts what Decode refuses, or changes it.
func checkWalk(t *testing.T, v *Validator, payload []byte, doc Document, refused error) {
	t.Helper()
	spaces, accepted := accepts(v, payload, 20)
	if accepted && (refused != nil || len(payload)-spaces != len(doc.Raw)) {
		t.Fatalf("%q is accepted with %d spaces, but it decodes to %q, %v", payload, spaces, doc.Raw, refused)
	}
}

// FuzzAccepts compares the walk without a definition with the decoder.
func FuzzAccepts(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-0.5e+3,true,false,null,"\u00e9\ud83d\ude00\n"],"b":{"a":{}}}`, ` [ ] `, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`,
		`"\ud800"`, "\"\xff\"", `1e400`, `01`, `-`, `{"a":1,}`, `[1 2]`, `nul`, `[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]`, `1 1`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		doc, err := Decode(payload, 20)
		checkWalk(t, nil, payload, doc, err)
		got, checked := (*Schema)(nil).Check(payload, 20)
		if (checked == nil) != (err == nil) || string(got) != string(doc.Raw) {
			t.Fatalf("%q: Check returns %q, %v; Decode %q, %v", payload, got, checked, doc.Raw, err)
		}
	})
}

// FuzzAgreement makes definitions, and messages that nearly match them.
func FuzzAgreement(f *testing.F) {
	for i := range uint64(200) {
		f.Add(i, uint8(i))
	}
	f.Fuzz(func(t *testing.T, seed uint64, bits uint8) {
		m := maker{rand.New(rand.NewPCG(seed, 1))}
		def := &Definition{Name: "s", Version: Version{text: "1"}, Fields: m.fields(3), UnknownFields: pick(m, "", "", Accept, Refuse)}
		for range 4 {
			text := m.object(def.Fields)
			doc, err := Decode([]byte(text), 20)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			checkAgreement(t, def, rulesOf(bits), doc)
		}
	})
}

// maker makes random definitions and messages.
type maker struct{ *rand.Rand }

func pick[T any](m maker, from ...T) T { return from[m.IntN(len(from))] }

func (m maker) fields(depth int) []Field {
	fields := make([]Field, 0, 4)
	for i := range m.IntN(5) {
		t := pick(m, types...)
		if depth == 0 && t.hasFields() {
			continue
		}
		f := Field{Name: pick(m, "a", "é", "a/b", "$id", "x y") + strconv.Itoa(i), Type: t, Optional: m.IntN(4) == 0}
		if t == Enum {
			f.Enum = []string{"x", "", "%d"}[:1+m.IntN(3)]
		}
		if t.hasFields() {
			f.Fields = m.fields(depth - 1)
		}
		fields = append(fields, f)
	}
	return fields
}

func (m maker) object(fields []Field) string {
	var members []string
	for i := range fields {
		if m.IntN(12) > 0 {
			members = append(members, string(appendQuoted(nil, fields[i].Name))+":"+m.field(&fields[i]))
		}
	}
	if m.IntN(10) == 0 {
		members = append(members, `"other":`+m.odd())
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (m maker) field(f *Field) string {
	item, isArray := f.Type.item()
	if m.IntN(15) == 0 {
		return m.odd()
	}
	if !isArray {
		return m.value(f, f.Type)
	}
	items := make([]string, m.IntN(4))
	for i := range items {
		items[i] = m.value(f, item)
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (m maker) value(f *Field, t Type) string {
	if m.IntN(15) == 0 {
		return m.odd()
	}
	switch t {
	case Float, Integer:
		return pick(m, `1`, `-0`, `1e3`, `10e-1`, `1.0`, `123456789012345678901234567890`)
	case Date:
		return pick(m, `"2026-11-20T10:00:00Z"`, `"2024-02-29T23:59:59Z"`)
	case Enum:
		return string(appendQuoted(nil, pick(m, f.Enum...)))
	case Object:
		return m.object(f.Fields)
	default:
		return pick(m, `""`, `"x"`, `"\ud83d\ude00"`)
	}
}

func (m maker) odd() string {
	return pick(m, `null`, `true`, `"z"`, `1.5`, `9007199254740993.5`, `1e-400`, `1e308`, `"2026-02-30T10:00:00Z"`, `"2026-11-20T10:00:00.5+00:00"`, `{}`, `[]`, `[[1]]`, `[null]`, `{"a":1}`)
}

// FuzzIsWhole compares isWhole with exact arithmetic.
func FuzzIsWhole(f *testing.F) {
	for _, seed := range []string{"0", "-1.50e1", "1e-400", "0.000e9", "100e-2", "1e-99999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := Decode([]byte(text), 0); err != nil || !strings.ContainsAny(text, "0123456789") || strings.Contains(text, `"`) {
			return
		}
		text = strings.TrimSpace(text)
		if _, exp, ok := strings.Cut(strings.ToLower(text), "e"); ok && len(exp) > 4 {
			return // exact arithmetic would take all memory
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%q is no number", text)
		}
		if got := isWhole([]byte(text)); got != exact.IsInt() {
			t.Fatalf("isWhole(%s) = %t", text, got)
		}
	})
}

// FuzzIsDate compares isDate with time.Parse, which accepts more.
func FuzzIsDate(f *testing.F) {
	for _, seed := range []string{"2026-11-20T10:00:00Z", "2024-02-29T23:59:59.5Z", "1900-02-29T00:00:00+00:00", "0000-12-31T24:00:00Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parsed, err := time.Parse("2006-01-02T15:04:05Z", s)
		if want := err == nil && parsed.Format("2006-01-02T15:04:05Z") == s; isDate(s, false) != want {
			t.Fatalf("isDate(%q, strict) = %t", s, !want)
		}
		if isDate(s, false) && !isDate(s, true) {
			t.Fatalf("%q is a date, but not leniently", s)
		}
		if parsed, err := time.Parse(time.RFC3339Nano, s); isDate(s, true) && (err != nil || parsed.UTC().Format("2006-01-02T15:04:05") != s[:19]) {
			t.Fatalf("isDate(%q, lenient), but it is %v, %v", s, parsed, err)
		}
	})
}

// halves returns a validator whose judge has one definition, and whose
// explainer has another.
func halves(t *testing.T, judged, explained Field) *Validator {
	t.Helper()
	compile := func(f Field) *Validator {
		f.Name = "n"
		return Compile(&Definition{Name: "s", Version: Version{text: "1"}, Fields: []Field{f}}, Rules{})
	}
	v := compile(explained)
	v.judge = compile(judged).judge
	return v
}

func TestJudgeDecides(t *testing.T) {
	doc, err := Decode([]byte(`{"n":"x"}`), 2)
	if err != nil {
		t.Fatal(err)
	}
	strict, loose := Field{Type: Enum, Enum: []string{"y"}}, Field{Type: String}
	if err := halves(t, loose, strict).Validate(doc); err != nil {
		t.Errorf("the judge accepts, and the validator says %v", err)
	}
	var refused *ValidationError
	if err := halves(t, strict, loose).Validate(doc); !errors.As(err, &refused) || !strings.Contains(refused.Lines()[0], "payload: jsonschema: '/n' does not validate") {
		t.Errorf("the judge refuses, and the validator says %v", err)
	}
}

func TestJudgeIsSkippedWhenItCostsTooMuch(t *testing.T) {
	v := halves(t, Field{Type: DateArray}, Field{Type: StringArray})
	wrong := func(n int) Document {
		doc, err := Decode([]byte(`{"n":[1`+strings.Repeat(",1", n-1)+`]}`), 2)
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	v.judge = nil // asking it returns errJudgeFailed
	var refused *ValidationError
	if err := v.Validate(wrong(problems.DefaultMax + 1)); !errors.As(err, &refused) {
		t.Errorf("past the bound: %v", err)
	}
	if err := v.Validate(wrong(problems.DefaultMax)); !errors.Is(err, errJudgeFailed) {
		t.Errorf("at the bound: %v", err)
	}
	doc, err := Decode([]byte(`{"n":[]}`), 2)
	if err != nil {
		t.Fatal(err)
	}
	v.top.weight = maxJudgeWork // and the array weighs 1
	if err := v.Validate(doc); err != nil {
		t.Errorf("past the bound: %v", err)
	}
	v.top.weight--
	if err := v.Validate(doc); !errors.Is(err, errJudgeFailed) {
		t.Errorf("at the bound: %v", err)
	}
}

// The judge's work for a message grows with the number of fields in the definition
// and with the length of their names.
func TestWorkOfTheJudgeGrowsWithTheDefinition(t *testing.T) {
	work := func(fields int, name, payload string) int {
		t.Helper()
		nested := make([]Field, fields)
		for i := range nested {
			nested[i] = Field{Name: strconv.Itoa(i) + name, Type: StringArray, Optional: true}
		}
		v := Compile(&Definition{Fields: []Field{{Name: "m", Type: ObjectArray, Fields: nested}}}, Rules{})
		budget := NewBudget(0)
		found, err := explain(v, []byte(payload), &budget)
		if err != nil || found.Count() > 0 {
			t.Fatal(problems.Lines(found.Kept()), err)
		}
		return found.work
	}
	if got := work(900, "", `{"m":[`+strings.Repeat(`{},`, 99)+`{}]}`); got < 100*900 || got > 101*901+10 {
		t.Errorf("100 objects with 900 fields each: %d", got)
	}
	name := strings.Repeat("n", 1280)
	if got := work(1, name, `{"m":[{"0`+name+`":[`+strings.Repeat(`"",`, 99)+`""]}]}`); got < 100*11 || got > 101*11+10 {
		t.Errorf("100 strings at a path of 1282 bytes: %d", got)
	}
}

// The validator panics on a value that JSON does not have.
func TestPanicOfTheJudgeIsAnError(t *testing.T) {
	v := halves(t, Field{Type: Integer}, Field{Type: Integer})
	doc := Document{Raw: []byte(`{"n":1}`), Value: map[string]any{"n": fmt.Errorf("no JSON")}}
	if err := v.Validate(doc); err == nil {
		t.Error("accepted")
	}
	v.judge = &judge{} // without a definition
	if err := v.Validate(doc); !errors.Is(err, errJudgeFailed) {
		t.Errorf("got %v", err)
	}
	if _, err := v.judge.compile(); err == nil {
		t.Error("compiled")
	}
}
