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
	FirstSeq  uint64 `json:"firstSeq"`
	LastSeq   uint64 `json:"lastSeq"`
	Bytes     int64  `json:"bytes"` // of the messages kept
	HasHeader bool   `json:"hasHeader"`
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
