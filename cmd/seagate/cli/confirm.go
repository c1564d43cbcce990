package cli

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func addYes(cmd *cobra.Command, yes *bool) {
	cmd.Flags().BoolVar(yes, "yes", false, "do not ask")
}

// confirm asks somebody at a terminal to type the name of what is about to
// go. Who is not at one is a script, and means what it says.
func (c *console) confirm(yes bool, name, what string) error {
	if yes || !isTerminal(c.in) {
		return nil
	}
	fmt.Fprintf(c.notes, "This deletes %s. Type its name, %s, to go on: ", what, name)
	answer, _ := bufio.NewReader(c.in).ReadString('\n')
	if strings.TrimSpace(answer) != name {
		return fmt.Errorf("nothing was deleted, since the answer was not %s", name)
	}
	return nil
}
