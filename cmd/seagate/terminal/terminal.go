// Package terminal prints what people read: tables, colours, and texts in which
// a terminal finds no commands. Programs that read the same output get neither
// colours nor escapes.
package terminal

import (
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// Is reports whether a stream, such as os.Stdout, is a terminal.
func Is(stream any) bool {
	file, ok := fileOf(stream)
	return ok && term.IsTerminal(int(file.Fd()))
}

// fileOf returns the file that a stream writes to.
func fileOf(stream any) (*os.File, bool) {
	for {
		p, ok := stream.(*Progress)
		if !ok {
			break
		}
		stream = p.out
	}
	file, ok := stream.(*os.File)
	return file, ok
}

// defaultWidth is the width of a terminal that does not say its own, in columns.
const defaultWidth = 80

// Width returns the width of the terminal that w is, in columns.
func Width(w io.Writer) int {
	if file, ok := fileOf(w); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return defaultWidth
}

// The sequences that a whole screen is drawn with (ECMA-48).
const (
	OtherScreen = "\x1b[?1049h\x1b[?25l" // the alternate screen, without a cursor
	FirstScreen = "\x1b[?25h\x1b[?1049l"
	ToTop       = "\x1b[H"
	EraseRest   = "\x1b[K" // of the line
	EraseBelow  = "\x1b[J"
)

// A Style paints texts, or leaves them as they are if it is false.
type Style bool

// StyleOf returns the style for what is written to w. There are colours on a
// terminal, unless NO_COLOR is set (https://no-color.org) or TERM is dumb.
func StyleOf(w io.Writer) Style {
	return Style(Is(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

// Strong paints a heading.
func (s Style) Strong(text string) string { return s.paint("1", text) }

// Faint paints what matters less.
func (s Style) Faint(text string) string { return s.paint("2", text) }

// Alarm paints what is wrong.
func (s Style) Alarm(text string) string { return s.paint("1;31", text) }

func (s Style) paint(how, text string) string {
	if !s {
		return text
	}
	return "\x1b[" + how + "m" + text + "\x1b[0m"
}

// WriteTable writes rows of cells, with the columns aligned. Rows for which
// strong returns true stand out, if the style has colours. Cells must not
// contain tabs or line breaks: see Printable.
func WriteTable(w io.Writer, style Style, rows [][]string, strong func(row int) bool) error {
	widest := widestOf(rows)
	var out strings.Builder
	for row, cells := range rows {
		var line strings.Builder
		for i, cell := range cells {
			line.WriteString(cell)
			if i < len(cells)-1 {
				line.WriteString(strings.Repeat(" ", widest[i]-Columns(cell)+gap))
			}
		}
		text := line.String()
		if strong(row) {
			text = style.Strong(text)
		}
		out.WriteString(text + "\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// widestOf returns how many columns of the terminal each column of a table takes.
func widestOf(rows [][]string) (widest []int) {
	for _, cells := range rows {
		for i, cell := range cells {
			if i == len(widest) {
				widest = append(widest, 0)
			}
			widest[i] = max(widest[i], Columns(cell))
		}
	}
	return widest
}

// Fit cuts texts of a table, so that WriteTable writes lines of at most width columns. It
// cuts the columns that are given first, and then the widest of all. It keeps at least 8
// columns of each text and does not cut the first row, the heading. "…" ends a text that
// was cut.
func Fit(rows [][]string, width int, first ...int) {
	widest, least := widestOf(rows), make([]int, len(rows[0]))
	over := gap*(len(widest)-1) - width // by how much the table is too wide
	for i := range widest {
		least[i] = max(8, Columns(rows[0][i]))
		over += widest[i]
	}
	all := make([]int, len(widest))
	for i := range all {
		all[i] = i
	}
	over -= narrow(widest, least, first, over)
	narrow(widest, least, all, over)
	for _, cells := range rows {
		for i := range cells {
			cells[i] = Shorten(cells[i], widest[i])
		}
	}
}

// narrow takes up to so many characters from the widest of some columns, down to what is least.
// It returns how many it took.
func narrow(widths, least, columns []int, most int) (taken int) {
	for ; taken < most; taken++ {
		widest := -1
		for _, i := range columns {
			if widths[i] > least[i] && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return taken
}

// gap is the distance between columns.
const gap = 2

// Heading is for tables of which the first row stands out.
func Heading(row int) bool { return row == 0 }

// Printable returns a text that a terminal prints as it is, on one line.
// Characters that it would act on become the escapes of a Go string.
func Printable(text string) string {
	return Escape(text, func(r rune) string {
		quoted := strconv.QuoteRune(r)
		return quoted[1 : len(quoted)-1]
	})
}

// Escape replaces the characters that a terminal does not just show: control
// characters and those that change the direction of a text. Control characters
// include C1, such as U+009B, which some terminals take for ESC [. Invalid
// UTF-8 becomes U+FFFD.
func Escape(text string, escape func(rune) string) string {
	if strings.IndexFunc(text, isActive) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if isActive(r) {
			b.WriteString(escape(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isActive(r rune) bool {
	return r < 0x10000 && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029')
}

// Cut cuts a line to a number of columns. It counts no escapes that Style has added.
func Cut(line string, width int) string {
	var b strings.Builder
	shown, escape := 0, false
	for _, r := range line {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		case shown+columnsOf(r) > width:
			shown = width
			continue
		default:
			shown += columnsOf(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}
