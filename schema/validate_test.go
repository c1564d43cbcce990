package schema_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"seagate/schema"
)

// portCall is everyType without its relaxations.
const portCall = `{"version":3,"fields":[` +
	`{"name":"vessel","type":"string"},` +
	`{"name":"draught","type":"float"},` +
	`{"name":"imo","type":"integer"},` +
	`{"name":"eta","type":"date"},` +
	`{"name":"status","type":"enum","enum":["due","berthed"]},` +
	`{"name":"berth","type":"object","fields":[{"name":"name","type":"string"},{"name":"a b","type":"integer","optional":true}]},` +
	`{"name":"tags","type":"array<string>"},` +
	`{"name":"depths","type":"array<float>"},` +
	`{"name":"holds","type":"array<integer>"},` +
	`{"name":"tides","type":"array<date>"},` +
	`{"name":"moves","type":"array<object>","fields":[{"name":"load","type":"integer"}]}]}`

// good is a message that matches portCall, member by member.
var good = []string{
	`"vessel":"Ever"`, `"draught":12.5`, `"imo":9811000`, `"eta":"2026-11-20T10:00:00Z"`, `"status":"due"`, `"berth":{"name":"B4"}`,
	`"tags":["x"]`, `"depths":[1,2.5]`, `"holds":[1]`, `"tides":["2026-11-20T10:00:00Z"]`, `"moves":[{"load":1}]`,
}

// with returns good with some of its members replaced, by name, or added.
func with(members ...string) string {
	all := slices.Clone(good)
	for _, m := range members {
		name, value, _ := strings.Cut(m, ":")
		i := slices.IndexFunc(all, func(g string) bool { return strings.HasPrefix(g, name+":") })
		switch {
		case i < 0:
			all = append(all, m)
		case value == "":
			all = slices.Delete(all, i, i+1)
		default:
			all[i] = m
		}
	}
	return "{" + strings.Join(all, ",") + "}"
}

