package pebble_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"seagate/storage"
	"seagate/storage/pebble"
	"seagate/storage/pebble/integrity"
	"seagate/storage/storagetest"
)

var (
	mustPut     = storagetest.MustPut
	mustClose   = storagetest.MustClose
	mustOpenLog = storagetest.MustOpenLog
	mustAppend  = storagetest.MustAppend
	mustReadAll = storagetest.MustReadAll
	mustTrim    = storagetest.MustTrim
	startAppend = storagetest.StartAppend
	appendTo    = storagetest.AppendTo
	payloads    = storagetest.Payloads
)

var quiet = slog.New(slog.DiscardHandler)

// on returns the options of an engine that logs nothing. A nil disk is the real
// one.
func on(disk vfs.FS) pebble.Options { return pebble.Options{FS: disk, Logger: quiet} }

// mustOpen opens an engine that writes tables soon. Unless opts say otherwise,
// the test fails if the engine does.
func mustOpen(t testing.TB, dir string, opts pebble.Options) *pebble.Engine {
	t.Helper()
	if opts.OnFatal == nil {
		opts.OnFatal = func(err error) { t.Errorf("the engine failed: %v", err) }
	}
	e, err := pebble.Open(dir, opts.WithSmallTables())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// put writes in the background, and returns the channel that receives the result.
func put(ctx context.Context, e *pebble.Engine, key, value string, cond storage.Condition) <-chan error {
	result := make(chan error, 1)
	go func() {
		_, err := e.Put(ctx, "table", key, []byte(value), cond)
		result <- err
	}()
	return result
}

func wantWaiting(t *testing.T, what string, result <-chan error) {
	t.Helper()
	select {
	case err := <-result:
		t.Errorf("%s has a result (%v) before it is durable", what, err)
	default:
	}
}

func wantValue(t *testing.T, e *pebble.Engine, key, value string) {
	t.Helper()
	r, err := e.Get(t.Context(), "table", key)
	if err != nil || string(r.Value) != value {
		t.Errorf("Get(%q) = %q, %v, want %q", key, r.Value, err, value)
	}
	for r, err := range e.List(t.Context(), "table", key) {
		if err != nil || string(r.Value) != value {
			t.Errorf("List(%q) yields %q, %v, want %q", key, r.Value, err, value)
		}
	}
}

// A lockedBuffer is a log that a test may read during writes.
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
func mustCheck(t testing.TB, dir string, disk vfs.FS) integrity.Report {
	t.Helper()
	report, err := pebble.Check(dir, on(disk), nil)
	if err != nil {
		t.Fatalf("Check: %v", err)
	}
	return report
}

func wantNoProblems(t testing.TB, dir string, disk vfs.FS) integrity.Report {
	t.Helper()
	report := mustCheck(t, dir, disk)
	for _, p := range report.Problems {
		t.Errorf("Check: %v", p)
	}
	return report
}
