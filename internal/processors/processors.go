// Package processors tells how many processors the process may use, and gives those that
// wait for the network a way past those that compute.
//
// The Go scheduler looks for what the network has brought when a processor has nothing
// else to run, and otherwise every 10 ms. While computations keep all of its processors
// busy, each step of a small request waits that long, however little of the machine it
// needs. If a few more goroutines may run at a time than there are processors, and no more
// than there are processors compute at length, the operating system decides who goes
// first, and prefers who has waited.
package processors

import (
	"os"
	"runtime"
)

// Count is how many processors the process may use: of the machine, of its control group,
// or as GOMAXPROCS in the environment says. It does not change.
var Count = runtime.GOMAXPROCS(0)

// spare bounds how many more goroutines run at a time. It is small, because the garbage
// collector takes a quarter of all that may run.
const spare = 4

// Spare lets more goroutines run at a time than there are processors. Whoever computes at
// length must not use more than Count of them. It does nothing if GOMAXPROCS is in the
// environment: then the operator has chosen.
func Spare() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(Count + min(2*Count, spare))
	}
}
