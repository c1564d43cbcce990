package uring

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Ring is an io_uring. It is used by one goroutine at a time, on any thread.
//
// No send waits: the sockets are asked with MSG_DONTWAIT, so each has its result when
// io_uring_enter(2) returns. No bytes are read, and no socket is used, after that.
type Ring struct {
	fd      int
	entries uint32
	rings   []byte // the memory of both queues, shared with the kernel
	entry   []byte // that of the submission entries

	submitted *uint32 // tail of the submission queue, which the kernel reads
	consumed  *uint32 // its head, which the kernel writes
	array     unsafe.Pointer
	sqMask    uint32

	completed *uint32 // tail of the completion queue, which the kernel writes
	seen      *uint32 // its head, which the kernel reads
	results   unsafe.Pointer
	cqMask    uint32
}

// From <linux/io_uring.h>.
type (
	params struct {
		sqEntries, cqEntries, flags, threadCPU, threadIdle, features, wqFD uint32
		_                                                                  [3]uint32
		sq                                                                 struct {
			head, tail, mask, entries, flags, dropped, array, _ uint32
			_                                                   uint64
		}
		cq struct {
			head, tail, mask, entries, overflow, results, flags, _ uint32
			_                                                      uint64
		}
	}

	submission struct {
		opcode, flags uint8
		ioprio        uint16
		fd            int32
		offset        uint64
		address       uint64
		length        uint32
		messageFlags  uint32
		userData      uint64
		_, _, _       uint64
	}

	completion struct {
		userData uint64
		result   int32
		flags    uint32
	}
)

const (
	offsetOfRings   = 0
	offsetOfEntries = 0x10000000
	singleMmap      = 1 << 0 // of params.features
	noDrop          = 1 << 1
	opSend          = 26
	enterGetEvents  = 1 << 0
)

// maxIdle is how often in a row the kernel may be entered without a result.
const maxIdle = 100

// New returns a ring that takes up to entries sends at a time, a power of two. The caller
// must Close it.
func New(entries int) (*Ring, error) {
	r, err := open(uint32(entries))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	if err := r.try(); err != nil {
		r.Close()
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return r, nil
}

func open(entries uint32) (*Ring, error) {
	var p params
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, os.NewSyscallError("io_uring_setup", errno)
	}
	unix.CloseOnExec(int(fd))
	r := &Ring{fd: int(fd), entries: p.sqEntries}
	if p.features&singleMmap == 0 || p.features&noDrop == 0 {
		r.Close()
		return nil, fmt.Errorf("features are %#x", p.features)
	}
	size := max(p.sq.array+p.sqEntries*4, p.cq.results+p.cqEntries*uint32(unsafe.Sizeof(completion{})))
	var err error
	if r.rings, err = r.share(offsetOfRings, int(size)); err == nil {
		r.entry, err = r.share(offsetOfEntries, int(p.sqEntries)*int(unsafe.Sizeof(submission{})))
	}
	if err != nil {
		r.Close()
		return nil, os.NewSyscallError("mmap", err)
	}
	at := func(offset uint32) unsafe.Pointer { return unsafe.Pointer(&r.rings[offset]) }
	r.consumed, r.submitted, r.array = (*uint32)(at(p.sq.head)), (*uint32)(at(p.sq.tail)), at(p.sq.array)
	r.seen, r.completed, r.results = (*uint32)(at(p.cq.head)), (*uint32)(at(p.cq.tail)), at(p.cq.results)
	r.sqMask, r.cqMask = *(*uint32)(at(p.sq.mask)), *(*uint32)(at(p.cq.mask))
	return r, nil
}

