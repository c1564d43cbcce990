package ws

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"seagate/gateway"
)

// A wire is a connection as the library sees it: what is read passes the
// sniffer, what is written joins the queue. See the package comment.
type wire struct {
	nc      net.Conn
	raw     syscall.RawConn // nil where a frame cannot be handed to the kernel directly: TLS
	sniffer sniffer
	early   []byte // read by the HTTP server beyond the handshake; owned by the reader
	refused error  // what the sniffer stopped at; owned by the reader
	budget  int    // bytes queued up to which deliveries are taken
	stall   time.Duration
	metrics *gateway.Metrics
	drained func()      // called, without locks held, when a full queue has room again
	broken  func(error) // called, without locks held, when the flusher has failed

	mu       sync.Mutex    // guards what follows
	queue    []byte        // frames waiting for the flusher
	writing  int           // bytes that the flusher is writing
	flushing bool          // a flusher is at work
	ended    bool          // the last frame is queued, or the socket is broken
	full     bool          // a delivery was turned away since the queue last drained
	shared   uint64        // messages of groups sent so far, gaps included
	pinged   time.Time     // when the ping went out that is unanswered; zero if none is
	pingTag  uint64        // what the last ping named
	flushed  chan struct{} // closed when the flusher ends; nil if nobody waits
	eased    sync.Cond     // the queue got shorter

	busy  atomic.Bool  // the reader works on a message, and hears no pong
	heard atomic.Int64 // Unix nanoseconds: when bytes last came from the peer, or room for more in its socket's buffer
}

func newWire(nc net.Conn, early []byte, s *Server) *wire {
	w := &wire{
		nc:      nc,
		early:   early,
		budget:  s.opts.QueuedBytes,
		stall:   s.opts.StallTimeout,
		metrics: s.gateway.Metrics,
	}
	w.eased.L = &w.mu
	w.sniffer.maxMessage = uint64(s.opts.MessageBytes)
	w.sniffer.flood.perSecond = float64(s.opts.FramesPerSecond)
	if tcp, ok := nc.(*net.TCPConn); ok {
		w.raw, _ = tcp.SyscallConn()
	}
	if encrypted, ok := nc.(*tls.Conn); ok {
		nc = encrypted.NetConn()
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		tcp.SetWriteBuffer(socketBuffer)
	}
	return w
}

// socketBuffer is how much the kernel keeps for a peer that has not read it.
// Left to itself it takes megabytes for a slow one, and a ping waits behind
// them for longer than an answer may take.
const socketBuffer = 128 << 10

// send queues frames that must not be held back: answers and control frames.
func (w *wire) send(frames []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.putLocked(frames)
	}
}

// end queues the frame that ends the connection, unless something else has
// ended it, and returns whether it did. Nothing is sent after it.
func (w *wire) end(frame []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return false
	}
	w.putLocked(frame)
	w.ended = true
	w.eased.Broadcast()
	return true
}

// offer takes as many whole frames of a delivery, from the first, as the
// kernel and the budget allow, and returns how many. ends are the ends of the
// frames in buf. A single frame is taken into an empty queue however large it
// is. A wire that has ended takes everything and drops it.
func (w *wire) offer(buf []byte, ends []int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.offerLocked(buf, ends)
}

// offerShared is offer for messages of a group. The tag says how many of them
// were sent on this wire so far; a pong will tell that they have arrived.
func (w *wire) offerShared(buf []byte, ends []int) (taken int, tag uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return 0, w.shared // others of the group can have it at once
	}
	taken = w.offerLocked(buf, ends)
	w.shared += uint64(taken)
	if taken > 0 && w.pinged.IsZero() {
		w.pingLocked()
	}
	return taken, w.shared
}

// sendShared is send for what a member of a group must hear of. A pong will
// tell that it has arrived, as of what offerShared takes. It returns false if
// nothing can be sent any more.
func (w *wire) sendShared(frame []byte) (tag uint64, sent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return 0, false
	}
	w.putLocked(frame)
	w.shared++
	if w.pinged.IsZero() {
		w.pingLocked()
	}
	return w.shared, true
}

func (w *wire) offerLocked(buf []byte, ends []int) int {
	if w.ended || len(ends) == 0 {
		return len(ends)
	}
	written := w.writeNowLocked(buf)
	n := w.fitLocked(ends, written)
	if n > 0 {
		w.queueLocked(buf[written:ends[n-1]])
	}
	if n < len(ends) {
		w.full = true
		w.metrics.SlowSubscribers.Inc()
	}
	w.metrics.MessagesOut.Add(float64(n))
	return n
}

