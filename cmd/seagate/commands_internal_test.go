package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"seagate/cmd/seagate/cli"
	"seagate/internal/panics/panicstest"
)

// TestHelp prints the help of a command that there is, and fails for any other.
func TestHelp(t *testing.T) {
	for args, want := range map[string]struct {
		text string
		code int
	}{
		"":               {"Use a gateway:", cli.ExitOK},
		"publish":        {"--message-id", cli.ExitOK},
		"clients rotate": {"clients rotate CLIENT", cli.ExitOK},
		"nosuch":         {`there is no command "nosuch": see seagate --help`, cli.ExitUsage},
		"pubish":         {"did you mean seagate publish?", cli.ExitUsage},
		"sreams":         {"did you mean seagate streams?", cli.ExitUsage},
		"sub":            {"did you mean seagate subscribe?", cli.ExitUsage},
		"clients nosuch": {`there is no command "nosuch": see seagate clients --help`, cli.ExitUsage},
	} {
		var printed bytes.Buffer
		root := rootCommand()
		root.SetOut(&printed)
		root.SetErr(io.Discard)
		root.SetArgs(append([]string{"help"}, strings.Fields(args)...))
		code := cli.Report(&printed, root.Execute())
		if code != want.code || !strings.Contains(printed.String(), want.text) {
			t.Errorf("help %s: exit status %d\n%s", args, code, printed.String())
		}
	}
}

// TestEveryCommandHasJSON, since the documentation promises it.
func TestEveryCommandHasJSON(t *testing.T) {
	commands := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, below := range cmd.Commands() {
			walk(below)
		}
		if cmd.HasSubCommands() {
			return
		}
		if commands++; cmd.Flags().Lookup("json") == nil {
			t.Errorf("%s has no --json", cmd.CommandPath())
		}
	}
	walk(rootCommand())
	if commands < 20 {
		t.Errorf("only %d commands were found", commands)
	}
}

// A reload that panics changes nothing, and the gateway goes on.
func TestAReloadThatPanics(t *testing.T) {
	contained := panicstest.Begin(t, "reload")
	reload(nil, nil, nil, nil)
	contained.Want(1)
}

// TestHelpFitsTheTerminal: no line of help is wider than a terminal, apart from examples, which
// are there to be copied.
func TestHelpFitsTheTerminal(t *testing.T) {
	pages := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		pages++
		var printed bytes.Buffer
		cmd.SetOut(&printed)
		if err := cmd.Help(); err != nil {
			t.Error(err)
		}
		for line := range strings.Lines(printed.String()) {
			if line = strings.TrimSuffix(line, "\n"); len([]rune(line)) > 80 && !strings.Contains(cmd.Example+cmd.Long, line) {
				t.Errorf("%s: %d columns: %s", cmd.CommandPath(), len([]rune(line)), line)
			}
		}
		for _, below := range cmd.Commands() {
			walk(below)
		}
	}
	walk(rootCommand())
	if pages < 80 {
		t.Errorf("%d commands have help", pages)
	}
}
