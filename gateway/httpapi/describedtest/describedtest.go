// Package describedtest holds requests, answers and messages against the descriptions that the API gives
// of itself.
package describedtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// A document is a description whose schemas can be used.
type document struct {
	root        map[string]any
	lax, strict *jsonschema.Compiler // of what is sent, and of what the gateway answers
}

// parse reads a description. In the strict schemas an object has no members but those that are described.
func parse(text []byte) (*document, error) {
	d := &document{}
	if err := json.Unmarshal(text, &d.root); err != nil {
		return nil, err
	}
	var err error
	if d.lax, err = compiler(text); err != nil {
		return nil, err
	}
	var closed map[string]any
	if err := json.Unmarshal(text, &closed); err != nil {
		return nil, err
	}
	closeObjects(closed)
	text, err = json.Marshal(closed)
	if err == nil {
		d.strict, err = compiler(text)
	}
	return d, err
}

func compiler(text []byte) (*jsonschema.Compiler, error) {
	c := jsonschema.NewCompiler()
	c.Draft, c.AssertFormat = jsonschema.Draft2020, true
	return c, c.AddResource("description.json", bytes.NewReader(text))
}

// closeObjects allows no members of objects beside those that their schemas have.
func closeObjects(node any) {
	switch node := node.(type) {
	case map[string]any:
		if _, ok := node["properties"].(map[string]any); ok && node["type"] != nil {
			if _, says := node["additionalProperties"]; !says {
				node["additionalProperties"] = false
			}
		}
		for _, child := range node {
			closeObjects(child)
		}
	case []any:
		for _, child := range node {
			closeObjects(child)
		}
	}
}

