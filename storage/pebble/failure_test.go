package pebble_test

import (
	"bytes"
	"cmp"
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
)

// faults fails the operations that match while it is on.
type faults struct {
	on    atomic.Bool
	match func(errorfs.Op) bool
	err   error // default: syscall.EIO
}

func (f *faults) String() string { return "faults" }

func (f *faults) MaybeError(op errorfs.Op) error {
	if f.on.Load() && f.match(op) {
		return cmp.Or(f.err, error(syscall.EIO))
	}
	return nil
}

// changes are those of a file's contents.
var changes = []errorfs.OpKind{
	errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo,
}

func onFile(part string, kinds ...errorfs.OpKind) func(errorfs.Op) bool {
	return func(op errorfs.Op) bool {
		return strings.Contains(op.Path, part) && slices.Contains(kinds, op.Kind)
	}
}

// TestFailStop fails the disk in different places. The engine stops, says so
// once, does not come back when the disk does, and a start on what is left
// finds all that was answered.
func TestFailStop(t *testing.T) {
	tests := map[string]func(errorfs.Op) bool{
		"log sync":   isLogSync,
		"log write":  onFile(".log", errorfs.OpFileWrite),
		"manifest":   onFile("MANIFEST", changes...),
		"table":      onFile(".sst", append(changes, errorfs.OpCreate)...),
		"witness":    onFile("marker.seagate-written", errorfs.OpCreate),
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
			told := writeUntilFailure(t, e, j, logs)
			reason := <-fatal
			crashed := disk.CrashClone(vfs.CrashCloneCfg{})
			broken.on.Store(false)

			for _, err := range told {
				if !errors.Is(err, reason) {
					t.Errorf("a write failed with %v, the engine with %v", err, reason)
				}
			}
			wantAllFail(t, e, reason)
			if strings.HasPrefix(name, "log") && !errors.Is(reason, syscall.EIO) {
				t.Errorf("OnFatal was called with %v, which does not wrap the disk's error", reason)
			}
			if calls.Load() != 1 {
				t.Errorf("OnFatal was called %d times", calls.Load())
			}
			after := mustOpen(t, "data", pebble.Options{FS: crashed, Logger: quiet})
			defer mustClose(t, after)
			j.check(t, after)
			logs.check(t, after)
		})
	}
}

// writeUntilFailure has several writers write and append until the engine
// stops, and returns what they were told.
func writeUntilFailure(t *testing.T, e *pebble.Engine, j *journal, logs *logJournal) []error {
	told := make([]error, 4)
	var done sync.WaitGroup
	for i := range told {
		if i%2 == 1 {
			w := &logWriter{journal: logs, engine: e, random: rand.New(rand.NewPCG(rand.Uint64(), 0)), answer: func() {}}
			done.Go(func() { told[i] = w.run() })
			continue
		}
		own := rand.New(rand.NewPCG(rand.Uint64(), 0))
		done.Go(func() {
			for told[i] == nil {
				_, told[i] = j.writeOne(t.Context(), e, fmt.Sprintf("%d/%d", i, own.IntN(20)), own)
			}
		})
	}
	done.Wait()
	return told
}

func wantAllFail(t *testing.T, e *pebble.Engine, reason error) {
	t.Helper()
	_, putErr := e.Put(t.Context(), "table", "key", nil, storage.Always())
	_, getErr := e.Get(t.Context(), "table", "key")
	var listErr error
	for _, err := range e.List(t.Context(), "table", "") {
		listErr = err
	}
	for what, err := range map[string]error{
		"Put":         putErr,
		"Delete":      e.Delete(t.Context(), "table", "key", storage.Always()),
		"Get":         getErr,
		"List":        listErr,
		"Close":       e.Close(),
		"Close again": e.Close(),
	} {
		if !errors.Is(err, reason) {
			t.Errorf("%s after the failure: %v, want %v", what, err, reason)
		}
	}
}

// TestFailingSyncDuringClose has the last write's sync fail when the engine is
// being closed already.
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
	answer := put(t.Context(), e, "key", "value", storage.Always())
	<-inSync
	closed := make(chan error, 1)
	go func() { closed <- e.Close() }()
	// The call returns ErrClosed once Close has begun.
	for {
		if _, err := e.Get(t.Context(), "table", "key"); errors.Is(err, storage.ErrClosed) {
			break
		}
	}
	close(proceed)
	reason := <-failed
	if err := <-answer; !errors.Is(err, reason) {
		t.Errorf("Put: %v, want %v", err, reason)
	}
	if err := <-closed; !errors.Is(err, reason) {
		t.Errorf("Close: %v, want %v", err, reason)
	}
}

// A lockedBuffer is a log that a test can read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestFailureExits runs an engine with the default OnFatal in a process of its
// own. In all cases but the first Pebble would panic where it cannot be
// recovered from, or try for ever; what the log says must be written before.
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

// helperProcess returns this test binary, about to run one test.
func helperProcess(t *testing.T, test string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self, "-test.run=^"+test+"$")
	child.Env = append(os.Environ(), env...)
	return child
}
