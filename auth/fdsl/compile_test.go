package fdsl_test

import (
	"errors"
	"strings"
	"testing"

	"seagate/auth/fdsl"
)

func TestCompileRefuses(t *testing.T) {
	tests := []struct{ name, tree, pointer, reason string }{
		{"nothing", ``, "", "not strict JSON"},
		{"blanks", `  `, "", "not strict JSON"},
		{"a cut tree", `{"t":"and","e":[`, "/e", "not strict JSON"},
		{"two values", `{"t":"null"}{"t":"null"}`, "", "not strict JSON"},
		{"a trailing comma", `{"t":"null",}`, "", "not strict JSON"},
		{"a duplicate type", `{"t":"and","t":"or","e":[]}`, "/t", "duplicate"},
		{"a duplicate operand", `{"t":"bool","e":false,"e":true}`, "/e", "duplicate"},
		{"an escaped duplicate", `{"t":"bool","e":false,"\u0065":true}`, "/e", "duplicate"},
		{"invalid UTF-8", "{\"t\":\"string\",\"e\":\"\xff\"}", "/e", "UTF-8"},
		{"a lone surrogate", `{"t":"string","e":"\ud800"}`, "/e", "surrogate"},
		{"NaN", `{"t":"number","e":NaN}`, "/e", "not strict JSON"},

		{"null", `null`, "", "not null"},
		{"true", `true`, "", "not a boolean"},
		{"a list", `[]`, "", "not a list"},
		{"a string", `"x"`, "", "not a string"},
		{"an operand that is no node", `{"t":"and","e":[{"t":"null"},1]}`, "/e/1", "not a number"},

		{"no type", `{"e":1}`, "", `"t"`},
		{"a type that is no string", `{"t":1,"e":1}`, "", `"t"`},
		{"an unknown type", `{"t":"xor","e":[]}`, "/t", `unknown type "xor"`},
		{"a type in capitals", `{"t":"AND","e":[]}`, "/t", "unknown type"},
		{"a key in capitals", `{"t":"and","E":[],"e":[]}`, "", `unknown key "E"`},
		{"an unknown key", `{"t":"bool","e":true,"unless":{}}`, "", `unknown key "unless"`},
		{"an unknown key deep down", `{"t":"not","e":[{"t":"null","x":1}]}`, "/e/0", `unknown key "x"`},

		{"no operand", `{"t":"path"}`, "", "there is none"},
		{"no literal", `{"t":"string"}`, "", "there is none"},
		{"no list", `{"t":"and"}`, "", "there is none"},
		{"a null with an operand", `{"t":"null","e":0}`, "/e", "no operand"},
		{"a number as a string", `{"t":"string","e":1}`, "/e", "a string, not a number"},
		{"a string as a number", `{"t":"number","e":"1"}`, "/e", "a number, not a string"},
		{"null as a number", `{"t":"number","e":null}`, "/e", "a number, not null"},
		{"a string as a bool", `{"t":"bool","e":"true"}`, "/e", "true or false, not a string"},
		{"a number as a bool", `{"t":"bool","e":1}`, "/e", "true or false, not a number"},
		{"null as a bool", `{"t":"bool","e":null}`, "/e", "true or false, not null"},
		{"an object as a string", `{"t":"string","e":{}}`, "/e", "a string, not an object"},
		{"another meta value", `{"t":"meta","e":"clientId"}`, "/e", "streamName"},
		{"a meta value that is no string", `{"t":"meta","e":{}}`, "/e", "streamName"},
		{"a path that is no string", `{"t":"path","e":["a"]}`, "/e", "a path in a string"},
		{"a bad path", `{"t":"path","e":"$..a"}`, "/e", "at byte 2"},
		{"eq of one", `{"t":"eq","e":[{"t":"null"}]}`, "/e", "two nodes, not 1"},
		{"eq of three", `{"t":"eq","e":[{"t":"null"},{"t":"null"},{"t":"null"}]}`, "/e", "two nodes, not 3"},
		{"eq of none", `{"t":"eq","e":[]}`, "/e", "two nodes, not 0"},
		{"eq of a node", `{"t":"eq","e":{"t":"null"}}`, "/e", "a list of nodes, not an object"},
		{"and of a node", `{"t":"and","e":{"t":"null"}}`, "/e", "a list of nodes, not an object"},
		{"or of null", `{"t":"or","e":null}`, "/e", "a list of nodes, not null"},
		{"not of none", `{"t":"not","e":[]}`, "/e", "one node, not 0"},
		{"not of two", `{"t":"not","e":[{"t":"null"},{"t":"null"}]}`, "/e", "one node, not 2"},
		{"not of null", `{"t":"not","e":null}`, "/e", "not null"},
		{"not of a list in a list", `{"t":"not","e":[[{"t":"null"}]]}`, "/e/0", "not a list"},

		{"a number beyond float64", `{"t":"number","e":1e309}`, "/e", "range of float64"},
		{"a number far beyond", `{"t":"number","e":-1e1000001}`, "/e", "range of float64"},
		{"a long number beyond", `{"t":"number","e":1` + strings.Repeat("0", 400) + `}`, "/e", "range of float64"},
		{"a number beyond that nobody reads", `{"t":"null","e":[1e309]}`, "/e/0", "range of float64"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			problems := refusal(t, test.tree, limits).Problems
			if len(problems) != 1 {
				t.Fatalf("%d problems: %+v", len(problems), problems)
			}
			if problems[0].Place != test.pointer || !strings.Contains(problems[0].Message, test.reason) {
				t.Errorf("got %+v, want %q at %q", problems[0], test.reason, test.pointer)
			}
		})
	}
}

