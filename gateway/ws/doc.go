// Package ws is the WebSocket transport: GET /api/v1/streams. It frames what
// package session says, and reads frames for it.
//
// # Reading
//
// The library reads messages and answers control frames; accept.go is the one
// file that knows it. Below the library a sniffer follows the client's frames:
// it refuses what is too large before the library sees it, and notices pongs,
// which answer the probes of the outbox.
//
// # Closing
//
// A connection is ended by a close frame, after which nothing is sent. Then the
// peer has Options.LingerTimeout to close, and after that the socket is closed.
// The library's own Close is never called: it waits for ever if a peer
// announces a frame and does not send it.
package ws
