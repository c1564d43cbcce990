package app

import (
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"seagate/cmd/seagate/config"
	"seagate/internal/origin"
)

// TestEveryPartGetsAllOptions, so that no part uses a default of its own.
func TestEveryPartGetsAllOptions(t *testing.T) {
	c := config.Default()
	c.Streams.Ungrouped, c.Streams.Undefined, c.Streams.Gaps = config.ClientGroup, config.AcceptUndefined, config.SkipGaps
	c.Streams.InMemory = config.Refuse
	c.WebSocket.LiteralActions, c.Limits.PublishesPerSecond = true, 1
	c.Tokens.Audience = "gateway"
	for _, options := range []any{
		networkOptions(c), groupOptions(c), directoryOptions(c, nil), gatewaySettings(c),
		socketOptions(c, origin.Any()), apiOptions(c, origin.Any(), http.NotFoundHandler(), "1"),
	} {
		v := reflect.ValueOf(options)
		for _, field := range reflect.VisibleFields(v.Type()) {
			// AwaitUndefined excludes AcceptUndefined; the others are parts, which New joins.
			other := slices.Contains([]string{"AwaitUndefined", "Clock", "Quotas", "Observer"}, field.Name)
			if !other && field.Type.Kind() != reflect.Func && v.FieldByIndex(field.Index).IsZero() {
				t.Errorf("%T.%s is not set", options, field.Name)
			}
		}
	}
	c.Streams.Undefined = config.AwaitUndefined
	if s := gatewaySettings(c); !s.AwaitUndefined || s.AcceptUndefined {
		t.Errorf("with %q the settings are %+v", c.Streams.Undefined, s)
	}
	if got := groupOptions(c).Checkpoint; got != 250*time.Millisecond {
		t.Errorf("the progress of groups is written every %v", got)
	}
}
