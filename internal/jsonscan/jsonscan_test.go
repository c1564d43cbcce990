package jsonscan_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
)

const depth = 4

// deeper nests n levels deep.
func deeper(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// members returns what Object finds, as name:value.
func members(text string) (found []string, deep bool, err error) {
	deep, err = jsonscan.Object([]byte(text), depth, func(name, value jsontext.Value) {
		found = append(found, string(name)+":"+string(value))
	})
	return found, deep, err
}

// items returns what Array finds.
func items(text string) (found []string, deep bool, err error) {
	deep, err = jsonscan.Array([]byte(text), depth, func(value jsontext.Value) bool {
		found = append(found, string(value))
		return true
	})
	return found, deep, err
}

func TestObject(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
		deep       bool
	}{
		{"empty", `{}`, nil, false},
		{"values of every kind", `{"a":1,"b":"x","c":[1,2],"d":{"e":null},"f":true}`, []string{`"a":1`, `"b":"x"`, `"c":[1,2]`, `"d":{"e":null}`, `"f":true`}, false},
		{"white space", " {\t\"a\" :\r\n[ 1 ] , \"b\": 2 } ", []string{`"a":[ 1 ]`, `"b":2`}, false},
		{"numbers", `{"a":-0,"b":0.5e+10,"c":12E3}`, []string{`"a":-0`, `"b":0.5e+10`, `"c":12E3`}, false},
		{"many members", `{"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9}`, []string{`"1":1`, `"2":2`, `"3":3`, `"4":4`, `"5":5`, `"6":6`, `"7":7`, `"8":8`, `"9":9`}, false},
		{"escapes", `{"a\"":"\\","b":"\u00e9"}`, []string{`"a\"":"\\"`, `"b":"\u00e9"`}, false},
		{"a repeated name", `{"a":1,"\u0061":2}`, []string{`"a":1`, `"\u0061":2`}, false},
		{"unpaired surrogates", `{"\ud800":"\udfff"}`, []string{`"\ud800":"\udfff"`}, false},
		{"invalid UTF-8", "{\"\xff\":\"\xfe\"}", []string{"\"\xff\":\"\xfe\""}, false},
		{"as deep as depth", `{"a":` + deeper(depth-1) + `}`, []string{`"a":` + deeper(depth-1)}, false},
		{"deeper", `{"a": ` + deeper(depth) + ` , "b" : 2}`, []string{`"a":` + deeper(depth), `"b":2`}, true},
		{"far deeper", `{"a":` + deeper(9_000) + `}`, []string{`"a":` + deeper(9_000)}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, deep, err := members(test.text)
			if err != nil || deep != test.deep || !slices.Equal(got, test.want) {
				t.Errorf("got %.200q, deep %t, %v", got, deep, err)
			}
		})
	}
}

func TestArray(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
		deep       bool
	}{
		{"empty", ` [ ] `, nil, false},
		{"items of every kind", `[1,"x",[2,3],{"e":null},true]`, []string{`1`, `"x"`, `[2,3]`, `{"e":null}`, `true`}, false},
		{"white space", " [\t1 ,\r\n[ 2 ] ] ", []string{`1`, `[ 2 ]`}, false},
		{"deeper", `[ 1 , ` + deeper(depth) + ` , {"a":2} ]`, []string{`1`, deeper(depth), `{"a":2}`}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, deep, err := items(test.text)
			if err != nil || deep != test.deep || !slices.Equal(got, test.want) {
				t.Errorf("got %.200q, deep %t, %v", got, deep, err)
			}
		})
	}
}

