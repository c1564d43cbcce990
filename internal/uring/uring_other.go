//go:build !linux

package uring

// A Ring is an io_uring, which this system does not have.
type Ring struct{}

// New returns ErrUnsupported.
func New(int) (*Ring, error) { return nil, ErrUnsupported }

// Close does nothing.
func (*Ring) Close() {}

// Send is never called, since there is no ring.
func (*Ring) Send([]Send) error { return ErrUnsupported }
