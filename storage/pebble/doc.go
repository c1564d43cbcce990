// Package pebble is the storage engine of a single machine: a Pebble database
// in a folder of its own.
//
// # Writing
//
// One goroutine, the committer, makes all changes: of records, and of logs. It
// takes what is waiting, checks each change against the state that those before
// it leave, puts all into one batch and makes that durable with one sync of
// Pebble's log. So the number of writers that wait for the disk together grows
// with the load, and a lone writer waits for one sync. What waits is bounded by
// number and by bytes; beyond that writers block.
//
// A second goroutine, the answerer, then calls back, in the order of the
// changes, while the committer goes on with the next group. It may be two groups
// behind; then the committer waits for it.
//
// # Reading
//
// Pebble shows a batch to readers before it is durable. A reader that acted on
// what the next power cut takes back would make others believe in what never
// happened. Therefore all reads go through a snapshot that the committer
// renews after each sync, together with the bounds of the logs that changed,
// and never see anything newer. So a number that is missing between the bounds
// of a log is always damage.
//
// # Logs
//
// Entries lie under the number of their log and their own, one after the other;
// a log made anew has another number. The head of a log, its bounds, changes in
// the batch of each append. Entries carry a sum of the bytes before them, so
// that both a time and an amount are found by halving. Trimming and deleting is
// one range deletion; the space comes back when Pebble compacts. Keys of
// appends are kept in memory as well, and on disk in the order in which they
// expire.
//
// The epoch of a log is a hash of its ID and of the folder's incarnation, which
// changes when somebody goes on with what is left of a damaged folder, or with
// a restored one: see Renew.
//
// With Options.MinFree nothing is appended while too little of the disk is
// free. A disk that is really full ends the engine.
//
// # Opening
//
// Pebble recovers from a power cut by taking what it cannot read at the end of
// its files for what was never written. Damage at the same place looks the
// same, so Pebble alone comes back with records missing and says nothing. Open
// therefore compares what it finds with two things that the committer keeps: a
// sum over all records and heads of logs, and the number of a write up to which
// everything was durable a second ago. Each log must begin and end where its
// head says. It refuses a folder in which something is missing, and leaves it as
// it is. What it cannot see is damage to the writes of the last second before a
// crash, and in the middle of a log: that is found by whoever reads it, who gets
// ErrDamaged, and by Check, which reads everything.
//
// Checkpoint makes a copy of the folder while it is in use.
//
// # Failing
//
// When a file of the database cannot be written or synced, the engine stops
// for good: the operating system may have thrown away the pages that it could
// not write, and a sync that succeeds later says nothing about them. No call
// succeeds after that, and Options.OnFatal, which ends the process unless told
// otherwise, is called. What had been acknowledged is on disk, and the next
// start finds it. A full disk is such a case.
package pebble
