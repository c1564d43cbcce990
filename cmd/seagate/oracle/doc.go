// Package oracle tries a gateway: it publishes to it in every way, consumes
// from it in every way, lets connections break and consumers leave, and then
// says whether the gateway kept its promises.
//
// # What it notes
//
// Publishers write to a journal, outside the gateway, what they are about to
// send before they send it, and what came of it before they go on. A message
// is acknowledged, refused, or unknown: its connection ended first. One that
// is unknown and has an id is sent again until it is answered; one without
// stays unknown. Consumers note what they received in each of their sessions.
//
// # What it checks
//
// Check compares that with the streams' logs, once everything has been
// consumed. Each Kind of violation says which promise it is about. Check sees a
// History alone, so it can be shown one with any fault in it.
//
// # What may differ
//
// An unknown message may be there or not. A subscription that has just begun
// may or may not receive what was on its way at that moment. A group may
// deliver again what a member did not hold to the end, and after the gateway
// was disturbed what was acknowledged shortly before. What retention dropped
// may be missing from then on, if whoever should have had it was told.
//
// # Ends
//
// Start begins, Finish stops publishing, waits until everything was consumed,
// and checks. Both together are Run. A run is bounded in time, messages and
// memory by its Options. Journals outlive the process: Verify compares those
// of a run that was killed with what the gateway has.
package oracle
