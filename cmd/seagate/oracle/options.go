package oracle

import (
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
	Patience   time.Duration // for everything that is waited for afterwards
	Publishers int
	Streams    int
	Rate       int    // messages a second of each publisher
	Messages   int    // of all publishers: then they stop
	Bytes      int    // of payload in a message, about
	Seed       uint64 // of everything that is left to chance
	Journal    string // folder; it must be empty or not there
	Limit      int    // violations of each kind that are reported

	// Session is how long a consumer stays at most before it leaves and comes
	// back.
	Session time.Duration
	// Calm means that nothing is cut off, leaves, or is given back.
	Calm bool
	// Members of each group.
	Members int
	// MemoryStream makes the last stream one that is kept in memory.
	MemoryStream bool
	// Keep is how many messages a stream keeps; 0 is all. Then some consumers
	// stop reading for longer than that.
	Keep uint64
	// Shared says that the gateway has streams.ungrouped = "client-group":
	// subscriptions without a group share the messages.
	Shared bool
	// AckTimeout and MaxDeliveries are what the gateway is set to. Messages are
	// left unacknowledged only if AckTimeout is given and short.
	AckTimeout    time.Duration
	MaxDeliveries int
	// KeepStreams leaves the streams there, to look at.
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
		problems = append(problems, errors.New("the duration, the patience and the session must be positive"))
	}
	if o.Journal == "" {
		problems = append(problems, errors.New("there is no folder for the journal"))
	}
	return errors.Join(problems...)
}

// A Target is the gateway, and as whom. The client must be one with a secret.
type Target struct {
	URL         string
	Credentials client.Credentials
}
