// Package protocol is the language of stream-sea clients: messages and ids,
// error codes, names and limits. It reads and writes bytes. It does no I/O, waits
// for nothing, and keeps no state but that of a Sequence.
//
// # Reading
//
// Each text message of a client passes through DecodeRequest, the Sequence of
// its connection, and the view of its action (Request.Subscribe and so on).
// They return two kinds of errors, which callers must tell apart:
//
//   - *Violation: the client breaks the protocol. Answer with its ID, Action and
//     Refusal, then close the connection with the close code of Refusal.Code.
//     DecodeRequest and Sequence.Next return only this kind.
//   - *Error: this request is refused and the connection stays open. The views
//     return only this kind.
//
// DecodeRequest is strict about the envelope and lenient about what is inside
// its members: after duplicate keys, unpaired surrogates or deep nesting in a
// payload, the id of the message is still known. So they cost a pipelining
// publisher one message, not its connection. Views that read inside the payload
// are strict. Request.Publish and Request.Define return raw payloads, which are
// well-formed JSON in valid UTF-8 and within the depth limit, and no more:
// before forwarding one, the caller must refuse duplicate keys and unpaired
// surrogates.
//
// Reading takes time linear in the length of the message, whatever it contains.
// A Request shares the memory of its message.
//
// # Writing
//
// The Append functions append one server message, or a part of one, to a buffer
// and return the extended buffer, as append does. They do not allocate if the
// buffer has room. The order of keys and the spacing are fixed, because deployed
// clients were tested against exactly these bytes. A string may contain anything:
// U+FFFD replaces invalid UTF-8, so that every answer is valid JSON. Raw payloads
// are copied as they are and must be valid JSON.
//
// # Errors
//
// Codes returns every code that can appear on the wire, with its HTTP status, its
// WebSocket close code and advice. Codes are stable; messages are for people and
// may change.
//
// All functions are safe for concurrent use. A Sequence belongs to the goroutine
// that reads its connection.
package protocol
