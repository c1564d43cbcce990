package outbox

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"seagate/gateway"
	"seagate/internal/budget"
)

// Options of an Outbox. All fields must be set.
type Options struct {
	// Budget is how many bytes may be queued before deliveries are turned away.
	Budget int

	// StallTimeout is how long a peer may read nothing while something waits
	// for it.
	StallTimeout time.Duration

	// Probe appends the frame that asks the peer to answer with the tag. It is at most
	// maxProbe bytes.
	Probe func(dst []byte, tag uint64) []byte

	// Drained is called, without locks, when a queue that turned a delivery
	// away has room again.
	Drained func()

	// Broken is called, without locks, when the flusher cannot write any more.
	Broken func(error)

	Metrics *gateway.Metrics
}

// An Outbox is the queue of frames that one connection has to write. Safe for
// concurrent use.
type Outbox struct {
	opts Options
	conn net.Conn
	raw  syscall.RawConn // nil if every write has to be the flusher's, as with TLS

	mu        sync.Mutex // guards what follows
	queue     []byte     // frames that wait for the flusher, or for the end of a burst
	writing   int        // bytes that the flusher is writing
	gathered  int        // bytes that a Fanout has gathered, which go before the queue
	now       writeNow
	holders   int           // bursts that hold the outbox, see Burst
	flushing  bool          // a flusher is at work
	ended     bool          // the last frame was queued, or the socket is broken
	full      bool          // a delivery was turned away since the queue last drained
	confirmed uint64        // frames sent so far whose arrival a probe confirms
	probed    time.Time     // when the probe was sent that is unanswered; zero if there is none
	probeTag  uint64        // of the last probe
	flushed   chan struct{} // closed when the flusher ends; nil if nobody waits
	shorter   sync.Cond     // the queue got shorter, or the outbox ended
	account   Account       // of SendHeld; nil before its first frame
	held      int           // bytes that account counts, at most those that are queued
	share     *budget.Part  // of the jail; nil before SetShare
	charged   int           // bytes that were taken of it
	unawait   func()        // ends the wait for room in it; nil if there is none

	ending atomic.Bool  // End was called; set with mu held
	busy   atomic.Bool  // see SetBusy
	heard  atomic.Int64 // see Heard; in terms of monotonic.Now, 0 for never
}

// New returns the outbox of a connection, which nobody else may write to.
func New(conn net.Conn, opts Options) *Outbox {
	o := &Outbox{opts: opts, conn: conn}
	o.shorter.L = &o.mu
	o.now.attempt = o.now.write
	plain := conn
	if encrypted, ok := conn.(*tls.Conn); ok {
		plain = encrypted.NetConn()
	}
	if tcp, ok := plain.(kernelConn); ok {
		tcp.SetWriteBuffer(kernelBuffer)
		if plain == conn {
			o.raw, _ = tcp.SyscallConn()
		}
	}
	return o
}

// A kernelConn is a *net.TCPConn, or embeds one.
type kernelConn interface {
	syscall.Conn
	SetWriteBuffer(bytes int) error
}

// kernelBuffer bounds what the kernel keeps for a peer that has not read it.
// By default that grows to megabytes for a slow peer, and a probe waits behind
// them for longer than its answer may take.
const kernelBuffer = 128 << 10

// Send queues a frame that must not be turned away: an answer or a control
// frame. An outbox that has ended drops it.
func (o *Outbox) Send(frame []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended {
		o.putLocked(frame)
	}
}

// SendSoon is Send for a frame that more are likely to follow at once. It leaves the
// frame to the flusher, which also writes what has come until it runs.
func (o *Outbox) SendSoon(frame []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended && !o.holdLocked(frame) {
		o.queueLocked(frame)
	}
}

// SendAnswers is for NewAnswers.
func (o *Outbox) SendAnswers(frames []byte, more bool) {
	if more {
		o.SendSoon(frames)
	} else {
		o.Send(frames)
	}
}

// SendConfirmed is Send with a probe behind the frame. The answer to a probe
// with the returned tag or a higher one proves that the frame has arrived. It
// returns false if nothing can be sent any more.
func (o *Outbox) SendConfirmed(frame []byte) (tag uint64, sent bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return 0, false
	}
	o.putLocked(frame)
	o.confirmLocked(1)
	return o.confirmed, true
}

// SendLast sends the frame that ends the connection. Nothing is sent after it.
// It returns false if the outbox has ended before.
func (o *Outbox) SendLast(frame []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sendLastLocked(frame)
}

func (o *Outbox) sendLastLocked(frame []byte) bool {
	if o.ended {
		return false
	}
	o.putLocked(frame)
	o.writeHeldLocked()
	o.ended = true
	o.shorter.Broadcast()
	return true
}

// End ends the connection: the last frame tells the peer why. Without a frame the peer is
// told nothing. Only the first call has an effect; first says whether this one was it.
// told is false if nothing could be sent any more.
func (o *Outbox) End(last []byte) (first, told bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending.Load() {
		return false, false
	}
	told = o.sendLastLocked(last) && len(last) > 0
	o.ending.Store(true)
	return true, told
}

// Ending reports whether End was called. The last frame has been sent or queued then.
func (o *Outbox) Ending() bool { return o.ending.Load() }

// SendIfRoom is Send for a frame that is not worth queueing for a peer that
// does not read. It returns false if it dropped the frame, because more than
// the budget is queued or the outbox has ended.
func (o *Outbox) SendIfRoom(frame []byte) (sent bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended || o.queuedLocked() > o.opts.Budget {
		return false
	}
	o.putLocked(frame)
	return true
}

// An Account counts the bytes that are queued for one client, over all of its
// connections. Its methods are called with the outbox locked.
type Account interface {
	// Hold returns false, and counts nothing, if there is no room for so many bytes.
	Hold(bytes int) bool
	Release(bytes int)
}

