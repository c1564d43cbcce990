package pebble_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"seagate/storage"
	"seagate/storage/pebble"
)

func wantNotDone(t testing.TB, what string, answers <-chan answer) {
	t.Helper()
	select {
	case got := <-answers:
		t.Errorf("%s was answered (%+v) before it was durable", what, got)
	default:
	}
}

// TestAppendIsAnsweredWhenDurable looks at a log while the sync of an append
// takes its time.
func TestAppendIsAnsweredWhenDurable(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		l := mustOpenLog(t, e, "log")
		mustAppend(t, l, "before")
		g.shut()
		answers := startAppend(l, storage.Append{Payloads: texts("after"), Key: "key", Window: time.Hour})
		synctest.Wait()
		repeat := startAppend(l, storage.Append{Payloads: texts("after"), Key: "key", Window: time.Hour})
		refused := startAppend(l, storage.Append{Payloads: texts("other"), Key: "key", Window: time.Hour})
		synctest.Wait()
		wantNotDone(t, "Append", answers)
		wantNotDone(t, "a repeat", repeat)
		wantNotDone(t, "a refusal", refused)
		if b := l.Bounds(); b.Next != 2 {
			t.Errorf("Bounds show what is not durable: %+v", b)
		}
		if got, err := l.Read(t.Context(), 2, 1, 1); len(got) != 0 || err != nil {
			t.Errorf("Read shows what is not durable: %v, %v", got, err)
		}
		g.open()
		first, again, other := <-answers, <-repeat, <-refused
		if first.err != nil || first.First != 2 || first.Repeat || again.First != 2 || !again.Repeat || !errors.Is(other.err, storage.ErrKeyReused) {
			t.Errorf("answers: %+v, %+v, %+v", first, again, other)
		}
	})
}

// TestGroupOfAppends counts the syncs that many waiting appends to many logs,
// a trim and a deletion cost, together with a record.
func TestGroupOfAppends(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		mustAppend(t, mustOpenLog(t, e, "trimmed"), "a", "b", "c")
		mustAppend(t, mustOpenLog(t, e, "deleted"), "a")
		g.shut()
		blocker := put(t.Context(), e, "blocker", "", storage.Always())
		synctest.Wait()
		var answers []<-chan answer
		for i := range 900 {
			answers = append(answers, startAppend(mustOpenLog(t, e, fmt.Sprint(i%100)), storage.Append{Payloads: texts("text")}))
		}
		others := make(chan error, 2)
		go func() { others <- mustOpenLog(t, e, "trimmed").Trim(t.Context(), storage.Retention{Messages: 1}) }()
		go func() { others <- e.DeleteLog(t.Context(), "deleted") }()
		record := put(t.Context(), e, "record", "", storage.Always())
		synctest.Wait()
		before := g.count()
		g.open()
		for _, answers := range answers {
			if got := <-answers; got.err != nil {
				t.Fatal(got.err)
			}
		}
		if err := errors.Join(<-blocker, <-record, <-others, <-others); err != nil {
			t.Fatal(err)
		}
		if syncs := g.count() - before; syncs != 1 {
			t.Errorf("they cost %d syncs, want 1", syncs)
		}
	})
}

// TestFullQueueBlocksAppends fills the queue by number, and by bytes.
func TestFullQueueBlocksAppends(t *testing.T) {
	for _, test := range []struct{ size, appends, most int }{
		{1, 3000, 1 + 1024 + 1024}, // a group at the disk, the queue, and one that waits
		{1 << 20, 30, 1 + 8 + 1},
	} {
		withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
			l := mustOpenLog(t, e, "log")
			g.shut()
			var begun, done atomic.Int64
			go func() {
				for range test.appends {
					begun.Add(1)
					l.Append(storage.Append{Payloads: [][]byte{make([]byte, test.size)}, Done: func(storage.Appended, error) { done.Add(1) }})
				}
			}()
			synctest.Wait()
			if n := begun.Load(); n > int64(test.most) {
				t.Errorf("with %d bytes each %d appends were taken, want %d at the most", test.size, n, test.most)
			}
			g.open()
			synctest.Wait()
			if n := done.Load(); n != int64(test.appends) {
				t.Errorf("%d of %d were answered", n, test.appends)
			}
		})
	}
}

// TestSlowDone has a Done take its time: the next group becomes durable
// meanwhile, and no more than a bounded number of them.
func TestSlowDone(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		l := mustOpenLog(t, e, "log")
		proceed := make(chan struct{})
		l.Append(storage.Append{Payloads: texts("slow"), Done: func(storage.Appended, error) { <-proceed }})
		synctest.Wait()
		var answers []<-chan answer
		for range 10 {
			answers = append(answers, startAppend(l, storage.Append{Payloads: texts("text")}))
			synctest.Wait()
		}
		if b := l.Bounds(); b.Next < 3 || b.Next > 5 {
			t.Errorf("while Done is called the log goes on to %d", b.Next)
		}
		close(proceed)
		for _, answers := range answers {
			if got := <-answers; got.err != nil {
				t.Fatal(got.err)
			}
		}
	})
}

