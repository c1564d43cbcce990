package outbox

import (
	"errors"
	"io"
	"sync"
	"syscall"
	"time"

	"seagate/internal/panics"
)

// writeNowLocked hands bytes to the kernel without blocking, unless a flusher
// is at work or a Fanout has gathered some, and returns how many the kernel took.
func (o *Outbox) writeNowLocked(b []byte) (written int) {
	if o.raw == nil || o.flushing || o.gathered > 0 {
		return 0
	}
	o.now.bytes, o.now.written, o.now.failed = b, 0, nil
	err := o.raw.Write(o.now.attempt)
	written, o.now.bytes = o.now.written, nil
	if err = errors.Join(err, o.now.failed); err != nil {
		o.breakLocked()
		return 0
	}
	o.opts.Metrics.BytesOut.Add(float64(written))
	return written
}

// A writeNow is one write of writeNowLocked: the bytes, and what became of them. The outbox keeps
// it from write to write, so that none allocates.
type writeNow struct {
	attempt func(fd uintptr) (done bool)
	bytes   []byte
	written int
	failed  error
}

func (w *writeNow) write(fd uintptr) (done bool) {
	w.written, w.failed = writeOnce(int(fd), w.bytes)
	return true // false would block until the socket is writable
}

func writeOnce(fd int, b []byte) (int, error) {
	for {
		n, err := syscall.Write(fd, b)
		switch err {
		case nil:
			return n, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, err
		}
	}
}

// flush writes until the queue is empty. Nobody else writes meanwhile.
func (o *Outbox) flush() {
	defer panics.Contain("flusher", o.giveUp)
	for {
		b, ok := o.nextBatch()
		if !ok {
			return
		}
		err := o.writeAll(b)
		o.batchDone(len(b), err)
		if err != nil {
			o.opts.Broken(err)
		}
		giveBuffer(b)
	}
}

// giveUp ends the connection after a panic of the flusher, or of a Fanout.
func (o *Outbox) giveUp() {
	o.mu.Lock()
	o.opts.Metrics.QueueBytes.Sub(float64(o.writing))
	o.writing, o.gathered, o.flushing = 0, 0, false
	o.flushedLocked()
	o.breakLocked()
	o.mu.Unlock()
	o.conn.Close()
}

// nextBatch takes the queue over, or ends the flusher.
func (o *Outbox) nextBatch() ([]byte, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		o.flushing = false
		// An expired deadline would also fail the writes that need no flusher.
		o.conn.SetWriteDeadline(time.Time{})
		o.flushedLocked()
		return nil, false
	}
	b := o.queue
	o.queue, o.writing = nil, len(b)
	return b, true
}

// batchDone notes that n bytes were written or, with an error, that the socket
// is broken.
func (o *Outbox) batchDone(n int, err error) {
	o.mu.Lock()
	o.opts.Metrics.QueueBytes.Sub(float64(n))
	o.writing = 0
	if err != nil {
		o.breakLocked()
	} else {
		o.opts.Metrics.BytesOut.Add(float64(n))
	}
	o.unlockShorter()
}

// unlockShorter unlocks the outbox when less is queued than before, and calls Drained if it is time.
func (o *Outbox) unlockShorter() {
	o.releaseLocked()
	o.shorter.Broadcast()
	resume := o.full && len(o.queue) <= o.opts.Budget/2
	o.full = o.full && !resume
	o.mu.Unlock()
	if resume {
		o.opts.Drained()
	}
}

// flushedLocked tells who waits for it that nothing is being written any more.
func (o *Outbox) flushedLocked() {
	if o.flushed != nil {
		close(o.flushed)
		o.flushed = nil
	}
}

// writeStep is the number of bytes that must be written within the stall timeout. It
// is small enough for a slow line, so only a peer that stopped reading fails.
const writeStep = 32 << 10

// roomWait is the shortest time of a write that waited for the peer to read. A faster
// write only filled the kernel's buffer, and proves nothing about the peer.
const roomWait = 5 * time.Millisecond

func (o *Outbox) writeAll(b []byte) error {
	for len(b) > 0 {
		step := b[:min(len(b), writeStep)]
		begun := time.Now()
		o.conn.SetWriteDeadline(begun.Add(o.opts.StallTimeout))
		if _, err := o.conn.Write(step); err != nil {
			return err // perhaps in the middle of a frame: nothing can follow
		}
		if time.Since(begun) >= roomWait {
			o.Heard()
		}
		b = b[len(step):]
	}
	return nil
}

// breakLocked gives up the socket: the outbox drops its queue and writes nothing more,
// and reads from the connection fail.
func (o *Outbox) breakLocked() {
	o.opts.Metrics.QueueBytes.Sub(float64(len(o.queue)))
	o.queue, o.ended = nil, true
	o.releaseLocked()
	o.leaveShareLocked()
	o.shorter.Broadcast()
	o.conn.SetReadDeadline(time.Unix(1, 0))
}

// Close sends nothing more. It lets the last frames reach the peer, for at most d, and closes the
// socket. A socket that is closed while it has unread bytes resets the
// connection, and a reset discards what the peer has not read yet. So Close
// then waits up to d again for the peer to close first, and ignores what still
// comes: a client that publishes without waiting sends until it has read the last
// frame. Close does not wait if peerDone is true, or if the peer did not read the
// queued frames in time.
func (o *Outbox) Close(d time.Duration, peerDone bool) {
	half, ok := o.conn.(interface{ CloseWrite() error })
	if o.awaitFlush(d) && ok && !peerDone && half.CloseWrite() == nil {
		o.conn.SetReadDeadline(time.Now().Add(d))
		io.Copy(io.Discard, o.conn)
	}
	o.conn.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.breakLocked()
}

// awaitFlush ends the outbox and waits until the queue is written, for at most d. It
// reports whether it was.
func (o *Outbox) awaitFlush(d time.Duration) bool {
	o.mu.Lock()
	o.writeHeldLocked()
	o.ended = true
	if !o.flushing && o.gathered == 0 {
		o.mu.Unlock()
		return true
	}
	if o.flushed == nil {
		o.flushed = make(chan struct{})
	}
	flushed := o.flushed
	o.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-flushed:
		return true
	case <-timer.C:
		return false
	}
}

// Buffers of queues are pooled, so that an idle connection holds none.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// maxPooled is the largest buffer that returns to the pool, in bytes.
const maxPooled = 64 << 10

func takeBuffer() []byte { return (*buffers.Get().(*[]byte))[:0] }

func giveBuffer(b []byte) {
	if cap(b) <= maxPooled {
		buffers.Put(&b)
	}
}
