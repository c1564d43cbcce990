package jsonscan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
)

// walk reads a text value by value and returns the names and values that it enters or skips, and
// whether the text was right. choose says which objects and arrays are entered.
func walk(text []byte, count bool, choose func() bool) (found []string, lengths []int, ok bool) {
	c := jsonscan.NewCursor(text)
	defer c.Release()
	if count {
		c.CountElements()
	}
	var value func()
	value = func() {
		kind := c.Kind()
		if kind != '{' && kind != '[' || !choose() {
			v, length := c.Skip()
			found = append(found, string(v))
			lengths = append(lengths, length)
			return
		}
		c.Enter()
		promised, length := 0, 0
		if count && kind == '[' {
			promised = c.Length()
		}
		for c.Next() {
			length++
			if kind == '{' {
				found = append(found, string(c.Name()))
			}
			value()
		}
		left, of := c.Left()
		if count && kind == '[' && promised != length || of != length || left.Kind() != kind && left != nil {
			found = append(found, fmt.Sprintf("%d elements, not %d, in %s", length, promised, left))
		}
	}
	value()
	return found, lengths, c.End()
}

func isDecodable(text []byte) bool {
	var document any
	return json.Unmarshal(text, &document) == nil
}

var manyNames = func() string {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, `"n%d":%d,`, i, i)
	}
	return b.String()
}()

