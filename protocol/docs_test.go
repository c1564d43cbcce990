package protocol_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"seagate/protocol"
)

// Whoever writes a client reads the codes in the documentation, so that has to
// have all of them, as they are, and no others.
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

// codeRow is how the table shows a code.
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
