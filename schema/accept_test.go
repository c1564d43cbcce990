package schema

import (
	"fmt"
	"strings"
	"testing"
)

// walked is a definition with a field of every type.
const walked = `{"version":1,"fields":[{"name":"s","type":"string"},{"name":"f","type":"float"},{"name":"i","type":"integer","optional":true},` +
	`{"name":"d","type":"date"},{"name":"e","type":"enum","enum":["x","y"]},{"name":"o","type":"object","fields":[{"name":"ds","type":"array<date>"}]},` +
	`{"name":"m","type":"array<object>","fields":[{"name":"is","type":"array<integer>"}]}]%s}`

func compileText(t testing.TB, definition string, rules Rules) *Validator {
	t.Helper()
	def, err := ParseDefinition([]byte(definition), "s", DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return Compile(def, rules)
}

// Messages as clients send them are accepted by the walk alone: otherwise each
// costs forty times as much.
func TestTheWalkAcceptsWhatClientsSend(t *testing.T) {
	const rest = `"f":-1.5e3,"i":0,"d":"2026-11-20T10:00:00Z","e":"y","o":{"ds":["2024-02-29T23:59:59Z"]},"m":[{"is":[1,-2,1e3]},{"is":[]}]`
	strict, open := compileText(t, fmt.Sprintf(walked, ""), Rules{}), compileText(t, fmt.Sprintf(walked, `,"unknownFields":"accept"`), Rules{})
	for _, test := range []struct {
		name   string
		v      *Validator
		text   string
		spaces int
	}{
		{"in order", strict, `{"s":"a",` + rest + `}`, 0},
		{"in another order", strict, `{` + rest + `,"s":"a"}`, 0},
		{"an optional field is missing", strict, `{"s":"a",` + strings.Replace(rest, `"i":0,`, ``, 1) + `}`, 0},
		{"white space", strict, " {\n\"s\" : \"a b\" ,\t" + rest + "\r} ", 8},
		{"escapes and characters", strict, `{"s":"\"\\\/\b\f\n\r\té\u00E9\ud83d\ude00 ` + "\U0001F6A2" + `",` + rest + `}`, 0},
		{"unknown fields", open, `{"x":{"x":[null,true,false]},"y":"z","s":"a",` + rest + `}`, 0},
		{"no definition", nil, `[{"a":1,"b":{"a":[]}},"x",-0.1e-9,null]`, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if spaces, ok := accepts(test.v, []byte(test.text), 4); !ok || spaces != test.spaces {
				t.Errorf("accepts(%s) = %d, %t, want %d, true", test.text, spaces, ok, test.spaces)
			}
		})
	}
}

// What the walk does not accept goes to the judge. These are the bounds of the walk
// itself; FuzzValidate and FuzzAgreement compare it with the judge.
func TestBoundsOfTheWalk(t *testing.T) {
	names := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"%d":0`, i)
		}
		return "{" + b.String()[1:] + "}"
	}
	for _, test := range []struct {
		name     string
		yes, no  string
		noIsJSON bool
	}{
		{"depth", `[[[[1]]]]`, `[[[[[1]]]]]`, false},
		{"unknown names", names(maxUnknownNames), names(maxUnknownNames + 1), true},
		{"digits", strings.Repeat("1", 200), strings.Repeat("1", 200+1), true},
		{"exponent", `1e99`, `1e100`, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, ok := accepts(nil, []byte(test.yes), 4); !ok {
				t.Errorf("%s is not accepted", test.yes)
			}
			if _, ok := accepts(nil, []byte(test.no), 4); ok {
				t.Errorf("%s is accepted", test.no)
			}
			if _, err := (*Schema)(nil).Check([]byte(test.no), 4); (err == nil) != test.noIsJSON {
				t.Errorf("Check(%s): %v", test.no, err)
			}
		})
	}
}

func TestCheckDoesNotAllocate(t *testing.T) {
	def, err := ParseDefinition(fmt.Appendf(nil, walked, `,"unknownFields":"accept"`), "s", DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	s := NewSchema(def, Rules{})
	payload := []byte(`{"s":"aé\n","f":1.5,"i":3,"d":"2026-11-20T10:00:00Z","e":"x","o":{"ds":[]},"m":[{"is":[1]}],"other":{"a":[1]}}`)
	check := func() {
		if _, err := s.Check(payload, 10); err != nil {
			t.Fatal(err)
		}
	}
	check() // compiles the definition
	if n := testing.AllocsPerRun(100, check); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
