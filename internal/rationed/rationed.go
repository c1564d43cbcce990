// Package rationed logs what clients and strangers cause as often as they like: a few
// lines of each kind, and then how many more there were.
package rationed

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"seagate/internal/panics"
)

// A Log passes on a number of lines of each kind at once, and then one in each interval.
// It counts the others. The next line of the kind says in its attribute "suppressed" how
// many were left out before it; if there is none for SummaryDelay, a line of its own
// says so. Safe for concurrent use.
type Log struct {
	log      *slog.Logger
	interval time.Duration
	window   time.Duration // after which a whole burst may come again
	total    atomic.Uint64

	mu    sync.Mutex // guards what follows
	kinds map[string]*kind
}

// A kind is what is known of the lines of one kind.
type kind struct {
	full       time.Time // when a whole burst may come again
	suppressed int
	msg        string // of the line that was left out last
}

const (
	// SummaryDelay is the time after which a Log says how many lines it left out, if no
	// other line has said so.
	SummaryDelay = 30 * time.Second
	// maxKinds bounds the kinds that are remembered. A kind beyond them shares one state
	// with the others beyond them.
	maxKinds = 1 << 10
)

// New returns a Log that writes to log. Of each kind, burst lines may come at once, and then one in
// each interval.
func New(log *slog.Logger, burst int, interval time.Duration) *Log {
	return &Log{log: log, interval: interval, window: interval * time.Duration(burst), kinds: map[string]*kind{}}
}

// Suppressed returns how many lines were left out.
func (l *Log) Suppressed() uint64 { return l.total.Load() }

// Log logs a line of a kind as slog.Logger.Log does, if there may be one.
func (l *Log) Log(level slog.Level, of, msg string, attributes ...any) {
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	before, admitted := l.admit(of, msg)
	if !admitted {
		l.total.Add(1)
		return
	}
	if before > 0 {
		attributes = append(attributes[:len(attributes):len(attributes)], "suppressed", before)
	}
	l.log.Log(context.Background(), level, msg, attributes...)
}

// admit counts a line. If it may be logged, before is how many were left out before it.
func (l *Log) admit(of, msg string) (before int, admitted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	of, k := l.kindLocked(of, now)
	full := k.full
	if full.Before(now) {
		full = now
	}
	if full.Sub(now) > l.window-l.interval {
		if k.suppressed++; k.suppressed == 1 {
			time.AfterFunc(SummaryDelay, func() { l.summarize(of) })
		}
		k.msg = msg
		return 0, false
	}
	k.full = full.Add(l.interval)
	before, k.suppressed = k.suppressed, 0
	return before, true
}

// kindLocked returns the state of a kind, and the name that it is kept under.
func (l *Log) kindLocked(of string, now time.Time) (string, *kind) {
	if k := l.kinds[of]; k != nil {
		return of, k
	}
	if len(l.kinds) >= maxKinds {
		for name, k := range l.kinds {
			if k.suppressed == 0 && k.full.Before(now) {
				delete(l.kinds, name)
			}
		}
	}
	if len(l.kinds) >= maxKinds {
		of = ""
	}
	k := l.kinds[of]
	if k == nil {
		k = &kind{}
		l.kinds[of] = k
	}
	return of, k
}

// summarize logs how many lines of a kind were left out since one was logged.
func (l *Log) summarize(of string) {
	defer panics.Contain("timer")
	l.mu.Lock()
	k := l.kinds[of]
	suppressed, msg := 0, ""
	if k != nil {
		suppressed, msg = k.suppressed, k.msg
		k.suppressed = 0
	}
	l.mu.Unlock()
	if suppressed > 0 {
		l.log.Warn("log lines were left out", "line", msg, "kind", of, "suppressed", suppressed)
	}
}
