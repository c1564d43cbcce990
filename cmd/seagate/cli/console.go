package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"seagate/cmd/seagate/terminal"
	"seagate/internal/quota"
	"seagate/protocol"
)

// A Console is where one run of a command reads and writes.
type Console struct {
	Args []string  // of the command
	In   io.Reader // standard input
	JSON bool      // --json was given

	out      io.Writer // data
	notes    io.Writer // everything else
	terminal bool      // out is a terminal
	used     *target   // the gateway that the command uses; nil if it uses none
}

// uses notes which gateway the command uses, for its errors. It also prints the gateway if
// say is true.
func (c *Console) uses(t target, say bool) {
	c.used = &t
	switch {
	case !say || t.url == "":
	case c.JSON:
		writeJSON(c.notes, struct {
			Gateway *gatewayUsed `json:"gateway"`
		}{t.used()})
	default:
		c.Note("gateway %v", t)
	}
}

func newConsole(cmd *cobra.Command, args []string, asJSON bool) *Console {
	out := cmd.OutOrStdout()
	return &Console{
		Args:     args,
		In:       cmd.InOrStdin(),
		JSON:     asJSON,
		out:      out,
		notes:    cmd.ErrOrStderr(),
		terminal: terminal.Is(out),
	}
}

// Done prints the result of a command: as JSON, or as a note.
func (c *Console) Done(result any, format string, args ...any) error {
	if c.JSON {
		return c.value(result)
	}
	c.Note(format, args...)
	return nil
}

// Entry prints data: as JSON, or as a line of text.
func (c *Console) Entry(result any, line string) error {
	if c.JSON {
		return c.value(result)
	}
	return c.line(terminal.Printable(line))
}

// Note prints something that is not data.
func (c *Console) Note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if c.JSON {
		writeJSON(c.notes, struct {
			Note string `json:"note"`
		}{text})
		return
	}
	io.WriteString(c.notes, terminal.Printable(text)+"\n")
}

// Progress returns how the progress of something is shown: on standard error, if that is a
// terminal, and not with --json. Notes come above it. The caller must call Done.
func (c *Console) Progress(what string, unit func(int64) string) *terminal.Progress {
	p := terminal.NewProgress(c.notes, !c.JSON, what, unit)
	c.notes = p
	return p
}

// Bytes writes a number of bytes, such as "1.5GiB".
func Bytes(n int64) string { return quota.Disk.Show(n) }

// Warn prints what is odd and not an error.
func (c *Console) Warn(text string) {
	if c.JSON {
		writeJSON(c.notes, struct {
			Warning string `json:"warning"`
		}{text})
		return
	}
	c.Note("warning: %s", text)
}

// Write writes data as it is. It implements io.Writer.
func (c *Console) Write(data []byte) (int, error) { return c.out.Write(data) }

// Style returns the style of data.
func (c *Console) Style() terminal.Style { return terminal.StyleOf(c.out) }

func (c *Console) line(text string) error {
	_, err := io.WriteString(c.out, text+"\n")
	return err
}

func (c *Console) value(v any) error { return writeJSONTo(c.out, c.terminal, v) }

func writeJSON(w io.Writer, v any) error { return writeJSONTo(w, terminal.Is(w), v) }

