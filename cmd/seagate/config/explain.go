package config

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Entry is one value in force, as `seagate config` shows it.
type Entry struct {
	Key    string `json:"key"`    // dotted
	Value  any    `json:"value"`  // bool, int64, string, []string, secret.Text, or nil for a secret that is not set
	Origin string `json:"origin"` // as Config.Origin
}

// Entries is every value in force, in the order of Reference.
func (c *Config) Entries() []Entry {
	var entries []Entry
	for _, s := range c.all() {
		entries = append(entries, Entry{s.path(), s.value.plain(), c.Origin(s.path())})
	}
	return entries
}

// ExplainJSON writes the entries as a JSON array.
func (c *Config) ExplainJSON(w io.Writer) error {
	if err := json.MarshalWrite(w, c.Entries(), jsontext.WithIndent("  ")); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// Explain writes the entries as a table, values as they would stand in a file.
// With color, those that somebody set are bold.
func (c *Config) Explain(w io.Writer, color bool) error {
	rows := [][3]string{{"KEY", "VALUE", "FROM"}}
	for _, e := range c.Entries() {
		rows = append(rows, [3]string{e.Key, literal(e.Value), e.Origin})
	}
	widths := columnWidths(rows)
	var b strings.Builder
	for i, row := range rows {
		line := pad(row[0], widths[0]) + pad(row[1], widths[1]) + row[2]
		if color && i > 0 && row[2] != originDefault {
			line = "\x1b[1m" + line + "\x1b[0m"
		}
		fmt.Fprintln(&b, line)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// columnWidths is the width of the first two columns, with two blanks after
// each; the last one needs none.
func columnWidths(rows [][3]string) (widths [2]int) {
	for _, row := range rows {
		for i := range widths {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i])+2)
		}
	}
	return widths
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", width-utf8.RuneCountInString(text))
}