func TestArrayStopsWhenToldTo(t *testing.T) {
	calls := 0
	_, err := jsonscan.Array([]byte(`[1,2,3,this is no JSON`), depth, func(jsontext.Value) bool {
		calls++
		return calls < 3
	})
	if calls != 3 || err != nil {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		split      func(string) ([]string, bool, error)
		text, says string
	}{
		{members, ``, "EOF"},
		{members, `[]`, "not an object"},
		{members, `"{}"`, "not an object"},
		{members, `{"a":1`, "unexpected EOF"},
		{members, `{"a":1}{}`, "something follows the object"},
		{members, `{"a":1} x`, "'x'"},
		{members, `{"a":1]`, "']'"},
		{members, `{"a":1,}`, "','"},
		{members, `{1:1}`, "name must be a string"},
		{members, `{"a":"\x"}`, "escape"},
		{members, "{\"a\":\"12345678\n\"}", "invalid character"},
		{members, `{"a":01}`, "'1'"},
		{members, `{"a":1.}`, "'}'"},
		{members, `{"a":-}`, "'}'"},
		{members, `{"a":1e}`, "'}'"},
		{members, `{"a":tru}`, "'}'"},
		{members, `{"a":[1,]}`, "']'"},
		{members, `{"a":{"b"}}`, "'}'"},
		{members, `{"a" 1}`, "'1'"},
		{members, `{"a":` + deeper(20_000) + `}`, "depth"},
		{items, `{}`, "not an array"},
		{items, `[1,]`, "','"},
		{items, `[1][]`, "something follows the array"},
		{items, `[1`, "unexpected EOF"},
	} {
		_, _, err := test.split(test.text)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%.40s: got %v, want an error that says %q", test.text, err, test.says)
		}
	}
	if _, _, err := members(`1`); !errors.Is(err, jsonscan.ErrNotObject) {
		t.Errorf("got %v, want ErrNotObject", err)
	}
	if _, _, err := items(`1`); !errors.Is(err, jsonscan.ErrNotArray) {
		t.Errorf("got %v, want ErrNotArray", err)
	}
}

// A part shares the memory of the text, and appending to it writes elsewhere.
func TestPartsAreSlicesOfTheText(t *testing.T) {
	for _, value := range []string{`{"b":1}`, deeper(depth)} {
		text := []byte(`{"a":` + value + `}`)
		var part jsontext.Value
		if _, err := jsonscan.Object(text, depth, func(_, v jsontext.Value) { part = v }); err != nil {
			t.Fatal(err)
		}
		if &part[0] != &text[len(`{"a":`)] || cap(part) != len(part) {
			t.Errorf("%s: a copy, or with capacity to spare", value)
		}
	}
}

func TestText(t *testing.T) {
	for quoted, want := range map[string]string{`"a b"`: "a b", `"\u0061\n"`: "a\n", `""`: "", "\"\xff\"": "\xff"} {
		if got, err := jsonscan.Text([]byte(quoted)); string(got) != want || err != nil {
			t.Errorf("Text(%s) = %q, %v", quoted, got, err)
		}
	}
	if got, err := jsonscan.Text([]byte(`"a\ud800"`)); string(got) != "a\ufffd" || err == nil {
		t.Errorf("an unpaired surrogate: %q, %v", got, err)
	}
}

func TestMeasure(t *testing.T) {
	for _, test := range []struct {
		text         string
		spaces, deep int
	}{
		{``, 0, -1},
		{` { "a b" : [ 1 ] } `, 8, -1},
		{`[[[[[]]]]]`, 0, 4},
		{` [[[ [{`, 2, 6},
		{`[[]][[]][[]]`, 0, -1},
		{`"[[[[[[ \" [[["`, 0, -1},
		{`"\\"[[[[[`, 0, 8},
	} {
		if spaces, deep := jsonscan.Measure([]byte(test.text), depth); spaces != test.spaces || deep != test.deep {
			t.Errorf("Measure(%s) = %d, %d, want %d, %d", test.text, spaces, deep, test.spaces, test.deep)
		}
		if got := jsonscan.DeeperThan([]byte(test.text), depth); got != (test.deep >= 0) {
			t.Errorf("DeeperThan(%s) = %t", test.text, got)
		}
	}
}

func TestValues(t *testing.T) {
	for text, want := range map[string]int{
		`1`: 0, `"a,b,[{"`: 0, `[1]`: 1, `[1,2,[3]]`: 4, `{"a":1,"b":{"c":"x,\",,y"}}`: 3, `[]`: 0, ` [ ] `: 0, `[[],{ },[ 1 ]]`: 4,
		` [ "\\" , {"a" : [ ]} ] `: 3,
	} {
		if got := jsonscan.Values([]byte(text)); got != want {
			t.Errorf("%s has %d values, want %d", text, got, want)
		}
	}
}