func TestValidateMessages(t *testing.T) {
	v := compile(t, portCall, schema.Rules{})
	for _, test := range []struct {
		payload string
		want    []string
	}{
		{with(), nil},
		{with(`"tags":[]`, `"depths":[]`, `"holds":[]`, `"tides":[]`, `"moves":[]`), nil},
		{with(`"berth":{"a b":1,"name":""}`), nil},
		{with(`"status":"\u0064ue"`, `"eta":"2026-11-20T10:00:00\u005a"`), nil},
		{strings.Replace(with(), `"vessel"`, `"\u0076essel"`, 1), nil},

		{`[1,2]`, []string{`payload: expected an object, got the array [1,2]`}},
		{`"x"`, []string{`payload: expected an object, got the string "x"`}},
		{`null`, []string{`payload: expected an object, got null`}},
		{with(`"vessel":null`), []string{`vessel: expected a string, got null`}},
		{with(`"vessel":7`), []string{`vessel: expected a string, got the number 7`}},
		{with(`"draught":"12.5"`), []string{`draught: expected a number, got the string "12.5"`}},
		{with(`"imo":1.5`), []string{`imo: expected an integer, got the number 1.5`}},
		{with(`"imo":true`), []string{`imo: expected an integer, got true`}},
		{with(`"eta":"2026-02-29T10:00:00Z"`), []string{`eta: expected a date ("YYYY-MM-DDTHH:mm:ssZ"), got the string "2026-02-29T10:00:00Z"`}},
		{with(`"eta":1700000000`), []string{`eta: expected a date ("YYYY-MM-DDTHH:mm:ssZ"), got the number 1700000000`}},
		{with(`"status":"gone"`), []string{`status: expected one of "due", "berthed", got the string "gone"`}},
		{with(`"status":0`), []string{`status: expected one of "due", "berthed", got the number 0`}},
		{with(`"berth":[]`), []string{`berth: expected an object, got the array []`}},
		{with(`"berth":{"a b":"x"}`), []string{
			`berth['a b']: expected an integer, got the string "x"`,
			`berth.name: missing, expected a string`,
		}},
		{with(`"tags":"x"`), []string{`tags: expected an array of strings, got the string "x"`}},
		{with(`"tags":["x",1,null]`), []string{`tags[1]: expected a string, got the number 1`, `tags[2]: expected a string, got null`}},
		{with(`"depths":{}`), []string{`depths: expected an array of numbers, got the object {}`}},
		{with(`"holds":[1,1.5,"x"]`), []string{`holds[1]: expected an integer, got the number 1.5`, `holds[2]: expected an integer, got the string "x"`}},
		{with(`"tides":["now"]`), []string{`tides[0]: expected a date ("YYYY-MM-DDTHH:mm:ssZ"), got the string "now"`}},
		{with(`"moves":{"load":1}`), []string{`moves: expected an array of objects, got the object {"load":1}`}},
		{with(`"moves":[{"load":1},[],{"load":"abc"},{}]`), []string{
			`moves[1]: expected an object, got the array []`,
			`moves[2].load: expected an integer, got the string "abc"`,
			`moves[3].load: missing, expected an integer`,
		}},
		{with(`"eta":`), []string{`eta: missing, expected a date ("YYYY-MM-DDTHH:mm:ssZ")`}},
		{with(`"foo":{"deep":[1,{}]}`), []string{`foo: not a field of portCall version 3`}},
		{with(`"":1`), []string{`['']: not a field of portCall version 3`}},
		{with(`"imo":`, `"IMO":1`), []string{
			`IMO: not a field of portCall version 3; did you mean "imo"?`,
			`imo: missing, expected an integer`,
		}},
		{with(`"moves":[{"laod":1}]`), []string{
			`moves[0].laod: not a field of portCall version 3; did you mean "load"?`,
			`moves[0].load: missing, expected an integer`,
		}},
		{with(`"it's":1`, `"a\\b\u0001\u202e":2`), []string{
			`['it\'s']: not a field of portCall version 3`,
			`['a\\b\u0001\u202e']: not a field of portCall version 3`,
		}},
		{`{}`, []string{
			`vessel: missing, expected a string`,
			`draught: missing, expected a number`,
			`imo: missing, expected an integer`,
			`eta: missing, expected a date ("YYYY-MM-DDTHH:mm:ssZ")`,
			`status: missing, expected one of "due", "berthed"`,
			`berth: missing, expected an object`,
			`tags: missing, expected an array of strings`,
			`depths: missing, expected an array of numbers`,
			`holds: missing, expected an array of integers`,
			`tides: missing, expected an array of dates`,
			`moves: missing, expected an array of objects`,
		}},
		{
			with(`"imo":"` + strings.Repeat("é", 100) + `"`),
			[]string{`imo: expected an integer, got the string "` + strings.Repeat("é", 39) + `…"`},
		},
		{
			with(`"imo":1.` + strings.Repeat("1", 100)),
			[]string{`imo: expected an integer, got the number 1.` + strings.Repeat("1", 38) + `…`},
		},
		{with(`"` + strings.Repeat("é", 40) + `":1`), []string{strings.Repeat("é", 40) + `: not a field of portCall version 3`}},
		{
			with(`"` + strings.Repeat("n", 100) + `":1`),
			[]string{strings.Repeat("n", 40) + `…: not a field of portCall version 3`},
		},
	} {
		t.Run(test.payload, func(t *testing.T) {
			checkLines(t, v, test.payload, test.want)
		})
	}
}

// The digits in the message decide what is an integer, although the judge sees
// doubles.
func TestIntegers(t *testing.T) {
	v := compile(t, `{"version":1,"fields":[{"name":"n","type":"integer"}]}`, schema.Rules{})
	for _, n := range []string{
		`0`, `-0`, `1.0`, `1e3`, `1E+3`, `10e-1`, `1.50e1`, `0.0`, `0e5`, `0e-5`, `0.000e99999999999999999999`, `100e-2`, `-5`,
		`9007199254740993`, `123456789012345678901234567890`, `9007199254740993.000`, `1e308`, `12345e-0`,
		strings.Repeat("1", 300), `1` + strings.Repeat("0", 400) + `e-400`, `0.` + strings.Repeat("0", 400) + `1e401`,
	} {
		checkLines(t, v, `{"n":`+n+`}`, nil)
	}
	for _, n := range []string{
		`1.5`, `1e-3`, `10e-2`, `0.1`, `-0.5`, `1.55e1`,
		`9007199254740993.5`, `1e-400`, `-1e-1000001`, `1e-99999999999999999999`, `123456789012345678901234567890.1`, `0.1e-9223372036854775808`,
	} {
		checkLines(t, v, `{"n":`+n+`}`, []string{`n: expected an integer, got the number ` + n})
	}
}

