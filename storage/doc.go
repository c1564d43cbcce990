// Package storage keeps what must outlive the process, for the packages that
// own its meaning. It sees names, bytes, revisions and sequence numbers, never
// a client, a stream or a schema.
//
// # Records
//
// An engine keeps records: small values under a table and a key, each with a
// revision. Every write says what it expects to replace, so that no writer
// overwrites another's record unnoticed. A write that returns nil is durable: it
// survives a crash of the process and of the machine. A write that returns an
// error other than ErrConflict, ErrInvalid and ErrNoSpace may have happened; read
// again to find out. Readers see only durable records, and a writer is refused only
// because of a durable record.
//
// There is no transaction over several keys, because an engine that spans
// machines has none to offer. Keep what must change together under one key, and
// order changes of several keys so that any of them may be the last.
//
// # Logs
//
// An engine also keeps logs: sequences of entries, numbered without gaps. A
// callback reports an append when its entries are durable, in the order of their
// numbers; nobody can read them before that. A number has a meaning only together with
// the log's epoch. The epoch changes when entries may have been lost and their
// numbers used again, so whoever keeps a position keeps both. A log drops its
// oldest entries when it is trimmed, and at no other time. Beside its entries a
// log has at most one header, which an append replaces in the same step.
//
// Every engine passes the suite in package storagetest.
package storage
