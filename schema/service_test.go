package schema_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"seagate/schema"
)

const pricing = `{"name":"pricing","version":"1.0","procedures":[` +
	`{"name":"quote","body":[{"name":"sku","type":"integer"}],"result":[{"name":"price","type":"float"}]},` +
	`{"name":"reload"},` +
	`{"name":"ping","body":[]}],"unknownFields":"refuse"}`

func noProcedureNamedBad(name string) error {
	if name == "bad" {
		return errors.New("a bad name")
	}
	return nil
}

func parseService(t testing.TB, text string) *schema.Definition {
	t.Helper()
	def, err := schema.ParseService([]byte(text), "pricing", schema.DefaultLimits(), noProcedureNamedBad)
	if err != nil {
		t.Fatal(err)
	}
	return def
}

// A definition survives its record, and is shown as it was given.
func TestServiceKeepsItsForm(t *testing.T) {
	def := parseService(t, pricing)
	history, err := (*schema.History)(nil).With(schema.NewSchema(def, schema.Rules{}), time.Now(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	read, err := schema.DecodeHistory("pricing", history.Encode(), schema.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []*schema.Definition{def, read.Current().Definition} {
		if got := string(schema.AppendService(nil, d)); got != pricing {
			t.Errorf("got %s", got)
		}
	}
}

func TestServiceChecksCalls(t *testing.T) {
	s := schema.NewService(parseService(t, pricing), schema.Rules{})
	if err := s.Compile(); err != nil {
		t.Fatal(err)
	}
	if !s.Has("quote") || !s.Has("reload") || s.Has("other") || !s.ChecksResult("quote") || s.ChecksResult("ping") {
		t.Error("the wrong procedures")
	}
	for _, try := range []struct {
		check     func(*schema.Budget, string, []byte, int) ([]byte, error)
		procedure string
		text      string
		want      string // of the error
	}{
		{s.CheckBody, "quote", `{"sku":7}`, ""},
		{s.CheckBody, "quote", `{"sku":"a","more":1}`,
			`the body of quote does not match pricing version 1.0: sku: expected an integer, got the string "a"; more: `},
		{s.CheckBody, "quote", `null`, `the body of quote does not match pricing version 1.0: `},
		{s.CheckResult, "quote", `{"price":1.5}`, ""},
		{s.CheckResult, "quote", `{}`, `the result of quote does not match pricing version 1.0: price: `},
		{s.CheckBody, "reload", `[1]`, ""},
		{s.CheckResult, "reload", `[1]`, ""},
		{s.CheckBody, "ping", `{}`, ""},
		{s.CheckBody, "ping", `{"a":1}`, `the body of ping does not match pricing version 1.0: a: `},
	} {
		budget := schema.NewBudget(0)
		_, err := try.check(&budget, try.procedure, []byte(try.text), 64)
		if (err == nil) != (try.want == "") || err != nil && !strings.HasPrefix(err.Error(), try.want) {
			t.Errorf("%s with %s: %v, want %s", try.procedure, try.text, err, try.want)
		}
	}
}

func TestServiceProblems(t *testing.T) {
	for text, want := range map[string][]string{
		`[]`: {`definition: expected an object, got the array []`},
		`{}`: {`version: missing`, `procedures: missing, expected a list of procedures`},
		`{"name":"other","version":1,"procedures":7,"procedure":[]}`: {`name: expected "pricing", the name of the service`,
			`procedures: expected a list of procedures`, `procedure: unknown key; did you mean "procedures"?`},
		`{"version":1,"procedures":[7,{},{"name":"a"},{"name":"a"},{"name":"bad"},{"name":"b","body":{},"results":[],` +
			`"result":[{"name":"x","type":"y"}]}]}`: {
			`procedures[0]: expected a procedure`, `procedures[1].name: missing`, `procedures[3].name: "a" is already the name of procedures[2]`,
			`procedures[4].name: a bad name`, `procedures[5].body: expected a list of fields`, `procedures[5].result[0].type: expected one of`,
			`procedures[5].results: unknown key; did you mean "result"?`,
		},
	} {
		_, err := schema.ParseService([]byte(text), "pricing", schema.DefaultLimits(), noProcedureNamedBad)
		var refused *schema.DefinitionError
		if !errors.As(err, &refused) || len(refused.Problems) != len(want) {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for i, line := range refused.Lines() {
			if !strings.HasPrefix(line, want[i]) {
				t.Errorf("%s: problem %d is %s, want %s", text, i, line, want[i])
			}
		}
	}
}

// Procedures and fields have one bound together.
func TestServiceLimits(t *testing.T) {
	limits := schema.DefaultLimits()
	limits.Fields = 3
	for text, allowed := range map[string]bool{
		`{"version":1,"procedures":[{"name":"a"},{"name":"b"},{"name":"c"}]}`:                                                              true,
		`{"version":1,"procedures":[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}]}`:                                                 false,
		`{"version":1,"procedures":[{"name":"a","body":[{"name":"x","type":"date"}],"result":[{"name":"x","type":"date"}]}]}`:              true,
		`{"version":1,"procedures":[{"name":"a","body":[{"name":"x","type":"date"}]},{"name":"b","result":[{"name":"x","type":"date"}]}]}`: false,
	} {
		_, err := schema.ParseService([]byte(text), "pricing", limits, noProcedureNamedBad)
		if (err == nil) != allowed {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestServiceDifferences(t *testing.T) {
	next := parseService(t, `{"version":2,"procedures":[{"name":"quote","body":[{"name":"sku","type":"string"}]},{"name":"ping","body":[]},{"name":"new"}],"unknownFields":"refuse"}`)
	var lines []string
	for _, d := range schema.Diff(parseService(t, pricing), next, schema.Rules{}) {
		lines = append(lines, d.String())
	}
	const want = "quote.body.sku: type was integer, now string\nquote.result: removed, was object\nreload: removed, was object\nnew: added, object"
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func FuzzService(f *testing.F) {
	f.Add(pricing)
	f.Add(`{"version":1,"procedures":[{"name":"a","body":null,"result":[{"name":"x","type":"object","fields":[]}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		def, err := schema.ParseService([]byte(text), "pricing", schema.DefaultLimits(), noProcedureNamedBad)
		if err != nil {
			return
		}
		shown := schema.AppendService(nil, def)
		again, err := schema.ParseService(shown, "pricing", schema.DefaultLimits(), noProcedureNamedBad)
		if err != nil {
			t.Fatalf("%s is shown as %s: %v", text, shown, err)
		}
		if string(schema.AppendService(nil, again)) != string(shown) || len(schema.Diff(def, again, schema.Rules{})) > 0 {
			t.Fatalf("%s is read as %s", shown, schema.AppendService(nil, again))
		}
	})
}
