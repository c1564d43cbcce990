package main

import (
	"testing"

	"github.com/spf13/cobra"
)

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
