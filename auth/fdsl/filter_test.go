package fdsl_test

import (
	"math"
	"strings"
	"sync"
	"testing"
)

const semanticsDoc = `{
	"zero": 0, "minusZero": -0, "one": 1, "oneText": "1", "empty": "", "yes": true, "no": false, "null": null,
	"list": [1, 2], "sameList": [1.0, 2e0], "otherList": [2, 1], "shortList": [1], "none": [], "nothing": {},
	"object": {"x": 1, "y": {"z": [null]}}, "sameObject": {"y": {"z": [null]}, "x": 1.0},
	"otherObject": {"x": 1, "y": {"z": [false]}}, "renamed": {"x": 1, "w": {"z": [null]}}, "part": {"x": 1},
	"nullX": {"x": null}, "nullY": {"y": null},
	"big": 9007199254740993, "rounded": 9007199254740992, "huge": 1e308, "text": "null"
}`

// Shorthand for trees.
func path(p string) any       { return node("path", p) }
func text(s string) any       { return node("string", s) }
func number(n float64) any    { return node("number", n) }
func boolean(b bool) any      { return node("bool", b) }
func eq(a, b any) any         { return node("eq", []any{a, b}) }
func and(operands ...any) any { return node("and", append([]any{}, operands...)) }
func or(operands ...any) any  { return node("or", append([]any{}, operands...)) }
func not(operand any) any     { return node("not", operand) }

var (
	null    any = map[string]any{"t": "null"}
	meta        = node("meta", "streamName")
	missing     = path("$.missing")
)

func TestMatch(t *testing.T) {
	doc := decode(t, semanticsDoc)
	tests := []struct {
		name string
		tree any
		want bool
	}{
		{"1 is 1.0", eq(path("one"), number(1)), true},
		{"-0 is 0", eq(path("minusZero"), number(0)), true},
		{"0 is a literal -0", eq(path("zero"), path("minusZero")), true},
		{`1 is not "1"`, eq(path("one"), path("oneText")), false},
		{`1 is not true`, eq(path("one"), boolean(true)), false},
		{"0 is not false", eq(path("zero"), boolean(false)), false},
		{`"" is not null`, eq(path("empty"), null), false},
		{"null is null", eq(path("null"), null), true},
		{`null is not "null"`, eq(path("null"), path("text")), false},
		{"false is not null", eq(path("no"), null), false},
		{"numbers are float64", eq(path("big"), path("rounded")), true},

		{"objects without order", eq(path("object"), path("sameObject")), true},
		{"objects that differ deep down", eq(path("object"), path("otherObject")), false},
		{"objects with other names", eq(path("object"), path("renamed")), false},
		{"an object and a part of it", eq(path("part"), path("object")), false},
		{"a null member and none", eq(path("nullX"), path("nullY")), false},
		{"arrays", eq(path("list"), path("sameList")), true},
		{"arrays in order", eq(path("list"), path("otherList")), false},
		{"an array and its prefix", eq(path("list"), path("shortList")), false},
		{"the empty array is not the empty object", eq(path("none"), path("nothing")), false},
		{"an array is itself", eq(path("none"), path("$.none")), true},
		{"an object is not a string", eq(path("nothing"), path("empty")), false},
		{"the whole message", eq(path("$"), path("$")), true},

		{"false is falsy", path("no"), false},
		{"0 is falsy", path("zero"), false},
		{"-0 is falsy", path("minusZero"), false},
		{`"" is falsy`, path("empty"), false},
		{"null is falsy", path("null"), false},
		{"true is truthy", path("yes"), true},
		{"1 is truthy", path("one"), true},
		{`"null" is truthy`, path("text"), true},
		{"[] is truthy", path("none"), true},
		{"{} is truthy", path("nothing"), true},
		{"not of falsy values", and(not(path("no")), not(path("zero")), not(path("minusZero")), not(path("empty")), not(path("null"))), true},
		{"not of []", not(path("none")), false},
		{"not of {}", not(path("nothing")), false},

		{"a literal string", text("x"), true},
		{"an empty string", text(""), false},
		{"a literal 0", number(0), false},
		{"a literal null", null, false},
		{"the name of the stream", meta, true},
		{"the name of the stream compared", eq(meta, text("fleet")), true},
		{"another stream's name", eq(text("ports"), meta), false},

		{"an empty and", and(), true},
		{"an empty or", or(), false},
		{"and", and(path("one"), path("none")), true},
		{"and with a falsy one", and(path("one"), path("zero")), false},
		{"or", or(path("zero"), path("none")), true},
		{"or of falsy ones", or(path("zero"), path("null")), false},
		{"not with a list of one", node("not", []any{path("zero")}), true},

		{"and is a boolean", eq(and(path("one")), boolean(true)), true},
		{"and is not its operand", eq(and(path("one")), number(1)), false},
		{"or is a boolean", eq(or(path("list")), boolean(true)), true},
		{"not not is a boolean", eq(not(not(path("oneText"))), text("1")), false},
		{"eq is a boolean", eq(eq(path("one"), number(2)), boolean(false)), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			filter := compileTree(t, test.tree)
			if got := filter.Match(doc, "fleet"); got != test.want {
				t.Errorf("Match is %v", got)
			}
			if got := filter.For("fleet").Match(doc, ""); got != test.want {
				t.Errorf("Match after For is %v", got)
			}
		})
	}
}

