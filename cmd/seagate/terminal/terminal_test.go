package terminal_test

import (
	"bytes"
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

func TestShortenCutsOneColumn(t *testing.T) {
	for _, test := range []struct {
		width int
		want  string
	}{
		{40, "größenwahnsinnig"},
		{21, "größenwahnsinnig"},
		{20, "größenwahnsinn…"},
		{1, "größenw…"}, // at least 8 characters are kept
	} {
		rows := [][]string{{"CLIENT", "N"}, {"größenwahnsinnig", "123"}, {"a", "1"}}
		terminal.Shorten(rows, 0, test.width)
		if rows[1][0] != test.want || rows[2][0] != "a" || rows[0][0] != "CLIENT" || rows[1][1] != "123" {
			t.Errorf("in %d columns: %q", test.width, rows)
		}
	}
}
