// Package streamstest has the options with which tests open topic networks.
package streamstest

import (
	"cmp"
	"fmt"
	"runtime"
	"time"

	"seagate/internal/clock/clocktest"
	"seagate/storage"
	"seagate/streams"
)

// Options returns o with each field set that is zero. A consumer that panics
// ends the test, unless o.OnPanic is set. A Policy that is not zero lacks only
// its durability.
func Options(o streams.Options) streams.Options {
	o.Workers = cmp.Or(o.Workers, runtime.GOMAXPROCS(0))
	o.TailMessages = cmp.Or(o.TailMessages, 10_000)
	o.TailBytes = cmp.Or(o.TailBytes, 1<<20)
	o.TopicsPerSpace = cmp.Or(o.TopicsPerSpace, 10_000)
	o.RepeatWindow = cmp.Or(o.RepeatWindow, 2*time.Minute)
	o.RetentionInterval = cmp.Or(o.RetentionInterval, 10*time.Second)
	if o.Policy == (streams.Policy{}) {
		o.Policy.Retention = storage.Retention{Age: 7 * 24 * time.Hour, Bytes: 1 << 30}
	}
	if o.Clock == nil {
		o.Clock = clocktest.New()
	}
	o.Policy.Durability = cmp.Or(o.Policy.Durability, streams.OnDisk)
	if o.OnPanic == nil {
		o.OnPanic = func(who, value any) { panic(fmt.Sprintf("%T: %v", who, value)) }
	}
	return o
}
