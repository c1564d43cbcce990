package pebble_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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
					select {
					case fatal <- err:
					default:
					}
				},
			})
			j := newJournal()
			broken.on.Store(true)
			writeUntilFailure(t, e, j, fatal)
			reason := <-fatal
			crashed := disk.CrashClone(vfs.CrashCloneCfg{})
			broken.on.Store(false)

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
		})
	}
}

// writeUntilFailure has several writers write until the engine stops.
func writeUntilFailure(t *testing.T, e *pebble.Engine, j *journal, fatal chan error) {
	var done sync.WaitGroup
	for i := range 4 {
		own := rand.New(rand.NewPCG(rand.Uint64(), 0))
		done.Go(func() {
			for {
				over, err := j.writeOne(t.Context(), e, fmt.Sprintf("%d/%d", i, own.IntN(20)), own)
				if err != nil && len(fatal) == 0 {
					t.Errorf("write failed before the engine did: %v", err)
				}
				if over {
					return
				}
			}
		})
	}
	done.Wait()
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

// TestFlushIsTriedAgain fails the background's writes of tables until writes
// must wait for them. What they hold is in the log, so nothing is lost, and
// all goes on when the disk does.
func TestFlushIsTriedAgain(t *testing.T) {
	broken := &faults{match: onFile(".sst", append(changes, errorfs.OpCreate)...)}
	var log lockedBuffer
	e := mustOpen(t, "data", pebble.Options{
		FS:     errorfs.Wrap(vfs.NewMem(), broken),
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	defer mustClose(t, e)
	broken.on.Store(true)
	written := make(chan error)
	go func() {
		value := make([]byte, 64<<10)
		for n := range 300 {
			if _, err := e.Put(t.Context(), "table", fmt.Sprint(n), value, storage.Always()); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	log.waitFor(t, "cannot write in the background")
	log.waitFor(t, "writes wait for the disk")
	time.Sleep(3*time.Second)
	t.Logf("%d bytes of log", len(log.String()))
	broken.on.Store(false)
	if err := <-written; err != nil {
		t.Error(err)
	}
	log.waitFor(t, "writes go on")
	t.Logf("%d bytes of log", len(log.String()))
}

// A lockedBuffer is a log that a test can wait for.
type lockedBuffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	changed chan struct{} // closed at the next write, if somebody waits for it
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lockedBuffer) waitFor(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		l.mu.Lock()
		if strings.Contains(l.b.String(), text) {
			l.mu.Unlock()
			return
		}
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("log does not say %q but\n%.1000s", text, l.String())
		}
	}
}

// TestFailureExits runs an engine with the default OnFatal in a process of its
// own. In the second case Pebble panics where it cannot be recovered from, so
// what the log says must have been written before.
func TestFailureExits(t *testing.T) {
	tests := map[string]func(errorfs.Op) bool{
		"log sync": isLogSync,
		"next log": onFile(".log", errorfs.OpCreate, errorfs.OpReuseForWrite),
	}
	if match := tests[os.Getenv("SEAGATE_TEST_FAILURE")]; match != nil {
		failAndExit(t, match)
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

func failAndExit(t *testing.T, match func(errorfs.Op) bool) {
	broken := &faults{match: match}
	e, err := pebble.Open("data", pebble.Options{FS: errorfs.Wrap(vfs.NewMem(), broken)})
	if err != nil {
		t.Fatal(err)
	}
	broken.on.Store(true)
	for {
		if _, err := e.Put(t.Context(), "table", "key", make([]byte, 100<<10), storage.Always()); err != nil {
			t.Fatalf("Put returned %v", err)
		}
	}
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
