package panics_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"seagate/internal/panics"
)

// A panic is counted once, and logged once with its stack.
func TestContain(t *testing.T) {
	var log bytes.Buffer
	last := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(last)
	before, ended := panics.Counts()["here"], 0
	func() {
		defer panics.Contain("here", func() { ended++ }, func() { ended++ })
		fails()
	}()
	func() { defer panics.Contain("here", func() { ended++ }) }()
	if got := panics.Counts()["here"] - before; got != 1 || ended != 2 {
		t.Errorf("counted %d times, and %d of 2 were ended", got, ended)
	}
	line := log.String()
	if strings.Count(line, "\n") != 1 || !strings.Contains(line, `"where":"here","panic":"injected"`) || !strings.Contains(line, "panics_test.fails") {
		t.Errorf("logged %s", line)
	}
}

func fails() { panic("injected") }
