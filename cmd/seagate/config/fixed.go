package config

import "time"

// What nobody can set. The values are here so that each part gets all of its
// options from one place.
const (
	// MaxJails bounds the jails of a gateway.
	MaxJails = 10_000
	// FilterNodes bounds the nodes of a filter, and so the time per message.
	FilterNodes = 512

	// RefusalLines is how many log lines of each kind, such as credentials refused for one
	// reason, clients and strangers may cause at once. One more may follow each second.
	RefusalLines = 10
	// RefusalTime is how long refusing credentials takes, whatever is wrong with them. Checking
	// a token against the longest key takes less than a millisecond.
	RefusalTime = 10 * time.Millisecond

	// JWKSTimeout is the time in which a JWK set must arrive. JWKSCooldown is the shortest time
	// between two fetches of the same set.
	JWKSTimeout  = 10 * time.Second
	JWKSCooldown = 30 * time.Second

	// PublishesInFlight bounds the unanswered publish requests of a connection.
	PublishesInFlight = 256
	// LingerTimeout is the time in which a client may answer a close frame.
	LingerTimeout = 5 * time.Second
	// ShutdownLinger is the time in which clients may answer the close frame of a
	// gateway that stops. One that is gone must not keep the others waiting for the
	// gateway to come back.
	ShutdownLinger = 2 * time.Second
	// RequestPause is how long a gateway that stops waits for the next request on a
	// connection. It is also how long a body may then take to arrive.
	RequestPause = time.Second
	// LastRequests is the time in which a gateway that stops answers what it has
	// accepted, once it accepts no more connections.
	LastRequests = 2 * time.Second
	// ProxyTimeout is the time in which the PROXY header of a connection must arrive.
	ProxyTimeout = 5 * time.Second
	// BodyTimeout is the time in which the body of a request must arrive, and a message of a
	// client over a WebSocket.
	BodyTimeout = 30 * time.Second
	// BackupStall is the time after which a backup is given up if its client reads
	// nothing of it.
	BackupStall = time.Minute

	// JobSweep is the time between two looks for job streams that are idle.
	JobSweep = 10 * time.Second

	// RetentionInterval is the time between two checks of how much streams keep.
	RetentionInterval = 10 * time.Second

	// ClockTolerance, ClockStartTolerance and ClockPatience say when retention by age
	// believes that the machine's clock has jumped forward: at once up to the tolerance,
	// which at the start is counted from the newest message, and otherwise after the jump
	// has lasted for the patience.
	ClockTolerance      = time.Minute
	ClockStartTolerance = 24 * time.Hour
	ClockPatience       = time.Hour

	// CompiledFieldsPerSecond bounds the fields of definitions that are compiled in a second
	// for messages of one jail that do not match them. At some 50 µs for each, that is a fifth
	// of a processor. Ten seconds' worth may come at once.
	CompiledFieldsPerSecond = 4_000

	// GroupCheckpoint is the time after which the progress of groups is written.
	// What was acknowledged since is delivered again after a crash. Many groups
	// share one sync.
	GroupCheckpoint = 250 * time.Millisecond
	// GroupCreditMessages and GroupCreditBytes bound what is delivered to a member
	// and not acknowledged. They keep a member busy over a round trip of 50 ms at
	// 20,000 messages per second. The messages of a member that acknowledges by
	// pong have a setting instead.
	GroupCreditMessages = 1024
	GroupCreditBytes    = 1 * MiB
	// GroupFirstWindow is how many messages a member that acknowledges by pong is
	// delivered before its first pong. The first three windows, which double, are
	// little more than the 100 messages that deployed clients have room for.
	GroupFirstWindow = 16
	// GroupPongTarget is how long such a member may take to read a window. It is
	// far less than the time in which a ping must be answered, and is shortened to
	// a tenth of websocket.ping_interval.
	GroupPongTarget = time.Second
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