// TestCloseAnswersAll closes the engine with one append at the disk, some in
// the queue and one that comes later.
func TestCloseAnswersAll(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		l := mustOpenLog(t, e, "log")
		g.shut()
		var mu sync.Mutex
		var order []string
		add := func(name string) {
			l.Append(storage.Append{Payloads: texts(name), Done: func(_ storage.Appended, err error) {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, fmt.Sprint(name, " ", err))
			}})
		}
		add("begun")
		synctest.Wait()
		add("waits")
		add("waits too")
		closed := make(chan error, 1)
		go func() { closed <- e.Close() }()
		synctest.Wait()
		go add("late")
		synctest.Wait()
		g.open()
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		want := fmt.Sprint([]string{"begun <nil>", "waits " + storage.ErrClosed.Error(), "waits too " + storage.ErrClosed.Error(), "late " + storage.ErrClosed.Error()})
		mu.Lock()
		defer mu.Unlock()
		if got := fmt.Sprint(order); got != want {
			t.Errorf("answers: %s, want %s", got, want)
		}
	})
}

// A smallDisk says how much of it is free.
type smallDisk struct {
	vfs.FS
	free  atomic.Uint64
	looks atomic.Int32
}

func (d *smallDisk) Unwrap() vfs.FS { return d.FS }

func (d *smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	d.looks.Add(1)
	return vfs.DiskUsage{AvailBytes: d.free.Load(), TotalBytes: 1 << 40}, nil
}

// TestLowSpace has the free space fall below the bound and rise again.
func TestLowSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &smallDisk{FS: vfs.NewMem()}
		disk.free.Store(8000)
		var log lockedBuffer
		e := mustOpen(t, "data", pebble.Options{FS: disk, MinFree: 8000, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		defer mustClose(t, e)
		l := mustOpenLog(t, e, "log")
		keyed := storage.Append{Payloads: texts("text"), Key: "key", Window: time.Hour}
		if got := appendTo(l, keyed); got.err != nil {
			t.Fatal(got.err)
		}
		mustAppend(t, l, "text")

		for _, step := range []struct {
			free uint64
			low  bool
		}{{7999, true}, {8000, true}, {8999, true}, {9000, false}, {8000, false}, {0, true}} {
			disk.free.Store(step.free)
			time.Sleep(time.Second)
			got := appendTo(l, storage.Append{Payloads: texts("text")})
			if low := errors.Is(got.err, storage.ErrNoSpace); low != step.low || !low && got.err != nil {
				t.Errorf("with %d bytes free: %v", step.free, got.err)
			}
			if free, low := e.Space(); free != int64(step.free) || low != step.low {
				t.Errorf("with %d bytes free: Space() = %d, %v", step.free, free, low)
			}
		}
		if got := appendTo(l, keyed); got.err != nil || !got.Repeat {
			t.Errorf("a repeat without space: %+v", got)
		}
		mustPut(t, e, "key", "value")
		if err := l.Trim(t.Context(), storage.Retention{Messages: 1}); err != nil {
			t.Errorf("Trim without space: %v", err)
		}
		if err := e.DeleteLog(t.Context(), "log"); err != nil {
			t.Errorf("DeleteLog without space: %v", err)
		}
		if n := strings.Count(log.String(), "disk space"); n != 3 {
			t.Errorf("three changes made %d lines in the log:\n%s", n, log.String())
		}
		before := disk.looks.Load()
		for range 100 {
			_, _ = e.Space()
		}
		if n := disk.looks.Load() - before; n > 1 {
			t.Errorf("the disk was asked %d times within a second", n)
		}
	})
}

// TestSpaceUnknown has a disk that does not say how much is free.
func TestSpaceUnknown(t *testing.T) {
	e := mustOpen(t, "data", pebble.Options{FS: vfs.NewMem(), Logger: quiet, MinFree: 1})
	defer mustClose(t, e)
	mustAppend(t, mustOpenLog(t, e, "log"), "text")
	if free, low := e.Space(); free != -1 || low {
		t.Errorf("Space() = %d, %v", free, low)
	}
}

