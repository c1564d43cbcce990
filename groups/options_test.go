package groups_test

import (
	"testing"
	"time"

	"seagate/groups"
	"seagate/groups/groupstest"
	"seagate/storage/memory"
)

func TestOptionsAreValidated(t *testing.T) {
	tests := map[string]struct {
		change func(*groups.Options)
		ok     bool
	}{
		"as they are":         {func(*groups.Options) {}, true},
		"largest window":      {func(o *groups.Options) { o.Window = groups.MaxWindow }, true},
		"no dead letters":     {func(o *groups.Options) { o.MaxDeliveries = 0 }, true},
		"too large a window":  {func(o *groups.Options) { o.Window = groups.MaxWindow + 1 }, false},
		"no window":           {func(o *groups.Options) { o.Window = 0 }, false},
		"no credit":           {func(o *groups.Options) { o.Credit = groups.Credit{} }, false},
		"no bytes of credit":  {func(o *groups.Options) { o.Credit.Bytes = 0 }, false},
		"no first window":     {func(o *groups.Options) { o.TagCredit.First = 0 }, false},
		"no largest window":   {func(o *groups.Options) { o.TagCredit.Most = 0 }, false},
		"no time for tags":    {func(o *groups.Options) { o.TagCredit.Target = 0 }, false},
		"no groups":           {func(o *groups.Options) { o.PerClient = 0 }, false},
		"nothing set aside":   {func(o *groups.Options) { o.SetAsideBytes = 0 }, false},
		"no checkpoint":       {func(o *groups.Options) { o.Checkpoint = 0 }, false},
		"negative timeout":    {func(o *groups.Options) { o.AckTimeout = -time.Second }, false},
		"never idle":          {func(o *groups.Options) { o.IdleTimeout = 0 }, false},
		"never abandoned":     {func(o *groups.Options) { o.AbandonedTimeout = 0 }, false},
		"no retry":            {func(o *groups.Options) { o.DeadLetterRetry = 0 }, false},
		"negative deliveries": {func(o *groups.Options) { o.MaxDeliveries = -1 }, false},
		"panics are not told": {func(o *groups.Options) { o.OnPanic = nil }, false},
		"errors are not told": {func(o *groups.Options) { o.OnError = nil }, false},
	}
	for name, test := range tests {
		o := groupstest.Options(groups.Options{MaxDeliveries: 5})
		test.change(&o)
		r, err := groups.Open(t.Context(), memory.New(), noTopics{}, o)
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = r.Close(t.Context())
		}
	}
}