// SendHeld is SendIfRoom with a budget of its own, in bytes, for a frame that an account counts
// while it is queued. It also returns false if the account has no room. Each call must give the
// same account.
func (o *Outbox) SendHeld(budget int, frame []byte, a Account) (sent bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended || o.queuedLocked() > budget || !a.Hold(len(frame)) {
		return false
	}
	o.account = a
	o.held += len(frame)
	o.putLocked(frame)
	o.releaseLocked() // of what the kernel took
	return true
}

// releaseLocked tells the account of what is not queued any more. It need not know which
// frames those were: the bytes that it counts are never more than all that are queued.
func (o *Outbox) releaseLocked() {
	o.settleLocked()
	if over := o.held - o.queuedLocked(); over > 0 {
		o.held -= over
		o.account.Release(over)
	}
}

// Offer takes whole frames of a delivery, from the first, as long as the kernel
// takes them or they fit into the budget, and returns how many. frames is the
// frames one behind the other, ends is where each ends. An empty queue takes
// one frame of any size, if the jail's share has room: see SetShare. While somebody waits for
// Drained, it takes nothing. An outbox that has ended takes all and drops them.
func (o *Outbox) Offer(frames []byte, ends []int) (taken int) {
	return o.OfferIn(nil, frames, ends, false)
}

// HasRoom reports whether Offer may take something. If not, Drained is called when it may
// again. It is for callers that make their frames only then. While somebody waits for
// Drained, there is no room for others.
func (o *Outbox) HasRoom() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.hasRoomLocked()
}

func (o *Outbox) hasRoomLocked() bool {
	queued := o.queuedLocked()
	if o.ended || o.unawait == nil && (queued == 0 || !o.full && queued < o.opts.Budget) {
		return true
	}
	if !o.full {
		o.full = true
		o.opts.Metrics.SlowSubscribers.Inc()
	}
	return false
}

// OfferNotice is Offer for a frame that is no message: it returns false if there
// is no room, and Drained is called when there is. An outbox that has ended takes
// it and drops it.
func (o *Outbox) OfferNotice(frame []byte) (taken bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ended || o.takeLocked(frame, []int{len(frame)}) == 1
}

func (o *Outbox) offerLocked(frames []byte, ends []int) int {
	if len(ends) == 0 || !o.hasRoomLocked() {
		return 0
	}
	return o.tookLocked(o.takeLocked(frames, ends))
}

// tookLocked counts the frames that were taken, and returns how many.
func (o *Outbox) tookLocked(n int) int {
	o.opts.Metrics.MessagesOut.Add(float64(n))
	return n
}

func (o *Outbox) takeLocked(frames []byte, ends []int) int {
	o.writeHeldLocked() // only a queue that a flusher empties calls Drained
	n, written := 0, 0
	if o.mayBeginLocked(ends[0]) {
		written = o.writeNowLocked(frames)
		n = o.fitLocked(ends, written)
		if n > 0 && !o.reserveLocked(ends[n-1]-written) {
			n = begun(ends, written) // a frame that has begun must be sent whole
		}
		if n > 0 {
			o.queueLocked(frames[written:ends[n-1]])
		}
		o.settleLocked()
	}
	if n < len(ends) {
		o.full = true
		o.opts.Metrics.SlowSubscribers.Inc()
		o.awaitShareLocked(ends[n] - written)
	}
	return n
}

// fitLocked returns how many frames to take, when the kernel has the first written bytes of them:
// every frame that has begun, those that fit into the budget, and at least one if the queue is
// empty, because only a queue that drains calls Drained.
func (o *Outbox) fitLocked(ends []int, written int) int {
	n, start := 0, 0
	for n < len(ends) {
		begun := start < written || start == written && o.queuedLocked() == 0
		if !begun && o.queuedLocked()+ends[n]-written > o.opts.Budget {
			break
		}
		start = ends[n]
		n++
	}
	return n
}

// putLocked writes as much of a frame as the kernel takes, if nothing waits
// before it, and queues the rest. A burst may hold the frame.
func (o *Outbox) putLocked(frame []byte) {
	if o.holdLocked(frame) {
		return
	}
	o.writeHeldLocked()
	o.queueLocked(frame[o.writeNowLocked(frame):])
}

func (o *Outbox) queueLocked(b []byte) {
	if len(b) == 0 || o.ended {
		return
	}
	o.appendLocked(b)
	o.flushLocked()
}

func (o *Outbox) appendLocked(b []byte) {
	if o.queue == nil {
		o.queue = takeBuffer()
	}
	o.queue = append(o.queue, b...)
	o.opts.Metrics.QueueBytes.Add(float64(len(b)))
}

// flushLocked starts a flusher unless there is one, or a Fanout will write first.
func (o *Outbox) flushLocked() {
	o.chargeLocked()
	if !o.flushing && o.gathered == 0 {
		o.flushing = true
		go o.flush()
	}
}

func (o *Outbox) queuedLocked() int { return len(o.queue) + o.writing + o.gathered }

// Ended reports whether nothing can be sent any more.
func (o *Outbox) Ended() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ended
}

// IsBehind reports whether AwaitRoom would wait.
func (o *Outbox) IsBehind() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.queuedLocked() > o.opts.Budget && !o.ended
}

// AwaitRoom waits until the queue is within its budget, or the outbox has
// ended.
func (o *Outbox) AwaitRoom() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.queuedLocked() > o.opts.Budget && !o.ended {
		o.shorter.Wait()
	}
}

// Load returns how many bytes are queued, and whether a delivery was turned away since the queue
// last drained: the peer reads more slowly than messages come.
func (o *Outbox) Load() (queued int, slow bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.queuedLocked(), o.full
}
