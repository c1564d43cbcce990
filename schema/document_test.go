package schema_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/schema"
)

const depth = 64

func TestDecodeKeepsTheBytes(t *testing.T) {
	for given, want := range map[string]string{
		`{"a":1.0,"b":[1e3,-0,10e-1]}`:                         `{"a":1.0,"b":[1e3,-0,10e-1]}`,
		" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b c\" : \" \\\" \" } ": `{"a":[1,2],"b c":" \" "}`,
		`{"\u0061":"\/\u00e9\ud83d\ude00 é"}`:                  `{"\u0061":"\/\u00e9\ud83d\ude00 é"}`,
		`123456789012345678901234567890`:                       `123456789012345678901234567890`,
		` "\\" `:                                               `"\\"`,
		`null`:                                                 `null`,
	} {
		doc, err := schema.Decode([]byte(given), depth)
		if err != nil {
			t.Errorf("Decode(%s): %v", given, err)
			continue
		}
		if string(doc.Raw) != want {
			t.Errorf("Decode(%s).Raw = %s, want %s", given, doc.Raw, want)
		}
	}
}

func TestDecodeKeepsNoMemoryOfWhiteSpace(t *testing.T) {
	doc, err := schema.Decode([]byte(`{}`+strings.Repeat(" ", 1<<20)), depth)
	if err != nil || cap(doc.Raw) > 64 {
		t.Errorf("%d bytes are kept for {}, %v", cap(doc.Raw), err)
	}
}

