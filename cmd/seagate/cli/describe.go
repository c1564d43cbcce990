package cli

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
)

// A definition is the parts of a schema definition that the commands use.
type definition struct {
	Version jsontext.Value `json:"version"`
	Fields  []field        `json:"fields"`
	Unknown string         `json:"unknownFields,omitempty"` // "" is the gateway's default
}

type field struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Enum     []string `json:"enum,omitempty"`
	Fields   []field  `json:"fields,omitempty"`
	Optional bool     `json:"optional,omitzero"`
}

func readDefinition(raw jsontext.Value) (definition, error) {
	var d definition
	if err := json.Unmarshal(raw, &d); err != nil {
		return d, fmt.Errorf("%w: the definition cannot be read: %w", client.ErrConnection, err)
	}
	return d, nil
}

func describeCommand() *cobra.Command {
	var (
		version, since string
		all            bool
	)
	cmd := onStream("describe STREAM", "Show the definition of a stream", cobra.ExactArgs(1),
		func(ctx context.Context, t *task) error {
			switch {
			case all && (version != "" || since != ""):
				return usagef("give --version, --since or --all, not --all and another")
			case since != "":
				return showChanges(ctx, t, since, version)
			case all:
				return describeAll(ctx, t)
			case version != "":
				raw, err := t.SchemaVersion(ctx, t.Args[0], version)
				return show(t, raw, err)
			default:
				raw, err := t.Schema(ctx, t.Args[0])
				return show(t, raw, err)
			}
		})
	cmd.Example = `  seagate describe boiler
  seagate describe boiler --json > boiler.json
  seagate describe boiler --since 1 --version 2`
	cmd.Flags().StringVar(&version, "version", "", "show this `VERSION` instead of the current one")
	cmd.Flags().StringVar(&since, "since", "", "show what changed since `VERSION`, up to the current version or that of --version, and what of it breaks")
	cmd.Flags().BoolVar(&all, "all", false, "list all versions, lowest first")
	for _, flag := range []string{"version", "since"} {
		cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return completeFrom(cmd, versionNames, args)
		})
	}
	return cmd
}

// show prints a definition as a table of its fields. Nested fields follow theirs.
func show(t *task, raw jsontext.Value, err error) error {
	if err != nil {
		return err
	}
	if t.JSON {
		return t.value(raw)
	}
	d, err := readDefinition(raw)
	if err != nil {
		return err
	}
	t.Note("%s, version %s%s", t.Args[0], versionText(d.Version), d.unknown())
	return list(t.Console, flatten("", d.Fields), []string{"FIELD", "TYPE", "DETAIL"}, func(f field) []string {
		return []string{f.Name, f.Type, f.detail()}
	})
}

// showChanges prints the differences of two versions, and which of them break.
func showChanges(ctx context.Context, t *task, since, version string) error {
	changes, err := t.SchemaChanges(ctx, t.Args[0], since, version)
	if err != nil {
		return err
	}
	if t.JSON {
		return t.value(changes)
	}
	from, to := versionText(changes.Since), versionText(changes.Version)
	switch {
	case len(changes.Differences) == 0:
		t.Note("%s: version %s and %s are the same", t.Args[0], from, to)
		return nil
	case changes.Compatible:
		t.Note("%s: messages that match version %s match version %s too", t.Args[0], from, to)
	default:
		t.Note("%s: messages that match version %s may not match version %s", t.Args[0], from, to)
	}
	effect := func(difference string) []string {
		if slices.Contains(changes.Breaking, difference) {
			return []string{"breaks", difference}
		}
		return []string{"compatible", difference}
	}
	return list(t.Console, each(changes.Differences), []string{"EFFECT", "DIFFERENCE"}, effect)
}

// unknown says what happens to unknown fields, if the definition does.
func (d definition) unknown() string {
	switch d.Unknown {
	case "":
		return ""
	case "accept":
		return "; other fields are accepted"
	case "refuse":
		return "; other fields are refused"
	}
	return "; unknownFields: " + d.Unknown
}

func (f field) detail() string {
	var words []string
	if f.Optional {
		words = append(words, "optional")
	}
	if len(f.Enum) > 0 {
		words = append(words, strings.Join(f.Enum, " | "))
	}
	return strings.Join(words, ", ")
}

// flatten returns the fields of all levels, with names such as moves[].load.
func flatten(prefix string, fields []field) iter.Seq2[field, error] {
	return func(yield func(field, error) bool) {
		for _, f := range fields {
			f.Name = prefix + f.Name
			if !yield(f, nil) {
				return
			}
			below := f.Name + "."
			if strings.HasPrefix(f.Type, "array") {
				below = f.Name + "[]."
			}
			for inner := range flatten(below, f.Fields) {
				if !yield(inner, nil) {
					return
				}
			}
		}
	}
}

func describeAll(ctx context.Context, t *task) error {
	versions, err := t.SchemaVersions(ctx, t.Args[0])
	if err != nil {
		return err
	}
	heading := []string{"VERSION", "FIELDS"}
	return list(t.Console, readable(versions), heading, func(d described) []string {
		var names []string
		for _, f := range d.Fields {
			names = append(names, f.Name)
		}
		return []string{versionText(d.Version), strings.Join(names, ", ")}
	})
}

// described is a definition with its JSON.
type described struct {
	definition
	raw jsontext.Value
}

// MarshalJSON implements json.Marshaler.
func (d described) MarshalJSON() ([]byte, error) { return d.raw, nil }

func readable(versions []jsontext.Value) iter.Seq2[described, error] {
	return func(yield func(described, error) bool) {
		for _, raw := range versions {
			d, err := readDefinition(raw)
			if !yield(described{d, raw}, err) {
				return
			}
		}
	}
}
