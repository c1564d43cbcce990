package pebble_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"seagate/storage"
	"seagate/storage/pebble"
)

// BenchmarkPut measures puts on the disk of the temporary folder. Each writer
// waits for its result.
func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			e := mustOpen(b, b.TempDir(), on(nil))
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
	e := mustOpen(b, "data", on(vfs.NewMem()))
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
	e := mustOpen(b, dir, on(nil))
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
		mustClose(b, mustOpen(b, dir, on(nil)))
	}
	b.ReportMetric(100_000, "records")
}

// BenchmarkAppend measures appends of 256 bytes on the disk of the temporary
// folder. Each publisher waits for its result.
func BenchmarkAppend(b *testing.B) {
	for _, publishers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("publishers=%d", publishers), func(b *testing.B) {
			e, err := pebble.Open(b.TempDir(), on(nil))
			if err != nil {
				b.Fatal(err)
			}
			defer mustClose(b, e)
			l := mustOpenLog(b, e, "log")
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			var done sync.WaitGroup
			for range publishers {
				done.Go(func() {
					for left.Add(-1) >= 0 {
						if got := appendTo(l, storage.Append{Payloads: [][]byte{make([]byte, 256)}}); got.Err != nil {
							b.Error(got.Err)
						}
					}
				})
			}
			done.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

// BenchmarkBareSync measures the disk: it writes and syncs each message, and
// nothing else.
func BenchmarkBareSync(b *testing.B) {
	f, err := vfs.Default.Create(filepath.Join(b.TempDir(), "file"), vfs.WriteCategoryUnspecified)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	payload := make([]byte, 256)
	for b.Loop() {
		if _, err := f.Write(payload); err != nil {
			b.Fatal(err)
		}
		if err := f.SyncData(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}

// BenchmarkRead measures reading a log from a warm cache.
func BenchmarkRead(b *testing.B) {
	e, err := pebble.Open(b.TempDir(), on(nil))
	if err != nil {
		b.Fatal(err)
	}
	defer mustClose(b, e)
	l := mustOpenLog(b, e, "log")
	for range 100 {
		batch := make([][]byte, 1000)
		for i := range batch {
			batch[i] = make([]byte, 256)
		}
		if got := appendTo(l, storage.Append{Payloads: batch}); got.Err != nil {
			b.Fatal(got.Err)
		}
	}
	b.ReportAllocs()
	n := 0
	for from := uint64(1); b.Loop(); {
		entries, err := l.Read(b.Context(), from, 256, 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		n += len(entries)
		from = (from + uint64(len(entries))) % 90_000
		from = max(from, 1)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "msgs/s")
}
