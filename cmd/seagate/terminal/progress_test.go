package terminal

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestProgress shows nothing in the first second, then a line at most five times a second,
// and leaves nothing behind.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	p := NewProgress(&out, true, "backup", Count)
	p.now, p.begun, p.width = func() time.Time { return now }, now, func() int { return 40 }
	at := func(seconds float64, done, total int64, want string) {
		t.Helper()
		now = time.Unix(0, int64(seconds*float64(time.Second)))
		out.Reset()
		p.Show(done, total, "")
		if got := out.String(); got != want {
			t.Errorf("after %v s: %q, want %q", seconds, got, want)
		}
	}
	at(0.9, 900, 10_000, "")
	at(1, 1000, 10_000, "\r\x1b[Kbackup: 10% (1,000 of 10,000), 1,000/s…")
	at(1.1, 1100, 10_000, "")
	at(2, 1000, 0, "\r\x1b[Kbackup: 1,000, 500/s")
	out.Reset()
	p.Write([]byte("line 3 is refused\n"))
	if got := out.String(); got != "\r\x1b[Kline 3 is refused\n" {
		t.Errorf("a note above it: %q", got)
	}
	at(2.1, 1050, 0, "\r\x1b[Kbackup: 1,050, 500/s")
	out.Reset()
	p.Done()
	if got := out.String(); got != eraseLine {
		t.Errorf("at the end: %q", got)
	}
	at(9, 5000, 0, "")
}

// TestProgressWithoutATerminal: nothing is shown.
func TestProgressWithoutATerminal(t *testing.T) {
	var out strings.Builder
	p := NewProgress(&out, true, "backup", Count)
	p.begun = time.Unix(0, 0)
	p.Show(1, 2, "")
	p.Write([]byte("note\n"))
	p.Done()
	if out.String() != "note\n" {
		t.Errorf("it wrote %q", out.String())
	}
}
