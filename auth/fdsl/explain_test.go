package fdsl_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"seagate/auth/fdsl"
)

// The root of an explanation is the verdict, and each node is what a filter of that node alone is.
func checkExplained(t *testing.T, treeChoices, docChoices []byte) fdsl.Outcome {
	t.Helper()
	g := newGenerator(treeChoices)
	text := marshal(t, g.tree(4))
	d := newGenerator(docChoices)
	doc, stream := d.doc(3), d.stream()
	tree, err := fdsl.Parse([]byte(text), ample)
	if err != nil {
		t.Fatal(err)
	}
	filter := tree.Filter()
	of := reference{doc: doc, stream: stream, steps: g.steps}
	for _, x := range []fdsl.Explanation{tree.Explain(doc, stream, math.MaxInt), filter.Explain(doc, stream, math.MaxInt)} {
		passes := filter.Match(doc, stream)
		if x.Passes != passes || (x.Root.Outcome == fdsl.Truthy) != passes || x.TooCostly || x.Omitted != 0 {
			t.Fatalf("%s on %v is explained as %+v, and passes %v", text, doc, x, passes)
		}
		if !x.Root.Decisive {
			t.Fatalf("the root of %s decides nothing", text)
		}
	}
	var decoded any
	if err := json.Unmarshal([]byte(text), &decoded); err != nil {
		t.Fatal(err)
	}
	x := tree.Explain(doc, stream, math.MaxInt)
	checkNode(t, of, decoded, x.Root)
	_, needed, _ := filter.For(stream).MatchWithin(doc, stream, math.MaxInt)
	for _, steps := range []int{0, needed - 1, needed} {
		steps = max(steps, 0)
		passes, took, ok := filter.For(stream).MatchWithin(doc, stream, steps)
		x := tree.Explain(doc, stream, steps)
		if x.Passes != passes || x.Steps != took || x.TooCostly == ok || (x.Root.Outcome == fdsl.Truthy) != passes {
			t.Fatalf("%s in %d steps is explained as %+v, and passes %v, %v", text, steps, x, passes, ok)
		}
	}
	return x.Root.Outcome
}

func checkNode(t *testing.T, of reference, tree any, x fdsl.Explained) {
	t.Helper()
	value, isError := of.eval(tree)
	if want := outcomeName(value, isError); outcomeWord[x.Outcome] != want {
		t.Fatalf("%v on %v is %s, the reference says %s", tree, of.doc, x.Outcome, want)
	}
	node := tree.(map[string]any)
	if x.Type != node["t"] {
		t.Fatalf("%v has the type %s", tree, x.Type)
	}
	operands, ok := node["e"].([]any)
	if one, single := node["e"].(map[string]any); single {
		operands, ok = []any{one}, true
	}
	if ok != (len(x.Operands) > 0) && len(operands) > 0 || len(operands) != len(x.Operands) {
		t.Fatalf("%v has %d operands", tree, len(x.Operands))
	}
	for i := range x.Operands {
		checkNode(t, of, operands[i], x.Operands[i])
	}
}

var outcomeWord = map[fdsl.Outcome]string{fdsl.Truthy: "truthy", fdsl.Falsy: "falsy", fdsl.Failed: "error"}

func TestExplanationIsTheVerdict(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	counts := map[fdsl.Outcome]int{}
	const rounds = 500
	for range rounds {
		counts[checkExplained(t, choices(random, 120), choices(random, 60))]++
	}
	for _, outcome := range []fdsl.Outcome{fdsl.Truthy, fdsl.Falsy, fdsl.Failed} {
		if counts[outcome] < rounds/20 {
			t.Errorf("%d of %d filters were %s: too few to show anything", counts[outcome], rounds, outcome)
		}
	}
}

func FuzzExplain(f *testing.F) {
	f.Add([]byte{8, 2, 5, 1, 1, 0, 7, 5, 1, 1, 0, 2, 1}, []byte{5, 3, 0, 2, 1})
	f.Fuzz(func(t *testing.T, treeChoices, docChoices []byte) { checkExplained(t, treeChoices, docChoices) })
}

// decisive lists the texts of the nodes that decide, with their reasons.
func decisive(x fdsl.Explained) (list []string) {
	if !x.Decisive {
		return nil
	}
	list = append(list, strings.TrimSuffix(x.Text+": "+string(x.Outcome)+"; "+x.Reason, "; "))
	for _, operand := range x.Operands {
		list = append(list, decisive(operand)...)
	}
	return list
}

