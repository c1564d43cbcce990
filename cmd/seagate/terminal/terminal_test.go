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

// Columns stay aligned behind wide characters, and behind marks that take no place.
func TestTablesAreAlignedWhateverTheScript(t *testing.T) {
	rows := [][]string{{"STREAM", "N"}, {"größe.测试流", "1"}, {"e\u0301", "2"}, {"🚢", "3"}}
	var b strings.Builder
	if err := terminal.WriteTable(&b, false, rows, terminal.Heading); err != nil {
		t.Fatal(err)
	}
	want := "STREAM        N\ngröße.测试流  1\ne\u0301             2\n🚢            3\n"
	if b.String() != want {
		t.Errorf("the table is\n%s\nwant\n%s", b.String(), want)
	}
	for text, want := range map[string]string{"测试流测试流": "测试…", "测试流": "测试流", "größer": "größer", "longer text": "longe…"} {
		if got := terminal.Shorten(text, 6); got != want || terminal.Columns(got) > 6 {
			t.Errorf("%s cut to 6 columns is %s, want %s", text, got, want)
		}
	}
	if got := terminal.Cut("a测试b", 4); got != "a测" {
		t.Errorf("cut to 4 columns: %q", got)
	}
}
