package fdsl

import (
	"iter"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonpath"
)

// A Tree is a filter with the nodes that its author wrote. A Filter has simplified ones.
type Tree struct {
	root   node
	filter *Filter
}

// Parse is Compile for whoever wants to explain the tree to its author.
func Parse(tree []byte, limits Limits) (*Tree, error) {
	root, err := parse(tree, limits)
	if err != nil {
		return nil, err
	}
	return &Tree{root, compile(&root)}, nil
}

// Filter returns the compiled filter.
func (t *Tree) Filter() *Filter { return t.filter }

// Paths is Filter.Paths for the nodes that the author wrote.
func (t *Tree) Paths() iter.Seq[jsonpath.Path] { return t.root.paths }

// An Outcome is what a node is for one message. Its text is part of the API.
type Outcome string

// The outcomes.
const (
	Truthy  Outcome = "true"
	Falsy   Outcome = "false"
	Failed  Outcome = "error"   // a place is missing in the message
	Unknown Outcome = "unknown" // too costly to find out
)

var outcomes = [...]Outcome{falsy: Falsy, failed: Failed, truthy: Truthy}

// An Explanation says why a filter passes a message or hides it.
type Explanation struct {
	Passes    bool // what MatchWithin returns; the outcome of Root is Truthy if and only if it is true
	Steps     int  // that MatchWithin took
	TooCostly bool // the steps did not suffice, so the message is hidden
	Root      Explained
	Omitted   int // nodes that are left out, because an explanation is bounded
}

// Explained is a node with its outcome.
type Explained struct {
	Type    string // as in the tree: "eq", "path", ...
	Text    string // the node in the notation of Filter.Key, in a bounded length
	Outcome Outcome

	// Decisive nodes determine the outcome of the root. With other outcomes of the others it
	// would be the same.
	Decisive bool

	// Value is what the node stands for, if it is no connective: a scalar as JSON, in a bounded
	// length, or the words for an object or a list. "" if there is none.
	Value  string
	Reason string // why the outcome is not true, in words; "" if the operands say everything

	Operands []Explained
}

// Bounds of an explanation: the nodes that it has, the text of all of them in bytes, and the
// steps beyond those of the verdict.
const (
	maxExplained      = 512
	maxExplainedText  = 64 << 10
	maxExplainedSteps = 1_000_000
)

// Explain explains the verdict of MatchWithin with the filter For the stream, node by node of the
// tree as it was written.
func (t *Tree) Explain(doc any, streamName string, steps int) Explanation {
	return t.filter.explain(&t.root, doc, streamName, steps)
}

// Explain is Tree.Explain with the simplified nodes, for whoever does not have the tree.
func (f *Filter) Explain(doc any, streamName string, steps int) Explanation {
	return f.explain(&f.root, doc, streamName, steps)
}

func (f *Filter) explain(root *node, doc any, streamName string, steps int) Explanation {
	passes, took, ok := f.For(streamName).MatchWithin(doc, streamName, steps)
	e := explainer{
		message: message{doc: doc, stream: streamName},
		steps:   maxExplainedSteps,
		nodes:   maxExplained,
		text:    maxExplainedText,
	}
	x := Explanation{Passes: passes, Steps: took, TooCostly: !ok}
	verdict := e.outcomeOf(root)
	switch {
	case !ok:
		verdict = Unknown
	case passes: // it cost too much to find out a second time, with repeated nodes
		verdict = Truthy
	}
	x.Root = e.explain(root, verdict, true)
	if !ok {
		x.Root.Reason = "takes more than " + strconv.Itoa(steps) + " steps, so the message is hidden"
	}
	x.Omitted = e.omitted
	return x
}

// An explainer explains the nodes of one tree for one message.
type explainer struct {
	message
	steps, nodes, text int // that are left
	omitted            int
}

// outcomeOf asks the evaluator about a node alone.
func (e *explainer) outcomeOf(n *node) Outcome {
	e.message.steps = e.steps
	o := e.message.outcome(n)
	if e.steps = e.message.steps; e.steps < 0 {
		return Unknown
	}
	return outcomes[o]
}

