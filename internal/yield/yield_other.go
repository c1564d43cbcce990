//go:build !unix

package yield

import "runtime"

// A Yielder is for one goroutine at a time.
type Yielder struct{}

// New returns a Yielder.
func New() *Yielder { return &Yielder{} }

// ToAll is runtime.Gosched here.
func (*Yielder) ToAll() { runtime.Gosched() }

// Close does nothing here.
func (*Yielder) Close() {}
