package client

import (
	"context"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
)

// What a message that was accepted survives.
const (
	DurabilityDisk   = "disk"   // the death of the gateway and of its machine
	DurabilityMemory = "memory" // nothing
)

// StreamSettings is how a stream keeps its messages. What is nil is not set:
// the gateway's default applies.
type StreamSettings struct {
	Durability *string   `json:"durability,omitzero"`
	Retention  Retention `json:"retention,omitzero"`
}

// A Retention is how much a stream keeps. Zeros bound nothing; what is nil is
// not set.
type Retention struct {
	Age      *time.Duration // in whole seconds
	Bytes    *int64         // of the payloads
	Messages *uint64
}

// retention is a Retention on the wire.
//
//	{"age":"168h0m0s","bytes":1073741824,"messages":0}
type retention struct {
	Age      *age    `json:"age,omitzero"`
	Bytes    *int64  `json:"bytes,omitzero"`
	Messages *uint64 `json:"messages,omitzero"`
}

// An age is spelled as time.Duration.String has it.
type age time.Duration

// MarshalText implements encoding.TextMarshaler.
func (a age) MarshalText() ([]byte, error) { return []byte(time.Duration(a).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *age) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*a = age(d)
	return err
}

// MarshalJSON implements json.Marshaler.
func (r Retention) MarshalJSON() ([]byte, error) {
	return json.Marshal(retention{(*age)(r.Age), r.Bytes, r.Messages})
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Retention) UnmarshalJSON(raw []byte) error {
	var wire retention
	err := json.Unmarshal(raw, &wire)
	*r = Retention{(*time.Duration)(wire.Age), wire.Bytes, wire.Messages}
	return err
}

// AppliedSettings are a stream's settings and what comes of them.
type AppliedSettings struct {
	Set       StreamSettings `json:"set"`       // for this stream
	Effective StreamSettings `json:"effective"` // with the defaults; nothing in it is nil
}

// StreamSettings returns the stream's settings.
func (c *Client) StreamSettings(ctx context.Context, stream string) (AppliedSettings, error) {
	var answer AppliedSettings
	err := c.onStream(ctx, "read the settings of", http.MethodGet, stream, "settings", nil, &answer)
	return answer, err
}

// SetStreamSettings replaces all that is set for the stream, and returns what
// comes of it. To change one setting, begin with Set of StreamSettings. The
// code to expect is durability_fixed.
func (c *Client) SetStreamSettings(ctx context.Context, stream string, set StreamSettings) (AppliedSettings, error) {
	var answer AppliedSettings
	err := c.onStream(ctx, "change the settings of", http.MethodPut, stream, "settings", set, &answer)
	return answer, err
}
