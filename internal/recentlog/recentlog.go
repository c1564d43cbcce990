// Package recentlog keeps the newest lines of a log in memory, so that an operator can read them
// without access to the machine.
package recentlog

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
)

// A Line is a line of a log.
type Line struct {
	Number uint64 // counts up from 1
	Level  slog.Level
	JSON   []byte // the record as slog.JSONHandler writes it, without a line end; not to be changed
}

// lineOverhead is about what a line takes beside its text, in bytes.
const lineOverhead = 64

// A Log keeps the newest lines that were logged through its handlers, within a number of bytes. The
// zero Log keeps none. Safe for concurrent use.
type Log struct {
	most int

	mu    sync.Mutex // guards what follows
	lines []Line     // the oldest first
	bytes int        // with lineOverhead
	last  uint64     // number of the newest line
	level slog.Level // of the line that a handler is writing
}

// New returns a Log that keeps at most bytes bytes. A line that needs more than a quarter of them is
// not kept.
func New(bytes int) *Log { return &Log{most: bytes} }

// Handler returns a handler. The log keeps all its lines of at least the level.
func (l *Log) Handler(level slog.Leveler) slog.Handler {
	return handler{l, slog.NewJSONHandler(writer{l}, &slog.HandlerOptions{Level: level})}
}

// A handler writes lines to a log.
type handler struct {
	log  *Log
	json slog.Handler // writes to a writer
}

// Enabled implements slog.Handler.
func (h handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.log.most > 0 && h.json.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	h.log.level = r.Level
	return h.json.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.log, h.json.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.log, h.json.WithGroup(name)}
}

// A writer takes one line with each call, with the log locked.
type writer struct{ log *Log }

// Write implements io.Writer.
func (w writer) Write(line []byte) (int, error) {
	w.log.addLocked(bytes.Clone(bytes.TrimRight(line, "\n")))
	return len(line), nil
}

func (l *Log) addLocked(text []byte) {
	l.last++
	if len(text)+lineOverhead > l.most/4 {
		return
	}
	l.lines = append(l.lines, Line{l.last, l.level, text})
	l.bytes += len(text) + lineOverhead
	drop := 0
	for l.bytes > l.most {
		l.bytes -= len(l.lines[drop].JSON) + lineOverhead
		drop++
	}
	if drop > 0 {
		clear(l.lines[:drop]) // what is dropped is not kept by the array below
		l.lines = l.lines[drop:]
	}
}

// Newest returns the newest lines of at least the level, at most limit, the oldest first. next is
// for After.
func (l *Log) Newest(level slog.Level, limit int) (lines []Line, next uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	begin := len(l.lines)
	for found := 0; begin > 0 && found < limit; begin-- {
		if l.lines[begin-1].Level >= level {
			found++
		}
	}
	return matching(l.lines[begin:], level), l.last
}

// After returns the first lines of at least the level after the line with the number, at most
// limit. If there is no such number yet, it is of an earlier process, and After begins with the
// oldest line. next is for the next call. missed is how many lines in between, of any level, are
// not kept.
func (l *Log) After(number uint64, level slog.Level, limit int) (lines []Line, next, missed uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next = number
	if number > l.last { // of another process
		next = 0
	}
	for _, line := range l.lines {
		if line.Number <= next {
			continue
		}
		if line.Level >= level {
			if len(lines) == limit {
				return lines, next, missed
			}
			lines = append(lines, line)
		}
		missed += line.Number - next - 1
		next = line.Number
	}
	return lines, l.last, missed + l.last - next
}

func matching(all []Line, level slog.Level) (lines []Line) {
	for _, line := range all {
		if line.Level >= level {
			lines = append(lines, line)
		}
	}
	return lines
}
