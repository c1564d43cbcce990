package protocol_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// The documentation has every code as it is in the program, and no others:
// authors of clients rely on it.
func TestDocumentedCodes(t *testing.T) {
	const file = "../docs/protocol.md"
	documented := codeRows(t, file)
	var want []string
	for _, info := range protocol.Codes() {
		want = append(want, codeRow(info))
	}
	for i := range max(len(want), len(documented)) {
		switch {
		case i >= len(documented):
			t.Errorf("%s lacks the row\n%s", file, want[i])
		case i >= len(want):
			t.Errorf("%s has a row too many:\n%s", file, documented[i])
		case documented[i] != want[i]:
			t.Errorf("%s has the row\n%s\nwant\n%s", file, documented[i], want[i])
		}
	}
}

// codeRow returns the row of the table for a code.
func codeRow(info protocol.CodeInfo) string {
	number := func(n int) string {
		if n == 0 {
			return "–"
		}
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s |",
		info.Code, number(info.Status), number(info.Close), info.Title, info.Advice)
}

// codeRows returns the rows of the table of codes.
func codeRows(t *testing.T, file string) (rows []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n# Error codes\n")
	_, table, ruled := strings.Cut(section, "\n|---|---|---|---|---|\n")
	if !found || !ruled {
		t.Fatalf("%s has no table of error codes", file)
	}
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		rows = append(rows, strings.TrimSuffix(line, "\n"))
	}
	return rows
}

// The table of codes by action has all actions, and codes that exist.
func TestDocumentedCodesByAction(t *testing.T) {
	const file = "../docs/protocol.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## Error codes by action\n")
	if !found {
		t.Fatalf("%s has no section of error codes by action", file)
	}
	section, _, _ = strings.Cut(section, "\n# ")
	var actions []string
	name := regexp.MustCompile("`([a-z_]+)`")
	for line := range strings.Lines(section) {
		row := strings.Split(line, "|")
		if len(row) != 4 {
			continue
		}
		for _, action := range name.FindAllStringSubmatch(row[1], -1) {
			actions = append(actions, action[1])
		}
		for _, code := range name.FindAllStringSubmatch(row[2], -1) {
			known := func(c protocol.CodeInfo) bool { return string(c.Code) == code[1] }
			if !slices.ContainsFunc(protocol.Codes(), known) {
				t.Errorf("%s has the code %s, which does not exist", file, code[1])
			}
		}
	}
	want := slices.Sorted(slices.Values(protocol.Actions()))
	slices.Sort(actions)
	if !slices.Equal(actions, want) {
		t.Errorf("%s has codes for the actions %q, want %q", file, actions, want)
	}
}

// Every message in the examples is JSON, also where it goes on in a second line.
func TestDocumentedMessages(t *testing.T) {
	const file = "../docs/protocol.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	message := regexp.MustCompile(`(?m)^ +[<>] ([{\[].*(?:\n {6,}[^ <>].*)*)`)
	messages := message.FindAllStringSubmatch(string(text), -1)
	for _, m := range messages {
		joined := regexp.MustCompile(`\n *`).ReplaceAllString(m[1], "")
		joined = strings.ReplaceAll(joined, ",…", "") // keys that are left out
		if !jsontext.Value(joined).IsValid() {
			t.Errorf("%s shows a message that is not JSON: %s", file, joined)
		}
	}
	if len(messages) < 80 {
		t.Errorf("found only %d messages in %s", len(messages), file)
	}
}

// The documentation has every code of an explanation, and no others.
func TestDocumentedExplainCodes(t *testing.T) {
	text, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n| `code` | step | verdict | meaning |\n|---|---|---|---|\n")
	if !found {
		t.Fatal("there is no table of the codes of explanations")
	}
	var want strings.Builder
	for _, c := range protocol.ExplainCodes {
		fmt.Fprintf(&want, "| `%s` | %s | %s | %s |\n", c.Code, c.Step, c.Verdict, c.Means)
		if _, refusal := protocol.Code(c.Code).Info(); refusal {
			t.Errorf("%s is the code of a refusal", c.Code)
		}
	}
	if got, _, _ := strings.Cut(section, "\n\n"); got+"\n" != want.String() {
		t.Errorf("the table is\n%s\nwant\n%s", got, want.String())
	}
}
