package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ManCommand returns the command that writes the manual pages of the command tree.
func ManCommand() *cobra.Command {
	var dir string
	var cmd *cobra.Command
	cmd = NewCommand("man [COMMAND...]", "Print the manual page of a command, or write all of them", cobra.ArbitraryArgs, func(_ context.Context, c *Console) error {
		root := cmd.Root()
		if dir == "" {
			about, rest, err := root.Find(c.Args)
			if err != nil || len(rest) > 0 {
				return Usage(unknownCommand(about, rest[0]))
			}
			if c.JSON {
				return c.value(manPage{pageName(about) + ".1", manual(about)})
			}
			_, err = fmt.Fprint(c, manual(about))
			return err
		}
		if len(c.Args) > 0 {
			return usagef("--dir writes the pages of all commands: leave out %s", strings.Join(c.Args, " "))
		}
		written, err := writeManual(root, dir)
		if err != nil {
			return err
		}
		return c.Done(struct {
			Dir   string `json:"dir"`
			Pages int    `json:"pages"`
		}{dir, written}, "%d pages are in %s", written, dir)
	})
	cmd.Long = `Print the manual page of a command, for man(1), or with --dir write the pages of all
commands.`
	cmd.Example = `  seagate man subscribe | man -l -
  seagate man --dir /usr/local/share/man/man1`
	cmd.ValidArgsFunction = completeCommands
	cmd.Flags().StringVar(&dir, "dir", "", "write the pages of all commands into `FOLDER`")
	return cmd
}

// A manPage is a manual page as JSON.
type manPage struct {
	Page string `json:"page"`
	Text string `json:"text"`
}

// writeManual writes a page for each command into a folder, and returns how many.
func writeManual(root *cobra.Command, dir string) (pages int, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	err = eachCommand(root, func(cmd *cobra.Command) error {
		pages++
		return os.WriteFile(filepath.Join(dir, pageName(cmd)+".1"), []byte(manual(cmd)), 0o644) // everybody reads manuals
	})
	return pages, err
}

// eachCommand calls do for a command and all commands below it that help lists.
func eachCommand(cmd *cobra.Command, do func(*cobra.Command) error) error {
	if err := do(cmd); err != nil {
		return err
	}
	for _, below := range cmd.Commands() {
		if below.Hidden {
			continue
		}
		if err := eachCommand(below, do); err != nil {
			return err
		}
	}
	return nil
}

// pageName is the name of a command's page, such as seagate-clients-list.
func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manual returns the page of a command in the language of man(7).
func manual(cmd *cobra.Command) string {
	cmd.InitDefaultHelpFlag() // so that the page lists --help
	var b strings.Builder
	name := pageName(cmd)
	fmt.Fprintf(&b, ".TH %q 1 %q %q \"Seagate manual\"\n", strings.ToUpper(name), builtFrom(), "seagate "+cmd.Root().Version)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(cmd.UseLine()))
	b.WriteString(".SH DESCRIPTION\n" + paragraphs(strings.TrimSpace(orShort(cmd))))
	if cmd.HasAvailableSubCommands() {
		b.WriteString(".SH COMMANDS\n")
		for _, below := range cmd.Commands() {
			if !below.Hidden {
				fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(below.Name()), roff(below.Short))
			}
		}
	}
	if cmd.HasAvailableFlags() {
		b.WriteString(".SH OPTIONS\n")
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			if !flag.Hidden {
				b.WriteString(option(flag))
			}
		})
	}
	if cmd.Example != "" {
		b.WriteString(".SH EXAMPLES\n.nf\n" + literal(cmd.Example) + ".fi\n")
	}
	b.WriteString(exitStatus)
	b.WriteString(seeAlso(cmd))
	return b.String()
}

// builtFrom returns the day of the commit that the program was built from, or today if that is
// unknown.
func builtFrom() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if day, _, found := strings.Cut(setting.Value, "T"); setting.Key == "vcs.time" && found {
				return day
			}
		}
	}
	return time.Now().UTC().Format(time.DateOnly)
}

// orShort returns the long description of a command, or else the short one.
func orShort(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short + "."
}

const exitStatus = `.SH EXIT STATUS
0 is success. 1: the gateway refused, or something else failed. 2: the command line is
wrong, or an input file that it names cannot be opened. 3: there is no connection: there are
no credentials, the gateway is not reachable, or it refuses them.
`

func option(flag *pflag.Flag) string {
	value, usage := pflag.UnquoteUsage(flag)
	name := "\\fB\\-\\-" + roff(flag.Name) + "\\fR"
	if flag.Shorthand != "" {
		name = "\\fB\\-" + roff(flag.Shorthand) + "\\fR, " + name
	}
	if value != "" {
		name += " \\fI" + roff(value) + "\\fR"
	}
	switch flag.DefValue {
	case "", "false", "0", "[]", "0s":
	default:
		usage += fmt.Sprintf(" (default %s)", flag.DefValue)
	}
	return ".TP\n" + name + "\n" + roff(strings.Join(strings.Fields(usage), " ")) + "\n"
}

func seeAlso(cmd *cobra.Command) string {
	var pages []string
	if cmd.HasParent() {
		pages = append(pages, pageName(cmd.Parent()))
	}
	for _, below := range cmd.Commands() {
		if !below.Hidden {
			pages = append(pages, pageName(below))
		}
	}
	if len(pages) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(".SH SEE ALSO\n")
	for i, page := range pages {
		end := ","
		if i == len(pages)-1 {
			end = ""
		}
		fmt.Fprintf(&b, ".BR %s (1)%s\n", roff(page), end)
	}
	return b.String()
}

// paragraphs returns the text of a description: indented lines stay as they are, others
// are filled.
func paragraphs(text string) string {
	var b strings.Builder
	fixed := false
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\t", "    "), "\n") {
		indented := strings.HasPrefix(line, "  ")
		if indented != fixed && line != "" {
			if fixed = indented; fixed {
				b.WriteString(".nf\n")
			} else {
				b.WriteString(".fi\n")
			}
		}
		if line == "" {
			b.WriteString(".PP\n")
			continue
		}
		b.WriteString(roff(line) + "\n")
	}
	if fixed {
		b.WriteString(".fi\n")
	}
	return b.String()
}

// literal returns lines that stay as they are.
func literal(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		b.WriteString(roff(line) + "\n")
	}
	return b.String()
}

// roff escapes a line, which must not be taken for a request: a backslash, a hyphen that is
// to be copied, and a dot or an apostrophe at the beginning.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\(ga").Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	var b strings.Builder
	for _, r := range text {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return b.String()
}
