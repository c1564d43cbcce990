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
		try    int
	)
	cmd := onStream("define STREAM [FILE | -]", "Define the messages of a stream", cobra.RangeArgs(1, 2),
		func(ctx context.Context, t *task) error {
			definition, err := definitionOf(t, given)
			if err != nil {
				return err
			}
			how := definable{t.PlanDefine, t.Define}
			if try != 0 {
				return trySchema(ctx, t, definition, try)
			}
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
  seagate define boiler boiler.json --dry-run`
	cmd.Flags().StringVar(&given.version, "version", "", "`VERSION` of the definition, such as 3 or 1.0.0")
	cmd.Flags().StringArrayVar(&given.fields, "field", nil, "a field, as `NAME:TYPE` or NAME:enum=A,B; repeat it for each field")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would change, and change nothing")
	cmd.Flags().IntVar(&try, "try", 0, "as --dry-run, and check the last `N` messages of the stream against the definition")
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

// trySchema says what a definition would do, and which of the last messages do not match it. It
// fails if the definition would be refused, or a message does not match.
func trySchema(ctx context.Context, t *task, definition jsontext.Value, last int) error {
	if last < 1 || last > largestPage {
		return usagef("--try must be from 1 to %d", largestPage)
	}
	trial, err := t.TrySchema(ctx, t.Args[0], definition, last)
	if err != nil {
		return err
	}
	if t.JSON {
		if err := t.value(trial); err != nil {
			return err
		}
	} else if err := t.line(strings.Join(printable(trialLines(trial)), "\n")); err != nil {
		return err
	}
	switch {
	case trial.Refusal != nil:
		return fmt.Errorf("the definition would be refused: %s", trial.Refusal.Code)
	case trial.Refused > 0:
		return fmt.Errorf("%d of %d messages do not match the definition", trial.Refused, trial.Messages)
	}
	return nil
}

func trialLines(trial client.SchemaTrial) (lines []string) {
	if trial.Plan != nil {
		lines = append(lines, trial.Plan.Change)
		for _, difference := range trial.Plan.Differences {
			lines = append(lines, "  "+difference)
		}
	} else {
		lines = append(lines, "refused: "+trial.Refusal.Message)
		for _, problem := range trial.Refusal.Errors {
			lines = append(lines, "  "+problem)
		}
	}
	checked := fmt.Sprintf("%d of %d messages match", trial.Messages-trial.Refused, trial.Messages)
	if trial.Messages == 0 {
		checked = "there are no messages to check"
	}
	if trial.Stopped != "" {
		checked += ", the others were not looked at: too many " + string(trial.Stopped)
	}
	lines = append(lines, checked)
	for _, problem := range trial.Problems {
		lines = append(lines, fmt.Sprintf("  message %d", problem.Seq))
		problems := problem.Errors
		if len(problems) == 0 {
			problems = []string{problem.Message}
		}
		for _, line := range problems {
			lines = append(lines, "    "+line)
		}
	}
	return lines
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
