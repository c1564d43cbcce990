package rationed_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seagate/internal/rationed"
)

// An output is what was logged. Lines also come from timers.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(line)
}

func newLog(burst int, interval time.Duration) (*rationed.Log, *output) {
	out := &output{}
	handler := slog.NewTextHandler(out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	return rationed.New(slog.New(handler), burst, interval), out
}

func taken(o *output) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.text.Reset()
	return o.text.String()
}

func TestLinesOfOneKindAreRationed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := newLog(3, time.Second)
		for i := range 1000 {
			l.Log(slog.LevelWarn, "guess", "refused", "n", i)
		}
		if got := taken(out); got != "level=WARN msg=refused n=0\nlevel=WARN msg=refused n=1\nlevel=WARN msg=refused n=2\n" {
			t.Fatalf("logged\n%s", got)
		}
		if got := l.Suppressed(); got != 997 {
			t.Fatalf("%d lines counted as left out", got)
		}
		l.Log(slog.LevelInfo, "other", "ended")
		if got := taken(out); got != "level=INFO msg=ended\n" {
			t.Fatalf("another kind: %q", got)
		}
		time.Sleep(time.Second + 1)
		l.Log(slog.LevelWarn, "guess", "refused", "n", 7)
		l.Log(slog.LevelWarn, "guess", "refused", "n", 8)
		if got := taken(out); got != "level=WARN msg=refused n=7 suppressed=997\n" {
			t.Fatalf("after a second: %q", got)
		}
		time.Sleep(rationed.SummaryDelay)
		synctest.Wait()
		if got := taken(out); got != "level=WARN msg=\"log lines were left out\" line=refused kind=guess suppressed=1\n" {
			t.Fatalf("at last: %q", got)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := taken(out); got != "" {
			t.Fatalf("nothing was left out, and it says %q", got)
		}
	})
}

// Kinds may have names that clients choose, so there is a bound, also for the lines of all.
func TestKindsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := newLog(1, time.Second)
		for i := range 5000 {
			l.Log(slog.LevelWarn, fmt.Sprint("kind ", i), "refused")
		}
		if lines := strings.Count(taken(out), "\n"); lines > 1025 {
			t.Fatalf("%d lines", lines)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		taken(out)
		l.Log(slog.LevelWarn, "a new kind", "refused")
		if got := taken(out); got != "level=WARN msg=refused\n" {
			t.Fatalf("after a pause: %q", got)
		}
	})
}

func TestLinesBelowTheLevelCountNothing(t *testing.T) {
	l, out := newLog(1, time.Hour)
	for range 10 {
		l.Log(slog.LevelDebug, "x", "detail")
	}
	l.Log(slog.LevelInfo, "x", "told")
	if got := taken(out); got != "level=INFO msg=told\n" || l.Suppressed() != 0 {
		t.Fatalf("%q, %d left out", got, l.Suppressed())
	}
}

// A handler that panics for the line of a timer does not end the process, and lines go on.
func TestAPanicInTheLineOfATimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &output{}
		var panicking atomic.Bool
		handler := slog.NewTextHandler(out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if panicking.Load() {
				panic("injected")
			}
			return a
		}})
		l := rationed.New(slog.New(handler), 1, time.Hour)
		l.Log(slog.LevelWarn, "kind", "one")
		l.Log(slog.LevelWarn, "kind", "two")
		panicking.Store(true)
		time.Sleep(rationed.SummaryDelay)
		synctest.Wait()
		panicking.Store(false)
		l.Log(slog.LevelWarn, "other", "three")
		if got := taken(out); !strings.Contains(got, "three") {
			t.Errorf("the log has %q", got)
		}
	})
}
