// Package catalog holds the streams of all jails. A Stream is one value: the
// schema of its messages, the topic that carries them, and the groups that share
// them. One lookup without a lock finds it, and one call deletes it.
//
// # Names
//
// A stream is named by its jail and its own name (streams.ID). The name of a jail
// here is never used for a second jail, so a new jail never finds what a deleted
// one of the same id has left.
//
// A stream is in the catalog while it is defined or has a topic. Its topic is
// opened when it is first needed.
//
// # Definitions
//
// One record holds all versions of a stream's schema. When Define returns
// without an error, the definition is durable; nobody sees it before that. Writers of
// one stream take turns; writers of different streams do not wait for each other.
// If another process has written the record meanwhile, it is read again.
//
// Definitions of services (Services) are kept in the same way. Writers of one jail take
// turns there.
//
// # Deletion
//
// Delete removes the topic with its messages first, then the groups, and the
// schema last. So after a crash in between the stream still exists and can be
// deleted again. Meanwhile whoever asks for the topic gets streams.ErrDeleted,
// and nothing is made that would outlive the stream.
//
// # Locks
//
// A stream's turn is taken first, then Stream.mu, then Catalog.mu, then Services.mu.
// Storage is written with a turn held and without the others.
package catalog