// texts are right and wrong ones, each of which a decoder could judge in another way.
var texts = []string{
	`{}`, `[]`, `1`, `"x"`, ` null `, "\t[ 1 ,\r\n{ \"a\" : [ ] } ] ", `{"a":{"b":[1,{"c":2}]},"d":[]}`,
	``, ` `, `{`, `[`, `"`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `[1`, `[1,`, `{"a":1]`, `[1}`, `[1,]`, `{"a":1,}`, `[,1]`, `{,}`,
	`[1 2]`, `{"a":1 "b":2}`, `{"a" 1}`, `{a:1}`, `{1:1}`, `{"a"::1}`, `[]]`, `{}{}`, `1 2`, `1x`, `]`, `:`, `,`,
	`true`, `false`, `tru`, `truex`, `nul`, `True`, `NaN`, `Infinity`,
	`0`, `-0`, `-`, `+1`, `01`, `-01`, `1.`, `.5`, `1.5`, `1e5`, `1E+5`, `1e-5`, `1e`, `1e+`, `1.e5`, `0e0`, `00`, `0x1`, `1_0`,
	`1e308`, `1e309`, `-1e309`, `1e-999`, `1e0000001`, `1e0000999`, strings.Repeat("9", 308), strings.Repeat("9", 309), strings.Repeat("9", 400),
	`1.7976931348623157e308`, `1.7976931348623159e308`, "0." + strings.Repeat("0", 400) + "1", strings.Repeat("9", 250) + "e60",
	`"\u0061"`, `"\ud83d\ude00"`, `"\ud800"`, `"\ude00"`, `"\ud800\ud800"`, `"\ud800x"`, `"\ud800\u0061"`, `"\u12"`, `"\u12G4"`, `"\U0061"`,
	`"\x"`, `"\"`, `"\`, `"\\"`, `"\/\b\f\n\r\t\""`, "\"\x1f\"", "\"\x7f\"", "\"a\nb\"", "\"0123456\x01\"", "\"01234567\"", "\"0123456789abcde\\\"f\"",
	"\"\xff\"", "\"\xc3\xa9\"", "\"\xc3\"", "\"\xed\xa0\x80\"", "{\"\xff\":1}", "\xef\xbb\xbf{}", "[1\xa0]", "[1\x00]",
	`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"\u0061":1,"\u0061":2}`, `{"a":1,"b":{"a":1}}`, `{"x":{"a":1,"a":2}}`, `[{"a":1},{"a":1}]`,
	`{"":1,"":2}`, `{"":1}`, `{"ab":1,"ba":2,"a":3,"aa":4}`, `{"\ud83d\ude00":1,"😀":2}`, `{"a":{"\u0062":1,"b":1}}`, `{"\u0061":1,"b":{"\u0061":2},"c":3}`,
	`{` + manyNames + `"x":1}`, `{` + manyNames + `"n7":1}`, `{` + manyNames + `"\u006e99":1}`, `{"n":{` + manyNames + `"n0":{}},"n1":1}`,
	deeper(10_000), deeper(10_001), strings.Repeat(`{"":`, 10_000) + `1` + strings.Repeat(`}`, 10_000),
	strings.Repeat(`{"":`, 10_001) + `1` + strings.Repeat(`}`, 10_001), strings.Repeat(`[`, 100_000),
}

func TestCursorAcceptsWhatTheDecoderAccepts(t *testing.T) {
	for _, text := range texts {
		checkCursor(t, []byte(text))
	}
}

func FuzzCursor(f *testing.F) {
	for _, text := range texts {
		if len(text) < 2_000 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(checkCursor)
}

// checkCursor holds a cursor, whatever it enters, to the decoder.
func checkCursor(t *testing.T, text []byte) {
	t.Helper()
	want := isDecodable(text)
	enter, skip := func() bool { return true }, func() bool { return false }
	random := rand.New(rand.NewPCG(uint64(len(text)), 1))
	some := func() bool { return random.IntN(2) == 0 }
	for name, choose := range map[string]func() bool{"all": enter, "none": skip, "some": some} {
		for _, count := range []bool{false, true} {
			found, _, ok := walk(text, count, choose)
			if ok != want {
				t.Fatalf("entering %s, counting %t: %.200q is right: %t, want %t", name, count, text, ok, want)
			}
			if i := slices.IndexFunc(found, func(s string) bool { return strings.Contains(s, " elements, not ") }); ok && i >= 0 && count {
				t.Fatalf("%.200q: %s", text, found[i])
			}
		}
	}
	if !want {
		return
	}
	if whole, _, _ := walk(text, false, skip); whole[0] != strings.Trim(string(text), " \t\r\n") {
		t.Fatalf("%.200q: the whole is %.200q", text, whole[0])
	}
	found, _, _ := walk(text, false, enter)
	if tokens := namesAndScalars(t, text); !slices.Equal(found, tokens) {
		t.Fatalf("%.200q: found %.200q, want %.200q", text, found, tokens)
	}
}

// namesAndScalars returns them as the decoder finds them, the names without quotes.
func namesAndScalars(t *testing.T, text []byte) (all []string) {
	t.Helper()
	d := jsontext.NewDecoder(strings.NewReader(string(text)))
	for {
		switch kind := d.PeekKind(); kind {
		case 0:
			return all
		case '{', '[', '}', ']':
			if _, err := d.ReadToken(); err != nil {
				t.Fatal(err)
			}
		default:
			in, n := d.StackIndex(d.StackDepth())
			v, err := d.ReadValue()
			if err != nil {
				t.Fatal(err)
			}
			if in == '{' && n%2 == 0 {
				name, _ := jsontext.AppendUnquote(nil, v)
				v = name
			}
			all = append(all, string(v))
		}
	}
}

func TestSkipSaysHowManyMembersOrElementsThereAre(t *testing.T) {
	for text, want := range map[string]int{
		`{}`: 0, `[ ]`: 0, `[1,[2,3],4]`: 3, `{"a":[1,2,3],"b":{}}`: 2, `1`: 0, `"[1,2]"`: 0, `[[[]]]`: 1,
	} {
		if _, lengths, ok := walk([]byte(text), false, func() bool { return false }); !ok || lengths[0] != want {
			t.Errorf("%s has %d, want %d", text, lengths[0], want)
		}
	}
}

// Values and names cost no allocations. A few are for the cursor, which the race detector now and then
// makes anew.
func TestCursorAllocatesNothingForWhatItReads(t *testing.T) {
	for _, text := range []string{
		`{"a":1,"b":{"c":[1,2.5,-3e4]},"d":"x\ny"}`, "[" + strings.Repeat(`{"a":1},`, 1_000) + "0]", `[{` + strings.Repeat(manyNames+`"\u0078":1},{`, 10) + `}]`,
	} {
		text := []byte(text)
		allocs := testing.AllocsPerRun(3, func() {
			c := jsonscan.NewCursor(text)
			c.Skip()
			if !c.End() {
				t.Error("it is wrong")
			}
			c.Release()
		})
		if allocs > 10 {
			t.Errorf("%.40s takes %v allocations", text, allocs)
		}
	}
}

func BenchmarkSkip(b *testing.B) {
	var names strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&names, `"x%d":1,`, i)
	}
	for name, text := range map[string]string{
		"small":   `{"id":"7f3c","carrier":"MAEU","status":"arrived","teu":1250.5,"origin":{"port":"CNSHA"},"tags":["reefer"],"stops":[],"eta":"2026-01-01T00:00:00Z"}`,
		"numbers": `{"n":1,"s":[` + strings.Repeat("0,", 400_000) + `0]}`,
		"names":   `{` + names.String() + `"n":1}`,
		"objects": `[` + strings.Repeat(`{"a":1,"b":2,"c":3},`, 50_000) + `0]`,
		"text":    `["` + strings.Repeat("hello world ", 80_000) + `"]`,
		"escapes": `["` + strings.Repeat(`\n`, 480_000) + `"]`,
	} {
		b.Run(name, func(b *testing.B) {
			text := []byte(text)
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				c := jsonscan.NewCursor(text)
				c.Skip()
				if !c.End() {
					b.Fatal("it is wrong")
				}
				c.Release()
			}
		})
	}
}