// TestCheckpoint copies a folder again and again while it is written to.
func TestCheckpoint(t *testing.T) {
	dir := t.TempDir()
	e := mustOpen(t, filepath.Join(dir, "data"), pebble.Options{Logger: quiet})
	defer mustClose(t, e)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writers sync.WaitGroup
	var next atomic.Uint64 // the number after those that were answered
	next.Store(1)
	for i := range 4 {
		l := mustOpenLog(t, e, fmt.Sprint("log ", i))
		writers.Go(func() {
			for ctx.Err() == nil {
				got := appendTo(l, storage.Append{Payloads: texts(randomText(5000), "b")})
				if got.err != nil {
					t.Errorf("Append: %v", got.err)
					return
				}
				if i == 0 {
					next.Store(got.First + 2)
				}
			}
		})
	}
	for i := range 4 {
		wait(t, func() bool { return next.Load() > uint64(30*(i+1)) })
		copied := filepath.Join(dir, "copies", fmt.Sprint(i))
		answered := next.Load()
		if err := e.Checkpoint(t.Context(), copied); err != nil {
			t.Fatalf("Checkpoint: %v", err)
		}
		checkCopy(t, e, copied, answered)
	}
	stop()
	writers.Wait()
	if err := e.Checkpoint(t.Context(), filepath.Join(dir, "copies", "0")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Checkpoint to a folder that is there: %v", err)
	}
}

// wait waits until what was asked for is so.
func wait(t testing.TB, so func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not happen")
		}
	}
}

func checkCopy(t *testing.T, e *pebble.Engine, dir string, answered uint64) {
	t.Helper()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the copy has mode %v, %v", info.Mode(), err)
	}
	report, err := pebble.Check(dir, pebble.Options{Logger: quiet}, nil)
	if err != nil || len(report.Problems) > 0 {
		t.Fatalf("Check of a copy: %v, %v", report.Problems, err)
	}
	c := mustOpen(t, dir, pebble.Options{Logger: quiet})
	l := mustOpenLog(t, c, "log 0")
	b, original := l.Bounds(), mustOpenLog(t, e, "log 0")
	if b.Next < answered || b.Epoch != original.Bounds().Epoch || b.ID != original.Bounds().ID {
		t.Errorf("the copy has %+v, but %d was answered before", b, answered-1)
	}
	for _, entry := range readAll(t, l) {
		there, err := original.Read(t.Context(), entry.Seq, 1, 0)
		if err != nil || !bytes.Equal(there[0].Payload, entry.Payload) || there[0].Time != entry.Time {
			t.Fatalf("entry %d of the copy is another (%v)", entry.Seq, err)
		}
	}
	mustClose(t, c)
	if err := pebble.Renew(dir, pebble.Options{Logger: quiet}); err != nil {
		t.Fatalf("Renew: %v", err)
	}
}

// TestCheckpointFails has no room for the copy. The engine goes on, and no
// half of a copy is left.
func TestCheckpointFails(t *testing.T) {
	mem := vfs.NewMem()
	full := &faults{match: func(op errorfs.Op) bool {
		return strings.HasPrefix(op.Path, "copy.partial/") && op.Kind == errorfs.OpFileWrite
	}}
	full.on.Store(true)
	e := mustOpen(t, "data", pebble.Options{FS: errorfs.Wrap(mem, full), Logger: quiet})
	defer mustClose(t, e)
	mustAppend(t, mustOpenLog(t, e, "log"), "text")
	if err := e.Checkpoint(t.Context(), "copy"); err == nil {
		t.Error("Checkpoint found room on a full disk")
	}
	if _, err := mem.Stat("copy.partial"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half of a copy is left: %v", err)
	}
	full.on.Store(false)
	mustAppend(t, mustOpenLog(t, e, "log"), "goes on")
	if err := e.Checkpoint(t.Context(), "copy"); err != nil {
		t.Error(err)
	}
	wantNoProblems(t, "copy", mem)
}

// BenchmarkAppend measures acknowledged appends of 256 bytes on the disk of
// the temporary folder, of publishers that each wait for their answers.
func BenchmarkAppend(b *testing.B) {
	for _, publishers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("publishers=%d", publishers), func(b *testing.B) {
			e, err := pebble.Open(b.TempDir(), pebble.Options{Logger: quiet})
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
						if got := appendTo(l, storage.Append{Payloads: [][]byte{make([]byte, 256)}}); got.err != nil {
							b.Error(got.err)
						}
					}
				})
			}
			done.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

// BenchmarkBareSync is what the disk gives to who writes and syncs each
// message, and nothing else.
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

// BenchmarkRead measures how fast a log is caught up with, from a warm cache.
func BenchmarkRead(b *testing.B) {
	e, err := pebble.Open(b.TempDir(), pebble.Options{Logger: quiet})
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
		if got := appendTo(l, storage.Append{Payloads: batch}); got.err != nil {
			b.Fatal(got.err)
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
