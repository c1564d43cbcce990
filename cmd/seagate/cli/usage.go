package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"seagate/internal/spelling"
)

// This file says what is wrong with a command line. The libraries' texts name
// types and functions of Go.

// usageArgs says which argument is missing, or is one too many, if the check
// fails.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		expected := operands(cmd.Use)
		if check(cmd, args) == nil {
			return emptyArg(cmd, args, expected)
		}
		wrong := "the arguments are not right"
		if len(args) > len(expected) {
			wrong = fmt.Sprintf("there is an argument too many: %q", args[len(expected)])
		} else if len(args) < len(expected) {
			wrong = strings.TrimSuffix(expected[len(args)], "...") + " is missing"
		}
		return usagef("%s; the usage is: %s", wrong, cmd.UseLine())
	}
}

// emptyArg says which argument is empty, as one is that comes from a variable that is not set. What
// stands behind "--" is another program's.
func emptyArg(cmd *cobra.Command, args, expected []string) error {
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		args = args[:dash]
	}
	at := slices.Index(args, "")
	if at < 0 || len(expected) == 0 {
		return nil
	}
	name, _, _ := strings.Cut(strings.Trim(strings.TrimSuffix(expected[min(at, len(expected)-1)], "..."), "[]"), " ")
	return usagef("%s is empty; the usage is: %s", name, cmd.UseLine())
}

// operands returns the names of the arguments in the usage of a command. One in
// brackets is optional.
func operands(use string) (names []string) {
	inside := false
	for _, word := range strings.Fields(use)[1:] {
		if inside {
			names[len(names)-1] += " " + word
		} else {
			names = append(names, word)
		}
		inside = (inside || strings.HasPrefix(word, "[")) && !strings.HasSuffix(word, "]")
	}
	return names
}

// FlagError turns an error of the flags into a usage error in plain words, with a
// suggestion for a misspelt flag.
func FlagError(cmd *cobra.Command, err error) error {
	err = flagError(cmd, err)
	asJSON := cmd.Flags().Lookup("json")
	// Flags after the wrong one are not parsed, so --json is looked for in the arguments too.
	if asJSON != nil && asJSON.Changed || (asJSON != nil || cmd.HasSubCommands()) && slices.Contains(os.Args, "--json") {
		return &failure{err: err, command: cmd.Name(), json: true}
	}
	return err
}

func flagError(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if cmd.HasSubCommands() && cmd.Flags().NArg() > 0 { // it is the command that is misspelt
			return Usage(unknownCommand(cmd, cmd.Flags().Arg(0)))
		}
		return Usage(unknownFlag(cmd, unknown))
	}
	if empty, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usagef("--%s needs a value; see %s --help", empty.GetFlag().Name, cmd.CommandPath())
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		flag := invalid.GetFlag()
		if must := mustBe[flag.Value.Type()]; must != "" {
			return usagef("--%s %q: it must be %s", flag.Name, invalid.GetValue(), must)
		}
		return usagef("--%s %q: %w", flag.Name, invalid.GetValue(), errors.Unwrap(err))
	}
	return Usage(err)
}

// mustBe says what the value of a flag must be, by the type of the flag.
var mustBe = map[string]string{
	"bool":        "true or false",
	"int":         "a whole number",
	"uint64":      "a whole number that is not negative",
	"float64":     "a number",
	"stringToInt": "a name and a whole number, such as boiler=1",
	"duration":    "a duration such as 90s, 1h30m or 7d",
}

func unknownFlag(cmd *cobra.Command, unknown *pflag.NotExistError) error {
	if letters := unknown.GetSpecifiedShortnames(); letters != "" {
		return fmt.Errorf("there is no flag -%s; see %s --help", unknown.GetSpecifiedName(), cmd.CommandPath())
	}
	var known []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			known = append(known, flag.Name)
		}
	})
	if near, ok := spelling.Nearest(unknown.GetSpecifiedName(), known, slips); ok {
		return fmt.Errorf("there is no flag --%s; did you mean --%s?", unknown.GetSpecifiedName(), near)
	}
	return fmt.Errorf("there is no flag --%s; see %s --help", unknown.GetSpecifiedName(), cmd.CommandPath())
}

// slips is how many edits a misspelled name may be away from one that is meant.
func slips(name string) int { return max(1, min(3, len(name)/3)) }

// NearestCommand returns the command below parent that somebody who typed name may have meant,
// or "".
func NearestCommand(parent *cobra.Command, name string) string {
	var known []string
	for _, cmd := range parent.Commands() {
		if slices.Contains(cmd.SuggestFor, name) {
			if below, _, err := cmd.Find([]string{name}); err == nil && below != cmd {
				return cmd.Name() + " " + below.Name()
			}
			return cmd.Name()
		}
		if cmd.IsAvailableCommand() {
			known = append(known, cmd.Name())
		}
	}
	if near, ok := spelling.Nearest(name, known, slips); ok {
		return near
	}
	if at := slices.IndexFunc(known, func(longer string) bool { return strings.HasPrefix(longer, name) }); at >= 0 {
		return known[at]
	}
	return ""
}
