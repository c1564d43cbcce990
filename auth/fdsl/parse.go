package fdsl

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonpath"
	"seagate/internal/problems"
)

// Limits bound the tree of a filter. Each is inclusive. The zero Limits refuse everything.
type Limits struct {
	Bytes int // length of the JSON text
	Depth int // number of nodes from the root to the deepest node, both included
	Nodes int // number of nodes; bounds the work of a Match too
}

// A parser makes nodes of a decoded tree. In place of a node with a problem it returns an empty
// node and goes on, to find all problems.
type parser struct {
	limits   Limits
	nodes    int
	problems problems.List
}

func parse(tree []byte, limits Limits) (node, error) {
	p := parser{limits: limits, problems: problems.List{Max: maxProblems}}
	if len(tree) > limits.Bytes {
		p.refuse("", "%d bytes are too many, at most %d are allowed", len(tree), limits.Bytes)
		return node{}, p.err()
	}
	p.scan(tree)
	if err := p.err(); err != nil {
		return node{}, err
	}
	var decoded any
	if err := json.Unmarshal(tree, &decoded); err != nil {
		p.notJSON(err)
		return node{}, p.err()
	}
	root := p.node(decoded, "", 1)
	return root, p.err()
}

// scan checks the tree token by token, without recursion, before it is decoded: it must be strict
// JSON, nested no deeper than the limits allow, with all numbers in the range of float64.
func (p *parser) scan(tree []byte) {
	dec := jsontext.NewDecoder(bytes.NewReader(tree))
	for {
		token, err := dec.ReadToken()
		if err == io.EOF {
			return
		}
		if err != nil {
			p.notJSON(err)
			return
		}
		if nodes := (dec.StackDepth() + 1) / 2; nodes > p.limits.Depth { // a node is an object with at most one list
			p.tooDeep(string(dec.StackPointer()))
			return
		}
		if token.Kind() == '0' {
			p.checkRange(token.String(), dec)
		}
	}
}

func (p *parser) notJSON(err error) {
	pointer := ""
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		pointer = string(syntax.JSONPointer)
	}
	p.refuse(pointer, "not strict JSON: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
}

// checkRange refuses numbers that are infinite as float64, because all of them would be equal.
func (p *parser) checkRange(number string, dec *jsontext.Decoder) {
	if _, err := strconv.ParseFloat(number, 64); err != nil {
		p.refuse(string(dec.StackPointer()), "the number %.20s is beyond the range of float64", number)
	}
}

func (p *parser) tooDeep(pointer string) {
	p.refuse(pointer, "nested too deeply, at most %d levels of nodes are allowed", p.limits.Depth)
}

// node parses the node at a pointer. It recurses at most to limits.Depth.
func (p *parser) node(decoded any, pointer string, depth int) node {
	if !p.admit(pointer, depth) {
		return node{}
	}
	members, ok := decoded.(map[string]any)
	if !ok {
		p.refuse(pointer, `a node is an object {"t":type,"e":operand}, not %s`, describe(decoded))
		return node{}
	}
	p.refuseUnknownKeys(members, pointer)
	name, ok := members["t"].(string)
	if !ok {
		p.refuse(pointer, `a node names its type in "t", a string`)
		return node{}
	}
	operand, ok := members["e"]
	if !ok && name != "null" {
		p.refuse(pointer, `a node of type %.20q needs an operand in "e", and there is none`, name)
		return node{}
	}
	return p.operand(name, operand, pointer, depth)
}

// admit counts a node and reports whether it is within the limits. The parser ignores nodes beyond
// them, after one problem.
func (p *parser) admit(pointer string, depth int) bool {
	if depth > p.limits.Depth {
		p.tooDeep(pointer)
		return false
	}
	p.nodes++
	if p.nodes == p.limits.Nodes+1 {
		p.refuse(pointer, "too many nodes, at most %d are allowed", p.limits.Nodes)
	}
	return p.nodes <= p.limits.Nodes
}

func (p *parser) refuseUnknownKeys(members map[string]any, pointer string) {
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if key != "t" && key != "e" {
			p.refuse(pointer, `unknown key %.40q; a node has only "t" and "e"`, key)
		}
	}
}

func (p *parser) operand(name string, operand any, pointer string, depth int) node {
	switch name {
	case "string":
		return literal[string](p, operand, pointer, "a string")
	case "number":
		return literal[float64](p, operand, pointer, "a number")
	case "bool":
		return literal[bool](p, operand, pointer, "true or false")
	case "null":
		return p.null(operand, pointer)
	case "path":
		return p.path(operand, pointer)
	case "meta":
		return p.meta(operand, pointer)
	case "eq":
		return p.eq(operand, pointer, depth)
	case "and":
		return p.list(opAnd, operand, pointer, depth)
	case "or":
		return p.list(opOr, operand, pointer, depth)
	case "not":
		return p.not(operand, pointer, depth)
	}
	p.refuse(pointer+"/t", "unknown type %.20q; the types are string, number, bool, null, path, meta, eq, and, or, not", name)
	return node{}
}

func literal[T string | float64 | bool](p *parser, operand any, pointer, want string) node {
	if _, ok := operand.(T); !ok {
		p.refuse(pointer+"/e", "expected %s, not %s", want, describe(operand))
	}
	return node{op: opLiteral, literal: operand}
}

func (p *parser) null(operand any, pointer string) node {
	if operand != nil {
		p.refuse(pointer+"/e", "a node of type null has no operand")
	}
	return node{op: opLiteral}
}

func (p *parser) path(operand any, pointer string) node {
	text, ok := operand.(string)
	if !ok {
		p.refuse(pointer+"/e", "expected a path in a string, not %s", describe(operand))
		return node{}
	}
	path, err := jsonpath.Parse(text)
	if err != nil {
		p.refuse(pointer+"/e", "bad path %.60q: %v", text, err)
	}
	return node{op: opPath, path: path}
}

func (p *parser) meta(operand any, pointer string) node {
	if operand != "streamName" {
		p.refuse(pointer+"/e", `the only meta value is "streamName"`)
	}
	return node{op: opMeta}
}

func (p *parser) eq(operand any, pointer string, depth int) node {
	eq := p.list(opEq, operand, pointer, depth)
	if list, ok := operand.([]any); ok && len(list) != 2 {
		p.refuse(pointer+"/e", "eq compares two nodes, not %d", len(list))
	}
	return eq
}

func (p *parser) not(operand any, pointer string, depth int) node {
	list, ok := operand.([]any)
	if !ok {
		return node{op: opNot, operands: []node{p.node(operand, pointer+"/e", depth+1)}}
	}
	if len(list) != 1 {
		p.refuse(pointer+"/e", "not takes one node, not %d", len(list))
	}
	return p.list(opNot, operand, pointer, depth)
}

func (p *parser) list(op op, operand any, pointer string, depth int) node {
	list, ok := operand.([]any)
	if !ok {
		p.refuse(pointer+"/e", "expected a list of nodes, not %s", describe(operand))
		return node{}
	}
	operands := make([]node, len(list))
	for i, decoded := range list {
		operands[i] = p.node(decoded, pointer+"/e/"+strconv.Itoa(i), depth+1)
	}
	return node{op: op, operands: operands}
}

// describe returns the type of a decoded value in words.
func describe(decoded any) string {
	switch v := decoded.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case string:
		return "a string"
	case []any:
		return aList
	case *jsonpath.Part:
		if v.IsArray() {
			return aList
		}
	}
	return anObject
}

const (
	aList    = "a list"
	anObject = "an object"
)
