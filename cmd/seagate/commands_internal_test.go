package main

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
		"ls":             {"did you mean seagate streams?", cli.ExitUsage},
		"sub":            {"did you mean seagate subscribe?", cli.ExitUsage},
		"completion fsh": {"did you mean seagate completion fish?", cli.ExitUsage},
		"clients nosuch": {`there is no command "nosuch": see seagate clients --help`, cli.ExitUsage},
	} {
		var printed bytes.Buffer
		root := rootCommand()
		cli.AddCompletion(root)
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
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			if strings.Contains(flag.Usage, "\n") { // help wraps it, and completion shows its first line alone
				t.Errorf("%s --%s is explained in more than one line", cmd.CommandPath(), flag.Name)
			}
		})
		for _, below := range cmd.Commands() {
			walk(below)
		}
	}
	walk(rootCommand())
	if pages < 80 {
		t.Errorf("%d commands have help", pages)
	}
}

// TestEveryCommandHasAnExample that the command line accepts: the command, its flags and the number of its arguments.
func TestEveryCommandHasAnExample(t *testing.T) {
	tried := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		lines := strings.ReplaceAll(cmd.Example, "\\\n", " ")
		if !strings.Contains(lines, cmd.CommandPath()) {
			t.Errorf("%s has no example of itself: %q", cmd.CommandPath(), lines)
		}
		for line := range strings.Lines(lines) {
			if args := argumentsOf(line); args != nil {
				tried++
				tryArguments(t, line, args)
			}
		}
		for _, below := range cmd.Commands() {
			walk(below)
		}
	}
	walk(rootCommand())
	if tried < 150 {
		t.Errorf("%d examples were tried", tried)
	}
}

// shellWord is a word of a shell's command line: what is quoted is one with what is beside it.
var shellWord = regexp.MustCompile(`(?:'[^']*'|"[^"]*"|\$\([^)]*\)|[^\s'"])+`)

// argumentsOf returns the arguments that a line gives to seagate, up to a pipe, a redirection or a comment; nil if it
// runs something else.
func argumentsOf(line string) []string {
	words := shellWord.FindAllString(line, -1)
	at := slices.Index(words, "seagate")
	if at < 0 {
		return nil
	}
	args := []string{}
	for _, word := range words[at+1:] {
		if slices.Contains([]string{"|", "||", "&&", ">", "<", "2>", "#", "&"}, word) {
			break
		}
		if strings.HasPrefix(word, "$(") {
			word = "1" // a number, such as that of a process
		}
		args = append(args, strings.NewReplacer("'", "", `"`, "").Replace(word))
	}
	return args
}

// tryArguments fails the test if a command line is wrong. It runs nothing.
func tryArguments(t *testing.T, line string, args []string) {
	t.Helper()
	cmd, rest, err := rootCommand().Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err == nil && cmd.HasSubCommands() && cmd.Flags().NArg() > 0 {
		err = fmt.Errorf("%s has no command %s", cmd.CommandPath(), cmd.Flags().Arg(0))
	}
	if err != nil {
		t.Errorf("%s: %v", strings.TrimSpace(line), err)
	}
}

// A program that `go install` has fetched has no version by the linker.
func TestVersionWithoutLinker(t *testing.T) {
	for main, want := range map[string]string{"v1.2.3": "v1.2.3", "(devel)": "dev", "": "dev"} {
		if got := releaseOf(&debug.BuildInfo{Main: debug.Module{Version: main}}); got != want {
			t.Errorf("%q: %s, want %s", main, got, want)
		}
	}
	if got := releaseOf(nil); got != "dev" {
		t.Errorf("without information: %s", got)
	}
}
