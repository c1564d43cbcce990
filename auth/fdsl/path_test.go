package fdsl_test

import (
	"strings"
	"testing"

	"seagate/auth/fdsl"
)

const pathDoc = `{
	"a": {"b": ["zero", "one", {"c": "deep"}], "0": "name", "": "empty name", "$": "dollar"},
	"é": "accent", "☺": "smile", "😀": "astral", "_x9": "under", "x y": "blank",
	"'": "single", "\"": "double", "\\": "back", "\b\f\n\r\t/": "escapes", "\u0000": "nul",
	"true": "word", "list": [["inner"]], "nothing": null, "9": "digit"
}`

// found has paths and what they find in pathDoc.
var found = []struct{ path, want string }{
	{"$.a.b[0]", "zero"},
	{"a.b[0]", "zero"},
	{"a['b'][1]", "one"},
	{`$["a"]["b"][2]["c"]`, "deep"},
	{"$.a.b[-1].c", "deep"},
	{"$.a.b[-3]", "zero"},
	{"$.a['0']", "name"},
	{"$.a['']", "empty name"},
	{"$.a['$']", "dollar"},
	{"$.é", "accent"},
	{"é", "accent"},
	{`$['\u00e9']`, "accent"},
	{`$["\u00E9"]`, "accent"},
	{"$.☺", "smile"},
	{"😀", "astral"},
	{`$['\ud83d\ude00']`, "astral"},
	{`$["\uD83D\uDE00"]`, "astral"},
	{"$._x9", "under"},
	{"$['x y']", "blank"},
	{`$['\'']`, "single"},
	{`$["'"]`, "single"},
	{`$["\""]`, "double"},
	{`$['"']`, "double"},
	{`$['\\']`, "back"},
	{`$["\b\f\n\r\t\/"]`, "escapes"},
	{`$['\b\f\n\r\t/']`, "escapes"},
	{`$['\u0000']`, "nul"},
	{"true", "word"},
	{"$['9']", "digit"},
	{"list[0][0]", "inner"},
	{"$ .a .b [0]", "zero"},
	{"$\t[\n'a'\r] [ 'b' ][ 0 ]", "zero"},
}

func goodPaths() []string {
	paths := []string{"$", "$.missing", "$[9007199254740991]", "$[-9007199254740991]", "$.\ufffd"}
	for _, f := range found {
		paths = append(paths, f.path)
	}
	return paths
}

var badPaths = []string{
	// Without a root, or with blanks around.
	"", " ", " $", "$ ", "a ", " a", "$a", "$$", ".a", "['a']", "[0]", "@", "@.a", "9", "-1", "/a/b", "#/a", "'a'",
	// Names.
	"$.", "$.a.", "$. a", "$.9", "$.a-b", "a-b", "$.'a'", "$.$", "$.a b", "a/b", "$.a\x00", "$.a!", "a,b",
	// Indexes.
	"$[]", "$[ ]", "$[", "$[0", "$[0 ", "$[00]", "$[01]", "$[-]", "$[-0]", "$[-01]", "$[+1]", "$[1.0]", "$[1e0]", "$[0x1]",
	"$[- 1]", "$[1_0]", "$.0", "$[9007199254740992]", "$[-9007199254740992]", "$[99999999999999999999]", "$[٣]",
	// Quoted names.
	"$['a", "$['a'", "$[a]", "$['a\"]", `$["a']`, `$['\"']`, `$["\'"]`, `$['\x']`, `$['\']`, `$['\`, `$['\u12']`, `$['\u12G4']`,
	`$['\u+123']`, `$['\U0041']`, `$['\ud800']`, `$['\ude00\ud83d']`, `$['\ud83d\u0041']`, `$['\ud83dx']`, `$['\ud83d\n']`,
	"$['\n']", "$['\x00']", "$['a''b']", "$['a'b]", `$["a" "b"]`, `$['\0']`, `$['\a']`,
	// More than one place, or a place that depends on the message.
	"$.*", "$[*]", "$..a", "$..[0]", "$..*", "a..b", "$[1:2]", "$[:]", "$[::1]", "$[0,1]", "$['a','b']", "$[?@.a]", "$[?(@.a==1)]",
	"$.length()", "length($.a)", "count(a)", "$[(@.length-1)]", "*", "..a", "$.a^", "$.a~", "$[-1:]", "$[0][*]",
}

func TestPathsFind(t *testing.T) {
	doc := decode(t, pathDoc)
	for _, test := range found {
		filter := compileTree(t, node("eq", []any{node("path", test.path), node("string", test.want)}))
		if !filter.Match(doc, "") {
			t.Errorf("%q does not find %q", test.path, test.want)
		}
	}
}

func TestPathsThatFindNothing(t *testing.T) {
	doc := decode(t, pathDoc)
	paths := []string{
		"missing", "$.A", "$.a.b.c", "$.a.b[3]", "$.a.b[-4]", "$.a.b['0']", "$.a[0]", "$[0]", "$['a.b']",
		"$.nothing.x", "$.nothing[0]", "$.a.b[0].length", "$.a.b[0][0]", "$.a.b.length", "$.list[0][1]",
		"$[9007199254740991]", "$.a.b[-9007199254740991]", "$['a\\u0000']",
	}
	for _, path := range paths {
		exists := compileTree(t, node("or", []any{node("path", path), node("not", node("path", path))}))
		if exists.Match(doc, "") {
			t.Errorf("%q finds something", path)
		}
	}
}

func TestPathsRefused(t *testing.T) {
	for _, path := range badPaths {
		_, err := fdsl.Compile(marshal(t, node("path", path)), ample)
		if err == nil {
			t.Errorf("%q is accepted", path)
			continue
		}
		checkRefusal(t, err)
		if !strings.Contains(err.Error(), `at "/e": bad path`) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestPathsAgreeWithTheGrammar(t *testing.T) {
	for _, path := range goodPaths() {
		compileTree(t, node("path", path))
		if !singularQuery.MatchString(path) {
			t.Errorf("%q is not in the grammar", path)
		}
	}
	for _, path := range badPaths {
		if singularQuery.MatchString(path) && !longNumber.MatchString(path) {
			t.Errorf("%q is in the grammar", path)
		}
	}
}

// Parsing and resolving take linear time.
func TestLongPath(t *testing.T) {
	const steps = 100_000
	filter := compileTree(t, node("path", "$"+strings.Repeat("[0]", steps)))
	var doc any = true
	for range steps {
		doc = []any{doc}
	}
	if !filter.Match(doc, "") {
		t.Error("the end of a long path is not found")
	}
	if filter.Match([]any{}, "") {
		t.Error("a long path matches in an empty message")
	}
}
