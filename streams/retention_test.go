package streams_test

import (
	"testing"
	"testing/synctest"
	"time"

	"seagate/storage"
	"seagate/streams"
)

// A topic is trimmed at every interval, and at once when it has grown by more
// than an eighth of what it may keep since it was trimmed last.
func TestGrowthCountsFromTheLastTrim(t *testing.T) {
	const interval = 10 * time.Second
	tests := []struct {
		name string
		keep storage.Retention // 80 messages of 2 bytes
	}{
		{"messages", storage.Retention{Messages: 80}},
		{"bytes", storage.Retention{Bytes: 160}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := open(t, streams.Options{RetentionInterval: interval, Policy: streams.Policy{Retention: test.keep}})
				out := provide(t, n)
				grow := func(messages int, first uint64) {
					t.Helper()
					for range messages {
						send(t, out, "xx")
					}
					synctest.Wait()
					if b := out.Topic().Bounds(); b.First != first {
						t.Errorf("after message %d the first is %d, want %d", b.Next-1, b.First, first)
					}
				}
				grow(80, 1)
				time.Sleep(interval)
				grow(0, 1)
				grow(10, 1)
				grow(1, 12)
				grow(10, 12)
				time.Sleep(interval)
				grow(0, 22)
				grow(10, 22)
				n.Close()
			})
		})
	}
}
