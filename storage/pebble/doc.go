// Package pebble is the storage engine of a single machine: a Pebble database
// in a folder of its own.
//
// # Writing
//
// One goroutine, the committer, makes all writes. It takes what is waiting,
// checks each write's condition against the state that the writes before it
// leave, puts all into one batch and makes that durable with one sync of the
// log. Then it answers. So the number of writers that wait for the disk
// together grows with the load, and a lone writer waits for one sync.
//
// # Reading
//
// Pebble shows a batch to readers before it is durable. A reader that acted on
// what the next power cut takes back would make others believe in what never
// happened. Therefore all reads go through a snapshot that the committer
// renews after each sync, and never see anything newer.
//
// # Opening
//
// Pebble recovers from a power cut by taking what it cannot read at the end of
// its files for what was never written. Damage at the same place looks the
// same, so Pebble alone comes back with records missing and says nothing. Open
// therefore compares what it finds with two things that the committer keeps: a
// sum over all records, and the number of a write up to which everything was
// durable a second ago. It refuses a folder in which something is missing, and
// leaves it as it is. What it cannot see is damage to the writes of the last
// second before a crash.
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
