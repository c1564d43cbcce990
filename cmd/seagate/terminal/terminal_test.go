package terminal_test

import (
	"bytes"
	"strings"
	"testing"

	"seagate/cmd/seagate/terminal"
)

func TestTable(t *testing.T) {
	rows := [][]string{{"KEY", "VALUE", "FROM"}, {"é", "a long value", "x"}, {"longer", "", "y"}}
	for style, want := range map[terminal.Style]string{
		false: "KEY     VALUE         FROM\né       a long value  x\nlonger                y\n",
		true:  "\x1b[1mKEY     VALUE         FROM\x1b[0m\né       a long value  x\nlonger                y\n",
	} {
		var out bytes.Buffer
		if err := terminal.WriteTable(&out, style, rows, terminal.Heading); err != nil || out.String() != want {
			t.Errorf("colours %v: %q, %v; want %q", style, &out, err, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "",
		"é \U0001f600":       "é \U0001f600",
		"\x1b[2J\n\u009b2J":  `\x1b[2J\n\u009b2J`,
		"a\u202eb\u2028\xff": `a\u202eb\u2028` + "\ufffd",
	} {
		if got := terminal.Printable(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestFitCutsTheWidestColumns, or those that are to be cut first, and no heading.
func TestFitCutsTheWidestColumns(t *testing.T) {
	for _, test := range []struct {
		width int
		first []int
		want  string
	}{
		{42, nil, "größenwahnsinnig|a description of it|123"},
		{40, nil, "größenwahnsinnig|a description of…|123"},
		{36, nil, "größenwahnsin…|a description …|123"},
		{36, []int{0}, "größenwah…|a description of it|123"},
		{30, []int{0}, "größenw…|a description …|123"},
		{1, nil, "größenw…|a descript…|123"}, // at least 8 characters and the heading are kept
	} {
		rows := [][]string{{"CLIENT", "DESCRIPTION", "N"}, {"größenwahnsinnig", "a description of it", "123"}, {"a", "b", "1"}}
		terminal.Fit(rows, test.width, test.first...)
		if got := strings.Join(rows[1], "|"); got != test.want || strings.Join(rows[0], "|") != "CLIENT|DESCRIPTION|N" || strings.Join(rows[2], "|") != "a|b|1" {
			t.Errorf("in %d columns: %q, want %q", test.width, rows, test.want)
		}
	}
}
