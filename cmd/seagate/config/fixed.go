package config

import "time"

// What nobody can set. These values are here because they are defaults of the
// parts all the same, and a part must not have a second opinion.
const (
	// RetentionInterval is the time between two checks of how much streams keep.
	RetentionInterval = 10 * time.Second

	// GroupCheckpoint is the time after which the progress of groups is written.
	// What was acknowledged since is delivered again after a crash. Many groups
	// share one sync.
	GroupCheckpoint = 250 * time.Millisecond
	// GroupCreditMessages and GroupCreditBytes bound what is delivered to a member
	// and not acknowledged. They keep a member busy over a round trip of 50 ms at
	// 20,000 messages per second.
	GroupCreditMessages = 1024
	GroupCreditBytes    = 1 * MiB
	// GroupWindow is how many messages a group reads beyond the first one that it
	// is not done with.
	GroupWindow = 100_000
	// GroupSetAsideBytes bounds the messages of a group that wait for a delay or
	// for the dead-letter stream. Above it, the group delivers nothing new.
	GroupSetAsideBytes = 64 * MiB
	// DeadLetterRetry is the time after which a dead letter that could not be
	// published is tried again.
	DeadLetterRetry = 10 * time.Second
)
