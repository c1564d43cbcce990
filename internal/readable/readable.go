// Package readable tells when sockets have something to read, without a goroutine
// for each of them. So ten thousand connections at rest need no stacks.
package readable

import "errors"

// ErrUnsupported reports that the system has no epoll.
var ErrUnsupported = errors.New("readable: not on this system")
