// Package httpapi is the HTTP transport: everything under /api/v1. It decodes
// requests, hands them to the operations of package gateway, which authorize
// them, and encodes the results.
//
// # Answers
//
// A success is 200 with a JSON body, because deployed clients take any other
// status for a failure; only a preflight is answered 204. A refusal is a problem
// document (RFC 9457) with a code of package protocol, also for unknown paths
// and methods. Nothing is redirected. net/http refuses some requests, in plain
// text, before the handler sees them: what is not HTTP, a path with a broken
// percent-escape, headers that are too large, an unknown transfer coding or
// expectation.
//
// # Requests
//
// Each request carries HTTP Basic credentials. Names in a path are
// percent-decoded exactly once. Bodies are strict JSON, plain or compressed with
// gzip. Unknown members are ignored, except in the settings of a stream and in
// the move of a group: there a mistyped member would do something else than the
// client meant, so it is refused. The handler bounds the size of a body, before
// and after decompression, its nesting, and the time that it takes to arrive.
// The http.Server bounds the time for headers, for idle connections and for
// writing. An operation that needs no body does not read one.
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
// The last form applies if every item has the member "payload" and no other, and
// the stream has no field of that name; otherwise the items are the messages. A
// message can be an array only on a stream that nobody defined, in the first
// form.
//
// The first two forms may have a member "header", which becomes the header of the
// stream in one step with the messages.
//
// With an Idempotency-Key the messages of a request are published once, however
// often the request is repeated.
//
// # Backups
//
// GET /backup is the only answer that is neither JSON nor bounded in size: a tar
// archive of everything, whose last file lists the others with their checksums.
// It is sent as long as the client goes on reading. If it cannot be completed,
// the connection is closed. Backups are made one at a time.
//
// # Browsers
//
// A request with an Origin that is not allowed is refused with 403. Pages of
// other origins may read the answer. There are no cookies, so a page can do
// nothing without credentials of its own.
package httpapi
