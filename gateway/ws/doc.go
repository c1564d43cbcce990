// Package ws is the WebSocket transport: GET /api/v1/streams, on which
// stream-sea clients authenticate, subscribe and, by extension, publish,
// define and describe.
//
// # Out
//
// Every byte to a client goes through one queue of whole frames per
// connection, wire. Whoever has something to send writes it at once, without
// waiting, if the queue is empty; what the kernel does not take is written by
// a flusher that lives only as long as there is something to write. Deliveries
// are taken while the queue is within its budget; beyond it the subscription
// is left behind and resumed when the queue has drained. Answers and control
// frames are always taken; the reader stops reading while they pile up.
//
// # In
//
// The library (accept.go is the one file that knows it) reads messages and
// answers control frames. Underneath it a sniffer follows the client's frames,
// to bound them before the library sees them and to see the pongs.
//
// # Acknowledgement
//
// Clients do not acknowledge, so their sockets do it for them: after messages
// of a group comes a ping that names how many were sent so far, and the pong
// proves that the peer's WebSocket stack has read everything before it.
//
// # Close
//
// A connection is ended by its own close frame, after which nothing is sent; a
// deadline for the peer's; and then the end of the socket. The library's own
// Close is never called: a peer that announces a frame and stalls would hold
// it for ever.
package ws
