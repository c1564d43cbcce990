// Package httpapi is the HTTP transport: everything under /api/v1. It decodes
// requests, hands them to the operations of package gateway, which authorize
// them, and encodes what comes of it.
//
// # Answers
//
// Every success is exactly 200 with a JSON body, because deployed clients take
// any other code for a failure; only a preflight is answered 204. Every
// refusal is a problem document (RFC 9457) with a code of package protocol,
// unknown paths and methods included. Nothing is redirected. What net/http
// refuses by itself, before a handler sees it, is out of reach and stays plain
// text: a request that is not HTTP, a path with a broken percent-escape,
// headers that are too large, an unknown transfer coding or expectation.
//
// # Requests
//
// Each request brings HTTP Basic credentials. Names in a path are
// percent-decoded exactly once. Bodies are strict JSON, as they are or
// compressed with gzip; members that nobody knows are ignored, except where one
// that is left out would do something else than what was meant: in the settings
// of a stream and in the move of a group they are refused. The handler bounds a
// body's size, before and after decompression, its nesting, and the time that it
// takes to arrive; the time for headers, for idle connections and for writing
// belongs to the http.Server. A body where none is wanted is not looked at.
//
// # Publishing
//
// The body of a publish is one of
//
//	{"payload": message}
//	{"payload": [message, ...]}              on a stream that is defined
//	[message, ...]
//	[{"payload": message}, ...]
//
// In the last form every item has the one member "payload" and nothing else,
// and the stream has no field of that name; otherwise the items are the
// messages. Only a stream that nobody defined can take an array for a message,
// in the first form.
//
// With an Idempotency-Key the messages of a request are published once, however
// often it is repeated.
//
// # Backups
//
// GET /backup is the one answer that is not JSON and not of a bounded size: an
// archive (tar) of everything, of which the last file lists the others with
// their sums. It is written as long as the client goes on reading. When it
// cannot be completed, the connection is cut off. There is one at a time.
//
// # Browsers
//
// A request with the Origin of a page that is not allowed is refused with 403;
// the others may be read by their page. There are no cookies, so a page can do
// nothing that it does not have the credentials for.
package httpapi
