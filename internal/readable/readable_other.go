//go:build !linux

package readable

import "syscall"

// A Set is sockets that are watched. Here there is none.
type Set struct{}

// New fails with ErrUnsupported.
func New(ready func(key uint64)) (*Set, error) { return nil, ErrUnsupported }

// Watch fails with ErrUnsupported.
func (s *Set) Watch(socket syscall.RawConn, key uint64, first bool) error { return ErrUnsupported }

// Close does nothing.
func (s *Set) Close() error { return nil }
