package pebble_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"seagate/storage"
	"seagate/storage/pebble"
	"seagate/storage/storagetest"
)

// TestFailStop makes the disk fail in different places. The engine stops for good,
// reports it once, and does not recover when the disk does. Everything
// acknowledged is there at the next start.
func TestFailStop(t *testing.T) {
	tests := map[string]func(errorfs.Op) bool{
		"log sync":   isLogSync,
		"log write":  onFile(".log", errorfs.OpFileWrite),
		"manifest":   onFile("MANIFEST", changes...),
		"table":      onFile(".sst", append(changes, errorfs.OpCreate)...),
		"marker":     onFile("marker.seagate-written", errorfs.OpCreate),
		"everything": func(op errorfs.Op) bool { return op.Kind.ReadOrWrite() == errorfs.OpIsWrite },
		"one change in twenty": func(op errorfs.Op) bool {
			return slices.Contains(changes, op.Kind) && rand.IntN(20) == 0
		},
	}
	for name, match := range tests {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewCrashableMem()
			broken := &faults{match: match}
			var calls atomic.Int32
			fatal := make(chan error, 1)
			e := mustOpen(t, "data", pebble.Options{
				FS:     errorfs.Wrap(disk, broken),
				Logger: quiet,
				OnFatal: func(err error) {
					calls.Add(1)
					fatal <- err
				},
			})
			j, logs := newJournal(), newLogJournal()
			broken.on.Store(true)
			errs := writeUntilFailure(t, e, j, logs)
			reason := <-fatal
			crashed := disk.CrashClone(vfs.CrashCloneCfg{})
			broken.on.Store(false)

			for _, err := range errs {
				if !errors.Is(err, reason) {
					t.Errorf("a write failed with %v, the engine with %v", err, reason)
				}
			}
			storagetest.WantErrors(t, storagetest.RecordCalls(t.Context(), e), reason)
			storagetest.WantErrors(t, map[string]error{"Close": e.Close(), "Close again": e.Close()}, reason)
			if strings.HasPrefix(name, "log") && !errors.Is(reason, syscall.EIO) {
				t.Errorf("OnFatal was called with %v, which does not wrap the error of the disk", reason)
			}
			if calls.Load() != 1 {
				t.Errorf("OnFatal was called %d times", calls.Load())
			}
			after := mustOpen(t, "data", on(crashed))
			defer mustClose(t, after)
			j.check(t, after)
			logs.check(t, after)
		})
	}
}

// writeUntilFailure writes and appends from several goroutines until the engine
// stops, and returns their errors.
func writeUntilFailure(t *testing.T, e *pebble.Engine, j *journal, logs *logJournal) []error {
	errs := make([]error, 4)
	var done sync.WaitGroup
	for i := range errs {
		if i%2 == 1 {
			w := &logWriter{journal: logs, engine: e, random: rand.New(rand.NewPCG(rand.Uint64(), 0)), acknowledged: func() {}}
			done.Go(func() { errs[i] = w.run() })
			continue
		}
		own := rand.New(rand.NewPCG(rand.Uint64(), 0))
		done.Go(func() {
			for errs[i] == nil {
				_, errs[i] = j.writeOne(t.Context(), e, fmt.Sprintf("%d/%d", i, own.IntN(20)), own)
			}
		})
	}
	done.Wait()
	return errs
}

// TestFailingSyncDuringClose makes the sync of the last write fail while the
// engine closes.
func TestFailingSyncDuringClose(t *testing.T) {
	inSync, proceed := make(chan struct{}), make(chan struct{})
	var armed atomic.Bool
	disk := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !isLogSync(op) || !armed.CompareAndSwap(true, false) {
			return nil
		}
		close(inSync)
		<-proceed
		return syscall.EIO
	}))
	failed := make(chan error, 1)
	e := mustOpen(t, "data", pebble.Options{FS: disk, Logger: quiet, OnFatal: func(err error) { failed <- err }})
	armed.Store(true)
	result := put(t.Context(), e, "key", "value", storage.Always())
	<-inSync
	closed := make(chan error, 1)
	go func() { closed <- e.Close() }()
	for { // until Close has begun
		if _, err := e.Get(t.Context(), "table", "key"); errors.Is(err, storage.ErrClosed) {
			break
		}
	}
	close(proceed)
	reason := <-failed
	if err := <-result; !errors.Is(err, reason) {
		t.Errorf("Put: %v, want %v", err, reason)
	}
	if err := <-closed; !errors.Is(err, reason) {
		t.Errorf("Close: %v, want %v", err, reason)
	}
}

// TestFailureExits runs an engine with the default OnFatal in a child process. In
// all cases but the first, Pebble would panic where nothing can recover, or retry
// for ever. The process must log the reason before it exits.
func TestFailureExits(t *testing.T) {
	tests := map[string]func(errorfs.Op) bool{
		"log sync":            isLogSync,
		"next log":            onFile(".log", errorfs.OpCreate, errorfs.OpReuseForWrite),
		"table while opening": onFile(".sst", errorfs.OpCreate),
	}
	if name := os.Getenv("SEAGATE_TEST_FAILURE"); name != "" {
		failAndExit(t, tests[name], strings.HasSuffix(name, "while opening"))
		return
	}
	for name := range tests {
		t.Run(name, func(t *testing.T) {
			child := helperProcess(t, "TestFailureExits", "SEAGATE_TEST_FAILURE="+name)
			out, err := child.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("process ended with %v, want status 1", err)
			}
			text := string(out)
			if strings.Count(text, "\n") != 1 || !strings.Contains(text, "storage cannot go on") || !strings.Contains(text, "input/output error") {
				t.Errorf("process wrote %q, want one line with the reason", text)
			}
		})
	}
}

func failAndExit(t *testing.T, match func(errorfs.Op) bool, whileOpening bool) {
	disk := vfs.NewMem()
	e := mustOpen(t, "data", pebble.Options{FS: disk})
	mustPut(t, e, "key", "value")
	mustClose(t, e)

	broken := &faults{match: match}
	broken.on.Store(whileOpening)
	e, err := pebble.Open("data", pebble.Options{FS: errorfs.Wrap(disk, broken)})
	if err != nil {
		t.Fatal(err)
	}
	broken.on.Store(true)
	for err == nil {
		_, err = e.Put(t.Context(), "table", "key", make([]byte, 100<<10), storage.Always())
	}
	select {} // the process is about to exit
}