func (e *explainer) explain(n *node, o Outcome, decisive bool) Explained {
	e.nodes--
	x := Explained{Type: n.typeName(), Outcome: o, Decisive: decisive}
	x.Text = e.bounded(n.key())
	if o != Unknown {
		e.describe(n, &x)
	}
	for i := range n.operands {
		operand := &n.operands[i]
		if e.nodes <= 0 || e.text <= 0 {
			e.omitted += operand.count()
			continue
		}
		outcome := e.outcomeOf(operand)
		x.Operands = append(x.Operands, e.explain(operand, outcome, decisive && n.isDecidedBy(o, outcome)))
	}
	return x
}

// isDecidedBy reports whether an operand with that outcome determines the outcome of n.
func (n *node) isDecidedBy(of, operand Outcome) bool {
	switch {
	case of == Unknown || operand == Unknown:
		return false
	case n.op == opAnd || n.op == opOr:
		return operand == of
	case of == Failed: // an eq
		return operand == Failed
	}
	return true
}

// describe adds the value, and the reason for an outcome that is not truthy.
func (e *explainer) describe(n *node, x *Explained) {
	e.message.steps = e.steps
	defer func() { e.steps = e.message.steps }()
	switch n.op {
	case opAnd, opOr, opNot:
		return
	case opEq:
		if x.Outcome == Falsy {
			x.Reason = e.bounded(e.unequal(n))
		}
		return
	}
	value, ok := e.message.value(n)
	if !ok {
		x.Reason = e.bounded(missing(n.path, e.doc))
		return
	}
	x.Value = e.bounded(show(value))
	if x.Outcome == Falsy && n.op == opPath {
		x.Reason = "counts as false, as in JavaScript"
	}
}

// unequal says why an eq is false: the values, and their types if these differ, because nothing
// is converted.
func (e *explainer) unequal(n *node) string {
	a, _ := e.message.value(&n.operands[0])
	b, _ := e.message.value(&n.operands[1])
	left, right := describe(a), describe(b)
	switch {
	case e.message.steps < 0:
		return ""
	case left != right:
		return left + " never equals " + right
	case isScalar(a):
		return show(a) + " is not " + show(b)
	}
	return "their contents differ"
}

// missing says which part of a path is not in the message.
func missing(path jsonpath.Path, doc any) string {
	n := path.Found(doc)
	found, _ := path.First(n).Resolve(doc)
	reason := "the message has no " + string(path.First(n+1).Append(nil))
	if describe(found) == anObject {
		return reason
	}
	return reason + ": " + string(path.First(n).Append(nil)) + " is " + show(found)
}

func isScalar(value any) bool {
	switch value.(type) {
	case []any, map[string]any, *jsonpath.Part:
		return false
	}
	return true
}

// show returns a scalar as JSON, and the words for other values.
func show(value any) string {
	switch v := value.(type) {
	case []any:
		return counted("a list of", len(v), "element")
	case map[string]any:
		return counted("an object of", len(v), "member")
	case *jsonpath.Part:
		if v.IsArray() {
			return counted("a list of", v.Len(), "element")
		}
		return counted("an object of", v.Len(), "member")
	case string:
		value = clip(v)
	}
	text, _ := json.Marshal(value, jsontext.AllowInvalidUTF8(true)) // a stream's name may be invalid UTF-8
	return string(text)
}

func counted(before string, n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return before + " " + strconv.Itoa(n) + " " + what
}

// bounded cuts a text, and takes it from the text that is left.
func (e *explainer) bounded(text string) string {
	text = clip(text)
	e.text -= len(text)
	return text
}

// count returns the number of nodes of a tree.
func (n *node) count() int {
	count := 1
	for i := range n.operands {
		count += n.operands[i].count()
	}
	return count
}

var typeNames = [...]string{opPath: "path", opMeta: "meta", opEq: "eq", opAnd: "and", opOr: "or", opNot: "not"}

// typeName returns the type of the node as a tree has it.
func (n *node) typeName() string {
	if n.op != opLiteral {
		return typeNames[n.op]
	}
	switch n.literal.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "bool"
	}
	return "null"
}
