// Package oracle tests a gateway: it publishes to it and consumes from it in
// every way, cuts connections, lets consumers leave, and then says whether the
// gateway kept its promises.
//
// # What it notes
//
// Publishers keep a journal outside of the gateway. They write what they are
// about to send before they send it, and what came of it before they go on. A
// message is acknowledged, refused, or unknown because its connection ended
// before the answer. An unknown message that has an id is sent again until it
// is answered; one without an id stays unknown. Consumers note what they
// receive in each of their sessions.
//
// # What it checks
//
// Once everything has been consumed, Check compares these notes with the logs
// of the streams. Each Kind of violation names the promise that was broken.
// Check sees nothing but a History, so tests can give it one with any fault.
//
// # What may differ
//
// The log may have an unknown message or not. A subscription that has just
// begun may or may not receive what was on its way at that moment. A group may
// deliver again what a member did not hold to the end, and after a disturbance
// of the gateway also what was acknowledged shortly before it. What retention
// dropped may be missing, if the consumer was told.
//
// # Lifecycle
//
// Start begins a run. Finish stops publishing, waits until everything was
// consumed, and checks. Run does both. Options bound a run in time, messages
// and memory. Journals outlive the process: Verify compares the journals of a
// run that was killed with what the gateway has.
package oracle
