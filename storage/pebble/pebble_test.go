package pebble_test

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"seagate/storage"
	"seagate/storage/pebble"
	"seagate/storage/storagetest"
)

var quiet = slog.New(slog.DiscardHandler)

func mustOpen(t testing.TB, dir string, opts pebble.Options) *pebble.Engine {
	t.Helper()
	if opts.OnFatal == nil {
		opts.OnFatal = func(err error) { t.Errorf("engine failed: %v", err) }
	}
	e, err := pebble.Open(dir, opts.WithSmallTables())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustClose(t testing.TB, e *pebble.Engine) {
	t.Helper()
	if err := e.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func mustPut(t testing.TB, e *pebble.Engine, key, value string) uint64 {
	t.Helper()
	revision, err := e.Put(t.Context(), "table", key, []byte(value), storage.Always())
	if err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
	return revision
}

func TestEngine(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Engine {
		return mustOpen(t, "data", pebble.Options{FS: vfs.NewMem(), Logger: quiet})
	})
	storagetest.RunDurable(t, func(t *testing.T) func() storage.Engine {
		dir := t.TempDir()
		return func() storage.Engine { return mustOpen(t, dir, pebble.Options{Logger: quiet}) }
	})
}

func TestLargestSoak(t *testing.T) {
	if os.Getenv("SEAGATE_SOAK") == "" {
		t.Skip("writes 512 MiB; set SEAGATE_SOAK to do so")
	}
	storagetest.RunLargest(t, func(t *testing.T) storage.Engine {
		e, err := pebble.Open(t.TempDir(), pebble.Options{Logger: quiet, OnFatal: func(err error) { t.Errorf("engine failed: %v", err) }})
		if err != nil {
			t.Fatal(err)
		}
		return e
	})
}

func TestKeyBound(t *testing.T) {
	storagetest.RunKeyBound(t, 10, func(t *testing.T) storage.Engine {
		return mustOpen(t, "data", pebble.Options{FS: vfs.NewMem(), Logger: quiet, AppendKeys: 10})
	})
}

// BenchmarkPut measures acknowledged puts on the disk of the temporary folder,
// with some writers that each wait for their answers.
func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			e := mustOpen(b, b.TempDir(), pebble.Options{Logger: quiet})
			defer mustClose(b, e)
			value := make([]byte, 200)
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			var done sync.WaitGroup
			for i := range writers {
				done.Go(func() {
					for n := 0; left.Add(-1) >= 0; n++ {
						if _, err := e.Put(b.Context(), "table", fmt.Sprintf("%d/%d", i, n%1000), value, storage.Always()); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			done.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
		})
	}
}

func BenchmarkGet(b *testing.B) {
	e := mustOpen(b, "data", pebble.Options{FS: vfs.NewMem(), Logger: quiet})
	defer mustClose(b, e)
	for i := range 1000 {
		mustPut(b, e, fmt.Sprint(i), "value")
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			if _, err := e.Get(b.Context(), "table", fmt.Sprint(n%1000)); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkOpen measures a start, which reads every record.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	e := mustOpen(b, dir, pebble.Options{Logger: quiet})
	value := []byte(strings.Repeat("value ", 50))
	var done sync.WaitGroup
	for i := range 1000 {
		done.Go(func() {
			for n := range 100 {
				if _, err := e.Put(b.Context(), "table", fmt.Sprintf("%d/%d", i, n), value, storage.Always()); err != nil {
					b.Error(err)
				}
			}
		})
	}
	done.Wait()
	mustClose(b, e)
	for b.Loop() {
		mustClose(b, mustOpen(b, dir, pebble.Options{Logger: quiet}))
	}
	b.ReportMetric(100_000, "records")
}