// writeJSONTo prints a value as JSON on a line of its own. Raw JSON keeps its
// spelling. For a terminal, characters that it would act on become escapes. They
// can only be within strings, where an escape means the same.
func writeJSONTo(w io.Writer, isTerminal bool, v any) error {
	line, err := json.Marshal(v, jsontext.PreserveRawStrings(true), emptyTexts)
	if err != nil {
		return err
	}
	if isTerminal {
		line = []byte(terminal.Escape(string(line), func(r rune) string { return fmt.Sprintf(`\u%04x`, r) }))
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// emptyTexts writes "" where the API has null for a text, since scripts compare
// such texts without looking for null.
var emptyTexts = json.WithMarshalers(json.MarshalToFunc(func(e *jsontext.Encoder, text protocol.Nullable) error {
	return e.WriteToken(jsontext.String(string(text)))
}))

// list prints a sequence: as JSON, or with the columns that row makes of an
// entry. A table that is too wide for its terminal is cut. After an error it prints what came before.
func list[T any](c *Console, entries iter.Seq2[T, error], heading []string, row func(T) []string) error {
	return listCut(c, entries, heading, row)
}

// columns are the columns of a table: the headings, and the cells of an entry.
type columns[T any] struct {
	heading []string
	row     func(T) []string
}

// listShort is list with other columns for a terminal, where all do not fit.
func listShort[T any](c *Console, entries iter.Seq2[T, error], all, short columns[T], first ...int) error {
	if c.terminal {
		all = short
	}
	return listCut(c, entries, all.heading, all.row, first...)
}

// listCut is list for a table whose columns first are cut first, where it is too wide for a
// terminal.
func listCut[T any](c *Console, entries iter.Seq2[T, error], heading []string, row func(T) []string, first ...int) error {
	out := bufio.NewWriter(c.out)
	table := [][]string{heading}
	print := func(entry T) error {
		switch {
		case c.JSON:
			return writeJSONTo(out, c.terminal, entry)
		case c.terminal:
			table = append(table, printable(row(entry)))
			return nil
		}
		_, err := out.WriteString(strings.Join(printable(row(entry)), "\t") + "\n")
		return err
	}
	var failed error
	for entry, err := range entries {
		if err == nil {
			err = print(entry)
		}
		if failed = err; failed != nil {
			break
		}
	}
	var err error
	refused := failed != nil && len(table) == 1 // then a heading alone would look like an empty list
	if c.terminal && !c.JSON && !refused {
		terminal.Fit(table, terminal.Width(c.out), first...)
		err = terminal.WriteTable(out, c.Style(), table, terminal.Heading)
	}
	return cmp.Or(failed, err, out.Flush())
}

// facts prints one entry: on a terminal each column on a line of its own, since
// all of them in one are more than fits, and elsewhere as list does.
func facts[T any](c *Console, entry T, heading []string, row func(T) []string) error {
	if c.JSON || !c.terminal {
		return list(c, one(entry), heading, row)
	}
	cells := printable(row(entry))
	table := make([][]string, len(heading))
	for i := range table {
		table[i] = []string{heading[i], cells[i]}
	}
	return terminal.WriteTable(c.out, c.Style(), table, func(int) bool { return false })
}

func printable(cells []string) []string {
	for i, cell := range cells {
		cells[i] = terminal.Printable(cell)
	}
	return cells
}

// each is the entries of a list, without errors.
func each[T any](entries []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, entry := range entries {
			if !yield(entry, nil) {
				return
			}
		}
	}
}

// one returns a sequence of one entry.
func one[T any](entry T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) { yield(entry, nil) }
}

// An outcome is the result of a command that changes something: what it changed,
// and how that is now.
type outcome struct {
	Stream  string `json:"stream,omitempty"`
	Service string `json:"service,omitempty"`
	Client  string `json:"client,omitempty"`
	Group   string `json:"group,omitempty"`
	Jail    string `json:"jail,omitempty"`
	Header  string `json:"header,omitempty"`
	Key     string `json:"key,omitempty"`
	Rights  string `json:"rights,omitempty"`

	Connection string `json:"connection,omitempty"`

	State string `json:"state,omitempty"`
}

// AddYes adds the flag --yes, for Ask.
func AddYes(cmd *cobra.Command, yes *bool) {
	cmd.Flags().BoolVar(yes, "yes", false, "do not ask")
}

// confirm asks somebody at a terminal to type the name of what is deleted.
// Without a terminal it needs --yes: input from a pipe is no answer.
func (c *Console) confirm(yes bool, name, what string) error {
	return c.Ask(yes, name, fmt.Sprintf("This deletes %s. Type its name, %s, to go on: ", what, name),
		"nothing was deleted, since the answer was not "+name)
}

// Ask asks for a word at the terminal. It returns the error refused for any
// other answer. It asks nothing if yes is set.
func (c *Console) Ask(yes bool, word, question, refused string) error {
	if yes {
		return nil
	}
	if !terminal.Is(c.In) {
		return usagef("this needs a confirmation at a terminal, and there is none: give --yes to confirm")
	}
	io.WriteString(c.notes, terminal.Printable(question))
	answer, _ := bufio.NewReader(c.In).ReadString('\n')
	if strings.TrimSpace(answer) != word {
		return errors.New(refused)
	}
	return nil
}
