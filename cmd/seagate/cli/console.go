package cli

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"seagate/protocol"
)

// A console is where a command reads and writes.
type console struct {
	in       io.Reader
	out      io.Writer // data
	notes    io.Writer // everything else
	json     bool
	terminal bool // out is one
}

func newConsole(cmd *cobra.Command, asJSON bool) console {
	out := cmd.OutOrStdout()
	return console{
		in:       cmd.InOrStdin(),
		out:      out,
		notes:    cmd.ErrOrStderr(),
		json:     asJSON,
		terminal: isTerminal(out),
	}
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// note tells the user something that is not data.
func (c *console) note(format string, args ...any) {
	io.WriteString(c.notes, printable(fmt.Sprintf(format, args...))+"\n")
}

// line prints a line of data.
func (c *console) line(text string) error {
	_, err := io.WriteString(c.out, text+"\n")
	return err
}

// value prints a value as JSON.
func (c *console) value(v any) error { return writeJSON(c.out, c.terminal, v) }

// writeJSON prints a value as JSON, on a line of its own. For a terminal,
// characters that it could take for commands become escapes: within JSON they
// can only be in strings, where escapes mean the same. Raw JSON keeps the
// spelling of its strings and numbers otherwise.
func writeJSON(w io.Writer, terminal bool, v any) error {
	line, err := json.Marshal(v, jsontext.PreserveRawStrings(true), emptyTexts)
	if err != nil {
		return err
	}
	if terminal {
		line = []byte(escapeWith(string(line), func(r rune) string { return fmt.Sprintf(`\u%04x`, r) }))
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// emptyTexts writes "" where the API has null for a text, since scripts compare
// such texts without looking for null.
var emptyTexts = json.WithMarshalers(json.MarshalToFunc(func(e *jsontext.Encoder, text protocol.Nullable) error {
	return e.WriteToken(jsontext.String(string(text)))
}))

// printable returns a text that a terminal prints as it is, on one line.
func printable(text string) string {
	return escapeWith(text, func(r rune) string {
		quoted := strconv.QuoteRune(r)
		return quoted[1 : len(quoted)-1]
	})
}

// escapeWith replaces what is not for the eye: control characters, C1 ones
// such as U+009B included, which some terminals take for ESC [, and those that
// turn the direction of a text around.
func escapeWith(text string, escape func(rune) string) string {
	hidden := func(r rune) bool {
		return r < 0x10000 && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029')
	}
	if strings.IndexFunc(text, hidden) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text { // invalid UTF-8 as U+FFFD
		if hidden(r) {
			b.WriteString(escape(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// list prints what a sequence has: as JSON, or as the columns that row makes
// of an entry.
func list[T any](c *console, entries iter.Seq2[T, error], heading []string, row func(T) []string) error {
	w := bufio.NewWriter(c.out)
	t := newTable(w, c)
	t.head(heading)
	var failed error
	for entry, err := range entries {
		if err == nil && c.json {
			err = writeJSON(w, c.terminal, entry)
		} else if err == nil {
			err = t.row(row(entry))
		}
		if err != nil {
			failed = err
			break
		}
	}
	if err := t.flush(); failed == nil {
		failed = err
	}
	if err := w.Flush(); failed == nil {
		failed = err
	}
	return failed
}

// A table prints rows: aligned, with a heading, on a terminal, and with tabs
// between the columns elsewhere.
type table struct {
	w       io.Writer
	aligned *tabwriter.Writer // nil where nothing is
	style   style
}

func newTable(w io.Writer, c *console) *table {
	t := &table{w: w, style: styleOf(c.out)}
	if c.terminal && !c.json {
		t.aligned = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		t.w = t.aligned
	}
	return t
}

func (t *table) head(heading []string) {
	if t.aligned == nil {
		return
	}
	cells := make([]string, len(heading))
	for i, name := range heading {
		// Every cell of a column has as many bytes that are not printed.
		cells[i] = t.style.strong(name)
	}
	io.WriteString(t.w, strings.Join(cells, "\t")+"\n")
}

func (t *table) row(cells []string) error {
	for i, cell := range cells {
		cells[i] = printable(cell)
		if t.aligned != nil {
			cells[i] = t.style.plain(cells[i])
		}
	}
	_, err := io.WriteString(t.w, strings.Join(cells, "\t")+"\n")
	return err
}

func (t *table) flush() error {
	if t.aligned == nil {
		return nil
	}
	return t.aligned.Flush()
}

// A style is whether there are colours.
type style bool

// styleOf returns the style of what is written to w (https://no-color.org).
func styleOf(w io.Writer) style {
	return style(isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

func (s style) strong(text string) string { return s.paint("1", text) }
func (s style) faint(text string) string  { return s.paint("2", text) }
func (s style) alarm(text string) string  { return s.paint("1;31", text) }

// plain takes as much room as strong, for tables.
func (s style) plain(text string) string { return s.paint("0", text) }

func (s style) paint(how, text string) string {
	if !s {
		return text
	}
	return "\x1b[" + how + "m" + text + "\x1b[0m"
}
