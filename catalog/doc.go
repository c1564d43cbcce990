// Package catalog has the streams of all jails. A Stream is one value with the
// schema of its messages, the topic that carries them and the groups that share
// them; it is found with one lookup, without a lock, and deleted in one step.
//
// # Names
//
// A stream is named by its jail and its own name (streams.ID). Jails are named
// by what is unique to each for all time, so a new jail never finds what a
// deleted one of the same name has left.
//
// A stream is in the catalog once it is defined, or has a topic. Its topic is
// opened when it is first needed.
//
// # Definitions
//
// One record holds all versions of a stream's schema. When Define returns
// without an error, the definition is durable, and only then does anybody see
// it. Writers of one stream take turns; writers of different streams do not
// wait for each other. If somebody else has written the record meanwhile, it is
// read again.
//
// # Deletion
//
// Delete removes the topic with its messages first, then the groups, the
// schema last: after a crash in between, the stream is there to be deleted
// again. Meanwhile whoever asks for the topic gets streams.ErrDeleted, and
// nothing is made that would outlive the stream.
//
// # Locks
//
// A stream's turn is taken first, then Stream.mu, then Catalog.mu. Storage is
// written with the turn held and without the others.
package catalog
