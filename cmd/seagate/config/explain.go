package config

import (
	"io"

	"github.com/go-json-experiment/json"

	"seagate/cmd/seagate/terminal"
)

// An Entry is one value in force, as "seagate config" shows it.
type Entry struct {
	Key    string `json:"key"`    // dotted
	Value  any    `json:"value"`  // bool, int, string, []string, secret.Text, or nil for a secret that is not set
	Origin string `json:"origin"` // as Config.Origin
	Live   bool   `json:"-"`      // it can change while the gateway runs
}

// Entries returns every value in force, in the order of Reference.
func (c *Config) Entries() []Entry {
	var entries []Entry
	for _, s := range c.all() {
		entries = append(entries, Entry{s.path(), s.plain(), c.Origin(s.path()), s.isLive})
	}
	return entries
}

// ExplainJSON writes the entries as a JSON array, on one line.
func (c *Config) ExplainJSON(w io.Writer) error { return writeLine(w, c.Entries()) }

// ReferenceJSON writes what Reference says as a JSON array, on one line.
func ReferenceJSON(w io.Writer) error {
	type entry struct {
		Key      string `json:"key"`
		Default  any    `json:"default"`
		About    string `json:"about"`
		Value    string `json:"value,omitzero"` // what it may be
		Flag     string `json:"flag,omitzero"`
		Variable string `json:"variable"`
		Live     bool   `json:"live"`
	}
	var entries []entry
	for _, s := range Default().all() {
		flag := s.flag
		if flag != "" {
			flag = "--" + flag
		}
		entries = append(entries, entry{s.path(), s.plain(), s.doc, s.bounds, flag, s.env(), s.isLive})
	}
	return writeLine(w, entries)
}

func writeLine(w io.Writer, v any) error {
	if err := json.MarshalWrite(w, v); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// Explain writes the entries as a table, with values as a file has them. With
// colours, values that are not defaults stand out.
func (c *Config) Explain(w io.Writer, style terminal.Style) error {
	entries := c.Entries()
	rows := [][]string{{"KEY", "VALUE", "FROM"}}
	for _, e := range entries {
		rows = append(rows, []string{e.Key, literal(e.Value), e.Origin})
	}
	return terminal.WriteTable(w, style, rows, func(row int) bool { return row > 0 && rows[row][2] != originDefault })
}
