package pebble_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"seagate/storage"
	"seagate/storage/pebble"
)

// TestPowerLossSoak cuts the power in the middle of many writes and appends, keeps
// a random part of what was not synced, and checks that everything acknowledged
// is there, and nothing that nobody wrote. SEAGATE_POWER_ROUNDS is the number of
// power cuts.
func TestPowerLossSoak(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	disk := vfs.NewCrashableMem()
	j, logs := newJournal(), newLogJournal()
	for round := range powerRounds(t) {
		if round%25 == 24 { // longer logs take longer to check
			disk, j, logs = vfs.NewCrashableMem(), newJournal(), newLogJournal()
		}
		e := mustOpen(t, "below/data", on(disk))
		j.check(t, e)
		logs.check(t, e)
		disk = writeUntilPowerLoss(t, e, disk, j, logs, random)
	}
	e := mustOpen(t, "below/data", on(disk))
	j.check(t, e)
	logs.check(t, e)
	mustClose(t, e)
	wantNoProblems(t, "below/data", disk)
}

func powerRounds(t *testing.T) int {
	if rounds, err := strconv.Atoi(os.Getenv("SEAGATE_POWER_ROUNDS")); err == nil {
		return rounds
	}
	switch {
	case os.Getenv("SEAGATE_SOAK") != "":
		return 1000
	case testing.Short():
		return 10
	}
	return 25
}

// writeUntilPowerLoss returns the disk as the crash left it. The engine goes on
// for a moment on the disk from before the crash.
func writeUntilPowerLoss(t *testing.T, e *pebble.Engine, disk *vfs.MemFS, j *journal, logs *logJournal, random *rand.Rand) *vfs.MemFS {
	const writers = 4
	crash := vfs.CrashCloneCfg{UnsyncedDataPercent: random.IntN(101), RNG: rand.New(rand.NewPCG(random.Uint64(), 0))}
	acksUntilCrash := int64(random.IntN(200))
	var acks atomic.Int64
	var crashed *vfs.MemFS
	var crashing sync.Once
	acknowledged := func() {
		if acks.Add(1) > acksUntilCrash {
			crashing.Do(func() {
				j.stop()
				logs.stop()
				crashed = disk.CrashClone(crash)
			})
		}
	}
	var done sync.WaitGroup
	for i := range writers {
		own := rand.New(rand.NewPCG(random.Uint64(), 0))
		done.Go(func() {
			for over := false; !over; acknowledged() {
				var err error
				over, err = j.writeOne(t.Context(), e, fmt.Sprintf("%d/%d", i, own.IntN(20)), own)
				if err != nil {
					t.Errorf("write: %v", err)
				}
			}
		})
		w := &logWriter{journal: logs, engine: e, random: rand.New(rand.NewPCG(random.Uint64(), 0)), acknowledged: acknowledged}
		done.Go(func() {
			if err := w.run(); err != nil {
				t.Errorf("append: %v", err)
			}
		})
	}
	done.Wait()
	mustClose(t, e)
	return crashed
}

// A journal knows which records must be on disk. One goroutine writes each key.
type journal struct {
	mu      sync.Mutex
	stopped bool
	keys    map[string]*entry
}

// An entry has the values of a key, "" for none: the newest that was
// acknowledged, and the one that is being written, if any.
type entry struct {
	acknowledged, attempted string
	inFlight                bool
	revision                uint64
}

func newJournal() *journal { return &journal{keys: make(map[string]*entry)} }

// stop makes later acknowledgements not count: the crash comes next.
func (j *journal) stop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stopped = true
}

// writeOne puts or deletes the key. over reports that the crash has come.
func (j *journal) writeOne(ctx context.Context, e *pebble.Engine, key string, random *rand.Rand) (over bool, err error) {
	value := ""
	if random.IntN(4) > 0 {
		value = fmt.Sprint(random.Uint64()) + strings.Repeat("x", random.IntN(16<<10))
	}
	if !j.begin(key, value) {
		return true, nil
	}
	var revision uint64
	if value == "" {
		err = e.Delete(ctx, "table", key, storage.Always())
	} else {
		revision, err = e.Put(ctx, "table", key, []byte(value), storage.Always())
	}
	if err != nil {
		return true, err
	}
	return j.acknowledge(key, revision), nil
}

func (j *journal) begin(key, value string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stopped {
		return false
	}
	if j.keys[key] == nil {
		j.keys[key] = &entry{}
	}
	j.keys[key].attempted, j.keys[key].inFlight = value, true
	return true
}

