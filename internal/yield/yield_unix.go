//go:build unix

package yield

import (
	"os"
	"runtime"
	"syscall"
)

// A Yielder is for one goroutine at a time.
type Yielder struct {
	in, out *os.File
	wait    syscall.RawConn              // of in; nil if there is no pipe
	ringing func(in uintptr) (done bool) // ring
	rung    bool
	signal  [1]byte
}

// New returns a Yielder, which takes two file descriptors. If there are none, it works
// like runtime.Gosched.
func New() *Yielder {
	y := &Yielder{signal: [1]byte{1}}
	in, out, err := os.Pipe()
	if err != nil {
		return y
	}
	y.in, y.out, y.ringing = in, out, y.ring
	y.wait, _ = in.SyscallConn() // never fails for an open file
	return y
}

// ToAll returns when all goroutines have had their turn that could run, or whose sockets had
// something to read, when it was called. With several processors, some may still be running.
func (y *Yielder) ToAll() {
	if y.wait != nil {
		y.rung = false
		_ = y.wait.Read(y.ringing)
	}
	// Goroutines that were woken together with this one go first. Now and then the scheduler
	// takes the one that has yielded first, but not twice in a row.
	runtime.Gosched()
	runtime.Gosched()
}

// ring makes the pipe readable and asks to wait until the scheduler has seen that, as it sees
// the sockets. The scheduler begins to watch for it before the first call, so that is not
// missed.
func (y *Yielder) ring(in uintptr) (done bool) {
	if !y.rung {
		y.rung = true
		n, err := y.out.Write(y.signal[:])
		return n != 1 || err != nil
	}
	_, err := syscall.Read(int(in), y.signal[:])
	return err != syscall.EAGAIN
}

// Close releases the file descriptors.
func (y *Yielder) Close() {
	if y.wait != nil {
		y.in.Close()
		y.out.Close()
		y.wait = nil
	}
}
