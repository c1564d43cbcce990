package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"seagate/cmd/seagate/terminal"
)

// A topScreen is where "seagate top" shows its samples: a screen that it draws anew, a
// table, or lines of JSON.
type topScreen struct {
	*viewer
	file   *os.File // the terminal that is drawn on; nil for a table or JSON
	sample *topSample
	width  int
	height int
}

func (v *viewer) screen(once bool) *topScreen {
	s := &topScreen{viewer: v}
	if file, ok := v.out.(*os.File); ok && v.terminal && !once && !v.JSON {
		s.file = file
		io.WriteString(file, terminal.OtherScreen+terminal.ToTop+terminal.EraseBelow)
	}
	return s
}

// begin shows the first sample, which has no rates, where there will be others in its place.
func (s *topScreen) begin(first topSample) error {
	if s.file == nil {
		return nil
	}
	return s.show(first)
}

// close leaves the terminal as it was.
func (s *topScreen) close() {
	if s.file != nil {
		io.WriteString(s.file, terminal.FirstScreen)
	}
}

// resizeCheck is how soon a screen of another size is drawn anew.
const resizeCheck = 250 * time.Millisecond

// wait waits for the time of the next sample. Meanwhile it draws the last one anew if the size
// of the terminal changes.
func (s *topScreen) wait(ctx context.Context, rest time.Duration) error {
	timer := time.NewTimer(rest)
	defer timer.Stop()
	ticker := time.NewTicker(resizeCheck)
	defer ticker.Stop()
	for {
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
			if width, height := s.size(); s.sample != nil && (width != s.width || height != s.height) {
				if err := s.draw(); err != nil {
					return err
				}
			}
		}
	}
}

// size returns the size of the terminal, or zeros without one.
func (s *topScreen) size() (width, height int) {
	if s.file == nil {
		return 0, 0
	}
	width, height, err := term.GetSize(int(s.file.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}

// show shows a sample.
func (s *topScreen) show(sample topSample) error {
	switch {
	case s.JSON:
		return s.value(sample)
	case s.file == nil:
		return list(s.Console, each(sample.Streams), topHeading, sample.row)
	}
	s.sample = &sample
	return s.draw()
}

// draw draws the screen anew: a title, a heading, and as many streams as there is room for.
func (s *topScreen) draw() error {
	s.width, s.height = s.size()
	style := s.Style()
	lines := []string{
		style.Strong("seagate top") + "  " + terminal.Printable(s.target.String()),
		s.sample.Time.Local().Format(time.TimeOnly) + "  " + s.title(*s.sample) + "; Ctrl-C ends",
		"",
	}
	for _, problem := range s.sample.Problems {
		lines = append(lines, style.Alarm("error:")+" "+terminal.Printable(problem))
	}
	table := [][]string{topHeading}
	for _, one := range s.sample.Streams[:min(len(s.sample.Streams), max(0, s.height-len(lines)-2))] {
		table = append(table, printable(s.sample.row(one)))
	}
	if len(table) > 1 || len(s.sample.Problems) == 0 {
		terminal.Fit(table, s.width)
		var laidOut bytes.Buffer
		if err := terminal.WriteTable(&laidOut, style, table, terminal.Heading); err != nil {
			return err
		}
		lines = append(lines, strings.Split(strings.TrimSuffix(laidOut.String(), "\n"), "\n")...)
	}
	var b strings.Builder
	b.WriteString(terminal.ToTop)
	for i, line := range lines[:min(len(lines), s.height)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(terminal.Cut(line, s.width) + terminal.EraseRest)
	}
	b.WriteString(terminal.EraseBelow)
	_, err := io.WriteString(s.file, b.String())
	return err
}
