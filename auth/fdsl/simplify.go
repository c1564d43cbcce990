package fdsl

import (
	"cmp"
	"slices"
)

// A simplifier rewrites trees to their canonical form: it flattens nested ands and ors, sorts
// operands and drops repeated ones, folds constants, and removes double negations. Every rule is
// a law of Kleene's three-valued logic, so the result has the same outcome as the tree for every
// message. Laws that hold only in two-valued logic are not used: "x and not x" is not false, and
// eq(x, x) is not true, because both are errors if x is one.
type simplifier struct {
	stream *string // replaces meta; nil keeps meta
}

// truth rewrites a node of which only the outcome matters: the root, or an operand of and, or and
// not.
func (s simplifier) truth(n *node) node {
	switch n.op {
	case opEq:
		return s.eq(n)
	case opAnd, opOr:
		return s.connective(n)
	case opNot:
		return s.not(n)
	default:
		return toBoolean(s.value(n))
	}
}

// value rewrites a node whose value matters: an operand of eq.
func (s simplifier) value(n *node) node {
	switch {
	case n.op == opMeta && s.stream != nil:
		return node{op: opLiteral, literal: *s.stream}
	case n.op < opEq:
		return *n
	}
	truth := s.truth(n)
	if truth.isBoolean() {
		return truth
	}
	// not(not(x)) and and(x) have the outcome of x, but their values are booleans.
	return node{op: opAnd, operands: []node{truth}}
}

// isBoolean reports whether the value of a node is a boolean or an error.
func (n *node) isBoolean() bool {
	_, isBool := n.literal.(bool)
	return isBool || n.op >= opEq
}

// toBoolean replaces a literal by its truth.
func toBoolean(n node) node {
	if n.op == opLiteral {
		return boolean(isTruthy(n.literal))
	}
	return n
}

func boolean(b bool) node { return node{op: opLiteral, literal: b} }

func (s simplifier) eq(n *node) node {
	left, right := s.value(&n.operands[0]), s.value(&n.operands[1])
	switch {
	case left.op == opLiteral && right.op == opLiteral:
		return boolean(equal(left.literal, right.literal))
	case left.op == opMeta && right.op == opMeta:
		return boolean(true)
	}
	if order := cmp.Compare(left.rank(), right.rank()); order > 0 || order == 0 && compareKeys(left.key(), right.key()) > 0 {
		left, right = right, left
	}
	return node{op: opEq, operands: []node{left, right}}
}

// rank orders the operands of eq: the stream's name on the left, a literal on the right.
func (n *node) rank() int {
	switch n.op {
	case opMeta:
		return 0
	case opLiteral:
		return 2
	default:
		return 1
	}
}

func (s simplifier) not(n *node) node {
	operand := s.truth(&n.operands[0])
	switch operand.op {
	case opLiteral:
		return boolean(!isTruthy(operand.literal))
	case opNot:
		return operand.operands[0]
	default:
		return node{op: opNot, operands: []node{operand}}
	}
}

// connective rewrites an and or an or. A decisive operand, false for and and true for or,
// determines the outcome even if others are errors. The opposite constant has no influence.
func (s simplifier) connective(n *node) node {
	decisive := n.op == opOr
	var operands []node
	for i := range n.operands {
		operand := s.truth(&n.operands[i])
		switch {
		case operand.op == n.op:
			operands = append(operands, operand.operands...)
		case operand.op != opLiteral:
			operands = append(operands, operand)
		case operand.literal == decisive:
			return operand
		}
	}
	operands = asSet(operands)
	switch len(operands) {
	case 0:
		return boolean(!decisive)
	case 1:
		return operands[0]
	default:
		return node{op: n.op, operands: operands}
	}
}

// asSet sorts operands by key and drops repeated ones.
func asSet(operands []node) []node {
	type keyed struct {
		key  string
		node node
	}
	set := make([]keyed, len(operands))
	for i, operand := range operands {
		set[i] = keyed{operand.key(), operand}
	}
	slices.SortFunc(set, func(a, b keyed) int { return compareKeys(a.key, b.key) })
	set = slices.CompactFunc(set, func(a, b keyed) bool { return a.key == b.key })
	operands = make([]node, len(set))
	for i := range set {
		operands[i] = set[i].node
	}
	return operands
}

// compareKeys puts operands with shorter keys first. They tend to be cheaper, and a decisive one
// saves the evaluation of the others.
func compareKeys(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}
