//go:build unix

package yield_test

import (
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"seagate/internal/yield"
)

// A goroutine that waits for a pipe which is readable by now goes first. With
// runtime.Gosched it is late nearly each time. The two take turns, since on a busy machine
// the kernel interrupts the reader, which makes it late with both.
func TestReadersGoFirst(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var read atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for b := make([]byte, 1); ; read.Add(1) {
			if _, err := in.Read(b); err != nil {
				return
			}
		}
	}()
	y := yield.New()
	defer y.Close()
	written := int64(0)
	late := func(yield func()) (late int) {
		if _, err := out.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		written++
		for yield(); read.Load() != written; y.ToAll() {
			late = 1
		}
		return late
	}
	toAll, gosched := 0, 0
	for range 1000 {
		toAll += late(y.ToAll)
		gosched += late(runtime.Gosched)
	}
	if toAll > gosched/2 {
		t.Errorf("of 1000 times each, the reader was late %d times with ToAll, %d with Gosched", toAll, gosched)
	}
	out.Close()
	<-ended
	in.Close()
}

// Without its pipe, as without file descriptors, it does not wait for anything.
func TestYieldingAfterClose(t *testing.T) {
	y := yield.New()
	y.Close()
	y.ToAll()
	y.Close()
}

func TestYieldingAllocatesNothing(t *testing.T) {
	y := yield.New()
	defer y.Close()
	if n := testing.AllocsPerRun(100, y.ToAll); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
