package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth/fdsl"
	"seagate/client"
	"seagate/cmd/seagate/config"
)

// A filter is the filters of --where, all of which must accept a message.
type filter []*fdsl.Filter

// accepts reports whether the filters accept a message.
func (f filter) accepts(m client.Message) (bool, error) {
	if len(f) == 0 {
		return true, nil
	}
	var doc any
	if err := json.Unmarshal(m.Payload, &doc); err != nil {
		return false, fmt.Errorf("message %d of %s is not JSON", m.Seq, m.Stream)
	}
	for _, one := range f {
		if !one.Match(doc, m.Stream) {
			return false, nil
		}
	}
	return true, nil
}

// parseWhere reads the values of --where. whole is one filter that combines all of them, for a
// gateway. It is nil if there are none, or if it is larger than a gateway accepts by default.
func parseWhere(texts []string) (f filter, whole jsontext.Value, err error) {
	defaults := config.Default().Limits
	limits := fdsl.Limits{Bytes: int(defaults.FilterBytes), Depth: defaults.FilterDepth, Nodes: config.FilterNodes}
	var trees []jsontext.Value
	for _, text := range texts {
		tree, err := whereTree(text)
		if err != nil {
			return nil, nil, err
		}
		one, err := fdsl.Compile(tree, limits)
		if err != nil {
			return nil, nil, whereError(text, err)
		}
		f, trees = append(f, one), append(trees, tree)
	}
	switch len(trees) {
	case 0:
		return f, nil, nil
	case 1:
		return f, trees[0], nil
	}
	whole, err = json.Marshal(whereNode{"and", trees})
	if err != nil {
		return nil, nil, err
	}
	if _, err := fdsl.Compile(whole, limits); err != nil {
		return f, nil, nil
	}
	return f, whole, nil
}

// whereError is the error for a filter, with one problem a line.
func whereError(text string, err error) error {
	wrong, ok := errors.AsType[*fdsl.Error](err)
	if !ok {
		return usagef("--where %q: %w", text, err)
	}
	lines := []string{fmt.Sprintf("--where %q is not a filter:", text)}
	for _, p := range wrong.Problems {
		place := "the root"
		if p.Place != "" {
			place = p.Place
		}
		lines = append(lines, "at "+place+": "+p.Message)
	}
	if wrong.More {
		lines = append(lines, "and more")
	}
	return Usage(errors.New(strings.Join(lines, "\n")))
}

// whereTree returns the filter of a text as FDSL: PATH=VALUE, PATH!=VALUE, or FDSL. A VALUE
// that is not a JSON scalar is a text.
func whereTree(text string) (jsontext.Value, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return jsontext.Value(text), nil
	}
	path, value, found := strings.Cut(text, "=")
	path, unequal := strings.CutSuffix(path, "!")
	if !found || path == "" {
		return nil, usagef("--where %q: give PATH=VALUE, PATH!=VALUE, or a filter as JSON, such as %s", text, `'{"t":"eq","e":[{"t":"path","e":"$.unit"},{"t":"string","e":"C"}]}'`)
	}
	literal := whereNode{Type: "string", Operand: value}
	if raw := jsontext.Value(value); raw.IsValid() {
		switch raw.Kind() {
		case '0':
			literal = whereNode{"number", raw}
		case 't', 'f':
			literal = whereNode{"bool", raw}
		case 'n':
			literal = whereNode{Type: "null"}
		case '"':
			literal = whereNode{"string", raw}
		}
	}
	tree := whereNode{"eq", []whereNode{{"path", strings.TrimSpace(path)}, literal}}
	if unequal {
		tree = whereNode{"not", tree}
	}
	return json.Marshal(tree)
}

// A whereNode is a node of FDSL.
type whereNode struct {
	Type    string `json:"t"`
	Operand any    `json:"e,omitzero"`
}
