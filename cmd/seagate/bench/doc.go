// Package bench puts load on a running gateway and measures it from outside.
//
// # The load
//
// Publishers publish to streams that the run makes, or call a service that it
// serves. Subscribers receive everything, their share of a group, or what a
// filter lets through. Each is one connection. Messages are JSON objects whose
// first field is the time at which the message was due.
//
// # The client
//
// The client must not be what is measured. It speaks frames of its own, one
// goroutine for each connection, reads into a buffer that it keeps, and looks
// for that one field in a message without decoding it. A publisher writes all
// the requests that its window allows with one call. The report has the
// client's own CPU time: where that is near one core for each that the client
// has, the numbers say something about the client.
//
// # Latency
//
// Latencies are kept in histograms whose buckets are less than 1 % wide. With a
// rate, the latency of a message counts from the moment when it was due, so a
// gateway that stalls cannot hide the delay of the messages that had to wait
// for it.
//
// # Bounds
//
// A run is bounded by Options in connections, messages and time. It removes what
// it made when it ends, also when it is interrupted.
package bench
