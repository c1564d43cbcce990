package protocol

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Kinds of connections.
const (
	ConnectionWebSocket = "websocket"
	ConnectionLines     = "lines" // a message stream over TCP
	ConnectionLink      = "link"  // a service in the gateway's own process
	ConnectionHTTP      = "http"  // a request that lasts
)

// How a client authenticated.
const (
	BySecret   = "secret"
	ByToken    = "token"
	ByListener = "listener" // whoever connects to the listener is this client
)

// A ConnectionInfo is what the API shows of a connection.
type ConnectionInfo struct {
	ID            string     `json:"id"`
	JailID        string     `json:"jailId"`
	ClientID      string     `json:"clientId"`
	Kind          string     `json:"kind"` // such as ConnectionWebSocket
	Address       Nullable   `json:"address"`
	Since         time.Time  `json:"since"`         // when it authenticated
	Authenticated string     `json:"authenticated"` // such as BySecret
	Expires       *time.Time `json:"expires"`       // of its token; nil without one

	// QueuedBytes is what waits to be read by the client. Slow: it reads more slowly than messages
	// come, so its subscriptions wait for it.
	QueuedBytes int  `json:"queuedBytes"`
	Slow        bool `json:"slow"`

	LastError *ConnectionError `json:"lastError"` // nil if no request was refused

	// SubscriptionCount counts all subscriptions. Behind is how far the one is behind that is the
	// furthest, of all of them; nil if there is none, or the gateway does not know it of each.
	// Subscriptions are the first of them.
	SubscriptionCount int                `json:"subscriptionCount"`
	Behind            *uint64            `json:"behind"`
	Subscriptions     []SubscriptionInfo `json:"subscriptions"`
	Provides          []ProvidedInfo     `json:"provides"`
	Serves            []string           `json:"serves"` // services
}

// A ConnectionError is the latest request of a connection that was refused.
type ConnectionError struct {
	Code    Code      `json:"code"`
	Message string    `json:"message"`
	At      time.Time `json:"at"`
}

// Kinds of subscriptions.
const (
	SubscriptionOwn     = "own"
	SubscriptionGroup   = "group"
	SubscriptionMerged  = "merged"  // one entry for each of its streams
	SubscriptionWaiting = "waiting" // for its stream to be defined
)

// A SubscriptionInfo is where a subscription stands in a stream.
type SubscriptionInfo struct {
	ID         int64    `json:"id"` // of the request; 0 if the connection has no ids
	StreamName string   `json:"streamName"`
	Kind       string   `json:"kind"`    // such as SubscriptionOwn
	GroupID    Nullable `json:"groupId"` // empty for none, and for the group of subscriptions that name none

	// Position is the number of the message that comes next; of a group, of the first message that
	// it is not done with. Behind counts the messages from there on. Both are nil if the gateway was
	// too busy to tell, or the subscription waits.
	Position *uint64 `json:"position"`
	Behind   *uint64 `json:"behind"`

	// InFlight counts the messages that a member of a group was sent and has not acknowledged.
	InFlight int `json:"inFlight"`
}

// A ProvidedInfo is a stream that a connection provides.
type ProvidedInfo struct {
	ID         int64  `json:"id"`
	StreamName string `json:"streamName"`
	Paused     bool   `json:"paused"` // the provider says that it pauses
}

// A NetworkInfo is a stream with those who provide and read it, as far as whoever asks may list
// their connections.
type NetworkInfo struct {
	Name        string              `json:"name"`
	Registered  bool                `json:"registered"` // this and what follows as in StreamInfo
	Paused      bool                `json:"paused"`
	Held        bool                `json:"held"`
	Requested   bool                `json:"requested"`
	Groups      int                 `json:"groups"`
	Providers   []NetworkProvider   `json:"providers"`
	Subscribers []NetworkSubscriber `json:"subscribers"`
	More        int                 `json:"more,omitzero"` // clients that are left out
}

// A NetworkProvider is a client that provides a stream.
type NetworkProvider struct {
	ClientID    string `json:"clientId"`
	Connections int    `json:"connections"`
	Paused      bool   `json:"paused"` // all of them say that they pause
}

// A NetworkSubscriber is a client that reads a stream in one way.
type NetworkSubscriber struct {
	ClientID      string   `json:"clientId"`
	Kind          string   `json:"kind"` // as in SubscriptionInfo
	GroupID       Nullable `json:"groupId"`
	Connections   int      `json:"connections"`
	Subscriptions int      `json:"subscriptions"`
}

// LogLines are lines of the gateway's log, the oldest first.
type LogLines struct {
	Lines  []jsontext.Value `json:"lines"`  // objects with time, level, msg and the attributes of the line
	Next   string           `json:"next"`   // where to go on
	Missed uint64           `json:"missed"` // lines that the gateway does not keep any more
}
