// Package protocol is the language that stream-sea clients speak: their
// messages and ids, the error codes, the names and the limits. It reads and
// writes bytes that others receive and send; it opens nothing, waits for
// nothing and keeps nothing between two calls, save what a Sequence counts.
//
// # Reading
//
// Every text message from a client goes through DecodeRequest, then through
// the connection's Sequence, then through the view of its action
// (Request.Subscribe and its like). Two kinds of error come out of them, and
// they must not be mixed up:
//
//   - *Violation: the peer does not speak the protocol. Answer with its ID,
//     Action and Refusal, and close the connection with Refusal.Code's close
//     code. DecodeRequest and Sequence.Next return nothing else.
//   - *Error: this one request is refused and the connection goes on. The
//     views return nothing else.
//
// The envelope is read leniently inside its members, strictly around them:
// duplicate keys, unpaired surrogates and deep nesting inside a payload leave
// the message's id known, so they cost a pipelining publisher one message and
// not its connection. Views that look into the payload read it strictly. What
// Request.Publish and Request.Define hand out raw is well-formed JSON in
// valid UTF-8 and within the depth limit, and no more than that: whoever
// accepts it for forwarding must still refuse duplicate keys and unpaired
// surrogates.
//
// Reading costs time linear in the message's length, whatever it contains. A
// Request aliases the message that it was read from.
//
// # Writing
//
// The Append functions append one server message, or a part of one, to a
// buffer and return it extended, as append does. They allocate nothing when
// the buffer has room. Key order and spacing are fixed, because deployed
// clients were tested against exactly these bytes. Strings may hold anything:
// invalid UTF-8 comes out as U+FFFD, so that no answer can be invalid JSON.
// Raw payloads are copied as they are and must be valid JSON.
//
// # Errors
//
// Codes lists every code that can appear on the wire, with its HTTP status,
// its WebSocket close code and what to do about it. The codes are stable;
// messages are for people and may change.
//
// All functions are safe for concurrent use; a Sequence belongs to the one
// goroutine that reads its connection.
package protocol
