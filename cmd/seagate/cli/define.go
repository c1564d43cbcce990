package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/cmd/seagate/terminal"
)

// A sketch is the definition that the flags give.
type sketch struct {
	version string
	fields  []string
}

func defineCommand() *cobra.Command {
	var (
		given  sketch
		dryRun bool
	)
	cmd := onStream("define STREAM [FILE | -]", "Define the messages of a stream", cobra.RangeArgs(1, 2),
		func(ctx context.Context, t *task) error {
			definition, err := definitionOf(t, given)
			if err != nil {
				return err
			}
			how := definable{t.PlanDefine, t.Define}
			if dryRun {
				return plan(ctx, t, how, definition)
			}
			return define(ctx, t, how, definition)
		})
	cmd.Long = `Define the messages of a stream. The definition, {"version": ..., "fields": [...]},
comes from a file or standard input, or from --version and --field. A higher
version replaces the current one.

Types are string, float, integer, date, enum, array<string>, array<float>,
array<integer> and array<date>. Nested fields need a file.`
	cmd.Example = `  seagate define boiler --version 1 --field temperature:float --field unit:enum=C,F
  seagate define boiler boiler.JSON --dry-run`
	cmd.Flags().StringVar(&given.version, "version", "", "`VERSION` of the definition, such as 3 or 1.0.0")
	cmd.Flags().StringArrayVar(&given.fields, "field", nil, "a field, as `NAME:TYPE` or NAME:enum=A,B; repeat it for each field")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would change, and change nothing")
	return cmd
}

// A definable is how a stream or a service is defined.
type definable struct {
	plan   func(ctx context.Context, name string, definition any) (client.Plan, error)
	define func(ctx context.Context, name string, definition any) (inForce jsontext.Value, err error)
}

// define asks first what would change, since the answer to the definition itself
// does not say. If somebody else defines the same in between, what it prints is
// still the definition in force.
func define(ctx context.Context, t *task, how definable, definition jsontext.Value) error {
	name := t.Args[0]
	p, err := how.plan(ctx, name, definition)
	if err != nil {
		return err
	}
	inForce, err := how.define(ctx, name, definition)
	if err != nil {
		return err
	}
	if t.JSON {
		return t.value(inForce)
	}
	d, err := readDefinition(inForce)
	if err != nil {
		return err
	}
	t.Note("%s is %s, version %s", name, p.Change, versionText(d.Version))
	return nil
}

func plan(ctx context.Context, t *task, how definable, definition jsontext.Value) error {
	p, err := how.plan(ctx, t.Args[0], definition)
	if err != nil {
		return err
	}
	if t.JSON {
		return t.value(p)
	}
	lines := []string{terminal.Printable(p.Change)}
	for _, difference := range p.Differences {
		lines = append(lines, "  "+terminal.Printable(difference))
	}
	return t.line(strings.Join(lines, "\n"))
}

// maxDefinition is more than a gateway accepts, in bytes.
const maxDefinition = 16 << 20

// definitionOf returns the definition of the file or the flags.
func definitionOf(t *task, given sketch) (jsontext.Value, error) {
	inFile := len(t.Args) == 2
	switch {
	case inFile && (given.version != "" || len(given.fields) > 0):
		return nil, usagef("give the definition in a file or with --version and --field, not both")
	case !inFile && len(given.fields) == 0:
		return nil, usagef("give the definition in a file, - for standard input, or with --version and --field")
	case !inFile && given.version == "":
		return nil, usagef("give the definition's version, such as --version 1")
	case !inFile:
		return given.definition()
	}
	data, err := t.readInput(t.Args[1], maxDefinition)
	if err != nil {
		return nil, err
	}
	return data, validJSON(t.Args[1], data)
}

// definition returns the definition as JSON.
func (s sketch) definition() (jsontext.Value, error) {
	d := definition{Version: versionJSON(s.version)}
	var wrong []error
	for _, text := range s.fields {
		f, err := parseField(text)
		wrong = append(wrong, err)
		d.Fields = append(d.Fields, f)
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, Usage(err)
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, usagef("the fields cannot be sent: %w", err) // invalid UTF-8
	}
	return raw, nil
}

// parseField reads NAME:TYPE or NAME:enum=A,B.
func parseField(text string) (field, error) {
	name, rest, found := strings.Cut(text, ":")
	kind, values, hasValues := strings.Cut(rest, "=")
	f := field{Name: name, Type: kind}
	switch {
	case !found || name == "" || kind == "":
		return f, fmt.Errorf("--field %q: give a field as NAME:TYPE, such as temperature:float", text)
	case kind == "enum" && values == "":
		return f, fmt.Errorf("--field %q: give the values of an enum, such as %s:enum=C,F", text, name)
	case kind != "enum" && hasValues:
		return f, fmt.Errorf("--field %q: only an enum has values", text)
	case strings.Contains(kind, "object"):
		return f, fmt.Errorf("--field %q: a field with fields of its own needs a definition in a file", text)
	case kind == "enum":
		f.Enum = strings.Split(values, ",")
	}
	return f, nil
}

// versionJSON returns a version as stream-sea clients send it: JavaScript sends a
// whole number as a number, and PHP sends anything else as a string.
func versionJSON(text string) jsontext.Value {
	const most = 15 // digits, which a double always holds
	if len(text) <= most && strings.Trim(text, "0123456789") == "" && (text[0] != '0' || text == "0") {
		return jsontext.Value(text)
	}
	quoted, _ := jsontext.AppendQuote(nil, text)
	return quoted
}

// versionText returns a version without quotes.
func versionText(raw jsontext.Value) string {
	if raw.Kind() != '"' {
		return string(raw)
	}
	text, _ := jsontext.AppendUnquote(nil, raw)
	return string(text)
}
