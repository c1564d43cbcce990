package oracle

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"seagate/client"
)

// Bounds of Options.
const (
	maxPublishers = 1000
	maxStreams    = 100
	maxMessages   = 10_000_000
	maxBytes      = 1 << 20
)

// Options says what a run does. Start from DefaultOptions.
type Options struct {
	Duration   time.Duration // of publishing
	Patience   time.Duration // how long to wait for everything afterwards
	Publishers int
	Streams    int
	Rate       int    // messages per second of each publisher
	Messages   int    // of all publishers, after which they stop
	Bytes      int    // of payload in a message, roughly
	Seed       uint64 // of all random numbers
	Journal    string // folder for the journals; it must have none
	Limit      int    // violations of each kind that are reported

	// Session is how long a session of a consumer lasts at most.
	Session time.Duration
	// Calm means that no connection is cut, no consumer leaves, and no message is
	// given back.
	Calm bool
	// Members of each group.
	Members int
	// MemoryStream makes the last stream one that is kept in memory.
	MemoryStream bool
	// Keep is how many messages a stream keeps; 0 keeps all. With it, some
	// consumers stop reading until messages are dropped.
	Keep uint64
	// Shared says that the gateway has streams.ungrouped = "client-group":
	// subscriptions without a group share the messages.
	Shared bool
	// AckTimeout and MaxDeliveries are those of the gateway. Members leave
	// messages unacknowledged only if AckTimeout is given, and at most
	// forgetTimeout.
	AckTimeout    time.Duration
	MaxDeliveries int
	// KeepStreams leaves the streams in the gateway, for inspection.
	KeepStreams bool
}

// DefaultOptions are those of `seagate oracle`.
func DefaultOptions() Options {
	return Options{
		Duration:      30 * time.Second,
		Patience:      time.Minute,
		Publishers:    8,
		Streams:       2,
		Rate:          100,
		Messages:      200_000,
		Limit:         10,
		Session:       2 * time.Second,
		Members:       3,
		MaxDeliveries: 5,
	}
}

// forgetTimeout is the longest AckTimeout with which messages are left
// unacknowledged: a run has to wait for it.
const forgetTimeout = 5 * time.Second

func (o Options) check() error {
	var problems []error
	bound := func(name string, value, low, high int) {
		if value < low || value > high {
			problems = append(problems, fmt.Errorf("%s is %d: give %d to %d", name, value, low, high))
		}
	}
	bound("publishers", o.Publishers, 1, maxPublishers)
	bound("streams", o.Streams, 1, maxStreams)
	bound("rate", o.Rate, 1, 1_000_000)
	bound("messages", o.Messages, 1, maxMessages)
	bound("bytes", o.Bytes, 0, maxBytes)
	bound("limit", o.Limit, 1, 1_000_000)
	bound("members", o.Members, 1, 1000)
	if o.Duration <= 0 || o.Patience <= 0 || o.Session <= 0 {
		problems = append(problems, errors.New("duration and patience must be positive"))
	}
	if o.Journal == "" {
		problems = append(problems, errors.New("there is no folder for the journal"))
	}
	return errors.Join(problems...)
}

// A Target is a gateway, and the credentials of a client that has a secret.
type Target struct {
	URL         string
	Credentials client.Credentials
	TLS         *tls.Config   // of https connections; nil for the default
	Silence     time.Duration // how long the gateway may answer nothing; 0 is no bound
}