// at returns what the document has at a place, or nil.
func (d *document) at(place ...string) any {
	var node any = d.root
	for _, key := range place {
		object, _ := node.(map[string]any)
		node = object[key]
		if object, _ := node.(map[string]any); object["$ref"] != nil && key != "schema" && key != "payload" {
			ref, _ := object["$ref"].(string)
			node = d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return node
}

// check holds a JSON text against the schema at a place.
func check(c *jsonschema.Compiler, text []byte, place ...string) error {
	for i, key := range place {
		place[i] = strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1"), "{", "%7B")
		place[i] = strings.ReplaceAll(place[i], "}", "%7D")
	}
	schema, err := c.Compile("description.json#/" + strings.Join(place, "/"))
	if err != nil {
		return err
	}
	var value any
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&value); err != nil {
		return err
	}
	return schema.Validate(value)
}

// An OpenAPI is a description of HTTP calls.
type OpenAPI struct {
	*document
	operations []*Operation // those with fewer wildcards first

	mu sync.Mutex // guards the compilers, which compile a schema when it is first used
}

// An Operation is a method of a path.
type Operation struct {
	Method, Path    string
	ID              string
	IsPublic        bool
	PathParameters  []string
	QueryParameters []string

	pattern *regexp.Regexp
}

var wildcard = regexp.MustCompile(`\\\{[a-z]+\\\}`)

// ParseOpenAPI reads an OpenAPI document.
func ParseOpenAPI(text []byte) (*OpenAPI, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	o := &OpenAPI{document: d}
	paths, _ := d.at("paths").(map[string]any)
	for path, item := range paths {
		item, _ := item.(map[string]any)
		for method, operation := range item {
			if method == "parameters" {
				continue
			}
			operation, _ := operation.(map[string]any)
			next := &Operation{Method: strings.ToUpper(method), Path: path,
				pattern: regexp.MustCompile("^" + wildcard.ReplaceAllString(regexp.QuoteMeta(path), "[^/]+") + "$")}
			next.ID, _ = operation["operationId"].(string)
			security, isSet := operation["security"].([]any)
			next.IsPublic = isSet && len(security) == 0
			for _, list := range []any{item["parameters"], operation["parameters"]} {
				d.addParameters(next, list)
			}
			o.operations = append(o.operations, next)
		}
	}
	slices.SortFunc(o.operations, func(a, b *Operation) int {
		return strings.Compare(fmt.Sprint(len(a.PathParameters), a.Path, a.Method), fmt.Sprint(len(b.PathParameters), b.Path, b.Method))
	})
	return o, nil
}

func (d *document) addParameters(to *Operation, list any) {
	parameters, _ := list.([]any)
	for _, p := range parameters {
		parameter, _ := p.(map[string]any)
		if ref, ok := parameter["$ref"].(string); ok {
			parameter, _ = d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...).(map[string]any)
		}
		name, _ := parameter["name"].(string)
		switch parameter["in"] {
		case "path":
			to.PathParameters = append(to.PathParameters, name)
		case "query":
			to.QueryParameters = append(to.QueryParameters, name)
		}
	}
}

// Operations returns all operations.
func (o *OpenAPI) Operations() []*Operation { return o.operations }

// Find returns the operation of a request, or nil. HEAD is GET.
func (o *OpenAPI) Find(method, target string) *Operation {
	path, _, _ := strings.Cut(target, "?")
	if method == "HEAD" {
		method = "GET"
	}
	for _, op := range o.operations {
		if op.Method == method && op.pattern.MatchString(path) {
			return op
		}
	}
	return nil
}

// CheckRequest holds the body of a request against its description.
func (o *OpenAPI) CheckRequest(op *Operation, body []byte) error {
	place := []string{"paths", op.Path, strings.ToLower(op.Method), "requestBody"}
	if o.at(place...) == nil || len(body) == 0 { // an operation that has no body reads none
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return check(o.lax, body, append(place, "content", "application/json", "schema")...)
}

// CheckAnswer holds the body of an answer against its description.
func (o *OpenAPI) CheckAnswer(op *Operation, status int, contentType string, body []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if status != 200 {
		return check(o.strict, body, "components", "responses", "Problem", "content", "application/problem+json", "schema")
	}
	place := []string{"paths", op.Path, strings.ToLower(op.Method), "responses", "200", "content", contentType}
	switch described := o.at(place...); {
	case described == nil:
		return fmt.Errorf("an answer of type %s is not described", contentType)
	case contentType != "application/json":
		return nil
	}
	return check(o.strict, body, append(place, "schema")...)
}

// CheckExamples holds the examples of requests against their schemas, and finds schemas of answers that cannot be
// used. It returns how many examples there are.
func (o *OpenAPI) CheckExamples() (n int, err error) {
	var problems []error
	for _, op := range o.operations {
		answer := []string{"paths", op.Path, strings.ToLower(op.Method), "responses", "200", "content", "application/json", "schema"}
		if o.at(answer...) != nil {
			if err := check(o.strict, []byte("{}"), answer...); err != nil && !errors.As(err, new(*jsonschema.ValidationError)) {
				problems = append(problems, fmt.Errorf("the answer of %s: %w", op.ID, err))
			}
		}
		place := []string{"paths", op.Path, strings.ToLower(op.Method), "requestBody", "content", "application/json"}
		examples, _ := o.at(append(place, "examples")...).(map[string]any)
		list := []any{}
		for _, example := range examples {
			list = append(list, example.(map[string]any)["value"])
		}
		if one := o.at(append(place, "example")...); one != nil {
			list = append(list, one)
		}
		if o.at(place...) != nil && len(list) == 0 {
			problems = append(problems, fmt.Errorf("%s has no example of its body", op.ID))
		}
		for _, example := range list {
			n++
			text, _ := json.Marshal(example)
			if err := check(o.strict, text, append(slices.Clone(place), "schema")...); err != nil {
				problems = append(problems, fmt.Errorf("the example of %s: %w", op.ID, err))
			}
		}
	}
	return n, errors.Join(problems...)
}

// An AsyncAPI is a description of messages.
type AsyncAPI struct {
	*document

	mu   sync.Mutex      // guards seen, and the compilers, which compile a schema when it is first used
	seen map[string]bool // messages that matched
}

// ParseAsyncAPI reads an AsyncAPI document.
func ParseAsyncAPI(text []byte) (*AsyncAPI, error) {
	d, err := parse(text)
	return &AsyncAPI{document: d, seen: map[string]bool{}}, err
}

// Messages returns the names of the messages of a channel that its operations receive or send, from the
// gateway's point of view.
func (a *AsyncAPI) Messages(channel, action string) []string {
	found := map[string]bool{}
	add := func(list any) {
		refs, _ := list.([]any)
		for _, ref := range refs {
			ref, _ := ref.(map[string]any)["$ref"].(string)
			if name, ok := strings.CutPrefix(ref, "#/channels/"+channel+"/messages/"); ok {
				found[name] = true
			}
		}
	}
	operations, _ := a.at("operations").(map[string]any)
	for _, operation := range operations {
		operation, _ := operation.(map[string]any)
		if operation["action"] == action {
			add(operation["messages"])
		}
		if reply, ok := operation["reply"].(map[string]any); ok && action == "send" {
			add(reply["messages"])
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// Actions returns the values that a member of the payload has in the messages with these names.
func (a *AsyncAPI) Actions(names []string) []string {
	found := map[string]bool{}
	for _, name := range names {
		switch action := a.at("components", "messages", name, "payload", "properties", "action").(type) {
		case map[string]any:
			if constant, ok := action["const"].(string); ok {
				found[constant] = true
			}
			list, _ := action["enum"].([]any)
			for _, one := range list {
				found[one.(string)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// Check holds a message against the descriptions of the messages that a channel receives or sends. One of
// them has to match.
func (a *AsyncAPI) Check(channel, action string, text []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var problems []error
	c := a.strict
	if action == "receive" {
		c = a.lax
	}
	for _, name := range a.Messages(channel, action) {
		err := check(c, text, "components", "messages", name, "payload")
		if err == nil {
			a.seen[name] = true
			return nil
		}
		problems = append(problems, fmt.Errorf("%s: %w", name, err))
	}
	return errors.Join(problems...)
}

// Unseen returns the messages of the channels that nothing has matched in Check.
func (a *AsyncAPI) Unseen(channels ...string) (names []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, channel := range channels {
		for _, name := range slices.Concat(a.Messages(channel, "receive"), a.Messages(channel, "send")) {
			if !a.seen[name] {
				names = append(names, name)
			}
		}
	}
	return names
}

// CheckExamples holds the examples of messages against their schemas. It returns how many there are.
func (a *AsyncAPI) CheckExamples() (n int, err error) {
	var problems []error
	messages, _ := a.at("components", "messages").(map[string]any)
	for name, message := range messages {
		examples, _ := message.(map[string]any)["examples"].([]any)
		if len(examples) == 0 {
			problems = append(problems, fmt.Errorf("%s has no example", name))
		}
		for _, example := range examples {
			n++
			text, _ := json.Marshal(example.(map[string]any)["payload"])
			if err := check(a.strict, text, "components", "messages", name, "payload"); err != nil {
				problems = append(problems, fmt.Errorf("the example of %s: %w", name, err))
			}
		}
	}
	return n, errors.Join(problems...)
}
