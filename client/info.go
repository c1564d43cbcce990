package client

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// StreamInfo is what there is to know about a stream apart from its messages.
type StreamInfo struct {
	Name string `json:"name"`
	// Version is that of the definition in force: a number, a string, or null
	// if nobody has defined the stream.
	Version jsontext.Value `json:"version"`
	// Registered says whether somebody publishes to it, or did since the
	// gateway started.
	Registered bool `json:"registered"`
	// Requested says whether somebody is subscribed.
	Requested   bool `json:"requested"`
	Subscribers int  `json:"subscribers"`
	// Paused says whether publishing is refused.
	Paused bool `json:"paused"`
	// FirstSeq and LastSeq are the numbers of the oldest and of the newest
	// message that the gateway keeps. FirstSeq is the higher one if it keeps
	// none.
	FirstSeq uint64 `json:"firstSeq"`
	LastSeq  uint64 `json:"lastSeq"`
	Bytes    int64  `json:"bytes"` // of the messages kept
	// Epoch is what the numbers are good with: see SubscribeOptions.Epoch.
	Epoch string `json:"epoch"`
	// Durability is DurabilityDisk or DurabilityMemory.
	Durability string `json:"durability"`
	HasHeader  bool   `json:"hasHeader"`
}

// ClientInfo is what may be shown of a client.
type ClientInfo struct {
	ID          string `json:"id"`
	Description string `json:"description"`
	// PublicKey is what its tokens are verified with, in PEM, or nil.
	PublicKey *string   `json:"jwtPublicKey"`
	CreatedAt time.Time `json:"createdAt"`
}

// JailInfo is what may be shown of a jail.
type JailInfo struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"createdAt"`
}

// GroupInfo is the state of a group, as it is right now.
type GroupInfo struct {
	StreamName string `json:"streamName"`
	ClientID   string `json:"clientId"`
	GroupID    string `json:"groupId"` // "" for the one of subscriptions that name none
	Members    int    `json:"members"`
	// Position is the number of the oldest message that the group is not done
	// with; Lag is how many those are, and LagSeconds the age of the oldest.
	Position   uint64  `json:"position"`
	Lag        uint64  `json:"lag"`
	LagSeconds float64 `json:"lagSeconds"`
	// InFlight is how many are handed out and not acknowledged.
	InFlight int `json:"inFlight"`
	// Redelivered, DeadLettered and Lost count messages since the group began:
	// that were handed out again, that were given up on, and that the stream
	// had dropped before they were acknowledged.
	Redelivered  uint64    `json:"redelivered"`
	DeadLettered uint64    `json:"deadLettered"`
	Lost         uint64    `json:"lost"`
	CreatedAt    time.Time `json:"createdAt"`
	LastActive   time.Time `json:"lastActive"`
}