func TestDates(t *testing.T) {
	strict := compile(t, `{"version":1,"fields":[{"name":"d","type":"date"}]}`, schema.Rules{})
	lenient := compile(t, `{"version":1,"fields":[{"name":"d","type":"date"}]}`, schema.Rules{LenientDates: true})
	takes := func(v *schema.Validator, date string) bool {
		doc := decode(t, fmt.Sprintf(`{"d":%q}`, date))
		return v.Validate(doc) == nil
	}
	for _, test := range []struct {
		date            string
		strict, lenient bool
	}{
		{"2026-11-20T10:00:00Z", true, true},
		{"0000-01-01T00:00:00Z", true, true},
		{"9999-12-31T23:59:59Z", true, true},
		{"2024-02-29T00:00:00Z", true, true},
		{"2000-02-29T00:00:00Z", true, true},
		{"2026-11-20T10:00:00.1Z", false, true},
		{"2026-11-20T10:00:00.123456789Z", false, true},
		{"2026-11-20T10:00:00+00:00", false, true},
		{"2026-11-20T10:00:00.123+00:00", false, true},

		{"2023-02-29T00:00:00Z", false, false},
		{"1900-02-29T00:00:00Z", false, false},
		{"2026-04-31T00:00:00Z", false, false},
		{"2026-00-10T00:00:00Z", false, false},
		{"2026-13-10T00:00:00Z", false, false},
		{"2026-01-00T00:00:00Z", false, false},
		{"2026-01-32T00:00:00Z", false, false},
		{"2026-01-10T24:00:00Z", false, false},
		{"2026-01-10T00:60:00Z", false, false},
		{"2016-12-31T23:59:60Z", false, false},
		{"2026-11-20T10:00:00", false, false},
		{"2026-11-20T10:00:00z", false, false},
		{"2026-11-20t10:00:00Z", false, false},
		{"2026-11-20 10:00:00Z", false, false},
		{"2026-11-20T10:00:00,5Z", false, false},
		{"2026-11-20T10:00:00.Z", false, false},
		{"2026-11-20T10:00:00.1234567890Z", false, false},
		{"2026-11-20T10:00:00.5", false, false},
		{"2026-11-20T10:00:00+00:00Z", false, false},
		{"2026-11-20T10:00:00-00:00", false, false},
		{"2026-11-20T10:00:00+02:00", false, false},
		{"2026-11-20T1:00:00Z", false, false},
		{"+026-11-20T10:00:00Z", false, false},
		{"2026-11-20T10:00:00ZZ", false, false},
		{"٢026-11-20T10:00:0Z", false, false},
		{"2026-11-20", false, false},
		{"", false, false},
	} {
		if got := takes(strict, test.date); got != test.strict {
			t.Errorf("strict: %q taken: %t", test.date, got)
		}
		if got := takes(lenient, test.date); got != test.lenient {
			t.Errorf("lenient: %q taken: %t", test.date, got)
		}
	}
}

