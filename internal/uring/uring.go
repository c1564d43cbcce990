// Package uring sends to many sockets with one system call, on kernels that have
// io_uring(7). To enter the kernel costs as much as to hand it a short message, or more.
package uring

import "errors"

// ErrUnsupported is returned by New if the kernel has no io_uring of the kind that is
// needed, or does not let this process use it. A container's runtime often forbids it.
var ErrUnsupported = errors.New("uring: the kernel does not offer io_uring")

// A Send is one send to one socket.
type Send struct {
	FD    int    // a stream socket; the caller keeps it open until Ring.Send returns
	Bytes []byte // what to send; not empty

	Written int   // how many bytes the kernel took; 0 if it has no room
	Err     error // why the socket takes nothing any more, or nil
}
