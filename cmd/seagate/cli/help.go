package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// helpColumns is the width of the help of commands, which is the usual width of a terminal.
const helpColumns = 80

// FitHelp makes the help of a command, and of all below it, as wide as a terminal: line ends in
// the paragraphs of descriptions have no meaning. What is indented stays as it is.
func FitHelp(root *cobra.Command) {
	root.SetUsageTemplate(strings.NewReplacer(
		"FlagUsages ", fmt.Sprintf("FlagUsagesWrapped %d ", helpColumns),
		" for more information about a command.", " for more.",
	).Replace(root.UsageTemplate()))
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.Long = fill(cmd.Long, helpColumns) // doing it for all commands would take time at each start
		help(cmd, args)
	})
}

// fill breaks the lines of paragraphs anew, so that they have at most so many columns.
func fill(text string, columns int) string {
	var lines []string
	var words []string
	end := func() {
		line, width := "", 0
		for _, word := range words {
			if n := len([]rune(word)); line != "" && width+1+n > columns {
				lines = append(lines, line)
				line, width = word, n
			} else {
				line = strings.TrimPrefix(line+" "+word, " ")
				width = len([]rune(line))
			}
		}
		if line != "" {
			lines = append(lines, line)
		}
		words = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || strings.HasPrefix(line, " ") {
			end()
			lines = append(lines, line)
			continue
		}
		words = append(words, strings.Fields(line)...)
	}
	end()
	return strings.Join(lines, "\n")
}
