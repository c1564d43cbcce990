package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// docs/commands.md lists every command with what it is for, and no others.
func TestDocumentedCommands(t *testing.T) {
	const file = "../../docs/commands.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## Every command\n")
	if !found {
		t.Fatalf("%s has no section of every command", file)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var want []string
	for name, cmd := range leaves() {
		want = append(want, fmt.Sprintf("| `seagate %s` | %s |", name, cmd.Short))
	}
	slices.Sort(want)
	var got []string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "| `seagate ") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	for _, row := range want {
		if !slices.Contains(got, row) {
			t.Errorf("%s lacks\n%s", file, row)
		}
	}
	for _, row := range got {
		if !slices.Contains(want, row) {
			t.Errorf("%s has, and the commands have not,\n%s", file, row)
		}
	}
}