func TestDecodeReturnsDoubles(t *testing.T) {
	doc, err := schema.Decode([]byte(`{"a":[1,true,null,"x"],"b":9007199254740993}`), depth)
	want := map[string]any{"a": []any{1.0, true, nil, "x"}, "b": 9007199254740992.0}
	if err != nil || !reflect.DeepEqual(doc.Value, want) {
		t.Errorf("got %v, %v", doc.Value, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, test := range []struct {
		given string
		want  schema.DecodeError
	}{
		{``, schema.DecodeError{Kind: schema.Malformed, Message: `malformed JSON: it ends too early`}},
		{`{"a":[1`, schema.DecodeError{Kind: schema.Malformed, Offset: 7, Pointer: "/a", Message: `malformed JSON: it ends too early`}},
		{`{"a":tru}`, schema.DecodeError{Kind: schema.Malformed, Offset: 8, Pointer: "/a", Message: `malformed JSON: invalid character '}' in literal true (expecting 'e')`}},
		{`{"a":1}{}`, schema.DecodeError{Kind: schema.Malformed, Offset: 7, Message: `malformed JSON: invalid character '{' after top-level value`}},
		{`{'a':1}`, schema.DecodeError{Kind: schema.Malformed, Offset: 1, Message: `malformed JSON: invalid character '\'' at start of value`}},
		{"\"a\nb\"", schema.DecodeError{Kind: schema.Malformed, Offset: 2, Message: `malformed JSON: invalid character '\n' in string (expecting non-control character)`}},
		{`{"a":{"b":1,"b":2}}`, schema.DecodeError{Kind: schema.DuplicateKey, Offset: 12, Pointer: "/a/b", Message: `duplicate key "b"`}},
		{`{"a":1,"\u0061":2}`, schema.DecodeError{Kind: schema.DuplicateKey, Offset: 7, Pointer: "/a", Message: `duplicate key "a"`}},
		{"{\"a\":\"x\xff\"}", schema.DecodeError{Kind: schema.InvalidText, Offset: 7, Pointer: "/a", Message: `invalid UTF-8`}},
		{"{\"\xc3\x28\":1}", schema.DecodeError{Kind: schema.InvalidText, Offset: 2, Message: `invalid UTF-8`}},
		{`["\ud800"]`, schema.DecodeError{Kind: schema.InvalidText, Offset: 2, Pointer: "/0", Message: `a surrogate without its pair: \ud800`}},
		{`["\uDFFF\uD800"]`, schema.DecodeError{Kind: schema.InvalidText, Offset: 2, Pointer: "/0", Message: `a surrogate without its pair: \uDFFF`}},
		{"\"\\ud80\xff\"", schema.DecodeError{Kind: schema.Malformed, Offset: 1, Message: "malformed JSON: invalid escape sequence \"\\\\ud80\\xff\" in string"}},
		{`{"a":[0,1e400]}`, schema.DecodeError{Kind: schema.NumberRange, Offset: 8, Pointer: "/a/1", Message: `number out of the range of a double: 1e400`}},
		{`1e1000001`, schema.DecodeError{Kind: schema.NumberRange, Message: `number out of the range of a double: 1e1000001`}},
	} {
		t.Run(test.given, func(t *testing.T) {
			_, err := schema.Decode([]byte(test.given), depth)
			var got *schema.DecodeError
			if !errors.As(err, &got) {
				t.Fatalf("got %v", err)
			}
			if got.Kind != test.want.Kind || got.Message != test.want.Message || got.Pointer != test.want.Pointer {
				t.Errorf("got  %+v\nwant %+v", *got, test.want)
			}
			// The decoder only promises an offset at or before the error.
			if got.Offset > int64(len(test.given)) || got.Kind != schema.Malformed && got.Offset != test.want.Offset {
				t.Errorf("offset %d, want %d", got.Offset, test.want.Offset)
			}
		})
	}
}

func TestDecodeErrorText(t *testing.T) {
	_, err := schema.Decode([]byte(`{"a":[0,1e400]}`), depth)
	if want := `number out of the range of a double: 1e400, at byte 8 (/a/1)`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = schema.Decode([]byte(`[[[1]]]`), 2)
	if want := `nested deeper than 2 levels, at byte 2`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestDecodeDepth(t *testing.T) {
	for _, unit := range [][2]string{{`[`, `]`}, {`{"[[\"{":`, `}`}} {
		nested := func(n int) []byte {
			return []byte(strings.Repeat(unit[0], n) + "1" + strings.Repeat(unit[1], n))
		}
		for limit := range 5 {
			if _, err := schema.Decode(nested(limit), limit); err != nil {
				t.Errorf("%d levels of %s, %d allowed: %v", limit, unit[0], limit, err)
			}
			_, err := schema.Decode(nested(limit+1), limit)
			var refused *schema.DecodeError
			if !errors.As(err, &refused) || refused.Kind != schema.TooDeep {
				t.Errorf("%d levels of %s, %d allowed: %v", limit+1, unit[0], limit, err)
			}
		}
	}
	wide := []byte(`[` + strings.Repeat(`[],`, 1000) + `{}]`)
	if _, err := schema.Decode(wide, 2); err != nil {
		t.Errorf("a wide document is not a deep one: %v", err)
	}
}

// Decoding these takes milliseconds. Anything that is not linear would exceed the
// deadline of the test, so the test measures no time.
func TestDecodeIsLinear(t *testing.T) {
	const size = 1 << 20
	long := strings.Repeat("k", size)
	for name, given := range map[string]string{
		"a million digits":       strings.Repeat("9", size),
		"huge exponents":         `[` + strings.Repeat(`1e1000001,`, size/10) + `1]`,
		"a bottomless nest":      strings.Repeat("[", size),
		"a long key, twice":      `{"` + long + `":1,"` + long + `":2}`,
		"a bad byte, far down":   `{"` + long + "\":\"\xff\"}",
		"a long name with range": `{"` + long + `":1e999}`,
		"a long name in Greek":   `{"κ` + strings.Repeat("λ", size) + `":1e999}`,
		"a long name in Emoji":   `{"` + strings.Repeat("🚢", size/4) + `.":1e999}`,
		"an endless string":      `"` + long,
	} {
		_, err := schema.Decode([]byte(given), depth)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if n := len(err.Error()); n > 400 || !utf8.ValidString(err.Error()) {
			t.Errorf("%s: the error has %d bytes", name, n)
		}
	}
	for name, given := range map[string]string{
		"a fraction of a million digits": "0." + strings.Repeat("1", size),
		"many doubles at the edge":       `[` + strings.Repeat(`1e308,`, size/6) + `1]`,
		"many keys":                      `{` + uniqueKeys(size/12) + `}`,
		"too small for a double":         `[1e-400,-1e-1000001]`,
	} {
		if _, err := schema.Decode([]byte(given), depth); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"a":1.0,"b":[1e3,-0,10e-1]}`, " { \"a\" : \" \\\" \\\\\" } ", `{"a":1,"a":2}`, `["\ud800"]`, "\"\xff\"", `1e1000001`, `[[[[[[[[]]]]]]]]`, `{"a":"\u00e9"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		const depth = 6
		given := bytes.Clone(payload)
		doc, err := schema.Decode(payload, depth)
		if !bytes.Equal(given, payload) {
			t.Fatalf("%q became %q", given, payload)
		}
		if err != nil {
			checkRefusal(t, payload, err, depth)
			return
		}
		want := jsontext.Value(bytes.Clone(payload))
		if err := want.Compact(); err != nil || !bytes.Equal(doc.Raw, want) {
			t.Fatalf("Decode(%q).Raw = %q, want %q (%v)", payload, doc.Raw, want, err)
		}
		var value any
		if err := json.Unmarshal(doc.Raw, &value); err != nil || !reflect.DeepEqual(value, doc.Value) {
			t.Fatalf("%q is %v, and its compact form %q is %v (%v)", payload, doc.Value, doc.Raw, value, err)
		}
		if nesting(doc.Value) > depth {
			t.Fatalf("%q nests %d deep", payload, nesting(doc.Value))
		}
	})
}

func checkRefusal(t *testing.T, payload []byte, err error, depth int) {
	var refused *schema.DecodeError
	if !errors.As(err, &refused) || refused.Kind == 0 || refused.Offset < 0 || refused.Offset > int64(len(payload)) {
		t.Fatalf("Decode(%q): %#v", payload, err)
	}
	if !utf8.ValidString(err.Error()) {
		t.Fatalf("Decode(%q): the error is not UTF-8: %q", payload, err)
	}
	var value any
	if json.Unmarshal(payload, &value) == nil && nesting(value) <= depth {
		t.Fatalf("Decode(%q) refused what is well-formed: %v", payload, err)
	}
}

func nesting(v any) int {
	deepest := 0
	switch v := v.(type) {
	case map[string]any:
		for _, item := range v {
			deepest = max(deepest, nesting(item))
		}
	case []any:
		for _, item := range v {
			deepest = max(deepest, nesting(item))
		}
	default:
		return 0
	}
	return deepest + 1
}

func ExampleDecode() {
	_, err := schema.Decode([]byte(`{"berth":{"id":7,"id":8}}`), 64)
	fmt.Println(err)
	// Output: duplicate key "id", at byte 17 (/berth/id)
}
