package fdsl_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth/fdsl"
	"seagate/internal/jsonpath"
)

// A writer writes messages as text that no encoder writes: with escapes and spaces, numbers in many
// forms, and now and then something that makes the text wrong.
type writer struct {
	*generator
	b      []byte
	isBad  bool // it may be wrong
	values int  // left to write
}

func (w *writer) value(depth int) {
	w.space()
	w.values--
	kinds := 9
	if depth == 0 || w.values < 0 {
		kinds = 5
	}
	switch w.pick(kinds) {
	case 0:
		w.add([]string{"null", "true", "false"}[w.pick(3)])
	case 1, 2:
		w.quoted(someStrings[w.pick(len(someStrings))])
	case 3, 4:
		w.add([]string{"0", "-0", "1", "1.0", "10e-1", "0.1e1", "1.5", "150e-2", "0e999", "1e-999", "9007199254740993"}[w.pick(11)])
	case 5, 6:
		w.add("[")
		for i := range w.pick(5) {
			w.comma(i)
			w.value(depth - 1)
		}
		w.add("]")
	default:
		w.object(depth)
	}
	w.space()
	if w.isBad && w.pick(40) == 39 {
		w.add([]string{"1e999", ",", "]", "\x00", "\xff", `"\ud800"`, "tru", `"a":`}[w.pick(8)])
	}
}

func (w *writer) object(depth int) {
	w.add("{")
	taken := map[string]bool{}
	for range w.pick(6) {
		name := w.name()
		if taken[name] && (!w.isBad || w.pick(8) > 0) {
			continue
		}
		w.comma(len(taken))
		taken[name] = true
		w.space()
		w.quoted(name)
		w.space()
		w.add(":")
		w.value(depth - 1)
	}
	w.add("}")
}

func (w *writer) comma(i int) {
	if i > 0 {
		w.add(",")
	}
}

func (w *writer) add(text string) { w.b = append(w.b, text...) }

func (w *writer) space() { w.add([]string{"", "", "", " ", "\n\t"}[w.pick(5)]) }

// quoted writes a string, in one of its spellings.
func (w *writer) quoted(text string) {
	if w.pick(3) > 0 {
		w.b, _ = jsontext.AppendQuote(w.b, text)
		return
	}
	w.add(`"`)
	for _, r := range text {
		w.add(fmt.Sprintf(`\u%04X`, r))
	}
	w.add(`"`)
}

func written(choices []byte) []byte {
	w := &writer{generator: newGenerator(choices), values: 60}
	w.isBad = w.pick(4) == 0
	w.value(4)
	return w.b
}

// FuzzDocument holds the verdicts about messages of which only what the filter asks for is decoded
// to those about messages that are decoded whole.
func FuzzDocument(f *testing.F) {
	f.Add([]byte{7, 5, 1, 0, 6, 5, 1, 0}, []byte(`{"a":{"a":[1]},"b":[0]}`), false)
	f.Fuzz(func(t *testing.T, treeChoices, message []byte, generated bool) {
		if generated {
			message = written(message)
		}
		checkDocument(t, newGenerator(treeChoices).tree(4), message)
	})
}

// TestDocumentsAgreeWithWholeMessages is FuzzDocument on a fixed sequence of trees and messages.
func TestDocumentsAgreeWithWholeMessages(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	counts := map[string]int{}
	const rounds = 800
	for range rounds {
		counts[checkDocument(t, newGenerator(choices(random, 120)).tree(4), written(choices(random, 200)))]++
		counts[checkDocument(t, comparison(random), twins(random))]++
	}
	for _, outcome := range []string{"passes", "hides", "wrong", "compares parts"} {
		if counts[outcome] < rounds/50 {
			t.Errorf("%d of %d messages were %s: too few to show anything: %v", counts[outcome], rounds, outcome, counts)
		}
	}
}

// comparison returns a tree that compares two members of a message.
func comparison(random *rand.Rand) any {
	tree := eq(path("$.a"), path("$.b"))
	if random.IntN(2) == 0 {
		tree = not(tree)
	}
	return or(tree, newGenerator(choices(random, 20)).tree(2))
}

// twins returns a message with two members that most often have the same value, in different
// spellings.
func twins(random *rand.Rand) []byte {
	a := written(choices(random, 100))
	b := written(choices(random, 100))
	var decoded any
	if random.IntN(4) > 0 && json.Unmarshal(a, &decoded) == nil {
		b, _ = json.Marshal(decoded)
	}
	return fmt.Appendf(nil, `{"a":%s,"b":%s}`, a, b)
}

