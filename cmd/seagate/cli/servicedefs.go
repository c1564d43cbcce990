package cli

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/client"
)

// A serviceDefinition is the parts of the definition of a service that the commands use.
type serviceDefinition struct {
	Version    jsontext.Value        `json:"version"`
	Procedures []procedureDefinition `json:"procedures"`
	Unknown    string                `json:"unknownFields"`
}

// A procedureDefinition has nil for what takes any JSON.
type procedureDefinition struct {
	Name   string   `json:"name"`
	Body   *[]field `json:"body"`
	Result *[]field `json:"result"`
}

func serviceDefineCommand() *cobra.Command {
	var dryRun bool
	cmd := gatewayCommand("define SERVICE FILE | -", "Define what the calls of a service and their results must be", cobra.ExactArgs(2),
		func(ctx context.Context, t *task) error {
			definition, err := t.readInput(t.Args[1], maxDefinition)
			if err == nil {
				err = validJSON(t.Args[1], definition)
			}
			if err != nil {
				return err
			}
			how := definable{t.PlanDefineService, t.DefineService}
			if dryRun {
				return plan(ctx, t, how, definition)
			}
			return define(ctx, t, how, definition)
		})
	completes(cmd, serviceNames)
	cmd.Long = `Define what the calls of a service and their results must be. The definition comes
from a file or standard input:

  {"version": 1, "procedures": [{"name": "quote", "body": [FIELD, ...], "result": [FIELD, ...]}]}

Fields are as in the definition of a stream. A body or result that is left out may
be any JSON. A higher version replaces the current one.`
	cmd.Example = `  seagate service define pricing pricing.json --dry-run`
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would change, and change nothing")
	return cmd
}

func serviceDeleteCommand() *cobra.Command {
	var yes bool
	cmd := gatewayCommand("delete SERVICE", "Delete the definition of a service with all of its versions", cobra.ExactArgs(1),
		func(ctx context.Context, t *task) error {
			service := t.Args[0]
			if err := t.confirm(yes, service, "the definition of the service with all of its versions"); err != nil {
				return err
			}
			if err := t.DeleteServiceDefinition(ctx, service); err != nil {
				return err
			}
			return t.Done(outcome{Service: service, State: "undefined"}, "%s is not defined any more, and its calls are not checked", service)
		})
	completes(cmd, serviceNames)
	cmd.Long = `Delete the definition of a service with all of its versions. Its servers stay, and
its calls are not checked any more.`
	AddYes(cmd, &yes)
	cmd.Example = `  seagate service delete pricing`
	return cmd
}

func serviceShowCommand() *cobra.Command {
	var version string
	cmd := gatewayCommand("show SERVICE", "Show the servers of a service, and its definition", cobra.ExactArgs(1),
		func(ctx context.Context, t *task) error {
			if version != "" {
				definition, err := t.ServiceVersion(ctx, t.Args[0], version)
				if err != nil || !t.JSON {
					return showService(t, definition, err)
				}
				return t.value(definition)
			}
			info, err := t.Service(ctx, t.Args[0])
			if err != nil {
				return err
			}
			if t.JSON {
				return t.value(info)
			}
			return showServers(t, info)
		})
	completes(cmd, serviceNames)
	cmd.Long = `Show the servers of a service with what they have done and, if it is defined, its
definition in force and the versions that there are. With --version show that
version of the definition alone.`
	cmd.Example = `  seagate service show pricing
  seagate service show pricing --version 1 --json > pricing.json`
	cmd.Flags().StringVar(&version, "version", "", "show this `VERSION` of the definition")
	return cmd
}

func showServers(t *task, info client.ServiceInfo) error {
	if len(info.Servers) > 0 || info.Definition == nil {
		if err := listShort(t.Console, each(info.Servers), columns[client.ServerInfo]{serverHeading, serverRow},
			columns[client.ServerInfo]{shortServerHeading, shortServerRow}); err != nil {
			return err
		}
	} else {
		t.Note("nobody serves %s", info.Name)
	}
	if info.Definition == nil {
		return nil
	}
	if err := showService(t, info.Definition, nil); err != nil {
		return err
	}
	if len(info.Versions) > 1 {
		versions := make([]string, len(info.Versions))
		for i, v := range info.Versions {
			versions[i] = versionText(v)
		}
		t.Note("versions: %s", strings.Join(versions, ", "))
	}
	return nil
}

// showService prints a definition as a table with a row for each field.
func showService(t *task, raw jsontext.Value, err error) error {
	if err != nil {
		return err
	}
	var d serviceDefinition
	if err := json.Unmarshal(raw, &d); err != nil {
		return fmt.Errorf("%w: the definition cannot be read: %w", client.ErrConnection, err)
	}
	t.Note("%s, version %s%s", t.Args[0], versionText(d.Version), definition{Unknown: d.Unknown}.unknown())
	return list(t.Console, d.rows(), []string{"PROCEDURE", "PART", "FIELD", "TYPE", "DETAIL"}, func(row []string) []string { return row })
}

func (d serviceDefinition) rows() iter.Seq2[[]string, error] {
	var rows [][]string
	for _, p := range d.Procedures {
		rows = append(rows, partRows(p.Name, "body", p.Body)...)
		rows = append(rows, partRows(p.Name, "result", p.Result)...)
	}
	return each(rows)
}

func partRows(procedure, part string, fields *[]field) (rows [][]string) {
	if fields == nil {
		return [][]string{{procedure, part, "-", "any", ""}}
	}
	for f := range flatten("", *fields) {
		rows = append(rows, []string{procedure, part, f.Name, f.Type, f.detail()})
	}
	if rows == nil {
		return [][]string{{procedure, part, "-", "object", ""}}
	}
	return rows
}