func TestExplanationsNameTheReason(t *testing.T) {
	message := `{"port":"NLRTM","teu":5,"stops":[{"id":1}],"cargo":{"kind":"reefer"},"urgent":false,"big":1000000}`
	path := func(p string) string { return pathNode(p) }
	eq := func(a, b string) string { return `{"t":"eq","e":[` + a + `,` + b + `]}` }
	text := func(s string) string { return `{"t":"string","e":"` + s + `"}` }
	for _, test := range []struct {
		tree string
		want string // a decisive line
	}{
		{eq(path("port"), text("BEANR")), `eq($["port"],"BEANR"): false; "NLRTM" is not "BEANR"`},
		{eq(path("teu"), text("5")), `eq($["teu"],"5"): false; a number never equals a string`},
		{eq(path("big"), `{"t":"number","e":7}`), `eq($["big"],7): false; 1000000 is not 7`},
		{eq(path("cargo"), path("$")), `eq($["cargo"],$): false; their contents differ`},
		{path("urgent"), `$["urgent"]: false; counts as false, as in JavaScript`},
		{path("owner.name"), `$["owner"]["name"]: error; the message has no $["owner"]`},
		{path("port.name"), `$["port"]["name"]: error; the message has no $["port"]["name"]: $["port"] is "NLRTM"`},
		{path("stops[1]"), `$["stops"][1]: error; the message has no $["stops"][1]: $["stops"] is a list of 1 element`},
		{path("stops[0].eta"), `$["stops"][0]["eta"]: error; the message has no $["stops"][0]["eta"]`},
		{eq(`{"t":"meta","e":"streamName"}`, text("calls")), `eq(streamName,"calls"): false; "portCall" is not "calls"`},
		{eq(text("calls"), `{"t":"meta","e":"streamName"}`), `eq("calls",streamName): false; "calls" is not "portCall"`},
		{`{"t":"and","e":[` + path("port") + `,` + path("owner") + `]}`, `$["owner"]: error; the message has no $["owner"]`},
		{`{"t":"or","e":[` + path("owner") + `,` + path("urgent") + `]}`, `$["owner"]: error; the message has no $["owner"]`},
	} {
		tree, err := fdsl.Parse([]byte(test.tree), limits)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		json.Unmarshal([]byte(message), &doc)
		x := tree.Explain(doc, "portCall", math.MaxInt)
		if got := decisive(x.Root); !strings.Contains(strings.Join(got, "\n")+"\n", test.want+"\n") {
			t.Errorf("%s: the reasons are\n%s\nwant\n%s", test.tree, strings.Join(got, "\n"), test.want)
		}
	}
}

// What does not decide is not marked: with an and it is what is true, with an or what is false.
func TestOnlyDecisiveNodesAreMarked(t *testing.T) {
	tree, err := fdsl.Parse([]byte(`{"t":"and","e":[`+pathNode("a")+`,`+pathNode("b")+`,{"t":"not","e":`+pathNode("a")+`}]}`), limits)
	if err != nil {
		t.Fatal(err)
	}
	x := tree.Explain(map[string]any{"a": true}, "s", math.MaxInt)
	if got := strings.Join(decisive(x.Root), "\n"); got != `and($["a"],$["b"],not($["a"])): false`+"\n"+`not($["a"]): false`+"\n"+`$["a"]: true` {
		t.Error(got)
	}
}

func TestExplanationsAreBounded(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	tree, err := fdsl.Parse([]byte(repeated(3000, `{"t":"eq","e":[`+pathNode("$.a")+`,`+pathNode("$.b")+`]}`)), ample)
	if err != nil {
		t.Fatal(err)
	}
	x := tree.Explain(map[string]any{"a": long, "b": long + "y"}, "s", math.MaxInt)
	bytes, nodes := 0, 0
	var count func(fdsl.Explained)
	count = func(x fdsl.Explained) {
		nodes++
		bytes += len(x.Text) + len(x.Value) + len(x.Reason)
		for _, operand := range x.Operands {
			count(operand)
		}
	}
	count(x.Root)
	if nodes > 512 || nodes+x.Omitted != 9001 || bytes > 70<<10 {
		t.Errorf("%d nodes with %d bytes, and %d omitted", nodes, bytes, x.Omitted)
	}
}

// A filter that is evaluated for ever is not explained for ever.
func TestExplanationsEnd(t *testing.T) {
	big := make([]any, 400_000)
	tree, err := fdsl.Parse([]byte(repeated(400, `{"t":"eq","e":[`+pathNode("$.a")+`,`+pathNode("$.b")+`]}`)), ample)
	if err != nil {
		t.Fatal(err)
	}
	x := tree.Explain(map[string]any{"a": big, "b": big}, "s", 10_000)
	if x.Passes || !x.TooCostly || x.Root.Outcome != fdsl.Unknown || !strings.Contains(x.Root.Reason, "more than 10000 steps") {
		t.Errorf("%+v", x.Root)
	}
	if last := x.Root.Operands[len(x.Root.Operands)-1]; last.Outcome != fdsl.Unknown {
		t.Errorf("the last node is %s", last.Outcome)
	}
}

func TestExplainedNamesMayBeAnything(t *testing.T) {
	filter, err := fdsl.Compile([]byte(`{"t":"meta","e":"streamName"}`), limits)
	if err != nil {
		t.Fatal(err)
	}
	if x := filter.Explain(nil, "\xff", math.MaxInt); !x.Passes || x.Root.Value != "\"\ufffd\"" {
		t.Errorf("%+v", x)
	}
}
