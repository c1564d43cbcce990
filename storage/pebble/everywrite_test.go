package pebble_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"seagate/storage"
	"seagate/storage/pebble"
)

// TestErrorAtEveryWrite fails each change that opening a folder and appending make
// to the disk, and all later ones, as a full disk does. Then it cuts the power.
// Everything acknowledged is there, and with every message its header.
func TestErrorAtEveryWrite(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for name, err := range map[string]error{"error": syscall.EIO, "full disk": syscall.ENOSPC} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			step := 0
			for appendUntilChange(t, step, err, random) {
				step++
			}
			if step < 60 {
				t.Fatalf("the test saw only %d changes", step)
			}
		})
	}
}

// appendUntilChange returns false if there are fewer changes than step.
func appendUntilChange(t *testing.T, step int, failure error, random *rand.Rand) (failed bool) {
	const appends = 30
	disk := vfs.NewCrashableMem()
	var mu sync.Mutex // guards n
	n := 0
	broken := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
			return nil
		}
		if n++; n > step {
			return failure
		}
		return nil
	}))
	acknowledged := appendSome(t, broken, appends)
	crashed := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: random.IntN(101), RNG: random})
	e := mustOpen(t, "data", on(crashed))
	defer mustClose(t, e)
	log, err := e.OpenLog(t.Context(), "log")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := log.Read(t.Context(), 1, appends, 1<<20)
	if err != nil || len(entries) < acknowledged {
		t.Fatalf("%v at change %d: %d entries are left, %d were acknowledged (%v)", failure, step, len(entries), acknowledged, err)
	}
	for i, entry := range entries {
		if entry.Seq != uint64(i+1) || string(entry.Payload) != fmt.Sprint(i) {
			t.Fatalf("%v at change %d: entry %d is %d:%s", failure, step, i, entry.Seq, entry.Payload)
		}
	}
	wantHeaderOf(t, log, entries)
	return acknowledged < appends
}

// headerAt returns the header of the i-th append, nil for none.
func headerAt(i int) []byte {
	if i%3 > 0 {
		return nil
	}
	return fmt.Append(nil, "header ", i)
}

// wantHeaderOf checks that the log has the header of the last of its entries
// that came with one.
func wantHeaderOf(t *testing.T, log storage.Log, entries []storage.Entry) {
	t.Helper()
	h, err := log.Header(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	last := (len(entries) - 1) / 3 * 3
	if len(entries) == 0 && h.Seq == 0 {
		return
	}
	if h.Seq != uint64(last+1) || string(h.Value) != string(headerAt(last)) {
		t.Fatalf("the header is %d:%q, with %d entries", h.Seq, h.Value, len(entries))
	}
}

// appendSome makes one append after the other, and returns how many were
// acknowledged before the engine failed.
func appendSome(t *testing.T, disk vfs.FS, appends int) (acknowledged int) {
	fatal := make(chan struct{})
	e := openUntilFatal(disk, fatal)
	if e == nil {
		return 0
	}
	log, err := e.OpenLog(t.Context(), "log")
	if err != nil {
		return 0
	}
	for i := range appends {
		done := make(chan error, 1)
		log.Append(storage.Append{Payloads: [][]byte{fmt.Append(nil, i)}, Header: headerAt(i), Done: func(_ storage.Appended, err error) { done <- err }})
		select {
		case err := <-done:
			if err != nil {
				return acknowledged
			}
			acknowledged++
		case <-fatal:
			return acknowledged
		}
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = e.Close() // never returns if the engine fails in it
	}()
	select {
	case <-closed:
	case <-fatal:
	}
	return acknowledged
}

// openUntilFatal returns nil if Open fails or does not return.
func openUntilFatal(disk vfs.FS, fatal chan struct{}) *pebble.Engine {
	opened := make(chan *pebble.Engine, 1)
	go func() {
		e, _ := pebble.Open("data", pebble.Options{FS: disk, Logger: quiet, OnFatal: func(error) { close(fatal) }})
		opened <- e
	}()
	select {
	case e := <-opened:
		return e
	case <-fatal:
		return nil
	}
}
