//go:build unix

package pebble_test

import (
	"os"
	"runtime"
	"sync"
	"testing"

	"seagate/storage"
)

// With one processor, nobody runs while a file is synced. A batch must not begin with the few that
// came before that: those come into it whose sockets have become readable meanwhile. Each publisher
// here sends its next message when its pipe says that the last one is durable.
func TestBatchesFillWithOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	e := mustOpen(t, t.TempDir(), on(nil))
	defer mustClose(t, e)
	l := mustOpenLog(t, e, "log")
	const publishers, each = 64, 20
	var done sync.WaitGroup
	for range publishers {
		in, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		defer out.Close()
		done.Go(func() {
			for range each {
				l.Append(storage.Append{Payloads: payloads("message"), Done: func(_ storage.Appended, err error) {
					if err != nil {
						t.Error(err)
					}
					out.Write([]byte{1})
				}})
				if _, err := in.Read(make([]byte, 1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	if s := e.Stats(); s.Changes < publishers/2*s.Commits {
		t.Errorf("%d changes of %d publishers took %d syncs, want at least %d in each", s.Changes, publishers, s.Commits, publishers/2)
	}
}