func (r *Ring) share(offset int64, size int) ([]byte, error) {
	return unix.Mmap(r.fd, offset, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
}

// try sends to a pair of sockets until that is full. On a kernel that lets a send to a full
// socket wait, though it was told not to, the ring is of no use.
func (r *Ring) try() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	sends := []Send{{FD: pair[0], Bytes: make([]byte, 64<<10)}}
	for full := false; !full; full = sends[0].Written == 0 {
		if err := r.Send(sends); err != nil {
			return err
		}
		if sends[0].Err != nil {
			return sends[0].Err
		}
	}
	return nil
}

// Close gives the ring back. It is safe to call twice.
func (r *Ring) Close() {
	if r.fd < 0 {
		return
	}
	if r.entry != nil {
		unix.Munmap(r.entry)
	}
	if r.rings != nil {
		unix.Munmap(r.rings)
	}
	unix.Close(r.fd)
	r.fd = -1
}

// Send hands each socket its bytes, in order, and sets what became of it. It sends as many
// at a time as the ring takes. An error is that of the ring, which is of no use any more; each send
// that has no result then has Written 0 and no Err, and nothing of it was sent. After Close the
// error is os.ErrClosed.
func (r *Ring) Send(sends []Send) error {
	for i := range sends {
		sends[i].Written, sends[i].Err = 0, nil
	}
	if r.fd < 0 {
		return os.ErrClosed
	}
	for len(sends) > 0 {
		n := min(len(sends), int(r.entries))
		if err := r.send(sends[:n]); err != nil {
			return err
		}
		sends = sends[n:]
	}
	return nil
}

func (r *Ring) send(sends []Send) error {
	first := *r.submitted // nobody else writes it
	for i := range sends {
		slot := (first + uint32(i)) & r.sqMask
		*(*uint32)(unsafe.Add(r.array, uintptr(slot)*4)) = slot
		*(*submission)(unsafe.Pointer(&r.entry[uintptr(slot)*unsafe.Sizeof(submission{})])) = submission{
			opcode:       opSend,
			fd:           int32(sends[i].FD),
			address:      uint64(uintptr(unsafe.Pointer(unsafe.SliceData(sends[i].Bytes)))),
			length:       uint32(len(sends[i].Bytes)),
			messageFlags: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL,
			userData:     uint64(i),
		}
	}
	atomic.StoreUint32(r.submitted, first+uint32(len(sends)))
	err := r.enter(sends)
	// The entries have the addresses as numbers, which do not keep the bytes alive.
	runtime.KeepAlive(sends)
	return err
}

// enter lets the kernel work, until each send has its result.
func (r *Ring) enter(sends []Send) error {
	idle := 0
	for left := len(sends); left > 0; {
		pending := atomic.LoadUint32(r.submitted) - atomic.LoadUint32(r.consumed)
		_, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(pending), 0, enterGetEvents, 0, 0)
		n := r.collect(sends)
		left -= n
		if idle++; n > 0 {
			idle = 0
		}
		isTransient := errno == 0 || errno == unix.EINTR || errno == unix.EAGAIN || errno == unix.EBUSY
		if !isTransient || idle == maxIdle {
			// What the kernel has not looked at, it will not look at any more.
			atomic.StoreUint32(r.submitted, atomic.LoadUint32(r.consumed))
			return fmt.Errorf("io_uring_enter: %d sends have no result: %w", left, errno)
		}
	}
	return nil
}

// collect takes the results that there are, and returns how many.
func (r *Ring) collect(sends []Send) (n int) {
	head, tail := *r.seen, atomic.LoadUint32(r.completed)
	for ; head != tail; head++ {
		c := (*completion)(unsafe.Add(r.results, uintptr(head&r.cqMask)*unsafe.Sizeof(completion{})))
		switch s := &sends[c.userData]; {
		case c.result >= 0:
			s.Written = int(c.result)
		case syscall.Errno(-c.result) != unix.EAGAIN && syscall.Errno(-c.result) != unix.EINTR:
			s.Err = os.NewSyscallError("send", syscall.Errno(-c.result))
		}
		n++
	}
	atomic.StoreUint32(r.seen, head)
	return n
}
