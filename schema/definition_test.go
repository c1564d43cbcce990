package schema_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"seagate/schema"
)

// everyType uses every type and key of a definition.
const everyType = `{"name":"portCall","version":"1.0.0","fields":[` +
	`{"name":"vessel","type":"string"},` +
	`{"name":"draught","type":"float"},` +
	`{"name":"imo","type":"integer"},` +
	`{"name":"eta","type":"date"},` +
	`{"name":"status","type":"enum","enum":["due","berthed"]},` +
	`{"name":"berth","type":"object","fields":[{"name":"name","type":"string"}]},` +
	`{"name":"tags","type":"array<string>","optional":true},` +
	`{"name":"depths","type":"array<float>"},` +
	`{"name":"holds","type":"array<integer>"},` +
	`{"name":"tides","type":"array<date>"},` +
	`{"name":"moves","type":"array<object>","fields":[{"name":"load","type":"integer"},{"name":"crane","type":"object","fields":[]}]}` +
	`],"unknownFields":"accept"}`

func TestDefinitionRoundTrip(t *testing.T) {
	for _, test := range []struct{ name, given, want string }{
		{"every type", everyType, everyType},
		{"a number as version", `{"version":3,"fields":[]}`, `{"name":"portCall","version":3,"fields":[]}`},
		{"digits of a number", `{"version":1.50,"fields":[]}`, `{"name":"portCall","version":1.50,"fields":[]}`},
		{
			"what PHP sends",
			`{"name":"portCall","version":"1.0","fields":[{"name":"a","type":"string","enum":null,"fields":null}]}`,
			`{"name":"portCall","version":"1.0","fields":[{"name":"a","type":"string"}]}`,
		},
		{
			"empty lists, null and false",
			`{"name":null,"version":1,"fields":[{"name":"a","type":"date","enum":[],"fields":[],"optional":false}],"unknownFields":null}`,
			`{"name":"portCall","version":1,"fields":[{"name":"a","type":"date"}]}`,
		},
		{
			"keys of others",
			`{"version":1,"description":"x","note":1,"fields":[{"name":"a","type":"date","description":{"deep":[1]},"unit":"m"}]}`,
			`{"name":"portCall","version":1,"fields":[{"name":"a","type":"date"}]}`,
		},
		{
			"names that need escapes",
			`{"version":1,"fields":[{"name":"a\"\\\u0001é","type":"enum","enum":["","\""]}]}`,
			`{"name":"portCall","version":1,"fields":[{"name":"a\"\\\u0001é","type":"enum","enum":["","\""]}]}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			def := define(t, test.given)
			if got := string(def.AppendJSON(nil)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if got, err := json.Marshal(def); err != nil || string(got) != test.want {
				t.Errorf("an encoder makes %s, %v", got, err)
			}
			again := define(t, string(def.AppendJSON(nil)))
			if d := schema.Diff(def, again, schema.Rules{}); len(d) > 0 {
				t.Errorf("reading it back changed it: %v", d)
			}
		})
	}
}

func TestDefinitionProblems(t *testing.T) {
	field := func(keys string) string { return `{"version":1,"fields":[{"name":"a","type":"string"},` + keys + `]}` }
	for _, test := range []struct {
		given string
		want  []string
	}{
		{`[]`, []string{`definition: expected an object, got the array []`}},
		{`{}`, []string{
			`version: missing, expected a number such as 3 or 1.5, or a string of dotted numbers such as "1.0.0"`,
			`fields: missing, expected a list of fields`,
		}},
		{`{"name":"other","version":-1,"fields":{},"unknownFields":"maybe"}`, []string{
			`name: expected "portCall", the name of the stream, or nothing, got the string "other"`,
			`version: expected a number such as 3 or 1.5, or a string of dotted numbers such as "1.0.0", got the number -1`,
			`fields: expected a list of fields, got the object {}`,
			`unknownFields: expected "accept" or "refuse", got the string "maybe"`,
		}},
		{`{"version":null,"fields":null}`, []string{
			`version: missing, expected a number such as 3 or 1.5, or a string of dotted numbers such as "1.0.0"`,
			`fields: missing, expected a list of fields`,
		}},
		{`{"version":1,"fields":[],"feilds":[],"Version":2,"optional":true,"nmae":"x"}`, []string{
			`Version: unknown key; did you mean "version"?`,
			`feilds: unknown key; did you mean "fields"?`,
			`nmae: unknown key; did you mean "name"?`,
			`optional: belongs to a field, not to the definition as a whole`,
		}},
		{field(`{"name":"b","type":"date","optinal":true,"field":[],"unknownFields":"accept"}`), []string{
			`fields[1].field: unknown key; did you mean "fields"?`,
			`fields[1].optinal: unknown key; did you mean "optional"?`,
			`fields[1].unknownFields: belongs to the definition as a whole, not to a field`,
		}},
		{field(`7`), []string{`fields[1]: expected a field, an object with name and type, got the number 7`}},
		{field(`{}`), []string{
			`fields[1].name: missing, expected a non-empty string`,
			`fields[1].type: missing, expected one of string, float, integer, date, enum, object, array<string>, array<float>, array<integer>, array<date>, array<object>`,
		}},
		{field(`{"name":"","type":"text","optional":"yes"}`), []string{
			`fields[1].name: expected a non-empty string, got the string ""`,
			`fields[1].type: expected one of string, float, integer, date, enum, object, array<string>, array<float>, array<integer>, array<date>, array<object>, got the string "text"`,
			`fields[1].optional: expected true or false, got the string "yes"`,
		}},
		{field(`{"name":"a","type":"date"}`), []string{`fields[1].name: "a" is already the name of fields[0]`}},
		{field(`{"name":"e","type":"enum"}`), []string{`fields[1].enum: missing, expected a non-empty list of strings`}},
		{field(`{"name":"e","type":"enum","enum":[]}`), []string{`fields[1].enum: expected a non-empty list of strings, got the array []`}},
		{field(`{"name":"e","type":"enum","enum":["x",1,"x",null]}`), []string{
			`fields[1].enum[1]: expected a string, got the number 1`,
			`fields[1].enum[2]: "x" is already in the list, at 0`,
			`fields[1].enum[3]: expected a string, got null`,
		}},
		{field(`{"name":"o","type":"object"}`), []string{`fields[1].fields: missing, a field of type object needs the list of its fields`}},
		{field(`{"name":"o","type":"array<object>","fields":null}`), []string{`fields[1].fields: missing, a field of type array<object> needs the list of its fields`}},
		{field(`{"name":"s","type":"string","enum":["x"],"fields":7}`), []string{
			`fields[1].enum: only an enum has values, and this is a field of type string`,
			`fields[1].fields: only object and array<object> have fields, and this is a field of type string`,
		}},
		{field(`{"name":"o","type":"object","fields":[{"name":"x","type":"array<object>","fields":[{"name":"y","type":"int"},{"name":"y","type":"date"}]}]}`), []string{
			`fields[1].fields[0].fields[0].type: expected one of string, float, integer, date, enum, object, array<string>, array<float>, array<integer>, array<date>, array<object>, got the string "int"`,
			`fields[1].fields[0].fields[1].name: "y" is already the name of fields[1].fields[0].fields[0]`,
		}},
	} {
		t.Run(test.given, func(t *testing.T) {
			_, err := schema.ParseDefinition([]byte(test.given), "portCall", schema.DefaultLimits())
			var refused *schema.DefinitionError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want a DefinitionError", err)
			}
			if !slices.Equal(refused.Lines(), test.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(refused.Lines(), "\n\t"), strings.Join(test.want, "\n\t"))
			}
		})
	}
}

func TestParseDefinitionRefusesLaxJSON(t *testing.T) {
	for given, want := range map[string]schema.DecodeErrorKind{
		`{"version":1,"version":2,"fields":[]}`:        schema.DuplicateKey,
		`{"version":1,"fields":[`:                      schema.Malformed,
		`{"version":1e999,"fields":[]}`:                schema.NumberRange,
		"{\"version\":1,\"fields\":[],\"x\":\"\xff\"}": schema.InvalidText,
		`{"version":1,"fields":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`: schema.TooDeep,
	} {
		_, err := schema.ParseDefinition([]byte(given), "portCall", schema.DefaultLimits())
		var refused *schema.DecodeError
		if !errors.As(err, &refused) || refused.Kind != want {
			t.Errorf("%.60s: got %v, want kind %d", given, err, want)
		}
	}
}

func TestDefinitionLimits(t *testing.T) {
	limits := schema.Limits{Fields: 4, Depth: 3, EnumValues: 2, NameBytes: 5}
	nested := func(depth int) string {
		fields := `[{"name":"f","type":"string"}]`
		for range depth - 1 {
			fields = `[{"name":"f","type":"object","fields":` + fields + `}]`
		}
		return `{"version":1,"fields":` + fields + `}`
	}
	fields := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(`{"name":"f%d","type":"string"}`, i)
		}
		return `{"version":1,"fields":[{"name":"o","type":"object","fields":[` + strings.Join(list, ",") + `]}]}`
	}
	one := func(keys string) string { return `{"version":1,"fields":[{` + keys + `}]}` }
	for _, test := range []struct{ within, beyond, want string }{
		{nested(3), nested(4), `fields[0].fields[0].fields[0].fields: nested deeper than 3 levels`},
		{fields(3), fields(4), `fields[0].fields: more than 4 fields, counting all levels`},
		{
			one(`"name":"e","type":"enum","enum":["a","b"]`), one(`"name":"e","type":"enum","enum":["a","b","c"]`),
			`fields[0].enum: 3 values, at most 2 are allowed`,
		},
		{one(`"name":"12345","type":"date"`), one(`"name":"123456","type":"date"`), `fields[0].name: 6 bytes, at most 5 are allowed`},
	} {
		if _, err := schema.ParseDefinition([]byte(test.within), "s", limits); err != nil {
			t.Errorf("within the limit: %v", err)
		}
		_, err := schema.ParseDefinition([]byte(test.beyond), "s", limits)
		var refused *schema.DefinitionError
		if !errors.As(err, &refused) || !slices.Equal(refused.Lines(), []string{test.want}) {
			t.Errorf("beyond the limit: got %v, want %s", err, test.want)
		}
	}
}

func TestDefinitionProblemsAreBounded(t *testing.T) {
	limits := schema.DefaultLimits()
	limits.Fields = 5000
	given := `{"version":1,"fields":[` + strings.Repeat(`{},`, 2000) + `{}]}`
	_, err := schema.ParseDefinition([]byte(given), "s", limits)
	var refused *schema.DefinitionError
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	lines := refused.Lines()
	if len(lines) != 1001 || lines[1000] != "... and 3002 more" {
		t.Errorf("%d lines, the last one %q", len(lines), lines[len(lines)-1])
	}
}

// None of these megabytes may take long, which would exceed the deadline of the
// test, or be kept in the error.
func TestHostileDefinitionsAreRefusedQuickly(t *testing.T) {
	const size = 1 << 20
	for name, given := range map[string]string{
		"unknown keys":    `{"version":1,"fields":[],` + uniqueKeys(size/12) + `}`,
		"fields":          `{"version":1,"fields":[` + strings.Repeat(`7,`, size/2) + `7]}`,
		"nested fields":   strings.Repeat(`{"version":1,"fields":[`, size/22),
		"a long name":     `{"version":1,"fields":[{"name":"` + strings.Repeat("n", size) + `","type":"date"}]}`,
		"a long type":     `{"version":1,"fields":[{"name":"n","type":"` + strings.Repeat("n", size) + `"}]}`,
		"a long version":  `{"version":` + strings.Repeat("9", 300) + `,"fields":[]}`,
		"enum of numbers": `{"version":1,"fields":[{"name":"n","type":"enum","enum":[` + strings.Repeat("1,", 999) + `1]}]}`,
	} {
		_, err := schema.ParseDefinition([]byte(given), "s", schema.DefaultLimits())
		if name == "unknown keys" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if n := len(err.Error()); n > 1000 {
			t.Errorf("%s: the error has %d bytes", name, n)
		}
	}
}

func uniqueKeys(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"k%06d":1`, i)
	}
	return b.String()
}

func define(t testing.TB, text string) *schema.Definition {
	t.Helper()
	def, err := schema.ParseDefinition([]byte(text), "portCall", schema.DefaultLimits())
	if err != nil {
		t.Fatalf("ParseDefinition(%s): %v", text, err)
	}
	return def
}

func FuzzParseDefinition(f *testing.F) {
	f.Add([]byte(everyType))
	f.Add([]byte(`{"version":3,"fields":[{"name":"a","type":"enum","enum":["x","y"],"fields":null,"optional":true}]}`))
	f.Add([]byte(`{"name":"portCall","version":"1.0","fields":[{"name":"o","type":"object","fields":[{"name":"$ref","type":"array<date>"}]}]}`))
	f.Add([]byte(`{"version":-1,"fields":[{},{"name":1,"typ":"date"}],"unknownFields":"refuse"}`))
	limits := schema.Limits{Fields: 20, Depth: 4, EnumValues: 5, NameBytes: 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		def, err := schema.ParseDefinition(data, "portCall", limits)
		if err != nil {
			return
		}
		text := string(def.AppendJSON(nil))
		again, err := schema.ParseDefinition([]byte(text), "portCall", limits)
		if err != nil {
			t.Fatalf("%s is written as %s, which is refused: %v", data, text, err)
		}
		if got := string(again.AppendJSON(nil)); got != text {
			t.Fatalf("written as %s, then as %s", text, got)
		}
		if d := schema.Diff(def, again, schema.Rules{}); len(d) > 0 || def.Version.Compare(again.Version) != 0 {
			t.Fatalf("reading it back changed it: %v", d)
		}
		if err := schema.NewSchema(def, schema.Rules{}).Compile(); err != nil {
			t.Fatalf("%s does not compile: %v", text, err)
		}
	})
}
