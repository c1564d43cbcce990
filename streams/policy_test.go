package streams_test

import (
	"errors"
	"testing"
	"time"

	"seagate/storage/memory"
	"seagate/streams"
)

// Overrides without a durability fit a topic of any durability.
func TestRetentionCanBeSetAfterTheDefaultDurabilityChanged(t *testing.T) {
	disk := memory.New()
	n := openOn(t, disk, streams.Options{})
	send(t, provide(t, n), "1")
	n.Close()
	n = openOn(t, disk, streams.Options{Policy: streams.Policy{Durability: streams.InMemory}})
	age := time.Hour
	if err := provide(t, n).Topic().SetOverrides(t.Context(), streams.Overrides{Age: &age}); err != nil {
		t.Errorf("retention alone: %v", err)
	}
}

func TestDurabilityIsFixedByTheFirstMessage(t *testing.T) {
	ctx := t.Context()
	n := open(t, streams.Options{})
	out := provide(t, n)
	inMemory, onDisk, age := streams.InMemory, streams.OnDisk, 90*time.Second
	if err := out.Topic().SetOverrides(ctx, streams.Overrides{Durability: &inMemory, Age: &age}); err != nil {
		t.Fatal(err)
	}
	send(t, out, "1")
	set, holds := out.Topic().Policy()
	if holds.Durability != inMemory || holds.Retention.Age != age || holds.Retention.Bytes != 1<<30 || set.Bytes != nil {
		t.Errorf("set %+v, holds %+v", set, holds)
	}
	if err := out.Topic().SetOverrides(ctx, streams.Overrides{Durability: &onDisk}); !errors.Is(err, streams.ErrDurabilityFixed) {
		t.Errorf("another durability after a message: %v, want ErrDurabilityFixed", err)
	}
	if err := out.Topic().SetOverrides(ctx, streams.Overrides{Durability: &inMemory}); err != nil {
		t.Errorf("the same durability: %v", err)
	}
}

func TestOverridesOutliveTheNetwork(t *testing.T) {
	disk := memory.New()
	inMemory, bytes := streams.InMemory, int64(77)
	n := openOn(t, disk, streams.Options{})
	if err := provide(t, n).Topic().SetOverrides(t.Context(), streams.Overrides{Durability: &inMemory, Bytes: &bytes}); err != nil {
		t.Fatal(err)
	}
	send(t, provide(t, n), "1")
	n.Close()
	n = openOn(t, disk, streams.Options{})
	topic := provide(t, n).Topic()
	if set, holds := topic.Policy(); *set.Bytes != 77 || set.Age != nil || holds.Durability != inMemory {
		t.Errorf("after reopening: set %+v, holds %+v", set, holds)
	}
	if b := topic.Bounds(); b.Next != 1 {
		t.Errorf("a topic in memory still has its messages: %+v", b)
	}
}
