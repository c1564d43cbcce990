package groups_test

import (
	"testing"
	"time"

	"seagate/groups"
	"seagate/storage/memory"
	"seagate/streams"
)

func TestDefaultOptions(t *testing.T) {
	o := groups.DefaultOptions()
	if o.MaxDeliveries != 5 || o.PerClient != 10_000 || o.Window != 100_000 || o.Checkpoint != time.Second ||
		o.IdleTimeout != 7*24*time.Hour || o.AckTimeout != 30*time.Second || o.Credit != groups.DefaultCredit() {
		t.Errorf("%+v", o)
	}
}

func TestAWindowThatIsTooLargeIsRefused(t *testing.T) {
	none := func(streams.ID) (*streams.Topic, bool) { return nil, false }
	for window, ok := range map[int]bool{groups.MaxWindow: true, groups.MaxWindow + 1: false} {
		r, err := groups.Open(t.Context(), memory.New(), none, groups.Options{Window: window})
		if (err == nil) != ok {
			t.Errorf("window %d: %v", window, err)
		}
		if err == nil {
			_ = r.Close(t.Context())
		}
	}
}