// fitLocked is how many of the frames to take, when the first written bytes of
// them are on their way already: all that these begin, what the budget allows,
// and one in any case if nothing is queued. Nobody would tell a subscription
// that was turned away from an empty queue to go on.
func (w *wire) fitLocked(ends []int, written int) int {
	n := 0
	for n < len(ends) {
		start := 0
		if n > 0 {
			start = ends[n-1]
		}
		begun := start < written || start == written && w.queuedLocked() == 0
		if !begun && w.queuedLocked()+ends[n]-written > w.budget {
			break
		}
		n++
	}
	return n
}

// putLocked writes frames at once if nothing waits before them, and queues the
// rest.
func (w *wire) putLocked(frames []byte) {
	w.queueLocked(frames[w.writeNowLocked(frames):])
}

// queueLocked leaves bytes to the flusher.
func (w *wire) queueLocked(b []byte) {
	if len(b) == 0 || w.ended {
		return
	}
	if w.queue == nil {
		w.queue = takeBuffer()
	}
	w.queue = append(w.queue, b...)
	w.metrics.QueueBytes.Add(float64(len(b)))
	if !w.flushing {
		w.flushing = true
		go w.flush()
	}
}

func (w *wire) queuedLocked() int { return len(w.queue) + w.writing }

// writeNowLocked hands bytes to the kernel without waiting, if no flusher is at
// work, and returns how many it took.
func (w *wire) writeNowLocked(b []byte) (written int) {
	if w.raw == nil || w.flushing {
		return 0
	}
	var failed error
	err := w.raw.Write(func(fd uintptr) bool {
		written, failed = writeOnce(int(fd), b)
		return true // done, whatever came of it: never wait
	})
	if err = errors.Join(err, failed); err != nil {
		w.breakLocked()
		return 0
	}
	w.metrics.BytesOut.Add(float64(written))
	return written
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

// flush writes until the queue is empty. It is the only writer meanwhile.
func (w *wire) flush() {
	for {
		b, ok := w.nextBatch()
		if !ok {
			return
		}
		err := w.writeAll(b)
		w.batchDone(len(b), err)
		if err != nil {
			w.broken(err)
		}
		giveBuffer(b)
	}
}

// nextBatch takes the queue over, or ends the flusher.
func (w *wire) nextBatch() ([]byte, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.flushing = false
		// An expired deadline would also fail the writes that need no flusher.
		w.nc.SetWriteDeadline(time.Time{})
		if w.flushed != nil {
			close(w.flushed)
			w.flushed = nil
		}
		return nil, false
	}
	b := w.queue
	w.queue, w.writing = nil, len(b)
	return b, true
}

// batchDone notes that n bytes are written, or that the socket is broken, and
// lets those go on that were turned away.
func (w *wire) batchDone(n int, err error) {
	w.mu.Lock()
	w.metrics.QueueBytes.Sub(float64(n))
	w.writing = 0
	if err != nil {
		w.breakLocked()
	} else {
		w.metrics.BytesOut.Add(float64(n))
	}
	w.eased.Broadcast()
	resume := w.full && len(w.queue) <= w.budget/2
	w.full = w.full && !resume
	w.mu.Unlock()
	if resume {
		w.drained()
	}
}

// writeStep is what must get through within the stall timeout: small enough
// for a slow line, so that only a peer that stopped reading fails it.
const writeStep = 32 << 10

// roomWait is how long a write takes at least that had to wait for the peer to
// make room. One that the kernel takes at once says nothing of the peer: with
// TLS, whose every write is the flusher's, a peer that is gone would seem to be
// there for as long as there is something to write to it.
const roomWait = 5 * time.Millisecond

func (w *wire) writeAll(b []byte) error {
	for len(b) > 0 {
		step := b[:min(len(b), writeStep)]
		begun := time.Now()
		w.nc.SetWriteDeadline(begun.Add(w.stall))
		if _, err := w.nc.Write(step); err != nil {
			return err // the stream may be inside a frame: nothing can follow
		}
		if now := time.Now(); now.Sub(begun) >= roomWait {
			w.heard.Store(now.UnixNano())
		}
		b = b[len(step):]
	}
	return nil
}

// breakLocked gives the socket up: nothing is written any more, and the reader
// ends.
func (w *wire) breakLocked() {
	w.metrics.QueueBytes.Sub(float64(len(w.queue)))
	w.queue, w.ended = nil, true
	w.eased.Broadcast()
	w.nc.SetReadDeadline(time.Unix(1, 0))
}

func (w *wire) hasEnded() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

// awaitBudget waits until the peer has read enough of what is queued for it to
// be given more to do. A peer that reads nothing at all is dropped meanwhile.
func (w *wire) awaitBudget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.queuedLocked() > w.budget && !w.ended {
		w.eased.Wait()
	}
}

