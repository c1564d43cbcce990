package fdsl_test

import (
	"fmt"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// A generator makes trees and messages of bytes. It uses few names and values, so that paths
// often find something, operands often repeat and comparisons are often true.
type generator struct {
	choices []byte
	steps   map[string][]any // of each generated path
}

func newGenerator(choices []byte) *generator {
	return &generator{choices: choices, steps: map[string][]any{}}
}

// pick returns a number below n. It returns 0 after the choices are used up.
func (g *generator) pick(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	choice := int(g.choices[0]) % n
	g.choices = g.choices[1:]
	return choice
}

var (
	someNames   = []string{"a", "b", "é", "x y", "'\"\\"}
	someStrings = []string{"", "a", "1", "a"}
	someNumbers = []float64{0, math.Copysign(0, -1), 1, 1.5}
)

func (g *generator) name() string { return someNames[g.pick(len(someNames))] }

func (g *generator) stream() string { return someStrings[g.pick(len(someStrings))] }

func node(t string, e any) map[string]any { return map[string]any{"t": t, "e": e} }

func (g *generator) tree(depth int) map[string]any {
	kinds := 11
	if depth == 0 {
		kinds = 7
	}
	switch g.pick(kinds) {
	case 0:
		return node("bool", g.pick(2) == 0)
	case 1:
		return node("string", someStrings[g.pick(len(someStrings))])
	case 2:
		return node("number", someNumbers[g.pick(len(someNumbers))])
	case 3:
		return map[string]any{"t": "null"}
	case 4:
		return node("meta", "streamName")
	case 5, 6:
		return node("path", g.path())
	case 7:
		return node("eq", []any{g.tree(depth - 1), g.tree(depth - 1)})
	case 8:
		return node("and", g.trees(depth-1))
	case 9:
		return node("or", g.trees(depth-1))
	default:
		if g.pick(2) == 0 {
			return node("not", g.tree(depth-1))
		}
		return node("not", []any{g.tree(depth - 1)})
	}
}

func (g *generator) trees(depth int) []any {
	trees := make([]any, g.pick(5))
	for i := range trees {
		trees[i] = g.tree(depth)
	}
	return trees
}

func (g *generator) path() string {
	steps := make([]any, g.pick(4))
	text := "$"
	for i := range steps {
		if g.pick(3) == 0 {
			index := g.pick(5) - 2
			steps[i] = index
			text += fmt.Sprintf("[%d]", index)
			continue
		}
		name := g.name()
		steps[i] = name
		text += g.spelled(name)
	}
	g.steps[text] = steps
	return text
}

// spelled returns one of the spellings of a step to a member.
func (g *generator) spelled(name string) string {
	if name == "a" && g.pick(2) == 0 {
		return ".a"
	}
	if name != someNames[len(someNames)-1] && g.pick(2) == 0 {
		return "[ '" + name + "']"
	}
	quoted, _ := jsontext.AppendQuote(nil, name)
	return "[" + string(quoted) + "]"
}

func (g *generator) doc(depth int) any {
	kinds := 8
	if depth == 0 {
		kinds = 4
	}
	switch g.pick(kinds) {
	case 0:
		return nil
	case 1:
		return g.pick(2) == 0
	case 2:
		return someStrings[g.pick(len(someStrings))]
	case 3:
		return someNumbers[g.pick(len(someNumbers))]
	case 4:
		array := make([]any, g.pick(4))
		for i := range array {
			array[i] = g.doc(depth - 1)
		}
		return array
	default:
		return g.object(depth)
	}
}

func (g *generator) object(depth int) map[string]any {
	object := map[string]any{}
	for range g.pick(6) {
		object[g.name()] = g.doc(depth - 1)
	}
	return object
}

// shuffled returns the tree with the operands of every and, or and eq in another order.
func (g *generator) shuffled(tree any) any {
	old := tree.(map[string]any)
	switch e := old["e"].(type) {
	case []any:
		operands := make([]any, len(e))
		for i := range e {
			operands[i] = g.shuffled(e[i])
		}
		for i := len(operands) - 1; i > 0; i-- {
			j := g.pick(i + 1)
			operands[i], operands[j] = operands[j], operands[i]
		}
		return node(old["t"].(string), operands)
	case map[string]any:
		return node(old["t"].(string), g.shuffled(e))
	default:
		return old
	}
}

// nested puts n times not around a tree.
func nested(n int, tree string) string {
	for range n {
		tree = `{"t":"not","e":` + tree + `}`
	}
	return tree
}

// repeated returns an and of n equal nodes.
func repeated(n int, tree string) string {
	list := []byte(`{"t":"and","e":[`)
	for i := range n {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, tree...)
	}
	return string(append(list, "]}"...))
}

func pathNode(path string) string { return `{"t":"path","e":` + strconv.Quote(path) + `}` }
