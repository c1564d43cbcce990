package fdsl_test

import "reflect"

// A reference evaluates a decoded tree. It follows the definition of the language sentence by
// sentence and ignores speed. It does not parse paths: steps has the meaning of each path in the
// tree.
type reference struct {
	doc    any
	stream string
	steps  map[string][]any // path → names (string) and indexes (int)
}

// passes: forwarded when the root is truthy, and not when it is falsy or an error.
func (r reference) passes(tree any) bool {
	value, isError := r.eval(tree)
	return !isError && truthyInJavaScript(value)
}

func (r reference) eval(tree any) (value any, isError bool) {
	node := tree.(map[string]any)
	switch node["t"] {
	case "string", "number", "bool":
		return node["e"], false
	case "null":
		return nil, false
	case "path":
		return r.walk(r.doc, r.steps[node["e"].(string)])
	case "meta":
		return r.stream, false
	case "eq":
		return r.evalEq(node["e"].([]any))
	case "and":
		return r.evalAnd(node["e"].([]any))
	case "or":
		return r.evalOr(node["e"].([]any))
	case "not":
		if list, ok := node["e"].([]any); ok {
			return r.evalNot(list[0])
		}
		return r.evalNot(node["e"])
	}
	panic("no such type")
}

// evalEq: eq of an error is an error; otherwise whether both are the same value.
func (r reference) evalEq(operands []any) (any, bool) {
	left, leftError := r.eval(operands[0])
	right, rightError := r.eval(operands[1])
	if leftError || rightError {
		return nil, true
	}
	return sameValue(left, right), false
}

// evalAnd: false if any operand is falsy, otherwise an error if any is.
func (r reference) evalAnd(operands []any) (any, bool) {
	anyError := false
	for _, operand := range operands {
		value, isError := r.eval(operand)
		if !isError && !truthyInJavaScript(value) {
			return false, false
		}
		anyError = anyError || isError
	}
	return true, anyError
}

// evalOr: true if any operand is truthy, otherwise an error if any is.
func (r reference) evalOr(operands []any) (any, bool) {
	anyError := false
	for _, operand := range operands {
		value, isError := r.eval(operand)
		if !isError && truthyInJavaScript(value) {
			return true, false
		}
		anyError = anyError || isError
	}
	return false, anyError
}

// evalNot: not of an error is an error; otherwise true if falsy.
func (r reference) evalNot(operand any) (any, bool) {
	value, isError := r.eval(operand)
	if isError {
		return nil, true
	}
	return !truthyInJavaScript(value), false
}

func (r reference) walk(doc any, steps []any) (value any, isError bool) {
	if len(steps) == 0 {
		return doc, false
	}
	switch step := steps[0].(type) {
	case string:
		object, _ := doc.(map[string]any)
		member, ok := object[step]
		if !ok {
			return nil, true
		}
		return r.walk(member, steps[1:])
	case int:
		array, _ := doc.([]any)
		if step < 0 {
			step = len(array) + step
		}
		if step < 0 || step >= len(array) {
			return nil, true
		}
		return r.walk(array[step], steps[1:])
	}
	panic("no such step")
}

func truthyInJavaScript(value any) bool {
	return value != any(false) && value != any(0.0) && value != any("") && value != nil
}

// sameValue is DeepEqual, which compares float64 with ==, never converts, and compares maps by
// content.
func sameValue(a, b any) bool { return reflect.DeepEqual(a, b) }
