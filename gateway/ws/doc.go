// Package ws is the WebSocket transport: GET /api/v1/streams. It reads messages
// for package session, and writes the messages of a session as frames.
//
// # Reading
//
// The library makes and checks the handshake; only accept.go uses it. After that the
// connection is ours. A source waits until the client has sent something and reads as
// much as there is, into a pooled buffer. An incoming finds the frames in it (RFC 6455
// §5) and refuses what is no frame, too large or too frequent, by its header. A
// connection at rest has neither a buffer nor, after a while, a goroutine (see resting).
//
// So it is known whether another request has come whole, and the answers before it
// wait for its own (see outbox.Burst).
//
// # Closing
//
// The server ends a connection with a close frame and sends nothing after it.
// The peer then has Options.LingerTimeout to close before the server closes the
// socket.
package ws
