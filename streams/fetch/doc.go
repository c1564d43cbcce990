// Package fetch calls procedures of services and serves them, over a peer.Link.
//
// A Handler runs in a goroutine of its own for each call, at most
// Options.AtOnce at a time, so a slow call delays no other. Its context ends
// with the call: at the deadline, or when the caller is gone or gives up. A
// handler that panics answers with an error.
//
// Fetch waits for the end of a call, and All also hands over partial results.
package fetch
