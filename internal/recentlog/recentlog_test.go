package recentlog_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"seagate/internal/recentlog"
)

func texts(t *testing.T, lines []recentlog.Line) string {
	t.Helper()
	var all []string
	for _, line := range lines {
		var said struct {
			Msg string `json:"msg"`
		}
		if err := json.Unmarshal(line.JSON, &said); err != nil {
			t.Fatalf("%q: %v", line.JSON, err)
		}
		all = append(all, said.Msg)
	}
	return strings.Join(all, " ")
}

func TestLinesByLevelAndPage(t *testing.T) {
	l := recentlog.New(1 << 20)
	log := slog.New(l.Handler(slog.LevelInfo)).With("by", "test").WithGroup("g")
	log.Debug("hidden")
	log.Info("a", "n", 1)
	log.Warn("b")
	log.Info("c")
	log.Error("d")
	if got, next := l.Newest(slog.LevelInfo, 3); texts(t, got) != "b c d" || next != 4 {
		t.Errorf("the newest three are %q, next %d", texts(t, got), next)
	}
	if got, _ := l.Newest(slog.LevelWarn, 10); texts(t, got) != "b d" {
		t.Errorf("warnings: %q", texts(t, got))
	}
	got, next, missed := l.After(0, slog.LevelInfo, 2)
	if texts(t, got) != "a b" || next != 2 || missed != 0 {
		t.Errorf("first page: %q, next %d, missed %d", texts(t, got), next, missed)
	}
	got, next, _ = l.After(next, slog.LevelInfo, 10)
	if texts(t, got) != "c d" || next != 4 {
		t.Errorf("second page: %q, next %d", texts(t, got), next)
	}
	got, next, _ = l.After(next, slog.LevelInfo, 10)
	if len(got) != 0 || next != 4 {
		t.Errorf("behind the end: %q, next %d", texts(t, got), next)
	}
	if line := got; len(line) > 0 {
		t.Error(line)
	}
	all, _ := l.Newest(slog.LevelInfo, 10)
	if !strings.Contains(string(all[0].JSON), `"by":"test"`) || !strings.Contains(string(all[0].JSON), `"g":{"n":1}`) {
		t.Errorf("attributes are missing: %s", all[0].JSON)
	}
}

// A page of one level ends before lines of that level, and skips others.
func TestPagesSkipOtherLevels(t *testing.T) {
	l := recentlog.New(1 << 20)
	log := slog.New(l.Handler(slog.LevelInfo))
	for i := range 6 {
		log.Info(fmt.Sprint("i", i))
		log.Warn(fmt.Sprint("w", i))
	}
	var all []string
	for next := uint64(0); ; {
		got, after, _ := l.After(next, slog.LevelWarn, 2)
		if len(got) == 0 {
			break
		}
		all, next = append(all, texts(t, got)), after
	}
	if got := strings.Join(all, "|"); got != "w0 w1|w2 w3|w4 w5" {
		t.Errorf("pages %s", got)
	}
}

func TestOldLinesGiveWay(t *testing.T) {
	l := recentlog.New(2000)
	log := slog.New(l.Handler(slog.LevelInfo))
	for i := range 100 {
		log.Info(fmt.Sprint("line", i))
	}
	got, _, missed := l.After(10, slog.LevelInfo, 1000)
	if n := len(got); n < 5 || n > 20 || got[n-1].Number != 100 || missed != got[0].Number-11 {
		t.Errorf("%d lines are kept, the first is %d, missed %d", n, got[0].Number, missed)
	}
	log.Info(strings.Repeat("x", 1000)) // larger than a quarter
	if again, next := l.Newest(slog.LevelInfo, 1000); next != 101 || again[len(again)-1].Number != 100 {
		t.Errorf("a line that is too large is kept, or has taken the place of others")
	}
	log.Info("after it")
	if got, next, missed := l.After(100, slog.LevelInfo, 10); texts(t, got) != "after it" || next != 102 || missed != 1 {
		t.Errorf("after the line that is too large: %q, next %d, missed %d", texts(t, got), next, missed)
	}
}

// A number of an earlier process leads to the oldest line.
func TestNumberOfAnEarlierProcess(t *testing.T) {
	l := recentlog.New(1 << 20)
	slog.New(l.Handler(slog.LevelInfo)).Info("a")
	if got, next, missed := l.After(77, slog.LevelInfo, 10); texts(t, got) != "a" || next != 1 || missed != 0 {
		t.Errorf("%q, next %d, missed %d", texts(t, got), next, missed)
	}
}

func TestZeroBytesKeepNothing(t *testing.T) {
	l := recentlog.New(0)
	log := slog.New(l.Handler(slog.LevelInfo))
	log.Info("a")
	if got, _ := l.Newest(slog.LevelInfo, 10); len(got) != 0 {
		t.Errorf("%d lines are kept", len(got))
	}
}

func TestConcurrentUse(t *testing.T) {
	l := recentlog.New(10_000)
	log := slog.New(l.Handler(slog.LevelInfo))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 200 {
				log.With("i", i).Info("x")
				l.After(0, slog.LevelInfo, 10)
			}
		})
	}
	all.Wait()
	if _, next := l.Newest(slog.LevelInfo, 1); next != 800 {
		t.Errorf("%d lines were counted", next)
	}
}
