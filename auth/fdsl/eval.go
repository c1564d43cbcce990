package fdsl

import (
	"math"

	"seagate/internal/jsonpath"
)

// op is the operation of a node.
type op uint8

const (
	opLiteral op = iota
	opPath
	opMeta
	opEq
	opAnd
	opOr
	opNot
)

// A node is a node of a tree. A tree is immutable once it is built.
type node struct {
	op       op
	literal  any           // of opLiteral: string, float64, bool or nil
	path     jsonpath.Path // of opPath
	operands []node        // of opAnd, opOr; two of opEq, one of opNot
}

func (n *node) readsMeta() bool {
	for i := range n.operands {
		if n.operands[i].readsMeta() {
			return true
		}
	}
	return n.op == opMeta
}

// An outcome is the truth of a node for one message. With this order of the three, and is the least
// and or is the greatest of its operands.
type outcome uint8

const (
	falsy outcome = iota
	failed
	truthy
)

func outcomeOf(holds bool) outcome {
	if holds {
		return truthy
	}
	return falsy
}

// message is a message that a filter is evaluated for.
type message struct {
	doc    any
	stream string
	steps  int // that are left; below 0 no outcome means anything
}

// comparedPerStep is how many bytes of strings are compared in a step, and how many bytes of an
// object or list are decoded in one to compare it.
const comparedPerStep = 256

// passes reports whether a node is truthy. That needs no difference between an error and falsy, so
// an and ends at its first operand that is not truthy. Under not and eq, outcome decides.
func (m *message) passes(n *node) bool {
	switch n.op {
	case opAnd:
		m.steps--
		for i := range n.operands {
			if !m.passes(&n.operands[i]) {
				return false
			}
		}
		return m.steps >= 0
	case opOr:
		m.steps--
		for i := range n.operands {
			if m.passes(&n.operands[i]) {
				return true
			}
			if m.steps < 0 {
				return false
			}
		}
		return false
	default:
		return m.outcome(n) == truthy && m.steps >= 0
	}
}

func (m *message) outcome(n *node) outcome {
	if m.steps--; m.steps < 0 {
		return failed
	}
	switch n.op {
	case opEq:
		return m.eq(n)
	case opAnd:
		return m.and(n)
	case opOr:
		return m.or(n)
	case opNot:
		return truthy - m.outcome(&n.operands[0])
	case opMeta:
		return outcomeOf(m.stream != "")
	default:
		value, ok := m.value(n)
		if !ok {
			return failed
		}
		return outcomeOf(isTruthy(value))
	}
}

func (m *message) and(n *node) outcome {
	least := truthy
	for i := range n.operands {
		if least = min(least, m.outcome(&n.operands[i])); least == falsy || m.steps < 0 {
			break
		}
	}
	return least
}

func (m *message) or(n *node) outcome {
	greatest := falsy
	for i := range n.operands {
		if greatest = max(greatest, m.outcome(&n.operands[i])); greatest == truthy || m.steps < 0 {
			break
		}
	}
	return greatest
}

func (m *message) eq(n *node) outcome {
	left, right := &n.operands[0], &n.operands[1]
	switch {
	case left.op == opMeta:
		return m.streamIs(right)
	case left.op == opPath && right.op == opLiteral:
		// Most filters consist of this case. It takes a sixth less time than by value.
		m.steps -= left.path.Len()
		value, ok := left.path.Resolve(m.doc)
		if !ok {
			return failed
		}
		return outcomeOf(m.equal(value, right.literal))
	}
	a, ok := m.value(left)
	if !ok {
		return failed
	}
	b, ok := m.value(right)
	if !ok {
		return failed
	}
	return outcomeOf(m.equal(a, b))
}

// streamIs compares a node with the stream's name, which the simplifier puts on the left. The
// comparison is apart because converting the name to an any would allocate.
func (m *message) streamIs(n *node) outcome {
	value, ok := m.value(n)
	if !ok {
		return failed
	}
	name, ok := value.(string)
	return outcomeOf(ok && name == m.stream)
}

// value returns the value of a node; ok is false if it is an error.
func (m *message) value(n *node) (value any, ok bool) {
	switch n.op {
	case opLiteral:
		return n.literal, true
	case opMeta: // only in a tree that is not simplified: see Explain
		return m.stream, true
	case opPath:
		m.steps -= n.path.Len()
		return n.path.Resolve(m.doc)
	default:
		o := m.outcome(n)
		return o == truthy, o != failed
	}
}

// isTruthy is ToBoolean of JavaScript for JSON values.
func isTruthy(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case bool:
		return v
	case float64:
		return v != 0
	case string:
		return v != ""
	default:
		return true
	}
}

// equal compares two JSON values deeply. It recurses as deep as the shallower one is nested, which
// the decoder bounds. What it returns once the steps are spent means nothing.
func (m *message) equal(a, b any) bool {
	if m.steps--; m.steps < 0 {
		return false
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	case float64:
		b, ok := b.(float64)
		return ok && a == b
	case string:
		b, ok := b.(string)
		if !ok || len(a) != len(b) {
			return false
		}
		m.steps -= len(a) / comparedPerStep
		return m.steps >= 0 && a == b
	case []any:
		b, ok := b.([]any)
		return ok && m.equalArrays(a, b)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && m.equalObjects(a, b)
	case *jsonpath.Part:
		b, ok := b.(*jsonpath.Part)
		return ok && m.equalParts(a, b)
	default:
		return false
	}
}

func (m *message) equalArrays(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !m.equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func (m *message) equalObjects(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for name, value := range a {
		m.steps -= len(name) / comparedPerStep
		other, ok := b[name]
		if !ok || !m.equal(value, other) {
			return false
		}
	}
	return true
}

func (m *message) equalParts(a, b *jsonpath.Part) bool {
	if a.IsArray() != b.IsArray() || a.Len() != b.Len() {
		return false
	}
	if a.Len() == 0 {
		return true
	}
	left, ok := m.whole(a)
	if !ok {
		return false
	}
	right, ok := m.whole(b)
	if !ok {
		return false
	}
	if a.IsArray() {
		return m.equalArrays(left.([]any), right.([]any))
	}
	return m.equalObjects(left.(map[string]any), right.(map[string]any))
}

// whole decodes a part. It takes as many steps each time, so that they do not depend on who has
// asked for the part before.
func (m *message) whole(p *jsonpath.Part) (value any, ok bool) {
	if m.steps -= p.Bytes() / comparedPerStep; m.steps < 0 {
		return nil, false
	}
	if m.steps -= p.Values(); m.steps < 0 {
		return nil, false
	}
	return p.Whole(), true
}

// equal compares two literals.
func equal(a, b any) bool {
	m := message{steps: math.MaxInt}
	return m.equal(a, b)
}
