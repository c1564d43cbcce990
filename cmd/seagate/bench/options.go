package bench

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"seagate/client"
)

// Bounds of Options.
const (
	maxPublishers  = 10_000
	maxSubscribers = 100_000
	maxStreams     = 100_000
	maxMessages    = 1_000_000_000
	maxSize        = 16 << 20
	minSize        = 64 // with the fewest fields
	maxFields      = 1000
	maxDuration    = 24 * time.Hour
	// maxWindow bounds the answers that a publisher leaves unread while it writes:
	// those of a whole window fit into the buffers of a socket.
	maxWindow = 1024
)

// Options says what a run does. Start from DefaultOptions.
type Options struct {
	Publishers  int
	Subscribers int
	Streams     int

	Duration time.Duration // of publishing, at most
	Messages int           // of all publishers, at most; 0 is no bound but Duration
	Patience time.Duration // how long nothing may arrive before the rest counts as undelivered
	Rate     float64       // messages a second of all publishers; 0 is as fast as they are answered
	Window   int           // unanswered requests of a publisher
	Size     int           // of a message, in bytes
	Fields   int           // of a message; the gateway checks each

	// Durability of the streams: disk or memory. "" is the gateway's default.
	Durability string
	// Groups is how many groups the subscribers of a stream form; 0 is none.
	Groups int
	// Filters is how many different filters the subscribers have; 0 is none. Each
	// message passes one of them.
	Filters int
	// Fetch makes publishers call a service that the subscribers serve.
	Fetch bool
	// HTTP makes publishers publish over HTTP, without a window.
	HTTP bool
	// Replay lets the subscribers begin when everything is published, with the oldest message.
	Replay bool
	// Keep leaves the streams there.
	Keep bool
	// PID is the process of the gateway, on this machine; 0 is unknown.
	PID int
}

// DefaultOptions are those of `seagate bench`.
func DefaultOptions() Options {
	return Options{
		Publishers:  1,
		Subscribers: 1,
		Streams:     1,
		Duration:    10 * time.Second,
		Patience:    10 * time.Second,
		Window:      1,
		Size:        256,
		Fields:      minFields,
	}
}

// check returns an error that names every option that is wrong.
func (o Options) check() error {
	var problems []error
	bound := func(name string, value, low, high int) {
		if value < low || value > high {
			problems = append(problems, fmt.Errorf("%s is %d: give %d to %d", name, value, low, high))
		}
	}
	exclude := func(both bool, what string) {
		if both {
			problems = append(problems, errors.New(what))
		}
	}
	bound("publishers", o.Publishers, 0, maxPublishers)
	bound("subscribers", o.Subscribers, 0, maxSubscribers)
	bound("streams", o.Streams, 1, maxStreams)
	bound("messages", o.Messages, 0, maxMessages)
	bound("window", o.Window, 1, maxWindow)
	bound("fields", o.Fields, minFields, maxFields)
	bound("size", o.Size, minSize+len(appendOthers(nil, min(o.Fields, maxFields))), maxSize)
	bound("groups", o.Groups, 0, maxSubscribers)
	bound("filters", o.Filters, 0, maxSubscribers)
	bound("pid", o.PID, 0, 1<<31-1)
	exclude(o.PID > 0 && !process(o.PID).exists(), fmt.Sprintf("pid is %d: no such process runs on this machine", o.PID))
	exclude(o.Publishers == 0 && o.Subscribers == 0, "there are neither publishers nor subscribers")
	exclude(o.Duration <= 0 || o.Duration > maxDuration, fmt.Sprintf("the duration is %v: give one up to %v", o.Duration, maxDuration))
	exclude(o.Patience <= 0 || o.Patience > maxDuration, fmt.Sprintf("the patience is %v: give one up to %v", o.Patience, maxDuration))
	exclude(o.Rate < 0, fmt.Sprintf("the rate is %v: give 0 or more", o.Rate))
	exclude(o.Durability != "" && o.Durability != "disk" && o.Durability != "memory",
		fmt.Sprintf("the durability is %q: give disk or memory", o.Durability))
	exclude(o.Groups > 0 && o.Filters > 0, "groups and filters do not go together: the bearer of a token is in no group")
	exclude(o.Fetch && (o.Groups > 0 || o.Filters > 0 || o.Replay || o.HTTP || o.Durability != "" || o.Streams > 1),
		"fetch is without streams: leave out groups, filters, replay, http, durability and streams")
	exclude(o.Fetch && (o.Publishers == 0 || o.Subscribers == 0), "fetch needs publishers, which call, and subscribers, which serve")
	exclude(o.HTTP && o.Window > 1, "http has no window: a publisher waits for each answer")
	exclude(o.Replay && (o.Publishers == 0 || o.Subscribers == 0), "replay needs publishers and subscribers")
	return errors.Join(problems...)
}

// A Target is a gateway, and the credentials of a client that has a secret and may make
// streams, and clients if there are filters.
type Target struct {
	URL         string
	Credentials client.Credentials
	TLS         *tls.Config   // of https connections; nil for the default
	Silence     time.Duration // how long the gateway may answer nothing; 0 is no bound
}
