// Package discovery finds services, names and topics on a peer.Link, and makes
// names that never collide.
//
// # Services and names
//
// Services lists the services with their servers and counts, and Await waits for
// one. A Name stands for the address of the client that registered it. It is
// unique in its space, and only its owner, or the end of the owner's link, removes
// it. A name is a service with a sole server, so services and names share one set
// of names, and a sole server's address can be resolved too. Nothing is cached:
// Resolve answers with what is true at the moment, and Watch tells every change.
//
// # Fresh names
//
// Fresh addresses (peer.NewAddress) and FreshTopics are random with 128 bits, so
// they collide with none of another process or of one before a restart.
//
// # Topic spaces
//
// A Space maps names onto fresh topics. Whoever knows its id can open it. A link
// in a space (Space.Link) knows the topics under the space's names and no others,
// and its services, calls and messages reach other links in the space alone. A
// space ends when it is deleted, or with the link of whoever made it.
package discovery
