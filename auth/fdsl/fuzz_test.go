package fdsl_test

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth/fdsl"
)

var ample = fdsl.Limits{Bytes: 1 << 20, Depth: 64, Nodes: 1 << 16}

// FuzzMatch compares every method of a filter with the reference.
func FuzzMatch(f *testing.F) {
	f.Add([]byte{8, 2, 5, 1, 1, 0, 7, 5, 1, 1, 0, 2, 1}, []byte{5, 3, 0, 2, 1})
	f.Add([]byte{10, 0, 10, 0, 5, 1, 1, 1}, []byte{})
	f.Fuzz(func(t *testing.T, treeChoices, docChoices []byte) {
		checkAgainstReference(t, treeChoices, docChoices)
	})
}

// TestAgainstReference is FuzzMatch on a fixed sequence of trees and messages.
func TestAgainstReference(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	counts := map[string]int{}
	const rounds = 5_000
	for range rounds {
		counts[checkAgainstReference(t, choices(random, 120), choices(random, 60))]++
	}
	for _, outcome := range []string{"truthy", "falsy", "error"} {
		if counts[outcome] < rounds/20 {
			t.Errorf("%d of %d filters were %s: too few to show anything", counts[outcome], rounds, outcome)
		}
	}
}

func choices(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// checkAgainstReference returns the outcome according to the reference.
func checkAgainstReference(t *testing.T, treeChoices, docChoices []byte) string {
	t.Helper()
	g := newGenerator(treeChoices)
	tree := g.tree(4)
	d := newGenerator(docChoices)
	doc, stream := d.doc(3), d.stream()

	ref := reference{doc: doc, stream: stream, steps: g.steps}
	want := ref.passes(tree)
	filter := compileTree(t, tree)
	agree := func(what string, got bool) {
		t.Helper()
		if got != want {
			t.Fatalf("%s is %v, the reference %v\ntree %s\nkey  %s\ndoc  %v\nstream %q", what, got, want, marshal(t, tree), filter.Key(), doc, stream)
		}
	}
	sameKey := func(what string, other *fdsl.Filter) {
		t.Helper()
		if other.Key() != filter.Key() {
			t.Fatalf("%s changes the key of %s\nfrom %s\nto   %s", what, marshal(t, tree), filter.Key(), other.Key())
		}
	}

	agree("Match", filter.Match(doc, stream))
	if passes, ok := filter.Constant(); ok {
		agree("Constant", passes)
	}
	checkFor(t, filter, doc, stream, agree)
	checkSteps(t, filter, doc, stream, want)
	if c, ok := filter.Needs(); ok && want {
		if value, there := c.Path.Resolve(doc); !there || value != c.Value {
			t.Fatalf("%s passes %v, and needs %v", filter.Key(), doc, c.Value)
		}
	}

	shuffled := compileTree(t, g.shuffled(tree))
	agree("Match of the reordered tree", shuffled.Match(doc, stream))
	sameKey("another order", shuffled)
	sameKey("a double negation", compileTree(t, node("not", node("not", tree))))
	sameKey("an and around it", compileTree(t, node("and", []any{tree, tree})))
	sameKey("an or around it", compileTree(t, node("or", []any{tree, node("bool", false)})))

	value, isError := ref.eval(tree)
	inverse := compileTree(t, node("not", tree)).Match(doc, stream)
	if inverse != (!isError && !want) {
		t.Fatalf("not of %s is %v on %v", marshal(t, tree), inverse, doc)
	}
	return outcomeName(value, isError)
}

func checkFor(t *testing.T, filter *fdsl.Filter, doc any, stream string, agree func(string, bool)) {
	t.Helper()
	residual := filter.For(stream)
	agree("For", residual.Match(doc, "another stream"))
	if passes, ok := residual.Constant(); ok {
		agree("Constant of For", passes)
	}
	if again := residual.For("another stream"); again != residual {
		t.Fatalf("%s still depends on the stream", residual.Key())
	}
}

// checkSteps checks that a filter in too few steps decides no, and in enough steps as ever.
func checkSteps(t *testing.T, filter *fdsl.Filter, doc any, stream string, want bool) {
	t.Helper()
	_, needed, _ := filter.MatchWithin(doc, stream, 1<<30)
	for _, steps := range []int{0, 1, needed / 2, needed - 1, needed, needed + 1} {
		passes, took, ok := filter.MatchWithin(doc, stream, max(steps, 0))
		switch {
		case steps < needed && (ok || passes), steps >= needed && (!ok || passes != want || took != needed):
			t.Fatalf("%s in %d of %d steps: passes %v, took %d, ok %v", filter.Key(), steps, needed, passes, took, ok)
		}
	}
}

func outcomeName(value any, isError bool) string {
	switch {
	case isError:
		return "error"
	case truthyInJavaScript(value):
		return "truthy"
	default:
		return "falsy"
	}
}

// TestFiltersWithEqualKeysPassTheSameMessages compares filters themselves, because different
// trees may have equal keys.
func TestFiltersWithEqualKeysPassTheSameMessages(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	docs := make([]any, 50)
	for i := range docs {
		docs[i] = newGenerator(choices(random, 60)).doc(3)
	}
	verdicts := map[string]string{}
	shared := 0
	for range 10_000 {
		filter := compileTree(t, newGenerator(choices(random, 12)).tree(2))
		verdict := ""
		for _, doc := range docs {
			verdict += strconv.FormatBool(filter.Match(doc, "a"))
		}
		known, ok := verdicts[filter.Key()]
		if ok && known != verdict {
			t.Fatalf("two filters have the key %s and differ", filter.Key())
		}
		if ok {
			shared++
		}
		verdicts[filter.Key()] = verdict
	}
	if shared < 500 || len(verdicts) < 500 {
		t.Errorf("%d filters shared %d keys: too few to show anything", shared, len(verdicts))
	}
}

// FuzzCompile compiles arbitrary bytes, as a hostile client may sign them.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		`{"t":"bool","e":true}`, `{"e":[{"t":"null"},{"t":"path","e":"$.a[-1]['\u00e9']"}],"t":"eq"}`,
		`{"t":"or","e":[]}`, nested(40, `{"t":"null"}`), `{"t":"and","t":"or","e":[]}`, "[[[[[", "\xff",
		`{"t":"number","e":1e999}`, `{"t":"string","e":"\ud800"}`, `{}{}`, `{"t":"x","e":0,"u":1}`,
	} {
		f.Add([]byte(seed))
	}
	limits := fdsl.Limits{Bytes: 2048, Depth: 8, Nodes: 32}
	docs := []any{nil, 1.0, map[string]any{"a": []any{1.0, map[string]any{"é": nil}}}}
	f.Fuzz(func(t *testing.T, tree []byte) {
		filter, err := fdsl.Compile(tree, limits)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if len(tree) > limits.Bytes || !jsontext.Value(tree).IsValid() {
			t.Fatalf("accepted %q", tree)
		}
		for _, doc := range docs {
			if filter.Match(doc, "s") != filter.For("s").Match(doc, "") {
				t.Fatalf("For differs from Match on %v", doc)
			}
		}
	})
}

