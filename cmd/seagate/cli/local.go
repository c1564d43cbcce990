package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"
)

// A Local is one run of a command that uses no gateway.
type Local struct {
	Args []string
	t    *task
}

// Offline returns a command that uses no gateway, and prints as those do that
// do. Hand the error of its Execute to Report.
func Offline(use, short string, args cobra.PositionalArgs, do func(context.Context, Local) error) *cobra.Command {
	return newLocal(use, short, args, func(ctx context.Context, t *task) error { return do(ctx, Local{t.args, t}) })
}

// Input is standard input.
func (l Local) Input() io.Reader { return l.t.in }

// Done says what was done, as JSON or to people.
func (l Local) Done(result any, format string, args ...any) error {
	return l.t.done(result, format, args...)
}

// Entry prints an entry of a list: as JSON, or as a line for people.
func (l Local) Entry(result any, line string) error {
	if l.t.json {
		return l.t.value(result)
	}
	return l.t.line(printable(line))
}

// Note tells people something that is not data.
func (l Local) Note(format string, args ...any) { l.t.note(format, args...) }

// NewGroup returns a command that only has others under it.
func NewGroup(use, short string, commands ...*cobra.Command) *cobra.Command {
	return newGroup(use, short, commands...)
}

// VersionCommand returns the command that prints what --version of the root
// command says.
func VersionCommand() *cobra.Command {
	var cmd *cobra.Command
	cmd = Offline("version", "Print the version", cobra.NoArgs, func(_ context.Context, l Local) error {
		version := cmd.Root().Version
		return l.Entry(struct {
			Version string `json:"version"`
		}{version}, version)
	})
	return cmd
}
