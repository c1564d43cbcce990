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
// runtime.Gosched it is late nearly each time.
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
	const most = 100 // on a machine that is busy the kernel interrupts the reader now and then
	late := 0
	for n := range int64(1000) {
		if _, err := out.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		if y.ToAll(); read.Load() != n+1 {
			late++
		}
	}
	if late > most {
		t.Errorf("the reader was late %d times of 1000", late)
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