func checkRefusal(t *testing.T, err error) {
	t.Helper()
	var refusal *fdsl.Error
	if !errors.As(err, &refusal) || len(refusal.Problems) == 0 {
		t.Fatalf("refused with %#v", err)
	}
	if n := len(err.Error()); n > 32<<10 || !utf8.ValidString(err.Error()) {
		t.Fatalf("refused with %d bytes: %q", n, err)
	}
}

// singularQuery is the grammar of RFC 9535 §2.1.1, §2.3.1.1, §2.3.3.1 and §2.3.5.1 as one
// expression, with an optional "$.". It does not restrict the range of indexes.
var singularQuery = func() *regexp.Regexp {
	const (
		blank     = `[ \t\n\r]*`
		first     = `[A-Za-z_\x{80}-\x{10FFFF}]`
		name      = first + `(?:` + first + `|[0-9])*`
		plain     = `\x20\x21\x23-\x26\x28-\x5B\x5D-\x{10FFFF}`
		hex       = `[0-9A-Fa-f]`
		surrogate = `[Dd][89ABab]` + hex + `{2}\\u[Dd][C-Fc-f]` + hex + `{2}`
		escape    = `\\(?:[bfnrt/\\]|u(?:` + `[0-9A-CE-Fa-ce-f]` + hex + `{3}|[Dd][0-7]` + hex + `{2}|` + surrogate + `))`
		double    = `"(?:[` + plain + `']|\\"|` + escape + `)*"`
		single    = `'(?:[` + plain + `"]|\\'|` + escape + `)*'`
		index     = `0|-?[1-9][0-9]*`
		segment   = `\.` + name + `|\[` + blank + `(?:` + index + `|` + double + `|` + single + `)` + blank + `\]`
	)
	return regexp.MustCompile(`\A(?:\$|` + name + `)(?:` + blank + `(?:` + segment + `))*\z`)
}()

var longNumber = regexp.MustCompile(`[0-9]{16}`)

// FuzzPath compares the accepted paths with the grammar, and checks that any name in quotes finds
// its member.
func FuzzPath(f *testing.F) {
	for _, seed := range append(goodPaths(), badPaths...) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !utf8.ValidString(path) || len(path) > 4096 {
			return
		}
		_, err := fdsl.Compile(marshal(t, node("path", path)), ample)
		singular := singularQuery.MatchString(path)
		if err == nil && !singular || err != nil && singular && !longNumber.MatchString(path) {
			t.Fatalf("path %q: %v, but the grammar says %v", path, err, singular)
		}
		quoted, _ := jsontext.AppendQuote(nil, path)
		named := compileTree(t, node("path", "$["+string(quoted)+"]"))
		if !named.Match(map[string]any{path: true}, "") {
			t.Fatalf("%s misses its member", quoted)
		}
	})
}

func compileTree(t testing.TB, tree any) *fdsl.Filter {
	t.Helper()
	return compile(t, string(marshal(t, tree)))
}

func compile(t testing.TB, tree string) *fdsl.Filter {
	t.Helper()
	filter, err := fdsl.Compile([]byte(tree), ample)
	if err != nil {
		t.Fatalf("%v\n%s", err, tree)
	}
	return filter
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode(t testing.TB, doc string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
