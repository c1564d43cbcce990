package schema_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"seagate/schema"
)

func TestDiff(t *testing.T) {
	fields := func(list string) string { return `{"version":1,"fields":[` + list + `]}` }
	many := make([]string, 12)
	for i := range many {
		many[i] = fmt.Sprintf("%q", fmt.Sprint("v", i))
	}
	for _, test := range []struct {
		name     string
		old, new string
		want     []string
	}{
		{
			"order means nothing",
			fields(`{"name":"a","type":"enum","enum":["x","y"]},{"name":"o","type":"object","fields":[{"name":"p","type":"date"},{"name":"q","type":"date"}]}`),
			fields(`{"name":"o","type":"object","fields":[{"name":"q","type":"date"},{"name":"p","type":"date"}]},{"name":"a","type":"enum","enum":["y","x"]}`),
			nil,
		},
		{"the version does not count", `{"version":1,"fields":[]}`, `{"version":"2.0","fields":[]}`, nil},
		{
			"a nested type",
			fields(`{"name":"moves","type":"array<object>","fields":[{"name":"load","type":"integer"}]}`),
			fields(`{"name":"moves","type":"array<object>","fields":[{"name":"load","type":"float"}]}`),
			[]string{`moves[].load: type was integer, now float`},
		},
		{
			"added and removed",
			fields(`{"name":"a","type":"date"},{"name":"o","type":"object","fields":[]}`),
			fields(`{"name":"o","type":"object","fields":[{"name":"b c","type":"array<date>","optional":true}]},{"name":"d","type":"string"}`),
			[]string{`a: removed, was date`, `o['b c']: added, optional array<date>`, `d: added, string`},
		},
		{
			"a type with fields for one without",
			fields(`{"name":"o","type":"object","fields":[{"name":"p","type":"date"}]}`),
			fields(`{"name":"o","type":"date","optional":true}`),
			[]string{`o: was required, now optional`, `o: type was object, now date`},
		},
		{
			"enum",
			fields(`{"name":"e","type":"enum","enum":["x","y"]}`), fields(`{"name":"e","type":"enum","enum":["y","z"]}`),
			[]string{`e: no longer takes "x"`, `e: now also takes "z"`},
		},
		{
			"many values",
			fields(`{"name":"e","type":"enum","enum":["x"]}`), fields(`{"name":"e","type":"enum","enum":["x",` + strings.Join(many, ",") + `]}`),
			[]string{`e: now also takes "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9" and 2 more`},
		},
		{
			"extensions",
			fields(`{"name":"a","type":"date","optional":true}`), `{"version":1,"fields":[{"name":"a","type":"date"}],"unknownFields":"accept"}`,
			[]string{`unknownFields: was not given, now accept`, `a: was optional, now required`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, d := range schema.Diff(define(t, test.old), define(t, test.new), schema.Rules{}) {
				got = append(got, d.String())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestBreakingDifferences asks the validator: what does not break accepts each message that the old
// definition accepts, and of what breaks one is known that only the old one accepts.
func TestBreakingDifferences(t *testing.T) {
	const (
		a       = `{"name":"a","type":"integer"}`
		open    = `,"unknownFields":"accept"`
		refused = `,"unknownFields":"refuse"`
	)
	type change struct {
		old, new string // fields, and what follows them
		witness  string // "" if nothing breaks
	}
	in := func(fields, rest string) string { return `{"version":1,"fields":[` + fields + `]` + rest + `}` }
	of := func(typ string) string { return in(`{"name":"a","type":"`+typ+`"}`, "") }
	enum := func(values string) string { return in(`{"name":"a","type":"enum","enum":[`+values+`]}`, "") }
	inside := func(typ, fields string) string { return in(`{"name":"o","type":"`+typ+`","fields":[`+fields+`]}`, "") }
	changes := map[string]change{
		"a field goes":                        {in(a+`,{"name":"b","type":"date","optional":true}`, ""), in(a, ""), `{"a":1,"b":"2026-11-21T10:00:00Z"}`},
		"a field goes from what is open":      {in(a+`,{"name":"b","type":"integer"}`, ""), in(a, open), ""},
		"a required field comes":              {in(a, ""), in(a+`,{"name":"b","type":"string"}`, ""), `{"a":1}`},
		"an optional field comes":             {in(a, ""), in(a+`,{"name":"b","type":"string","optional":true}`, ""), ""},
		"an optional field comes, was open":   {in(a, open), in(a+`,{"name":"b","type":"string","optional":true}`, open), `{"a":1,"b":2}`},
		"it closes":                           {in(a, open), in(a, refused), `{"a":1,"b":2}`},
		"it opens":                            {in(a, refused), in(a, open), ""},
		"a field becomes required":            {in(`{"name":"a","type":"integer","optional":true}`, ""), in(a, ""), `{}`},
		"a field becomes optional":            {in(a, ""), in(`{"name":"a","type":"integer","optional":true}`, ""), ""},
		"integers become floats":              {of("integer"), of("float"), ""},
		"floats become integers":              {of("float"), of("integer"), `{"a":1.5}`},
		"dates become strings":                {of("date"), of("string"), ""},
		"strings become dates":                {of("string"), of("date"), `{"a":"soon"}`},
		"an enum becomes strings":             {enum(`"x"`), of("string"), ""},
		"strings become an enum":              {of("string"), enum(`"x"`), `{"a":"y"}`},
		"an enum becomes dates":               {enum(`"x"`), of("date"), `{"a":"x"}`},
		"an enum takes more":                  {enum(`"x"`), enum(`"x","y"`), ""},
		"an enum takes less":                  {enum(`"x","y"`), enum(`"x"`), `{"a":"y"}`},
		"lists of integers become of floats":  {of("array<integer>"), of("array<float>"), ""},
		"lists of dates become of strings":    {of("array<date>"), of("array<string>"), ""},
		"lists of strings become of dates":    {of("array<string>"), of("array<date>"), `{"a":["soon"]}`},
		"a list takes the place of its items": {of("integer"), of("array<integer>"), `{"a":1}`},
		"within objects":                      {inside("object", a), inside("object", a+`,{"name":"b","type":"string"}`), `{"o":{"a":1}}`},
		"within lists of objects":             {inside("array<object>", a), inside("array<object>", `{"name":"a","type":"float"}`), ""},
	}
	probes := []string{`{"a":1}`, `{"a":1.5}`, `{"a":"x"}`, `{"a":"2026-11-21T10:00:00Z"}`, `{"a":[1]}`, `{"a":["2026-11-21T10:00:00Z"]}`,
		`{"a":1,"b":2}`, `{}`, `{"o":{"a":1}}`, `{"o":[{"a":1}]}`, `{"a":[]}`, `{"o":[]}`, `{"a":9007199254740991}`}
	for name, c := range changes {
		old, new := define(t, c.old), define(t, c.new)
		accepts := func(d *schema.Definition, message string) bool {
			_, err := schema.NewSchema(d, schema.Rules{}).Check([]byte(message), 100)
			return err == nil
		}
		breaks := slices.ContainsFunc(schema.Diff(old, new, schema.Rules{}), func(d schema.Difference) bool { return d.Breaks })
		if breaks != (c.witness != "") {
			t.Errorf("%s: breaks is %v", name, breaks)
		}
		if c.witness != "" && (!accepts(old, c.witness) || accepts(new, c.witness)) {
			t.Errorf("%s: %s shows nothing", name, c.witness)
		}
		for _, probe := range probes {
			if !breaks && accepts(old, probe) && !accepts(new, probe) {
				t.Errorf("%s: %s is refused", name, probe)
			}
		}
	}
	lenient := schema.Rules{MissingFields: schema.Accept}
	for _, d := range schema.Diff(define(t, in(a, "")), define(t, in(a+`,{"name":"b","type":"string"}`, "")), lenient) {
		if d.Breaks {
			t.Errorf("a missing field is accepted, and yet it breaks: %s", d)
		}
	}
}
