// Package outbox writes to one connection. Everything that is sent to a client
// goes through its Outbox, a bounded queue of whole frames over a net.Conn. It
// does not know what a frame looks like.
//
// # Writing
//
// While nothing is queued, the sender's own goroutine hands frames to the
// kernel with a write that does not block. What the kernel does not take is
// queued, and a flusher writes it: a goroutine that lives only as long as
// there is something to write. So frames stay in order, no sender waits for a
// slow peer, and an idle connection has neither a buffer nor a goroutine.
//
// A worker that delivers to many outboxes leaves the frames to its Fanout, which hands them to
// the kernel for many connections at once. What is sent meanwhile goes behind them.
//
// Answers to requests that came together go out together. While a reader has more
// requests at hand, a Burst holds its outbox, and those of others that it sends to, and
// what is sent is kept back, at most 16 KiB. Answers that come one soon after the other
// from another goroutine are left to the flusher, which gathers them.
//
// # Back-pressure
//
// Offer takes deliveries while the queue is within its budget, and turns away
// the rest. Options.Drained is called when there is room again. Send takes
// answers and control frames in any case; whoever reads requests calls
// AwaitRoom before the next one, so a peer that asks and does not read the
// answers is not served further. A peer that reads nothing for
// Options.StallTimeout is given up.
//
// The queues of a jail have a share together, see SetShare: each takes what it holds beyond
// some KiB of that. If there is no room, Offer turns deliveries away. Options.Drained is
// called when the queue has drained, or, if it is empty, when the share has room.
//
// # Probes
//
// A probe is a frame that the peer has to answer, a WebSocket ping for
// example. Its tag says how many confirmed frames were sent before it, so the
// answer proves that the peer has read them. Only one probe is under way at a
// time.
package outbox
