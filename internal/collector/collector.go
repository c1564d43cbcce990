// Package collector lets a busy process collect its garbage less often.
//
// The Go runtime collects when the heap has doubled. A gateway that has 10 MiB in use
// and allocates 300 MiB a second would collect 30 times a second, and each collection
// takes a quarter of the processors and delays whoever allocates. While a process
// collects often, Tune lets its heap grow by up to Room instead. A process that has come
// to rest keeps no such heap: what it does not need goes back to the system.
package collector

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Room is by how many bytes the heap of a busy process may grow between two collections,
// if that is more than it has in use, but not more than ten times as much. A limit of memory
// still holds, see GOMEMLIMIT.
const Room = 64 << 20

const (
	interval = time.Second // of looks at the runtime
	often    = 5           // collections in an interval that make a process busy
	restful  = 5           // intervals without a collection after which it is at rest
	standard = 100         // the percentage that the runtime takes by default
	most     = 1000        // the largest percentage that is set
)

// Tune tunes the runtime until ctx ends. It does nothing if GOGC is in the environment:
// then the operator has chosen.
func Tune(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	defer debug.SetGCPercent(standard)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	samples := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	t := tuner{cycles: samples[0].Value.Uint64(), percent: standard}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(samples)
		before := t.percent
		atRest := t.look(samples[0].Value.Uint64(), samples[1].Value.Uint64())
		if t.percent != before {
			debug.SetGCPercent(t.percent)
		}
		if atRest {
			debug.FreeOSMemory() // nothing else would collect what a process at rest has left
		}
	}
}

// A tuner decides on the percentage by which the heap may grow.
type tuner struct {
	cycles  uint64 // collections up to the last look
	idle    int    // looks without a collection since the last one
	worked  uint64 // collections since the process was at rest
	percent int
}

// look takes the number of collections since the process began, and the bytes in use
// after the last one. It reports whether the process has come to rest: a few collections are
// not worth another one.
func (t *tuner) look(cycles, live uint64) (atRest bool) {
	came := cycles - t.cycles
	t.cycles = cycles
	t.worked += came
	if came > 0 {
		t.idle = 0
	} else {
		t.idle++
	}
	if atRest = t.idle >= restful && t.worked >= often; atRest {
		t.worked = 0
	}
	switch {
	case t.percent == standard && came < often:
	case t.percent > standard && t.idle >= restful:
		t.percent = standard
	default:
		// Changing it stops the process for a moment, so small differences are left alone.
		percent := min(max(int(Room*100/max(live, 1)), standard), most)
		if percent < t.percent*3/4 || percent > t.percent*4/3 {
			t.percent = percent
		}
	}
	return atRest
}
