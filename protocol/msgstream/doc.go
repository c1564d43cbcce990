// Package msgstream is the language of message streams over TCP: lines, and typed
// objects inside of messages. It reads and writes bytes and does no I/O.
//
// # Lines
//
// A line is one JSON object without a line feed in it. A client sends a Request in each,
// and a gateway an Event. JSON returns the codecs of both. Another wire format is another
// pair of codecs, given to both ends.
//
// Reading is strict: a line is valid UTF-8, and no object in it repeats a key. A refused
// line is a *protocol.Error with the code that HTTP gives. The Request that is returned
// with the error still has the id and the stream if they could be read, so that the
// refusal can name them.
//
// # Typed objects
//
// An object is typed if it has exactly these three members:
//
//	{".class":"my.message",".version":"0.0",".state":{...}}
//
// A Registry maps class and version to a Go type, and back. It creates no types but those
// that the program registered, whatever a message names, so a sender cannot choose code.
// What the registry does not know stays Plain and is encoded again byte for byte.
//
// All functions and codecs are safe for concurrent use.
package msgstream
