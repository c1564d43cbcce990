package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"seagate/client"
)

// maxImport is more than a gateway accepts, in bytes.
const maxImport = 16 << 20

func importCommand() *cobra.Command {
	var o client.ImportOptions
	cmd := gatewayCommand("import FILE", "Import jails, clients with their secrets, and streams (root jail)", cobra.ExactArgs(1),
		func(ctx context.Context, t *task) error { return importFile(ctx, t, o) })
	cmd.Long = `Import jails, clients with the secrets that they have, public keys, and streams with
their definitions. They come from a file, or from standard input if it is "-":

  {"jails": [{"id": "root",
    "clients": [{"id": "sensors", "secret": "...", "description": "...", "jwtPublicKey": "..."}],
    "streams": [{"name": "boiler", "definition": {"version": 1, "fields": [...]}}]}]}

Everything is checked first, and nothing changes if anything is wrong. A second
import of the same file changes nothing. If an import is interrupted, run it again.`
	cmd.Example = `  seagate import stream-sea.json --dry-run
  seagate import stream-sea.json`
	flags := cmd.Flags()
	flags.BoolVar(&o.DryRun, "dry-run", false, "check everything, say what would change, and change nothing")
	flags.BoolVar(&o.Overwrite, "overwrite", false, "replace what differs; without it, a difference is a problem")
	flags.BoolVar(&o.AllowShortSecrets, "allow-short-secrets", false, "accept secrets of fewer than 16 characters")
	return cmd
}

func importFile(ctx context.Context, t *task, o client.ImportOptions) error {
	name := t.Args[0]
	document, err := t.readInput(name, maxImport)
	if err != nil {
		return err
	}
	if err := validJSON(name, document); err != nil {
		return err
	}
	const others = 0o077
	if info, err := os.Stat(name); name != "-" && err == nil && info.Mode().IsRegular() && info.Mode()&others != 0 {
		t.Warn(fmt.Sprintf("others can read %s, which has secrets: use chmod 600, and remove it after the import", name))
	}
	done, err := t.Import(ctx, document, o)
	if err != nil {
		return err
	}
	for _, warning := range done.Warnings {
		t.Warn(warning)
	}
	if t.JSON {
		return t.value(done)
	}
	would := ""
	if o.DryRun {
		would = "would be "
	}
	for _, c := range done.Changes {
		words := []string{would + c.Change, "jail", c.Jail}
		if c.Client != "" {
			words = append(words, "client", c.Client)
		}
		if c.Stream != "" {
			words = append(words, "stream", c.Stream)
		}
		if err := t.Entry(nil, strings.Join(words, " ")); err != nil {
			return err
		}
	}
	switch {
	case len(done.Changes) == 0:
		t.Note("nothing to change: all %d are as the file has them", done.Unchanged)
	case o.DryRun:
		t.Note("%d would change, %d are as the file has them; nothing was changed", len(done.Changes), done.Unchanged)
	default:
		t.Note("%d changed, %d were as the file has them", len(done.Changes), done.Unchanged)
	}
	return nil
}
