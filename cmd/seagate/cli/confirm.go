package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func addYes(cmd *cobra.Command, yes *bool) {
	cmd.Flags().BoolVar(yes, "yes", false, "do not ask")
}

// confirm asks somebody at a terminal to type the name of what is about to be
// deleted. Who is not at one has to say --yes: what comes by a pipe is not an
// answer.
func (c *console) confirm(yes bool, name, what string) error {
	return c.ask(yes, name, fmt.Sprintf("This deletes %s. Type its name, %s, to go on: ", what, name),
		"nothing was deleted, since the answer was not "+name)
}

// ask asks for a word at the terminal. Without that answer the error is refused.
func (c *console) ask(yes bool, word, question, refused string) error {
	if yes {
		return nil
	}
	if !isTerminal(c.in) {
		return usagef("there is nobody at a terminal to ask: give --yes if it is meant")
	}
	io.WriteString(c.notes, printable(question))
	answer, _ := bufio.NewReader(c.in).ReadString('\n')
	if strings.TrimSpace(answer) != word {
		return errors.New(refused)
	}
	return nil
}
