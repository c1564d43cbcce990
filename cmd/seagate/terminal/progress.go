package terminal

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// progressAfter is how long something may take before its progress is shown.
	progressAfter = time.Second
	// progressEvery is the shortest time between two changes of what is shown.
	progressEvery = 200 * time.Millisecond
)

// A Progress shows on a terminal how far something is, on one line that it changes. What is
// written to the Progress comes above that line. If the output is not a terminal, it shows
// nothing, and passes on what is written. A Progress is safe for concurrent use.
type Progress struct {
	out   io.Writer
	width func() int // nil if nothing is shown
	now   func() time.Time
	what  string
	unit  func(int64) string

	mu    sync.Mutex // guards what follows
	begun time.Time
	last  time.Time // when the line was changed; zero if it was not
	shown bool      // there is a line
	over  bool
}

// NewProgress returns a progress that is shown on w if that is a terminal and show is true.
// what names the work. It stands before the numbers, which unit formats.
func NewProgress(w io.Writer, show bool, what string, unit func(int64) string) *Progress {
	p := &Progress{out: w, now: time.Now, what: what, unit: unit}
	if show && Is(w) && os.Getenv("TERM") != "dumb" {
		p.width = func() int { return Width(w) }
	}
	p.begun = p.now()
	return p
}

// Show says how much is done of a total, which is 0 if it is not known. extra is printed after
// that. Show may be called often: it draws at most once in progressEvery.
func (p *Progress) Show(done, total int64, extra string) {
	p.show(func(took time.Duration) string { return p.line(done, total, extra, took) })
}

// Line shows a line of the caller's.
func (p *Progress) Line(text string) { p.show(func(time.Duration) string { return text }) }

func (p *Progress) show(line func(took time.Duration) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.width == nil || p.over || now.Sub(p.begun) < progressAfter || now.Sub(p.last) < progressEvery {
		return
	}
	p.last, p.shown = now, true
	io.WriteString(p.out, eraseLine+Shorten(line(now.Sub(p.begun)), p.width()-1))
}

// eraseLine goes to the beginning of the line and erases it.
const eraseLine = "\r" + EraseRest

// line is what is shown, such as "backup: 45% (1.2GiB of 2.6GiB), 200MiB/s, 7s left".
func (p *Progress) line(done, total int64, extra string, took time.Duration) string {
	rate := float64(done) / took.Seconds()
	var b strings.Builder
	b.WriteString(p.what + ": ")
	if total > 0 && done <= total {
		fmt.Fprintf(&b, "%d%% (%s of %s)", int64(100*float64(done)/float64(total)), p.unit(done), p.unit(total))
	} else {
		b.WriteString(p.unit(done))
	}
	fmt.Fprintf(&b, ", %s/s", p.unit(int64(rate)))
	if total > done && done > 0 {
		left := time.Duration(float64(total-done) / rate * float64(time.Second))
		fmt.Fprintf(&b, ", %v left", left.Round(time.Second))
	}
	if extra != "" {
		b.WriteString(", " + extra)
	}
	return b.String()
}

// Write writes what is to stay above the line. It implements io.Writer.
func (p *Progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	return p.out.Write(text)
}

func (p *Progress) erase() {
	if p.shown {
		p.shown, p.last = false, time.Time{}
		io.WriteString(p.out, eraseLine)
	}
}

// Done erases the line. Nothing is shown after that.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	p.over = true
}

// Count writes a number with commas: 1,234,567.
func Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}
