package schema_test

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/schema"
)

func TestParseVersion(t *testing.T) {
	for _, raw := range []string{
		`0`, `3`, `1.5`, `1.0`, `1.10`, `100000000000000000000000000000`,
		`"1"`, `"1.0.0"`, `"01.002"`, `"2026.11.20.1"`,
		`"` + strings.Repeat("9", 64) + `"`,
	} {
		v, err := schema.ParseVersion(jsontext.Value(raw))
		if err != nil {
			t.Errorf("ParseVersion(%s) = %v", raw, err)
			continue
		}
		if got := string(v.AppendJSON(nil)); got != raw {
			t.Errorf("ParseVersion(%s) is written as %s", raw, got)
		}
		if got, err := json.Marshal(v); err != nil || string(got) != raw {
			t.Errorf("an encoder makes %s of %s, %v", got, raw, err)
		}
		if got, want := v.String(), strings.Trim(raw, `"`); got != want {
			t.Errorf("ParseVersion(%s).String() = %s, want %s", raw, got, want)
		}
	}
}

func TestParseVersionWithEscapes(t *testing.T) {
	v, err := schema.ParseVersion(jsontext.Value(`"1\u002e0"`))
	if err != nil || v.String() != "1.0" {
		t.Errorf("got %q, %v", v, err)
	}
}

func TestParseVersionRefuses(t *testing.T) {
	for _, raw := range []string{
		``, `null`, `true`, `{}`, `[1]`, `-1`, `-0`, `1e3`, `1E3`, `1.5e1`,
		`""`, `"."`, `"1."`, `".1"`, `"1..2"`, `"v1"`, `"1.0-beta"`, `" 1"`, `"1 "`, `"-1"`, `"1.x"`, `"١"`, `"1e3"`, `"\ud800"`,
		`"` + strings.Repeat("9", 65) + `"`, strings.Repeat("9", 1_000_000),
	} {
		if v, err := schema.ParseVersion(jsontext.Value(raw)); err == nil {
			t.Errorf("ParseVersion(%.80s) = %s, want an error", raw, v)
		}
	}
}

func TestVersionOrder(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{`2`, `10`, -1},
		{`"1.9.0"`, `"1.10.0"`, -1},
		{`1`, `"1"`, 0},
		{`1`, `"1.0.0"`, 0},
		{`1.0`, `"1"`, 0},
		{`0`, `"0.0"`, 0},
		{`"01.02"`, `"1.2"`, 0},
		{`1`, `"1.0.1"`, -1},
		{`1.5`, `1.10`, -1},
		{`"0.1.0"`, `"1.0.0"`, -1},
		{`99999999999999999999999999999998`, `99999999999999999999999999999999`, -1},
		{`"1.100000000000000000000"`, `"1.99999999999999999999"`, 1},
	} {
		a, b := version(t, test.a), version(t, test.b)
		if got := a.Compare(b); got != test.want {
			t.Errorf("%s.Compare(%s) = %d, want %d", test.a, test.b, got, test.want)
		}
		if got := b.Compare(a); got != -test.want {
			t.Errorf("%s.Compare(%s) = %d, want %d", test.b, test.a, got, -test.want)
		}
	}
}

func TestParseVersionText(t *testing.T) {
	v, err := schema.ParseVersionText("1.0")
	if err != nil || v.Compare(version(t, `1`)) != 0 {
		t.Errorf("ParseVersionText(1.0) = %s, %v", v, err)
	}
	if _, err := schema.ParseVersionText("latest"); err == nil {
		t.Error("ParseVersionText(latest) succeeded")
	}
}

func version(t testing.TB, raw string) schema.Version {
	t.Helper()
	v, err := schema.ParseVersion(jsontext.Value(raw))
	if err != nil {
		t.Fatalf("ParseVersion(%s): %v", raw, err)
	}
	return v
}
