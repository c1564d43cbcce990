package fdsl

import (
	"cmp"
	"slices"
)

// simplifier rewrites trees into their canonical form: nested and/or flattened,
// operands sorted and without repetition, constants folded, double negations
// gone. Every rule is a law of Kleene's three-valued logic, so no message and no
// error can tell the result from the tree. The laws of two-valued logic that
// fail there are absent: x and not x is not false, and eq(x, x) is not true,
// since both are errors where x is one.
type simplifier struct {
	stream *string // what meta stands for; nil leaves it in
}

// truth rewrites a node of which only the outcome counts: the root and the
// operands of and, or and not.
func (s simplifier) truth(n *node) node {
	switch n.op {
	case opEq:
		return s.eq(n)
	case opAnd, opOr:
		return s.junction(n)
	case opNot:
		return s.not(n)
	default:
		return known(s.value(n))
	}
}

// value rewrites a node whose value counts: an operand of eq.
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
	// Only as an outcome is not(not(x)), or and(x), the same as x.
	return node{op: opAnd, operands: []node{truth}}
}

// isBoolean says whether the value of a node is a boolean, or an error.
func (n *node) isBoolean() bool {
	_, isBool := n.literal.(bool)
	return isBool || n.op >= opEq
}

// known replaces a literal by its truth.
func known(n node) node {
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
	if order := cmp.Compare(left.side(), right.side()); order > 0 || order == 0 && compareKeys(left.key(), right.key()) > 0 {
		left, right = right, left
	}
	return node{op: opEq, operands: []node{left, right}}
}

// side puts the name of the stream left and a literal right in eq.
func (n *node) side() int {
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

// junction rewrites an and or an or. One operand value decides it whatever the
// others are, errors included; the other value changes nothing.
func (s simplifier) junction(n *node) node {
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

// compareKeys orders operands: shorter ones first. They tend to be cheaper, and
// one that decides spares the others.
func compareKeys(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}