// checkDocument returns what became of the message.
func checkDocument(t *testing.T, tree any, message []byte) string {
	t.Helper()
	filter := compileTree(t, tree)
	var whole any
	err := json.Unmarshal(message, &whole)
	var d jsonpath.Document
	if ok := jsonpath.SetOf(filter.Paths()).Read(message, &d); ok != (err == nil) {
		t.Fatalf("%q is read: %t, and decoded with %v", message, ok, err)
	} else if !ok {
		return "wrong"
	}
	want, wantTook, _ := filter.MatchWithin(whole, "a", 1<<30)
	passes, took, _ := filter.MatchWithin(d.Value, "a", 1<<30)
	if passes != want || took < wantTook {
		t.Fatalf("%s on %q: passes %t in %d steps, want %t in %d or more", filter.Key(), message, passes, took, want, wantTook)
	}
	if again, tookAgain, _ := filter.MatchWithin(d.Value, "a", 1<<30); again != passes || tookAgain != took {
		t.Fatalf("%s on %q: passes %t in %d steps, and then %t in %d", filter.Key(), message, passes, took, again, tookAgain)
	}
	checkSteps(t, filter, d.Value, "a", want)
	checkSameExplanation(t, tree, message, whole)
	switch {
	case took > wantTook:
		return "compares parts"
	case passes:
		return "passes"
	}
	return "hides"
}

// checkSameExplanation holds the explanation of a document to that of the whole message. They may
// differ in the steps.
func checkSameExplanation(t *testing.T, tree any, message []byte, whole any) {
	t.Helper()
	parsed, err := fdsl.Parse(marshal(t, tree), ample)
	if err != nil {
		t.Fatal(err)
	}
	var d jsonpath.Document
	jsonpath.SetOf(parsed.Paths()).Read(message, &d)
	got, want := parsed.Explain(d.Value, "a", 1<<30), parsed.Explain(whole, "a", 1<<30)
	got.Steps = want.Steps
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s on %q is explained as\n%+v, want\n%+v", marshal(t, tree), message, got, want)
	}
}

// What a message costs does not depend on what a filter does not ask for.
func TestOnlyWhatIsAskedForIsDecoded(t *testing.T) {
	many := `{"n":1,"s":[` + strings.Repeat("0,", 100_000) + `0],"o":{"p":"x","q":[1,2]},"same":{"q":[1,2],"p":"x"}}`
	for _, test := range []struct {
		tree    any
		decoded int
	}{
		{eq(path("n"), number(1)), 1},
		{and(path("s"), path("o.p"), eq(path("s[-1]"), number(0))), 2},
		{not(eq(path("s"), text("x"))), 0},
		{eq(path("s"), path("o.q")), 0}, // one has more elements
		{eq(path("o"), path("same")), 8},
		{eq(path("s"), path("s")), 100_001},
		{path("missing"), 0},
	} {
		filter := compileTree(t, test.tree)
		var d jsonpath.Document
		if !jsonpath.SetOf(filter.Paths()).Read([]byte(many), &d) {
			t.Fatal("it cannot be read")
		}
		if filter.Match(d.Value, ""); d.Decoded() != test.decoded {
			t.Errorf("%s decodes %d values, want %d", filter.Key(), d.Decoded(), test.decoded)
		}
	}
}

// An eq of two objects or lists takes a step for each value that it decodes, and decides no before
// it decodes more than it may.
func TestComparingPartsTakesSteps(t *testing.T) {
	list := "[" + strings.Repeat("[0],", 499) + "[0]]" // 1,000 values
	other := strings.TrimSuffix(list, "0]]") + "9]]"
	long := strconv.Quote(strings.Repeat("x", 100*256))
	for _, test := range []struct {
		tree    any
		message string
		steps   int
		passes  bool
		decodes bool
	}{
		{eq(path("a"), path("b")), `{"a":` + list + `,"b":` + list + `}`, 1 + 2 + 1 + 2*(1000+len(list)/256) + 1000, true, true},
		{not(eq(path("a"), path("b"))), `{"a":` + list + `,"b":` + other + `}`, 2 + 2 + 1 + 2*(1000+len(list)/256) + 1000, true, true},
		{eq(path("a"), path("b")), `{"a":` + list + `,"b":[]}`, 4, false, false},
		{eq(path("a"), path("b")), `{"a":[` + long + `],"b":[` + long + `]}`, 1 + 2 + 1 + 2*(1+100) + 1 + 100, true, true},
	} {
		filter := compileTree(t, test.tree)
		set := jsonpath.SetOf(filter.Paths())
		for steps, enough := range map[int]bool{test.steps: true, test.steps - 1: false, test.steps / 3: false, 0: false} {
			var d jsonpath.Document
			set.Read([]byte(test.message), &d)
			passes, took, ok := filter.MatchWithin(d.Value, "", steps)
			if ok != enough || passes != (enough && test.passes) || took != steps {
				t.Errorf("%s in %d of %d steps: %t, took %d, ok %t", filter.Key(), steps, test.steps, passes, took, ok)
			}
			if test.decodes && steps < test.steps/3 && d.Decoded() > 0 {
				t.Errorf("%s in %d steps decodes %d values", filter.Key(), steps, d.Decoded())
			}
		}
	}
}
