// Package groupstest has the options with which tests open consumer groups.
package groupstest

import (
	"cmp"
	"log/slog"
	"runtime/debug"
	"time"

	"seagate/groups"
	"seagate/internal/clock/clocktest"
)

// Options returns o with a default for each field that is zero, except
// MaxDeliveries and DeadLetter. So by default there are no dead letters, and no
// slow start: every member may have Credit.Messages in flight. Panics of members
// and errors of records are logged.
func Options(o groups.Options) groups.Options {
	o.Credit.Messages = cmp.Or(o.Credit.Messages, 1024)
	o.Credit.Bytes = cmp.Or(o.Credit.Bytes, 1<<20)
	o.TagCredit.Most = cmp.Or(o.TagCredit.Most, o.Credit.Messages)
	o.TagCredit.First = cmp.Or(o.TagCredit.First, o.TagCredit.Most)
	o.TagCredit.Target = cmp.Or(o.TagCredit.Target, time.Hour)
	o.PerClient = cmp.Or(o.PerClient, 10_000)
	o.Window = cmp.Or(o.Window, 100_000)
	o.SetAsideBytes = cmp.Or(o.SetAsideBytes, 64<<20)
	o.Checkpoint = cmp.Or(o.Checkpoint, time.Second)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 7*24*time.Hour)
	o.AbandonedTimeout = cmp.Or(o.AbandonedTimeout, time.Hour)
	o.AckTimeout = cmp.Or(o.AckTimeout, 30*time.Second)
	o.DeadLetterRetry = cmp.Or(o.DeadLetterRetry, 10*time.Second)
	if o.Clock == nil {
		o.Clock = clocktest.New()
	}
	if o.OnPanic == nil {
		o.OnPanic = func(_ groups.Member, v any) {
			slog.Error("a member of a group panicked", "panic", v, "stack", string(debug.Stack()))
		}
	}
	if o.OnError == nil {
		o.OnError = func(key groups.Key, err error) {
			slog.Error("the record of a group could not be written", "topic", key.Topic.Name, "group", key.Group, "error", err)
		}
	}
	return o
}
