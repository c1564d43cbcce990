// Package lines is the TCP transport for message streams: one JSON object per line, as
// package msgstream has them. Its streams are those of every other transport, behind the
// same operations of gateway.Gateway.
//
// # Reading
//
// One goroutine reads each connection, and handles a line completely before it reads the
// next, except that up to Options.PublishesInFlight puts may be under way at a time. Answers
// come in the order of the lines. A line that is refused leaves the connection as it is.
// A line that is too long, or does not end in time, ends it.
//
// # Writing
//
// Everything to a peer passes the outbox of its connection, so a peer that does not read
// delays nobody. Its listeners are parked, and go on from where they are when the outbox
// has drained. What a line looks like does not depend on the listener, so each message is
// encoded once per batch.
//
// # Closing
//
// The server ends a connection with an error line that says why, and then closes its side.
// The peer has Options.LingerTimeout to close the other. A client ends its connection with
// a close line, or by closing its side: then all that it sent before is dealt with and
// answered first.
//
// # Job streams
//
// Lines that name a stream which nobody defined make a job stream: see
// gateway.Gateway.OpenJob. The server deletes those that are idle.
package lines
