package collector

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"
)

func TestLook(t *testing.T) {
	type look struct {
		came uint64 // collections since the last look
		live uint64
		want int // percent
	}
	const mib = 1 << 20
	for name, looks := range map[string][]look{
		"at rest":          {{0, 8 * mib, 100}, {1, 8 * mib, 100}, {4, 8 * mib, 100}},
		"small and busy":   {{5, 4 * mib, 1000}, {1, 4 * mib, 1000}},
		"busy":             {{5, 16 * mib, 400}, {1, 16 * mib, 400}},
		"grows":            {{9, 16 * mib, 400}, {9, 17 * mib, 400}, {9, 32 * mib, 200}, {9, 100 * mib, 100}},
		"shrinks":          {{9, 32 * mib, 200}, {9, 16 * mib, 400}},
		"large":            {{50, 64 * mib, 100}, {50, 900 * mib, 100}},
		"comes to rest":    {{9, 16 * mib, 400}, {0, 16 * mib, 400}, {0, 16 * mib, 400}, {0, 16 * mib, 400}, {0, 16 * mib, 400}, {0, 16 * mib, 100}},
		"a little is busy": {{9, 16 * mib, 400}, {0, 16 * mib, 400}, {0, 16 * mib, 400}, {0, 16 * mib, 400}, {0, 16 * mib, 400}, {1, 16 * mib, 400}, {0, 16 * mib, 400}},
		"nothing in use":   {{9, 0, 1000}},
	} {
		u := tuner{cycles: 7, percent: standard}
		cycles := uint64(7)
		for i, l := range looks {
			cycles += l.came
			if u.look(cycles, l.live); u.percent != l.want {
				t.Errorf("%s: look %d: %d %%, want %d", name, i, u.percent, l.want)
			}
		}
	}
}

// A process gives memory back once when it comes to rest, however busy it was.
func TestAProcessComesToRestOnce(t *testing.T) {
	for name, c := range map[string]struct {
		came []uint64 // collections since the last look
		want int      // how often the process comes to rest
	}{
		"idle":                   {[]uint64{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0},
		"a few collections":      {[]uint64{1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 0},
		"at last enough of them": {[]uint64{1, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1},
		"a burst":                {[]uint64{9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1},
		"two bursts":             {[]uint64{9, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0}, 2},
		"always busy":            {[]uint64{9, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9, 1}, 0},
	} {
		u, cycles, rests := tuner{percent: standard}, uint64(0), 0
		for _, came := range c.came {
			cycles += came
			if u.look(cycles, 16<<20) {
				rests++
			}
		}
		if rests != c.want {
			t.Errorf("%s: the process came to rest %d times, want %d", name, rests, c.want)
		}
	}
}

var sink []byte

// A process that makes much garbage collects it less often than the runtime would.
func TestTune(t *testing.T) {
	t.Setenv("GOGC", "") // whatever the environment of the tests has
	ctx, cancel := context.WithCancel(t.Context())
	var tuning sync.WaitGroup
	tuning.Go(func() { Tune(ctx) })
	for set := standard; set == standard; {
		for range 1000 {
			sink = make([]byte, 64<<10)
		}
		runtime.GC() // a busy machine may not give the test many
		set = debug.SetGCPercent(standard)
		debug.SetGCPercent(set)
	}
	cancel()
	tuning.Wait()
	if set := debug.SetGCPercent(standard); set != standard {
		t.Errorf("afterwards it is %d %%", set)
	}
	runtime.KeepAlive(sink)
}

func TestTuneLeavesGOGCAlone(t *testing.T) {
	t.Setenv("GOGC", "50")
	done := make(chan struct{})
	go func() { Tune(context.Background()); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("it tunes")
	}
}
