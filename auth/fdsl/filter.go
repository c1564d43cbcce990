package fdsl

import (
	"iter"
	"math"

	"seagate/internal/jsonpath"
)

// A Filter is a compiled tree. It is immutable and safe for concurrent use.
type Filter struct {
	root      node // simplified: filters with equal keys have equal roots
	key       string
	readsMeta bool
}

// Compile compiles a tree to a filter. It fails with an *Error that lists all problems if the tree
// is not exactly a filter, or exceeds limits.
//
// An empty tree and a JSON null are refused: what a token without a filter means is for the caller
// to decide. tree must be the bytes that were signed, not encoded again, because a lenient decoder
// in between would choose one of two duplicate keys.
func Compile(tree []byte, limits Limits) (*Filter, error) {
	root, err := parse(tree, limits)
	if err != nil {
		return nil, err
	}
	return compile(&root), nil
}

func compile(root *node) *Filter { return newFilter(simplifier{}.truth(root)) }

func newFilter(root node) *Filter {
	return &Filter{root: root, key: root.key(), readsMeta: root.readsMeta()}
}

// Match reports whether a message of the stream passes, which means that the filter is truthy for
// it. doc is the message as json v2 decodes it into an any: map[string]any, []any, float64, string,
// bool and nil, and nothing else. Or it is the Value of a jsonpath.Document that was read with
// Paths, which costs much less than a message of many values. Match does not change doc and does
// not allocate, except for what such a document decodes when it is asked for the first time.
func (f *Filter) Match(doc any, streamName string) bool {
	passes, _, _ := f.MatchWithin(doc, streamName, math.MaxInt)
	return passes
}

// MatchWithin is Match in at most that many steps. A step is a node that is visited, a name or
// index of a path, or a value that eq compares; a long string takes more than one. In a
// jsonpath.Document each value within two objects or lists that eq compares takes a step more,
// since it is decoded for that. MatchWithin returns how many steps it took. If they did not
// suffice, the message does not pass, and ok is false.
func (f *Filter) MatchWithin(doc any, streamName string, steps int) (passes bool, took int, ok bool) {
	m := message{doc: doc, stream: streamName, steps: steps}
	passes = m.passes(&f.root)
	if m.steps < 0 {
		return false, steps, false
	}
	return passes, steps - m.steps, true
}

// Paths returns the places at which the filter looks, some of them perhaps more than once. A message
// of which jsonpath.Set has read those passes the filter as the whole message does.
func (f *Filter) Paths() iter.Seq[jsonpath.Path] { return f.root.paths }

// eachPath calls yield for each path, until it returns false, and returns what yield returned last.
func (n *node) eachPath(yield func(jsonpath.Path) bool) bool {
	if n.op == opPath && !yield(n.path) {
		return false
	}
	for i := range n.operands {
		if !n.operands[i].eachPath(yield) {
			return false
		}
	}
	return true
}

func (n *node) paths(yield func(jsonpath.Path) bool) { n.eachPath(yield) }

// Nodes returns how many nodes the filter has: a message takes about as many steps, and more for
// long paths and strings.
func (f *Filter) Nodes() int { return f.root.count() }

// A Condition is a place in a message, and the one value that it must have there to pass a
// filter. The value is a string, float64, bool or nil.
type Condition struct {
	Path  jsonpath.Path
	Value any
}

// Needs returns a condition of every message that passes the filter. ok is false if none is
// known. It is known of an eq of a path and a literal, alone or as an operand of and.
func (f *Filter) Needs() (c Condition, ok bool) {
	if c, ok = f.root.condition(); ok || f.root.op != opAnd {
		return c, ok
	}
	for i := range f.root.operands {
		if c, ok = f.root.operands[i].condition(); ok {
			return c, true
		}
	}
	return c, false
}

func (n *node) condition() (c Condition, ok bool) {
	if n.op != opEq || n.operands[0].op != opPath || n.operands[1].op != opLiteral {
		return c, false
	}
	return Condition{n.operands[0].path, n.operands[1].literal}, true
}

// Key returns the canonical form of the filter, in a readable notation. Filters with equal keys
// pass the same messages, so one of them can be evaluated for all. Filters with different keys
// may also pass the same messages. The key is at most a few times as long as the tree. After For
// it contains the stream's name as often as the tree reads it.
func (f *Filter) Key() string { return f.key }

// For returns the filter for one stream: the name replaces meta, and everything that is constant
// then is folded. It passes exactly those messages of the stream that f passes, whatever name its
// Match is called with. If f does not read the name, For returns f.
func (f *Filter) For(streamName string) *Filter {
	if !f.readsMeta {
		return f
	}
	return newFilter(simplifier{stream: &streamName}.truth(&f.root))
}

// And returns the filter that passes what both filters pass.
func (f *Filter) And(other *Filter) *Filter {
	return compile(&node{op: opAnd, operands: []node{f.root, other.root}})
}

// Constant reports in ok whether the filter is known to pass all messages or none, and in passes
// which of them. It does not recognize every such filter. It recognizes one that depends only on
// the stream's name after For.
func (f *Filter) Constant() (passes, ok bool) {
	if f.root.op != opLiteral {
		return false, false
	}
	return isTruthy(f.root.literal), true
}