func TestRelaxations(t *testing.T) {
	plain := `{"version":1,"fields":[{"name":"o","type":"object","fields":[{"name":"n","type":"integer"}]}]}`
	said := func(p string) string { return strings.Replace(plain, `{`, `{"unknownFields":"`+p+`",`, 1) }
	optional := strings.ReplaceAll(plain, `"type"`, `"optional":true,"type"`)
	unknown := []string{`o.x: not a field of portCall version 1`}
	missing := []string{`o.n: missing, expected an integer`}
	for _, test := range []struct {
		name    string
		def     string
		rules   schema.Rules
		payload string
		want    []string
	}{
		{"missing, by default", plain, schema.Rules{}, `{"o":{}}`, missing},
		{"missing, server accepts", plain, schema.Rules{MissingFields: schema.Accept}, `{"o":{}}`, nil},
		{"missing, server refuses", plain, schema.Rules{MissingFields: schema.Refuse}, `{"o":{}}`, missing},
		{"missing at the top, server accepts", plain, schema.Rules{MissingFields: schema.Accept}, `{}`, nil},
		{"missing, optional", optional, schema.Rules{}, `{"o":{}}`, nil},
		{"null is not missing", optional, schema.Rules{}, `{"o":{"n":null}}`, []string{`o.n: expected an integer, got null`}},
		{"unknown, by default", plain, schema.Rules{}, `{"o":{"n":1,"x":1}}`, unknown},
		{"unknown, server accepts", plain, schema.Rules{UnknownFields: schema.Accept}, `{"o":{"n":1,"x":{"y":[]}},"z":null}`, nil},
		{"unknown, definition accepts", said("accept"), schema.Rules{}, `{"o":{"n":1,"x":1}}`, nil},
		{"unknown, definition refuses", said("refuse"), schema.Rules{UnknownFields: schema.Accept}, `{"o":{"n":1,"x":1}}`, unknown},
		{"accepting the unknown checks the known", said("accept"), schema.Rules{}, `{"o":{"n":"x","x":1}}`, []string{`o.n: expected an integer, got the string "x"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkLines(t, compile(t, test.def, test.rules), test.payload, test.want)
		})
	}
}

// A name that has a meaning in JSON Schema, JSON Pointer or URLs is an ordinary name.
func TestFieldNamesWithSpecialMeaning(t *testing.T) {
	for _, name := range []string{
		`$ref`, `$id`, `$schema`, `$defs`, `$anchor`, `$dynamicAnchor`, `$recursiveAnchor`, `properties`, `items`, `type`, `enum`, `required`,
		`a/b`, `a~b`, `a~1b`, `%`, `%41`, `#`, `#/x`, `?`, ` `, `.`, `..`, `é`, `\u0000`, `\\`, `'`, `+`, `:`, `//x`, `__proto__`,
	} {
		t.Run(name, func(t *testing.T) {
			def := strings.ReplaceAll(`{"version":1,"fields":[{"name":"X","type":"object","fields":[{"name":"X","type":"integer"}]}]}`, "X", name)
			v := compile(t, def, schema.Rules{})
			for payload, good := range map[string]bool{
				`{"X":{"X":1}}`:       true,
				`{"X":{"X":"1"}}`:     false,
				`{"X":{"XX":1}}`:      false,
				`{"X":{"X":1,"y":1}}`: false,
				`{"X":1}`:             false,
			} {
				payload = strings.ReplaceAll(payload, "X", name)
				if err := v.Validate(decode(t, payload)); (err == nil) != good {
					t.Errorf("%s: %v", payload, err)
				}
			}
		})
	}
}

func ExampleValidator_Validate() {
	def, err := schema.ParseDefinition([]byte(`{"version":"1.0.0","fields":[
		{"name":"eta","type":"date"},
		{"name":"moves","type":"array<object>","fields":[{"name":"load","type":"integer"}]}]}`), "portCall", schema.DefaultLimits())
	if err != nil {
		panic(err)
	}
	validator := schema.Compile(def, schema.Rules{})
	doc, err := schema.Decode([]byte(`{"moves":[{"load":7},{"laod":8}]}`), 64)
	if err != nil {
		panic(err)
	}
	var refused *schema.ValidationError
	if errors.As(validator.Validate(doc), &refused) {
		fmt.Println(strings.Join(refused.Lines(), "\n"))
	}
	// Output:
	// moves[1].laod: not a field of portCall version 1.0.0; did you mean "load"?
	// moves[1].load: missing, expected an integer
	// eta: missing, expected a date ("YYYY-MM-DDTHH:mm:ssZ")
}

func TestValidationErrorIsShort(t *testing.T) {
	err := compile(t, portCall, schema.Rules{}).Validate(decode(t, `{}`))
	want := `the message does not match portCall version 3: vessel: missing, expected a string; ` +
		`draught: missing, expected a number; imo: missing, expected an integer; ...`
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestValidationProblemsAreBounded(t *testing.T) {
	v := compile(t, `{"version":1,"fields":[{"name":"n","type":"array<integer>"}]}`, schema.Rules{})
	for _, n := range []int{999, 1000, 1001, 2500} {
		lines := refusal(t, v, `{"n":[1`+strings.Repeat(`,"x"`, n)+`]}`)
		last := fmt.Sprintf(`n[%d]: expected an integer, got the string "x"`, n)
		if n > 1000 {
			last = fmt.Sprintf("... and %d more", n-1000)
		}
		if want := min(n, 1001); len(lines) != want || lines[len(lines)-1] != last {
			t.Errorf("%d problems: %d lines, the last one %s", n, len(lines), lines[len(lines)-1])
		}
	}
}

func TestLongEscapedStrings(t *testing.T) {
	v := compile(t, `{"version":1,"fields":[{"name":"e","type":"enum","enum":["`+strings.Repeat("x", 10_000)+`"]}]}`, schema.Rules{})
	checkLines(t, v, `{"e":"`+strings.Repeat(`\u0078`, 10_000)+`"}`, nil)
	checkLines(t, v, `{"e":"`+strings.Repeat(`\u0078`, 10_001)+`"}`, []string{
		`e: expected one of "` + strings.Repeat("x", 39) + `…", got the string "` + strings.Repeat(`\u0078`, 6) + `\u0…"`,
	})
}

// TestHostileMessagesAreRefusedQuickly has messages for which the judge would need gigabytes or
// seconds. The problems are counted in full all the same.
func TestHostileMessagesAreRefusedQuickly(t *testing.T) {
	const size = 1 << 20
	fields := make([]string, 900)
	for i := range fields {
		fields[i] = fmt.Sprintf(`{"name":"%s%d","type":"enum","enum":["%s"]}`, strings.Repeat("f", 200), i, strings.Repeat("v", 200))
	}
	sparse := `{"version":1,"fields":[{"name":"m","type":"array<object>","fields":[` + strings.Join(fields, ",") + `]}]}`
	optional := strings.ReplaceAll(sparse, `"type":"enum"`, `"optional":true,"type":"enum"`)
	deep := `[{"name":"n","type":"array<enum>"}]`
	deep = strings.Replace(deep, `array<enum>`, `array<date>`, 1)
	payload := func(items string) string { return `{"n":[` + items + `]}` }
	for range 15 {
		name := strings.Repeat("p", 250)
		deep = `[{"name":"` + name + `","type":"object","fields":` + deep + `}]`
		inner := payload
		payload = func(items string) string { return `{"` + name + `":` + inner(items) + `}` }
	}
	objects := `{"m":[` + strings.Repeat(`{},`, size/3) + `{}]}`
	for _, test := range []struct {
		name, def, payload, last string // last has %d for the number of problems that are not listed
		problems                 int
	}{
		{"every field is missing, everywhere", sparse, objects, "... and %d more", (size/3 + 1) * 900},
		{"every field is missing and may", optional, objects, "", 0},
		{"wrong values at the end of a long path", `{"version":1,"fields":` + deep + `}`, payload(strings.Repeat(`"",`, size/3) + `""`), "... and %d more", size/3 + 1},
		{"good values at the end of a long path", `{"version":1,"fields":` + deep + `}`, payload(strings.Repeat(`"2026-11-20T10:00:00Z",`, size/23) + `"2026-11-20T10:00:00Z"`), "", 0},
		{"unknown names", sparse, `{"m":[{` + uniqueKeys(size/12) + `}]}`, "... and %d more", size/12 + 900},
		{"a number of a million digits", `{"version":1,"fields":[{"name":"n","type":"integer"}]}`, `{"n":0.` + strings.Repeat("1", size) + `}`, `n: expected an integer, got the number 0.` + strings.Repeat("1", 38) + "…", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := compile(t, test.def, schema.Rules{})
			doc := decode(t, test.payload)
			before := allocated()
			err := v.Validate(doc)
			if grown := (allocated() - before) >> 20; grown > 256 {
				t.Errorf("it took %d MiB", grown)
			}
			var refused *schema.ValidationError
			if test.last == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if !errors.As(err, &refused) {
				t.Fatalf("got %.300v", err)
			}
			if n := len(refused.Problems) - 1; n > 0 {
				test.last = fmt.Sprintf(test.last, test.problems-n)
			}
			if got := refused.Lines()[len(refused.Problems)-1]; got != test.last {
				t.Errorf("got %.300s, want %s", got, test.last)
			}
		})
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestValidateRefusesOtherDocuments(t *testing.T) {
	v := compile(t, `{"version":1,"fields":[]}`, schema.Rules{})
	for _, raw := range []string{``, `{`, `{}{}`, `{"a"`, `{"a":`, `{"a":1`, `]`} {
		err := v.Validate(schema.Document{Raw: []byte(raw), Value: map[string]any{}})
		var refused *schema.ValidationError
		if err == nil || errors.As(err, &refused) {
			t.Errorf("%q: %v", raw, err)
		}
	}
	if err := v.Validate(decode(t, `{}`)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestValidateConcurrently(t *testing.T) {
	v := compile(t, portCall, schema.Rules{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				payload, want := with(), []string(nil)
				if i%2 == 0 {
					payload = with(fmt.Sprintf(`"imo":"%d"`, i))
					want = []string{fmt.Sprintf(`imo: expected an integer, got the string "%d"`, i)}
				}
				checkLines(t, v, payload, want)
			}
		})
	}
	wg.Wait()
}

func compile(t testing.TB, def string, rules schema.Rules) *schema.Validator {
	t.Helper()
	return schema.Compile(define(t, def), rules)
}

func decode(t testing.TB, payload string) schema.Document {
	t.Helper()
	doc, err := schema.Decode([]byte(payload), depth)
	if err != nil {
		t.Fatalf("Decode(%.100s): %v", payload, err)
	}
	return doc
}

func refusal(t testing.TB, v *schema.Validator, payload string) []string {
	t.Helper()
	err := v.Validate(decode(t, payload))
	if err == nil {
		return nil
	}
	var refused *schema.ValidationError
	if !errors.As(err, &refused) {
		t.Errorf("%s: %v", payload, err)
		return nil
	}
	return refused.Lines()
}

func checkLines(t testing.TB, v *schema.Validator, payload string, want []string) {
	t.Helper()
	if got := refusal(t, v, payload); !slices.Equal(got, want) {
		t.Errorf("%.200s\ngot\n\t%s\nwant\n\t%s", payload, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}
