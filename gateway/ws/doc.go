// Package ws is the WebSocket transport: GET /api/v1/streams. It reads messages
// for package session, and writes the messages of a session as frames.
//
// # Reading
//
// The library reads messages and answers control frames; only accept.go uses it.
// Below the library a sniffer follows the client's frames. It refuses a message
// that is too large before the library sees it, and reports pongs, which answer
// the probes of the outbox.
//
// As much is read at once as there is, into a pooled buffer. So it is known whether
// another request has come whole, and the answers before it wait for its own (see
// outbox.Burst). Over TLS nothing is read ahead.
//
// # Closing
//
// The server ends a connection with a close frame and sends nothing after it.
// The peer then has Options.LingerTimeout to close before the server closes the
// socket. Nothing calls the library's own Close: it waits for ever if a peer
// announces a frame and does not send it.
package ws
