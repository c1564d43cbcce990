// Package storage keeps what must outlive the process, for the packages that
// own the meaning of it. It sees names, bytes and revisions, never a client, a
// stream or a schema.
//
// # Contract
//
// An engine keeps records: small values under a table and a key, each with a
// revision. Every write names what it expects to replace, so that two writers
// cannot overwrite each other without noticing. A write that returns nil is
// durable: it survives the death of the process and of the machine. A write
// that returns an error other than ErrConflict and ErrInvalid may or may not
// have happened; whoever needs to know reads again. Nobody reads, or is refused
// because of, what is not durable yet.
//
// There is no transaction over several keys, on purpose: an engine that spans
// machines has none to offer. Whatever must change together is kept under one
// key, and what spans keys is ordered so that a half-done change is harmless.
//
// An engine keeps logs as well: sequences of messages, numbered without holes.
// To append is answered by a callback when the entries are durable, in the order
// of their numbers; nobody reads them before. A number means something only
// together with the log's epoch, which changes when entries may have been lost
// and their numbers given again: whoever keeps a position keeps both. A log
// drops its oldest entries when it is told to, and at no other time.
//
// All engines pass the one suite in storagetest.
package storage