func TestCompileAccepts(t *testing.T) {
	tests := []struct{ name, tree, key string }{
		{"the operand first", `{"e":[{"e":"a","t":"path"}],"t":"not"}`, `not($["a"])`},
		{"blanks", " { \"t\" : \"bool\" ,\n\t\"e\" : true }\r\n", `true`},
		{"escaped keys and types", `{"\u0074":"\u0062ool","\u0065":true}`, `true`},
		{"null with a null", `{"t":"null","e":null}`, `false`},
		{"the largest number", `{"t":"eq","e":[{"t":"path","e":"a"},{"t":"number","e":1.7976931348623157e308}]}`, `eq($["a"],1.7976931348623157e+308)`},
		{"a number too small to tell from 0", `{"t":"eq","e":[{"t":"path","e":"a"},{"t":"number","e":1e-1000001}]}`, `eq($["a"],0)`},
		{"a string like a number", `{"t":"eq","e":[{"t":"path","e":"a"},{"t":"string","e":"1e999"}]}`, `eq($["a"],"1e999")`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := compile(t, test.tree).Key(); got != test.key {
				t.Errorf("the key is %s, want %s", got, test.key)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	leaf := `{"t":"bool","e":true}`
	wide := `{"t":"not","e":[{"t":"and","e":[]}]}`
	tests := []struct {
		name   string
		tree   string
		limits fdsl.Limits             // the least that suffice
		reason string                  // why one less refuses the tree
		tight  func(*fdsl.Limits) *int // the limit to lower
	}{
		{"bytes", leaf, fdsl.Limits{Bytes: len(leaf), Depth: 1, Nodes: 1}, "21 bytes are too many", bytesOf},
		{"one node", leaf, fdsl.Limits{Bytes: 99, Depth: 1, Nodes: 1}, "nested too deeply", depthOf},
		{"a node that is a list", `{"t":"and","e":[]}`, fdsl.Limits{Bytes: 99, Depth: 1, Nodes: 1}, "nested too deeply", depthOf},
		{"depth without lists", nested(9, leaf), fdsl.Limits{Bytes: 999, Depth: 10, Nodes: 10}, "nested too deeply, at most 9", depthOf},
		{"depth with lists", wide, fdsl.Limits{Bytes: 99, Depth: 2, Nodes: 2}, "nested too deeply, at most 1", depthOf},
		{"no node", leaf, fdsl.Limits{Bytes: 99, Depth: 1, Nodes: 1}, "too many nodes", nodesOf},
		{"nodes", repeated(9, leaf), fdsl.Limits{Bytes: 999, Depth: 2, Nodes: 10}, "too many nodes, at most 9", nodesOf},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := fdsl.Compile([]byte(test.tree), test.limits); err != nil {
				t.Fatalf("refused within its limits: %v", err)
			}
			limits := test.limits
			*test.tight(&limits)--
			problems := refusal(t, test.tree, limits).Problems
			if len(problems) != 1 || !strings.Contains(problems[0].Message, test.reason) {
				t.Errorf("got %+v, want %q once", problems, test.reason)
			}
		})
	}
}

func TestNodesBeyondTheLimitAreIgnored(t *testing.T) {
	problems := refusal(t, repeated(9, `7`), fdsl.Limits{Bytes: 999, Depth: 2, Nodes: 3}).Problems
	if len(problems) != 3 || problems[2].Place != "/e/2" || !strings.Contains(problems[2].Message, "too many nodes") {
		t.Errorf("got %+v, want two bad nodes and the limit", problems)
	}
}

func bytesOf(l *fdsl.Limits) *int { return &l.Bytes }
func depthOf(l *fdsl.Limits) *int { return &l.Depth }
func nodesOf(l *fdsl.Limits) *int { return &l.Nodes }

func TestZeroLimitsRefuseEverything(t *testing.T) {
	refusal(t, `{"t":"null"}`, fdsl.Limits{})
}

func TestTreesAtTheLimits(t *testing.T) {
	for _, tree := range []string{largest(), nested(limits.Depth-1, `{"t":"null"}`), repeated(limits.Nodes-1, `{"t":"null"}`)} {
		if _, err := fdsl.Compile([]byte(tree), limits); err != nil {
			t.Error(err)
		}
	}
	for _, tree := range []string{
		nested(limits.Depth, `{"t":"null"}`), repeated(limits.Nodes, `{"t":"null"}`),
		`{"t":"null"}` + strings.Repeat(" ", limits.Bytes-11),
	} {
		refusal(t, tree, limits)
	}
}

// Deep nesting is refused before anything recurses, of nodes and of other values, so it cannot
// exhaust the stack.
func TestDeepNestingIsRefused(t *testing.T) {
	limits := fdsl.Limits{Bytes: 1 << 24, Depth: 32, Nodes: 512}
	for _, open := range []string{`[`, `{"e":`, `{"t":"not","e":`, `{"t":"not","e":[`, `{"t":"null","x":[`} {
		problems := refusal(t, strings.Repeat(open, 500_000), limits).Problems
		if len(problems) != 1 || !strings.Contains(problems[0].Message, "nested too deeply") {
			t.Errorf("%s: %+v", open, problems)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	tree := `{"t":"and","x":0,"e":[
		{"t":"path","e":"$.*"},
		{"t":"eq","e":[{"t":"bool","e":1}]},
		{"t":"or","e":[{"t":"nor"},{"t":"not","e":[]}]},
		{"t":"path","e":"a"},
		7
	]}`
	want := []string{"", "/e/0/e", "/e/1/e/0/e", "/e/1/e", "/e/2/e/0", "/e/2/e/1/e", "/e/4"}
	refused := refusal(t, tree, limits)
	var got []string
	for _, p := range refused.Problems {
		got = append(got, p.Place)
		if p.Place != "" && !strings.Contains(refused.Error(), `at "`+p.Place+`": `+p.Message) {
			t.Errorf("the text lacks %+v: %v", p, refused)
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") || refused.More {
		t.Errorf("problems at %q, want %q: %v", got, want, refused)
	}
}

func TestProblemsAreBounded(t *testing.T) {
	refuse := func(tree string) *fdsl.Error {
		t.Helper()
		return refusal(t, tree, ample)
	}
	if e := refuse(repeated(16, `7`)); len(e.Problems) != 16 || e.More {
		t.Errorf("%d of 16 problems, more: %v", len(e.Problems), e.More)
	}
	if e := refuse(repeated(17, `7`)); len(e.Problems) != 16 || !e.More || !strings.HasSuffix(e.Error(), "and more") {
		t.Errorf("%d of 17 problems: %v", len(e.Problems), e)
	}
	long := strings.Repeat("é", 100_000)
	for _, tree := range []string{
		`{"t":"null","` + long + `":0}`, `{"t":"` + long + `","e":0}`, pathNode("$" + long), `{"` + long + `":1e999}`,
		`{"` + long + `":0,"` + long + `":0}`, `{"t":"number","e":` + strings.Repeat("9", 100_000) + `}`,
	} {
		e := refuse(tree)
		checkRefusal(t, e)
		if n := len(e.Error()); n > 600 {
			t.Errorf("one problem takes %d bytes: %.80s", n, e.Error())
		}
	}
}

// Problems quote the tree in logs, and must not break the line.
func TestProblemsAreOneLine(t *testing.T) {
	for _, tree := range []string{
		`{"t":"\n","e":0}`, `{"t":"null","\n":0}`, `{"t":"path","e":"\n"}`, `{"\n":1e999}`, `{"\n":{"a":0,"a":0}}`, "{\"t\"\n;",
	} {
		if text := refusal(t, tree, ample).Error(); strings.ContainsAny(text, "\n\r") {
			t.Errorf("%q", text)
		}
	}
}

func refusal(t *testing.T, tree string, limits fdsl.Limits) *fdsl.Error {
	t.Helper()
	filter, err := fdsl.Compile([]byte(tree), limits)
	var refused *fdsl.Error
	if filter != nil || !errors.As(err, &refused) {
		t.Fatalf("Compile(%.100q) returns %v, %v", tree, filter, err)
	}
	return refused
}