// TestErrors tells errors from falsy values: not of an error is an error.
func TestErrors(t *testing.T) {
	doc := decode(t, semanticsDoc)
	isTrue, isFalse := path("yes"), path("no")
	tests := []struct {
		name string
		tree any
		want string // the outcome
	}{
		{"a missing member", missing, "error"},
		{"a null member", path("null"), "falsy"},
		{"an index out of range", path("list[2]"), "error"},
		{"a negative index out of range", path("list[-3]"), "error"},
		{"an index on an object", path("object[0]"), "error"},
		{"a name on an array", path("list.x"), "error"},
		{"a name on a string", path("text.length"), "error"},
		{"a name on null", path("null.x"), "error"},
		{"not of an error", not(missing), "error"},
		{"not not of an error", not(not(missing)), "error"},
		{"missing is not null", eq(missing, null), "error"},
		{"missing is not itself", eq(missing, missing), "error"},
		{"an error on the right", eq(path("one"), missing), "error"},
		{"eq of an and that is an error", eq(and(missing), boolean(false)), "error"},
		{"true or error", or(isTrue, missing), "truthy"},
		{"error or true", or(missing, isTrue), "truthy"},
		{"false or error", or(isFalse, missing), "error"},
		{"error or false", or(missing, isFalse), "error"},
		{"false and error", and(isFalse, missing), "falsy"},
		{"error and false", and(missing, isFalse), "falsy"},
		{"true and error", and(isTrue, missing), "error"},
		{"error and true", and(missing, isTrue), "error"},
		{"only errors in or", or(missing, path("absent")), "error"},
		{"only errors in and", and(missing, path("absent")), "error"},
		{"an error or its negation", or(missing, not(missing)), "error"},
		{"an error and its negation", and(missing, not(missing)), "error"},
		{"a literal true or error", or(boolean(true), missing), "truthy"},
		{"a literal false and error", and(missing, boolean(false)), "falsy"},
		{"a literal false or error", or(boolean(false), missing), "error"},
		{"an error in a flattened or", or(or(missing, isFalse), or(isTrue)), "truthy"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := "error"
			switch {
			case compileTree(t, test.tree).Match(doc, ""):
				got = "truthy"
			case compileTree(t, not(test.tree)).Match(doc, ""):
				got = "falsy"
			}
			if got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// A stream without a schema may have messages that are not objects.
func TestMatchOfMessagesThatAreNotObjects(t *testing.T) {
	for doc, want := range map[string]bool{`null`: false, `0`: false, `""`: false, `[]`: true, `{}`: true, `"x"`: true} {
		if got := compile(t, pathNode("$")).Match(decode(t, doc), ""); got != want {
			t.Errorf("$ on %s is %v", doc, got)
		}
	}
	if !compile(t, pathNode("$[0]")).Match(decode(t, `[1]`), "") {
		t.Error("$[0] finds nothing in [1]")
	}
}

func TestKey(t *testing.T) {
	a, b := eq(path("a"), number(1)), eq(path("b.c[0]"), text("x"))
	tests := []struct {
		name string
		tree any
		want string
	}{
		{"a path", path("a.b[-1]"), `$["a"]["b"][-1]`},
		{"another spelling", path(`$ ['a'] [ "\u0062" ][-1]`), `$["a"]["b"][-1]`},
		{"a name with a quote", path(`$['"']`), `$["\""]`},
		{"literal right", eq(number(1), path("a")), `eq($["a"],1)`},
		{"-0 as 0", eq(path("a"), number(math.Copysign(0, -1))), `eq($["a"],0)`},
		{"sorted paths in eq", eq(path("b"), path("a")), `eq($["a"],$["b"])`},
		{"sorted operands", and(b, a), `and(eq($["a"],1),eq($["b"]["c"][0],"x"))`},
		{"flattened", and(and(and(b), and()), and(a, and(a))), `and(eq($["a"],1),eq($["b"]["c"][0],"x"))`},
		{"or within and stays", and(path("a"), or(path("c"), path("b"))), `and($["a"],or($["b"],$["c"]))`},
		{"repeats gone", or(a, a, eq(number(1), path("$.a"))), `eq($["a"],1)`},
		{"double negation", not(not(not(path("a")))), `not($["a"])`},
		{"neutral constants", or(path("a"), text(""), not(number(1))), `$["a"]`},
		{"decisive constants", or(path("a"), text("x")), `true`},
		{"constants compared", eq(text("1"), number(1)), `false`},
		{"a constant within", and(path("a"), eq(and(), boolean(true))), `$["a"]`},
		{"the stream stays", and(meta, path("a")), `and($["a"],streamName)`},
		{"the stream on the left", eq(path("a"), meta), `eq(streamName,$["a"])`},
		{"the stream before a literal", eq(text("x"), meta), `eq(streamName,"x")`},
		{"the stream is itself", eq(meta, meta), `true`},
		{"a literal like the stream", eq(text("streamName"), path("a")), `eq($["a"],"streamName")`},
		{"null", eq(path("a"), null), `eq($["a"],null)`},
		{"and as a value", eq(and(path("a")), path("b")), `eq($["b"],and($["a"]))`},
		{"or as the same value", eq(or(path("a"), path("a")), path("b")), `eq($["b"],and($["a"]))`},
		{"eq as a value", eq(and(a), path("b")), `eq($["b"],eq($["a"],1))`},
		{"kept: an excluded middle", or(path("a"), not(path("a"))), `or($["a"],not($["a"]))`},
		{"kept: a contradiction", and(path("a"), not(path("a"))), `and($["a"],not($["a"]))`},
		{"kept: a tautology", eq(path("a"), path("a")), `eq($["a"],$["a"])`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := compileTree(t, test.tree).Key(); got != test.want {
				t.Errorf("the key is %s, want %s", got, test.want)
			}
		})
	}
}

func TestFiltersThatPassDifferentMessagesHaveDifferentKeys(t *testing.T) {
	trees := []any{
		eq(path("a"), text("1")), eq(path("a"), number(1)), eq(path("a"), text("true")), eq(path("a"), boolean(true)),
		eq(path("a"), null), eq(path("a"), text("null")), path("a"), path("$['a.b']"), path("a.b"), path("$['a\"][\"b']"),
		path("$[0]"), path("$['0']"), path("$[-1]"), meta, eq(meta, text("a")), eq(path("streamName"), text("a")),
		and(path("a"), path("b")), or(path("a"), path("b")), eq(path("a"), path("b")), not(path("a")),
		eq(and(path("a")), path("b")), eq(path("a"), text("\ufffd")), eq(path("a"), text("é")), eq(path("a"), text("e\u0301")),
		eq(path("a"), number(9007199254740991)), eq(path("a"), number(9007199254740990)), boolean(true), boolean(false),
		and(path("z"), eq(path("a"), text("x")), eq(path("b"), text("y"))), and(path("z"), eq(path("a"), text(`x"),eq($["b"],"y`))),
	}
	byKey := map[string]int{}
	for i, tree := range trees {
		key := compileTree(t, tree).Key()
		if first, taken := byKey[key]; taken {
			t.Errorf("%s and %s share the key %s", marshal(t, trees[first]), marshal(t, tree), key)
		}
		byKey[key] = i
	}
}

func TestFor(t *testing.T) {
	tests := []struct {
		name, stream, key string
		tree              any
	}{
		{"its own stream", "fleet", "true", eq(meta, text("fleet"))},
		{"another stream", "ports", "false", eq(meta, text("fleet"))},
		{"a branch for the stream", "fleet", `$["a"]`, or(and(eq(meta, text("fleet")), path("a")), eq(meta, text("ports")))},
		{"no branch left", "planes", "false", or(and(eq(meta, text("fleet")), path("a")), eq(meta, text("ports")))},
		{"truthiness", "fleet", "true", meta},
		{"an empty name", "", "false", meta},
		{"the name in a path", "fleet", `eq($["a"],"fleet")`, eq(meta, path("a"))},
		{"the name twice", "fleet", "true", eq(meta, meta)},
		{"the name as a number", "1", "false", eq(meta, number(1))},
		{"never falsy by an error", "fleet", `not($["a"])`, and(not(path("a")), eq(meta, text("fleet")))},
		{"a boolean of the name", "fleet", `eq($["a"],true)`, eq(path("a"), not(not(meta)))},
		{"what becomes constant flattens", "fleet", `and($["a"],$["b"])`, and(path("b"), or(eq(meta, text("x")), and(path("a"), meta)))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			filter := compileTree(t, test.tree)
			before := filter.Key()
			if got := filter.For(test.stream).Key(); got != test.key {
				t.Errorf("what is left is %s, want %s", got, test.key)
			}
			if filter.Key() != before {
				t.Errorf("For changed its filter to %s", filter.Key())
			}
		})
	}
}

// A stream's name may be invalid UTF-8 here, and must not make two filters share a key.
func TestForAStreamWhoseNameIsNotUTF8(t *testing.T) {
	filter := compileTree(t, eq(meta, path("a")))
	doc := map[string]any{"a": "\ufffd"}
	valid, invalid := filter.For("\ufffd"), filter.For("\xff")
	if valid.Key() == invalid.Key() {
		t.Errorf("both have the key %s", valid.Key())
	}
	if !valid.Match(doc, "") || invalid.Match(doc, "") {
		t.Error("an invalid byte is taken for U+FFFD, or the reverse")
	}
}

func TestForReturnsAFilterWithoutMetaItself(t *testing.T) {
	filter := compileTree(t, path("a"))
	if filter.For("fleet") != filter {
		t.Error("a filter that does not read the stream is copied for it")
	}
}

func TestConstant(t *testing.T) {
	tests := []struct {
		tree       any
		passes, ok bool
	}{
		{boolean(true), true, true},
		{boolean(false), false, true},
		{and(), true, true},
		{or(), false, true},
		{null, false, true},
		{not(text("")), true, true},
		{or(missing, number(1)), true, true},
		{and(missing, number(0)), false, true},
		{missing, false, false},
		{not(missing), false, false},
		{meta, false, false},
		{and(missing, number(1)), false, false},
	}
	for _, test := range tests {
		passes, ok := compileTree(t, test.tree).Constant()
		if passes != test.passes || ok != test.ok {
			t.Errorf("%s: %v, %v", marshal(t, test.tree), passes, ok)
		}
	}
}

// everyOp is truthy and has each kind of node, and an eq of two equal deep values.
var everyOp = and(
	eq(path("object"), path("sameObject")), eq(path("list"), path("sameList")), eq(meta, text("fleet")), not(not(meta)),
	or(missing, eq(path("one"), number(1))), eq(and(path("one")), boolean(true)), not(eq(path("null"), text("x"))),
)

func TestMatchDoesNotAllocate(t *testing.T) {
	doc := decode(t, semanticsDoc)
	filter := compileTree(t, everyOp)
	stream := strings.Clone("fleet")
	if !filter.Match(doc, stream) {
		t.Fatal("the filter does not match, so it does not evaluate every operand")
	}
	if n := testing.AllocsPerRun(100, func() { filter.Match(doc, stream) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestConcurrentUse(t *testing.T) {
	doc := decode(t, semanticsDoc)
	filter := compileTree(t, everyOp)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				if !filter.Match(doc, "fleet") || !filter.For("fleet").Match(doc, "") || filter.For("x").Match(doc, "") {
					t.Error("wrong verdict")
				}
			}
		})
	}
	group.Wait()
}

// What passes two filters passes their And, and nothing else does.
func TestAnd(t *testing.T) {
	trees := []any{path("yes"), path("no"), missing, not(missing), and(path("yes"), meta), or(path("no"), path("one")), boolean(true), boolean(false), eq(path("one"), number(1))}
	doc := decode(t, semanticsDoc)
	for _, a := range trees {
		for _, b := range trees {
			one, other := compileTree(t, a), compileTree(t, b)
			both := one.And(other)
			if got, want := both.Match(doc, "fleet"), one.Match(doc, "fleet") && other.Match(doc, "fleet"); got != want {
				t.Errorf("%s passes: %v, want %v", both.Key(), got, want)
			}
			if both.Key() != compileTree(t, and(a, b)).Key() {
				t.Errorf("%s is not what the tree compiles to", both.Key())
			}
		}
	}
}
