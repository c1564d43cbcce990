package readable

import (
	"os"
	"syscall"

	"seagate/internal/panics"
)

// A Set is sockets that are watched. It is safe for concurrent use.
type Set struct {
	file *os.File // an epoll instance
	raw  syscall.RawConn
}

// New returns an empty set. It calls ready, on one goroutine, with the key of each
// watched socket that has something to read, has ended or has failed. Close ends it.
func New(ready func(key uint64)) (*Set, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	// An epoll instance is readable while one of its sockets is, so that the runtime's
	// own poller can wait for it: no thread is blocked.
	if err := syscall.SetNonblock(fd, true); err != nil {
		syscall.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(fd), "epoll")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, err
	}
	s := &Set{file: file, raw: raw}
	go s.run(ready)
	return s, nil
}

// eventsAtOnce is how many sockets are taken with one system call.
const eventsAtOnce = 256

func (s *Set) run(ready func(key uint64)) {
	events := make([]syscall.EpollEvent, eventsAtOnce)
	for {
		n := 0
		err := s.raw.Read(func(fd uintptr) (done bool) {
			var failed error
			n, failed = syscall.EpollWait(int(fd), events, 0)
			return n > 0 || failed != nil && failed != syscall.EINTR
		})
		if err != nil { // closed
			return
		}
		for i := range max(n, 0) {
			contained(ready, uint64(uint32(events[i].Fd))|uint64(uint32(events[i].Pad))<<32)
		}
	}
}

// contained keeps a panic that one socket causes from ending the watch of all.
func contained(ready func(key uint64), key uint64) {
	defer panics.Contain("connection")
	ready(key)
}

// Watch calls ready once with the key as soon as the socket has something to read, or
// has it already. To be told again, watch the socket again. first says that the socket
// was never watched. A socket that is closed is watched no longer; closing it tells
// nobody.
func (s *Set) Watch(socket syscall.RawConn, key uint64, first bool) error {
	event := syscall.EpollEvent{
		Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | oneShot,
		Fd:     int32(uint32(key)), Pad: int32(uint32(key >> 32)),
	}
	operation := syscall.EPOLL_CTL_MOD
	if first {
		operation = syscall.EPOLL_CTL_ADD
	}
	var failed error
	err := socket.Control(func(fd uintptr) {
		if controlErr := s.raw.Control(func(epoll uintptr) {
			failed = syscall.EpollCtl(int(epoll), operation, int(fd), &event)
		}); controlErr != nil {
			failed = controlErr
		}
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("epoll_ctl", failed)
}

const oneShot = 1 << 30 // EPOLLONESHOT, which package syscall has as a negative number on some systems

// Close ends the set.
func (s *Set) Close() error { return s.file.Close() }