// awaitFlush waits until all that is queued is written, or for so long, and
// returns whether it is.
func (w *wire) awaitFlush(d time.Duration) bool {
	w.mu.Lock()
	if !w.flushing {
		w.mu.Unlock()
		return true
	}
	if w.flushed == nil {
		w.flushed = make(chan struct{})
	}
	flushed := w.flushed
	w.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-flushed:
		return true
	case <-timer.C:
		return false
	}
}

func (w *wire) pingLocked() {
	w.pinged, w.pingTag = time.Now(), w.shared
	var b [maxHeader]byte
	w.putLocked(appendPing(b[:0], w.shared))
}

// keepAlive sends a ping if none is out. It returns false if the last one is
// unanswered for longer than patience, in which nothing else was heard of the
// peer either. A ping waits behind what was written before it, and a pong
// behind the message that the peer is sending: slow is not gone. While the
// flusher waits for a peer that reads nothing, the stall timeout decides; and
// while the reader is at work, which may take as long as the disk, nobody.
func (w *wire) keepAlive(patience time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ended || w.flushing || w.busy.Load():
		return true
	case w.pinged.IsZero():
		w.pingLocked()
		return true
	default:
		return time.Since(w.pinged) <= patience || time.Since(time.Unix(0, w.heard.Load())) <= patience
	}
}

// pong notes the answer to a ping, which proves that everything up to its tag
// has arrived. It returns false for a pong that answers none: some clients send
// them as heartbeats (RFC 6455 §5.5.3).
func (w *wire) pong(tag uint64) (solicited bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pinged.IsZero() || tag != w.pingTag {
		return false
	}
	w.pinged = time.Time{}
	if tag < w.shared && !w.ended {
		w.pingLocked()
	}
	return true
}

// Read is called by the library. It implements net.Conn.
func (w *wire) Read(p []byte) (n int, err error) {
	if w.refused != nil {
		return 0, w.refused
	}
	if len(w.early) > 0 {
		n = copy(p, w.early)
		w.early = w.early[n:]
	} else if n, err = w.nc.Read(p); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // the library takes EOF for the end of a message
		}
		return n, err
	}
	w.heard.Store(time.Now().UnixNano())
	n, w.refused = w.sniffer.follow(p[:n], time.Now())
	if n == 0 {
		return 0, w.refused
	}
	return n, nil
}

// Write is called by the library with single control frames. A pong that a
// peer which reads nothing will not read is not worth queueing.
func (w *wire) Write(frame []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return len(frame), nil
	}
	isPong := len(frame) > 0 && frame[0]&opcodeMask == opPong
	if !isPong || w.queuedLocked() <= w.budget {
		w.putLocked(frame)
	}
	w.ended = w.ended || len(frame) > 0 && frame[0]&opcodeMask == opClose
	return len(frame), nil
}

// Close is called by the library, which thereby ends reading and no more: what
// is queued is still to be written. See linger.
func (w *wire) Close() error { return nil }

// linger lets the last frames reach the peer and closes the socket. A socket
// that is closed with bytes unread resets the connection, and a reset throws
// away what the peer has not read; so the peer gets a while to close first,
// unless it need not be waited for. One that has not read what came before is
// not waited for a second time.
func (w *wire) linger(d time.Duration, done bool) {
	half, ok := w.nc.(interface{ CloseWrite() error })
	if w.awaitFlush(d) && ok && !done && half.CloseWrite() == nil {
		w.nc.SetReadDeadline(time.Now().Add(d))
		io.Copy(io.Discard, io.LimitReader(w.nc, lingerBytes))
	}
	w.nc.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.breakLocked()
}

// lingerBytes is how much of what a peer goes on sending is read and ignored.
const lingerBytes = 1 << 20

func (w *wire) LocalAddr() net.Addr                { return w.nc.LocalAddr() }
func (w *wire) RemoteAddr() net.Addr               { return w.nc.RemoteAddr() }
func (w *wire) SetDeadline(t time.Time) error      { return w.nc.SetDeadline(t) }
func (w *wire) SetReadDeadline(t time.Time) error  { return w.nc.SetReadDeadline(t) }
func (w *wire) SetWriteDeadline(t time.Time) error { return w.nc.SetWriteDeadline(t) }

// Buffers of queues are pooled, so that an idle connection holds none.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// maxPooled keeps the pool from filling up with what one large message took.
const maxPooled = 64 << 10

func takeBuffer() []byte { return (*buffers.Get().(*[]byte))[:0] }

func giveBuffer(b []byte) {
	if cap(b) <= maxPooled {
		buffers.Put(&b)
	}
}
