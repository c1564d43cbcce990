// Package broadcast sends messages to whoever wants them, over a peer.Link, and
// keeps nothing.
//
// A Server offers namespaces under the name of a service. It alone decides which
// there are. A Receiver names those that it wants, and gets what is sent to them
// from then on: everything that Server.Send is called with after Receive has
// returned, and nothing from before it was called.
//
// All receivers get the messages in the order in which they were sent. A
// receiver holds a bounded number of messages that are not read yet. If it is
// full it misses what comes, and the next Message says how many it missed. It
// delays neither the server nor other receivers.
//
// A receiver ends with its server, and a server's place in the network ends with
// its link.
package broadcast
