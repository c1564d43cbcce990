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
			for _, d := range schema.Diff(define(t, test.old), define(t, test.new)) {
				got = append(got, d.String())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}
