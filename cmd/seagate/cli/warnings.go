package cli

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Warnings returns a logger for a part of the gateway that a command uses: what it warns of
// or fails at is printed like the other warnings of the command, and the rest is dropped.
func (c *Console) Warnings() *slog.Logger { return slog.New(warnings{console: c}) }

type warnings struct {
	console *Console
	facts   []slog.Attr
}

func (w warnings) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

// Handle prints a line such as "warning: disk is almost full (free_bytes 4096)".
func (w warnings) Handle(_ context.Context, r slog.Record) error {
	var facts []string
	add := func(a slog.Attr) bool {
		facts = append(facts, fmt.Sprintf("%s %v", a.Key, a.Value))
		return true
	}
	for _, a := range w.facts {
		add(a)
	}
	r.Attrs(add)
	text := r.Message
	if len(facts) > 0 {
		text += " (" + strings.Join(facts, ", ") + ")"
	}
	w.console.Warn(text)
	return nil
}

func (w warnings) WithAttrs(facts []slog.Attr) slog.Handler {
	return warnings{w.console, append(slices.Clip(w.facts), facts...)}
}

// WithGroup drops the name of the group: the facts are few.
func (w warnings) WithGroup(string) slog.Handler { return w }
