package jsonpath_test

import (
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonpath"
)

const document = `{"a": {"b": [0, "one", {"c": 2.5}], "": true, "\u00e9": null}, "list": [[], [1]], " x ": {}}`

var paths = []string{
	"$", "a", "$.a", "$.a.b", "$.a.b[1]", "$.a.b[-1].c", "$.a.b[-3]", "$.a.b[-4]", "$.a.b[3]", "$.a['']", "$.a.é",
	"$.list[1][0]", "$.list[0][0]", "$['list'][-1][-1]", "$.a[0]", "$.list.a", "$.a.b[0].c", "$[' x ']", "$.x",
}

// Find reads a text as Resolve reads the value that was decoded from it.
func TestFindAgreesWithResolve(t *testing.T) {
	for _, path := range paths {
		checkFind(t, document, path)
	}
}

func FuzzFind(f *testing.F) {
	for _, path := range paths {
		f.Add(document, path)
	}
	f.Add(`"text"`, "$")
	f.Add(`[1,[2]]`, "$[1][0]")
	f.Fuzz(checkFind)
}

func checkFind(t *testing.T, text, path string) {
	p, err := jsonpath.Parse(path)
	var decoded any
	if err != nil || json.Unmarshal([]byte(text), &decoded) != nil {
		return
	}
	want, wantOK := p.Resolve(decoded)
	raw, ok := p.Find(jsontext.Value(text))
	var got any
	if ok {
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatalf("%s in %s: found %q: %v", path, text, raw, err)
		}
	}
	if ok != wantOK || !reflect.DeepEqual(got, want) {
		t.Errorf("%s in %s: found %v, %t; want %v, %t", path, text, got, ok, want, wantOK)
	}
}
