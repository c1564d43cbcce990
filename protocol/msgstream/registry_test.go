package msgstream_test

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol/msgstream"
)

type point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

type progress struct {
	Done    int64          `json:"done"`
	Units   string         `json:"units"`
	At      point          `json:"at"`
	Best    *point         `json:"best"`
	Path    []point        `json:"path"`
	Partial any            `json:"partial"`
	More    map[string]any `json:"more"`
}

func registry(t testing.TB) *msgstream.Registry {
	t.Helper()
	r := &msgstream.Registry{}
	for _, err := range []error{
		msgstream.Register[point](r, "fit.point", "1.0"),
		msgstream.Register[progress](r, "fit.progress", "2.1"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func encode(t testing.TB, r *msgstream.Registry, v any) string {
	t.Helper()
	b, err := r.Encode(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func decode(t testing.TB, r *msgstream.Registry, text string) any {
	t.Helper()
	v, err := r.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func typed(class, version, state string) string {
	return fmt.Sprintf(`{".class":%q,".version":%q,".state":%s}`, class, version, state)
}

func TestTypedObjectsAnywhereInAMessage(t *testing.T) {
	r := registry(t)
	zero, at := point{}, point{1.5, -2}
	message := map[string]any{
		"n":    int64(7),
		"list": []any{at, "text", nil, progress{Done: 3, Units: "k", At: at, Best: &at, Path: []point{zero, at}, Partial: at, More: map[string]any{"p": at}}},
	}
	pt := typed("fit.point", "1.0", `{"x":1.5,"y":-2.0}`)
	origin := typed("fit.point", "1.0", `{"x":0.0,"y":0.0}`)
	want := `{"list":[` + pt + `,"text",null,` + typed("fit.progress", "2.1",
		`{"done":3,"units":"k","at":`+pt+`,"best":`+pt+`,"path":[`+origin+`,`+pt+`],"partial":`+pt+`,"more":{"p":`+pt+`}}`) + `],"n":7}`
	text := encode(t, r, message)
	if text != want {
		t.Errorf("got\n %s\nwant\n %s", text, want)
	}
	if got := decode(t, r, text); !reflect.DeepEqual(got, message) {
		t.Errorf("decoded\n %#v\nwant\n %#v", got, message)
	}
	if got := encode(t, r, &at); got != pt {
		t.Errorf("a pointer became %s", got)
	}
}

func TestPlainValues(t *testing.T) {
	r := &msgstream.Registry{}
	for text, want := range map[string]any{
		`null`: nil, `true`: true, `"a\nb"`: "a\nb", `-12`: int64(-12), `9223372036854775807`: int64(math.MaxInt64),
		`91.0`: 91.0, `1e+300`: 1e300, `0.1`: 0.1, `[]`: []any{}, `{}`: map[string]any{}, `{"a":[1,{"b":2.5}]}`: map[string]any{"a": []any{int64(1), map[string]any{"b": 2.5}}},
		`9223372036854775808`: jsontext.Value(`9223372036854775808`), `1e400`: jsontext.Value(`1e400`), `-0`: jsontext.Value(`-0`),
	} {
		got := decode(t, r, text)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, want %#v", text, got, want)
		}
		if again := encode(t, r, got); again != text {
			t.Errorf("%s became %s", text, again)
		}
	}
}

// What the registry does not know survives byte for byte, wherever it is.
func TestWhatIsUnknownStaysAsItCame(t *testing.T) {
	r := registry(t)
	for _, text := range []string{
		typed("no.such", "1.0", `{"z":1.0,"a":"\u00e4","n":100000000000000000000}`),
		typed("fit.point", "1.1", `{"x":1,"y":2,"w":3}`), // newer
		typed("fit.point", "one", `{"x":1,"y":2}`),
		typed("os.system", "0.0", `{"command":"rm"}`),
		`{".function":"os.system"}`,
		`{".function":"f",".class":"fit.point"}`,
		`{".state":{"x":1,"y":2},".class":"fit.point"}`,                                   // without a version
		`{".class":"fit.point",".version":"1.0",".state":[1]}`,                            // a state that is no object
		`{".class":"fit.point",".version":"1.0",".state":{"x":1,"y":2},"comment":"more"}`, // would lose the comment
		`{ ".class" : "no.such",  ".version":"1.0", ".state" : { "a" : 1 } }`,
	} {
		v := decode(t, r, text)
		plain, is := v.(msgstream.Plain)
		if !is || string(plain.Raw()) != text {
			t.Errorf("%s became %#v", text, v)
			continue
		}
		for _, around := range []string{`%s`, `{"b":[1,%s,2.0,%[1]s],"c":%[1]s}`} {
			whole := fmt.Sprintf(around, text)
			if again := encode(t, r, decode(t, r, whole)); again != whole {
				t.Errorf("%s\nbecame\n%s", whole, again)
			}
		}
	}
	inside := typed("fit.progress", "2.1", `{"done":1,"units":"","at":`+typed("fit.point", "1.0", `{"x":0.0,"y":0.0}`)+
		`,"best":null,"path":[],"partial":`+typed("no.such", "3", `{ "a":1.0 }`)+`,"more":{}}`)
	if again := encode(t, r, decode(t, r, inside)); again != inside {
		t.Errorf("%s\nbecame\n%s", inside, again)
	}
	m := decode(t, r, typed("no.such", "1.0", `{"a":1}`)).(msgstream.Plain).Map()
	if want := map[string]any{".class": "no.such", ".version": "1.0", ".state": map[string]any{"a": int64(1)}}; !reflect.DeepEqual(m, want) {
		t.Errorf("the map is %#v", m)
	}
}

// An object of an older version is decoded by the lowest registered version that is not
// older, since the program that has it knows the old one.
func TestVersionsOfAClass(t *testing.T) {
	type older struct {
		A int64 `json:"a"`
	}
	type newer struct {
		A int64 `json:"a"`
		B int64 `json:"b"`
	}
	r := &msgstream.Registry{}
	for _, err := range []error{msgstream.Register[newer](r, "c", "2.0"), msgstream.Register[older](r, "c", "1.0")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for version, want := range map[string]any{
		"0.9": older{1}, "1": older{1}, "1.0.0": older{1}, "1.0.1": newer{A: 1}, "2.0a3": newer{A: 1}, "2": newer{A: 1},
	} {
		if got := decode(t, r, typed("c", version, `{"a":1}`)); got != want {
			t.Errorf("version %s became %#v, want %#v", version, got, want)
		}
	}
	if _, plain := decode(t, r, typed("c", "2.0.1", `{"a":1}`)).(msgstream.Plain); !plain {
		t.Error("a newer version was decoded")
	}
}

func TestRegisterRefuses(t *testing.T) {
	type another struct{}
	type text string
	r := registry(t)
	for what, err := range map[string]error{
		"the same type again":    msgstream.Register[point](r, "other", "1.0"),
		"an equal version again": msgstream.Register[another](r, "fit.point", "1"),
		"no version":             msgstream.Register[another](r, "other", "new"),
		"no name":                msgstream.Register[another](r, "", "1.0"),
		"a type without state":   msgstream.Register[text](r, "other", "1.0"),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func TestWhatCannotBeEncodedSaysWhere(t *testing.T) {
	type forged struct {
		Class string `json:".class"`
	}
	type inner struct{ forged }
	r := registry(t)
	deep := any("x")
	for range 200 {
		deep = []any{deep}
	}
	for _, test := range []struct {
		v    any
		says string
	}{
		{map[string]any{"a": []any{1, math.NaN()}}, `"/a/1"`},
		{map[string]any{"a": math.Inf(1)}, `"/a"`},
		{point{X: math.NaN()}, `"/.state/x"`},
		{[]any{map[string]any{".class": "os.system"}}, `"/0"`},
		{[]any{map[string]string{".function": "f"}}, `"/0"`},
		{map[string]any{"a": forged{"os.system"}}, `"/a"`},
		{map[string]any{"a": inner{}}, `"/a"`},
		{map[string]any{"a": func() {}}, `"/a"`},
		{map[string]any{"a": make(chan int)}, `"/a"`},
		{map[string]any{"a": "\xff"}, `"/a"`},
		{map[string]any{"a": msgstream.Plain{}}, `"/a"`},
		{[]any{jsontext.Value(`{"a":1,"a":2}`)}, `"/0`},
		{deep, "128 levels"},
	} {
		dst := []byte("before")
		got, err := r.Encode(dst, test.v)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%#v: got %s, %v; want an error that says %s", test.v, got, err, test.says)
		}
		if string(got) != "before" {
			t.Errorf("%#v: after the error there is %q", test.v, got)
		}
	}
}

func TestWhatCannotBeDecodedSaysWhere(t *testing.T) {
	r := registry(t)
	for _, test := range []struct{ text, says string }{
		{`{"a":1,"a":2}`, "duplicate"},
		{`{"a":"\ud800"}`, "surrogate"},
		{"\"\xff\"", "UTF-8"},
		{`{"a":1`, "unexpected EOF"},
		{`1 2`, "after top-level value"},
		{strings.Repeat("[", 200) + strings.Repeat("]", 200), "128 levels"},
		{`{"a":[0,` + typed("fit.point", "1.0", `{"x":"far","y":0}`) + `]}`, `"/a/1"`},
		{typed("fit.progress", "2.1", `{"at":{"x":1,"y":2}}`), "fit.point"},
		{typed("fit.progress", "2.1", `{"partial":{"a":`+typed("fit.point", "1.0", `{"x":"far"}`)+`}}`), `/.state/partial/a`},
	} {
		if v, err := r.Decode([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%.80s: got %#v, %v; want an error that says %s", test.text, v, err, test.says)
		}
	}
}

func TestVersionOrder(t *testing.T) {
	order := [][]string{{"0", "0.0"}, {"0.0.1"}, {"1"}, {"8.2", "8.02"}, {"8.19a1"}, {"8.19a2", "8.19.0a02"}, {"8.19b1"}, {"8.19", "8.19.0"}, {"8.19.1"}, {"9"}, {"10"}, {"123456789012345678901234567890"}}
	for i, first := range order {
		for j, second := range order {
			for _, a := range first {
				for _, b := range second {
					v, err1 := msgstream.ParseVersion(a)
					w, err2 := msgstream.ParseVersion(b)
					want := 0
					if i < j {
						want = -1
					} else if i > j {
						want = 1
					}
					if err1 != nil || err2 != nil || v.Compare(w) != want {
						t.Errorf("%s to %s: %d, want %d; %v %v", a, b, v.Compare(w), want, err1, err2)
					}
				}
			}
		}
	}
	for _, bad := range []string{"", "a", "1.", ".1", "1..2", "1a", "1c1", "1a1.2", "-1", "1 ", "1.0\n", strings.Repeat("1", 65)} {
		if _, err := msgstream.ParseVersion(bad); err != msgstream.ErrVersion {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
