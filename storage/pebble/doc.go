// Package pebble is the storage engine of a single machine: a Pebble database
// in a folder of its own.
//
// # Writing
//
// All changes, of records and of logs, are operations that wait in a queue. One
// goroutine, the committer, takes what waits, checks each operation against the
// state that the earlier ones leave, puts all changes into one batch, and makes
// it durable with one sync of Pebble's write-ahead log. So the more writers wait
// for the disk, the more of them share a sync, and a lone writer waits for one
// sync. Before it takes a batch, it lets all goroutines run that can, also those
// whose sockets have received something by now: see package yield. With one
// processor no other goroutine runs during a sync.
//
// The queue is bounded by number and bytes; when it is full, writers block. Each
// tenant has a share of it. The committer serves tenants in turn, by the bytes of
// their operations: see package fair.
//
// A second goroutine, the notifier, then calls the writers back, in the order of
// their operations, while the committer works on the next batch. When the
// notifier is two batches behind, the committer waits for it.
//
// # Reading
//
// Pebble shows a batch to readers before it is durable. A reader that acts on
// such a batch spreads what a power cut may undo. Therefore all reads use a
// snapshot, which the committer replaces after each sync, together with the
// bounds of the logs that changed. So a number that is missing within the bounds
// of a log is always damage.
//
// # Logs
//
// Package format defines keys and values. The head of a log, with its bounds,
// changes in the batch of each append. Trimming and deleting a log are one range
// deletion; Pebble frees the space when it compacts. Keys of appends are also
// kept in memory; on disk they are in the order in which they expire.
//
// The epoch of a log is a hash of its ID and of the folder's incarnation. The
// incarnation changes when somebody goes on with what is left of a damaged
// folder, or with a restored one: see Renew.
//
// With Options.MinFree nothing is appended while too little of the disk is
// free, and the engine keeps a reserve: see package reserve. A disk that is full
// although the reserve was used ends the engine.
//
// # Opening
//
// Package integrity verifies that the folder still holds what was written to
// it. Open refuses a folder that does not, and leaves it as it is.
//
// # Failing
//
// When a file of the database cannot be written or synced, the engine stops for
// good, as package failstop explains. Every later call fails, and
// Options.OnFatal is called, which by default ends the process. What was
// acknowledged is on disk; the next start finds it. A full disk is such a case,
// except for a compaction, which is tried again.
package pebble