func (j *journal) acknowledge(key string, revision uint64) (over bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stopped {
		return true
	}
	k := j.keys[key]
	k.acknowledged, k.inFlight, k.revision = k.attempted, false, max(k.revision, revision)
	return false
}

// check compares the engine with the journal. Then it notes in the journal what
// became of writes that were not acknowledged.
func (j *journal) check(t *testing.T, e *pebble.Engine) {
	t.Helper()
	j.stopped = false
	found := make(map[string]storage.Record)
	for r, err := range e.List(t.Context(), "table", "") {
		if err != nil {
			t.Fatal(err)
		}
		found[r.Key] = r
		if j.keys[r.Key] == nil {
			t.Fatalf("key %q was never written", r.Key)
		}
	}
	for key, k := range j.keys {
		r := found[key]
		value := string(r.Value)
		isAttempt := k.inFlight && value == k.attempted
		if value != k.acknowledged && !isAttempt {
			t.Fatalf("after the crash %q is %.20q, want %.20q, or %.20q if in flight (%v)", key, value, k.acknowledged, k.attempted, k.inFlight)
		}
		if value != "" && value == k.acknowledged && r.Revision != k.revision {
			t.Fatalf("after the crash %q has revision %d, was acknowledged with %d", key, r.Revision, k.revision)
		}
		if isAttempt && value != "" && r.Revision <= k.revision {
			t.Fatalf("after the crash %q has revision %d, but had %d before", key, r.Revision, k.revision)
		}
		*k = entry{acknowledged: value, revision: max(k.revision, r.Revision)}
	}
}

// TestNewFolderIsDurable cuts the power after the first write to a folder whose
// parents were missing, and loses everything that was not synced.
func TestNewFolderIsDurable(t *testing.T) {
	disk := vfs.NewCrashableMem()
	e := mustOpen(t, "far/below/data", on(disk))
	mustPut(t, e, "key", "value")
	crashed := disk.CrashClone(vfs.CrashCloneCfg{})
	mustClose(t, e)
	e = mustOpen(t, "far/below/data", on(crashed))
	defer mustClose(t, e)
	wantValue(t, e, "key", "value")
}

// TestPowerLossWhileOpening cuts the power before each change that opening and
// closing a folder makes, and keeps nothing, and a random part, of what was not synced. With
// SEAGATE_SOAK it keeps five parts.
func TestPowerLossWhileOpening(t *testing.T) {
	fresh := vfs.NewCrashableMem()
	used := vfs.NewCrashableMem()
	e := mustOpen(t, "below/data", on(used))
	mustPut(t, e, "key", strings.Repeat("v", 100<<10))
	mustClose(t, e)

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for name, before := range map[string]*vfs.MemFS{"new folder": fresh, "used folder": used} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			steps := 0
			for {
				crashed := crashAtStep(t, before, steps, random)
				if len(crashed) == 0 {
					break
				}
				for _, disk := range crashed {
					checkAfterOpeningCrash(t, disk, name == "used folder", steps)
				}
				steps++
			}
			if steps < 20 {
				t.Fatalf("the test saw only %d changes", steps)
			}
		})
	}
}

// crashAtStep returns disks as they may be after a power cut before the given
// change, none if there are fewer changes.
func crashAtStep(t *testing.T, before *vfs.MemFS, step int, random *rand.Rand) (crashed []*vfs.MemFS) {
	disk := before.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: random})
	kept := []int{0, 1 + random.IntN(100)} // percent
	if os.Getenv("SEAGATE_SOAK") != "" {
		kept = []int{0, 20, 40, 60, 80}
	}
	var mu sync.Mutex // guards n and crashed
	n := 0
	e := mustOpen(t, "below/data", pebble.Options{Logger: quiet, FS: errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
			return nil
		}
		if n == step {
			for _, percent := range kept {
				crashed = append(crashed, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: random}))
			}
		}
		n++
		return nil
	}))})
	mustClose(t, e)
	return crashed
}

func checkAfterOpeningCrash(t *testing.T, disk *vfs.MemFS, used bool, step int) {
	t.Helper()
	for range 2 {
		e, err := pebble.Open("below/data", on(disk))
		if err != nil {
			t.Fatalf("crash before change %d: %v", step, err)
		}
		if _, err := e.Get(t.Context(), "table", "key"); used && err != nil || !used && !errors.Is(err, storage.ErrNotFound) {
			t.Fatalf("crash before change %d: Get: %v", step, err)
		}
		mustPut(t, e, "other", "value")
		mustClose(t, e)
	}
}