func TestStringEnd(t *testing.T) {
	for _, part := range []string{"", "é", `\\`, `\u00e9`, `\ud83d\ude00`} {
		for before := range 20 {
			text := "|" + `"` + strings.Repeat("~", before) + part + `!"` + "é" // what follows is not ASCII
			end, plain, ascii := jsonscan.StringEnd([]byte(text), 1)
			if end != len(text)-len("é") || plain == strings.Contains(part, `\`) || ascii == (part == "é") {
				t.Errorf("StringEnd(%q) = %d, %t, %t", text, end, plain, ascii)
			}
		}
	}
	for _, wrong := range []string{"\x00", "\x1f", "\n", `\`, `\x`, `\u00e`, `\u00eg`, `\ud800`, `\ud800\u0061`} {
		for before := range 20 {
			text := `"` + strings.Repeat("~", before) + wrong + `"`
			if end, _, _ := jsonscan.StringEnd([]byte(text), 0); end != -1 {
				t.Errorf("StringEnd(%q) = %d", text, end)
			}
		}
	}
	for _, none := range []string{"", "a", `"`, `"no end at all` + "\x7f"} {
		if end, _, _ := jsonscan.StringEnd([]byte(none), 0); end != -1 {
			t.Errorf("StringEnd(%q) = %d", none, end)
		}
	}
}

func TestNumberEnd(t *testing.T) {
	for text, want := range map[string]int{
		"0": 1, "-0": 2, "10": 2, "1.50": 4, "1e5": 3, "1E+05": 5, "-2.5e-300": 9, "7,": 1, "7]": 1, "1-": 1,
		"": -1, "-": -1, "00": -1, "-01": -1, ".5": -1, "1.": -1, "1.e5": -1, "1e": -1, "1e+": -1, "+1": -1, "x": -1,
	} {
		end, small := jsonscan.NumberEnd([]byte(text), 0)
		if end != want || small != (want > 0 && !strings.Contains(text, "300")) {
			t.Errorf("NumberEnd(%q) = %d, %t; want %d", text, end, small, want)
		}
	}
	if _, small := jsonscan.NumberEnd([]byte(strings.Repeat("1", 201)), 0); small {
		t.Error("a number of 201 digits is small")
	}
}

// FuzzSplit holds the ways of splitting, for plain, for other and for deep texts, to
// each other and to the JSON library reading the whole text at once.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[{}],"c":"\ud800"}`, ` [ 1 , "x" , [[]] ] `, `{"a":1}x`, `[1,]`, "{\"\xff\":\"\\u0061\"}", `[[[[[[[[]]]]]]]]`, `{"a":{"b":{"c":[{"d":{}}]}}}`, `"`, ``,
	} {
		f.Add([]byte(seed))
	}
	lenient := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		split := func(depth int) (parts []string, err error) {
			add := func(value jsontext.Value) bool {
				parts = append(parts, string(value))
				return true
			}
			if jsontext.Value(text).Kind() == '[' {
				_, err = jsonscan.Array(text, depth, add)
			} else {
				_, err = jsonscan.Object(text, depth, func(name, value jsontext.Value) { add(name); add(value) })
			}
			return parts, err
		}
		shallow, err := split(10_000)
		deep, deepErr := split(0)
		if (err == nil) != (deepErr == nil) || err == nil && !slices.Equal(shallow, deep) {
			t.Fatalf("%q: read by value %q, %v\nread by token %q, %v", text, shallow, err, deep, deepErr)
		}
		kind := jsontext.Value(text).Kind()
		if valid := jsontext.Value(text).IsValid(lenient...); (err == nil) != (valid && (kind == '{' || kind == '[')) {
			t.Fatalf("%q: %v, but valid is %t", text, err, valid)
		}
		if err == nil && kind == '[' {
			var want []jsontext.Value
			if err := json.Unmarshal(text, &want, lenient...); err != nil || len(want) != len(shallow) {
				t.Fatalf("%q: %d items, want %d, %v", text, len(shallow), len(want), err)
			}
			for i := range want {
				if string(want[i]) != shallow[i] {
					t.Fatalf("%q: item %d is %s, want %s", text, i, shallow[i], want[i])
				}
			}
		}
		if !bytes.Equal(text, before) {
			t.Fatal("the text was changed")
		}
	})
}

// FuzzCompact holds Measure and Compact to the JSON library.
func FuzzCompact(f *testing.F) {
	f.Add([]byte(` { "a\" b" : [ 1 , 2 ] , "\\" : null } `))
	f.Fuzz(func(t *testing.T, text []byte) {
		want := jsontext.Value(bytes.Clone(text))
		if want.Compact(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) != nil {
			return
		}
		spaces, deep := jsonscan.Measure(text, 10_000)
		if deep >= 0 || len(want) != len(text)-spaces {
			t.Fatalf("%q: %d spaces, deep at %d", text, spaces, deep)
		}
		if got := jsonscan.Compact(text, spaces); !bytes.Equal(got, want) || cap(got) != len(got) && len(got) > 0 && spaces > 64 {
			t.Fatalf("%q became %q, want %q", text, got, want)
		}
	})
}
