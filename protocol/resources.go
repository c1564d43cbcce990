package protocol

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/quota"
)

// What follows is what the HTTP API shows of streams, groups, clients and jails.
// The gateway writes it and the client reads it.

// A StreamInfo is the state of a stream apart from its messages.
type StreamInfo struct {
	Name string `json:"name"`
	// Version is that of the definition in force: a number, a string, or null
	// if nobody has defined the stream.
	Version jsontext.Value `json:"version"`
	// Registered reports whether somebody provides the stream. Publishing to it
	// does not count.
	Registered bool `json:"registered"`
	// Paused reports whether the stream is held, or has providers and all of
	// them say that they pause.
	Paused bool `json:"paused"`
	// Held reports whether the stream was paused by an administrator. Then it
	// refuses messages.
	Held bool `json:"held"`
	// Requested reports whether there are subscribers or groups.
	Requested bool `json:"requested"`
	// Providers counts those who provide the stream.
	Providers int `json:"providers"`
	// Subscribers counts the subscriptions that are in no group.
	Subscribers int `json:"subscribers"`
	// Groups counts the groups, with or without members.
	Groups int `json:"groups"`
	// FirstSeq and LastSeq are the numbers of the oldest and the newest message
	// that the gateway keeps. If it keeps none, FirstSeq is the higher one.
	FirstSeq  uint64 `json:"firstSeq"`
	LastSeq   uint64 `json:"lastSeq"`
	Bytes     int64  `json:"bytes"` // of the messages that are kept
	HasHeader bool   `json:"hasHeader"`
	// Durability is DurabilityDisk or DurabilityMemory.
	Durability string `json:"durability"`
	// Epoch identifies the stream's history: the numbers are only good together
	// with it. It is empty while nothing has been done with the stream.
	Epoch Nullable `json:"epoch"`
}

// What a message survives once it is accepted.
const (
	DurabilityDisk   = "disk"   // the death of the gateway and of its machine
	DurabilityMemory = "memory" // nothing
)

// A GroupInfo is the state of a group at one moment.
type GroupInfo struct {
	StreamName string   `json:"streamName"`
	ClientID   string   `json:"clientId"`
	GroupID    Nullable `json:"groupId"` // empty for the group of subscriptions that name none
	Members    int      `json:"members"`
	// Abandoned: nobody is expected to come back to the group, which is forgotten
	// soon. A client made it for one subscription, which has ended.
	Abandoned bool `json:"abandoned,omitzero"`
	// Position is the number of the oldest message that the group is not done
	// with. Lag counts the messages from there on, and LagSeconds is the age of
	// the oldest of them.
	Position   uint64  `json:"position"`
	Lag        uint64  `json:"lag"`
	LagSeconds float64 `json:"lagSeconds"`
	// Trend is Lag in the last quarter of an hour, a sample every 30 seconds, the oldest first. It
	// is empty if the lag was 0 all the time, as far as the gateway has been up.
	Trend []uint64 `json:"trend,omitempty"`
	// InFlight counts the messages that are delivered and not acknowledged.
	InFlight int `json:"inFlight"`
	// Redelivered, DeadLettered and Lost count messages since the group began:
	// those that were delivered again, those that were given up, and those that
	// the stream dropped before they were acknowledged.
	Redelivered  uint64    `json:"redelivered"`
	DeadLettered uint64    `json:"deadLettered"`
	Lost         uint64    `json:"lost"`
	CreatedAt    time.Time `json:"createdAt"`
	LastActive   time.Time `json:"lastActive"`
}

// A GroupMove is the result of moving a group, or of planning it.
type GroupMove struct {
	Position uint64 `json:"position"` // after the move, as in GroupInfo
	Was      uint64 `json:"was"`      // the position before the move
	Lag      uint64 `json:"lag"`      // after the move
	Again    uint64 `json:"again"`    // messages that the group is done with and gets again
	Skipped  uint64 `json:"skipped"`  // messages that the group is not done with and does not get
}

// A ClientInfo is what the API shows of a client.
type ClientInfo struct {
	ID          string `json:"id"`
	Description string `json:"description"`
	// PublicKey verifies the client's tokens. It is PEM, or nil if there is none.
	PublicKey *string   `json:"jwtPublicKey"`
	CreatedAt time.Time `json:"createdAt"`
	Rights    *Rights   `json:"rights"` // nil for all
	// OldSecretUntil is when the secret that the last rotation replaced stops being valid. It is nil
	// if the rotation ended that secret at once.
	OldSecretUntil *time.Time `json:"oldSecretUntil,omitempty"`
}

// Rights are what a client may do in its jail: for each right the patterns of the
// names that it is for. A pattern is a name, or has one "*", which stands for any
// characters. A right without patterns is not given.
type Rights struct {
	Publish    []string `json:"publish,omitempty"`    // to streams, and provide them
	Subscribe  []string `json:"subscribe,omitempty"`  // to streams, and read them
	Define     []string `json:"define,omitempty"`     // streams and services
	Administer []string `json:"administer,omitempty"` // streams; with "*" also the clients of the jail
	Serve      []string `json:"serve,omitempty"`      // services
	Fetch      []string `json:"fetch,omitempty"`      // from services, and signal them
}

// ClientRights is the answer that shows a client's rights.
type ClientRights struct {
	ID     string  `json:"givenId"`
	Rights *Rights `json:"rights"` // nil for all
}

// A NewClient is the answer that shows a client's secret. It is shown once.
type NewClient struct {
	ID          string `json:"givenId"`
	Secret      string `json:"secret"`
	Description string `json:"description"`
}

// A JailInfo is what the API shows of a jail.
type JailInfo struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"createdAt"`
	Quotas    *Quotas   `json:"quotas,omitempty"` // only if they were asked for
}

// Quotas are what a jail uses and may use, by the names of the resources: disk, memory, streams,
// definitions, records, groups, clients and messageIds, and the maxima retentionAge (seconds),
// retentionBytes and messageBytes. Sizes are in bytes.
type Quotas struct {
	Used   Amounts `json:"used"`   // without the maxima
	Limits Amounts `json:"limits"` // 0 is no bound
	Set    Amounts `json:"set"`    // the limits that are set for this jail alone
}

// Amounts are numbers by the names of resources. JSON has them in the order of quota.All.
type Amounts map[string]int64

// MarshalJSONTo implements json.MarshalerTo.
func (a Amounts) MarshalJSONTo(e *jsontext.Encoder) error {
	if err := e.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, r := range quota.All() {
		n, ok := a[r.String()]
		if !ok {
			continue
		}
		if err := errors.Join(e.WriteToken(jsontext.String(r.String())), e.WriteToken(jsontext.Int(n))); err != nil {
			return err
		}
	}
	return e.WriteToken(jsontext.EndObject)
}

// A NewJail is the answer that shows the secret of a new jail's first client.
type NewJail struct {
	ID           string `json:"newJailId"`
	ClientID     string `json:"newClientId"`
	ClientSecret string `json:"newClientSecret"`
}

// An Imported is what an import has changed, or would change.
type Imported struct {
	Changes   []ImportChange `json:"changes"`
	Unchanged int            `json:"unchanged"` // jails, clients and streams that are as they should be
	Warnings  []string       `json:"warnings"`
	DryRun    bool           `json:"dryRun"`
}

// An ImportChange is one jail, client or stream that an import has changed.
type ImportChange struct {
	Change string `json:"change"` // "created" or "replaced"
	Jail   string `json:"jailId"`
	Client string `json:"clientId,omitempty"`
	Stream string `json:"streamName,omitempty"`
}

// A DefinitionPlan is what a definition would change.
type DefinitionPlan struct {
	Change      string   `json:"change"`      // "created", "replaced" or "unchanged"
	Differences []string `json:"differences"` // from the definition that would be replaced
	// Breaking is those of Differences for which messages that match the definition in force may
	// be refused. It is nil for a service.
	Breaking   []string       `json:"breaking,omitzero"`
	Definition jsontext.Value `json:"definition"` // in force afterwards
}

// SchemaChanges is how two versions of a definition differ.
type SchemaChanges struct {
	Since       jsontext.Value `json:"since"`       // the version that is compared with
	Version     jsontext.Value `json:"version"`     // the version that has the changes
	Compatible  bool           `json:"compatible"`  // nothing breaks
	Differences []string       `json:"differences"` // from Since to Version
	// Breaking is those of Differences for which messages that match Since may not match Version.
	Breaking []string `json:"breaking"`
}

// A PublishPlan is what publishing would do.
type PublishPlan struct {
	Messages int            `json:"messages"`
	Bytes    int            `json:"bytes"`   // of the messages as they would be stored
	Version  jsontext.Value `json:"version"` // that they match; null on a stream that nobody defined
	// Seq is the number of the first message, if nobody publishes meanwhile.
	Seq         uint64   `json:"seq"`
	Epoch       Nullable `json:"epoch"`
	Subscribers int      `json:"subscribers"` // as in StreamInfo
	Groups      int      `json:"groups"`
}

// A SchemaTrial is what a definition would do, and how the latest messages of its stream fare with
// it. One of Plan and Refusal is nil.
type SchemaTrial struct {
	Plan    *DefinitionPlan `json:"plan"`
	Refusal *TrialRefusal   `json:"refusal"` // why the definition would be refused

	Messages int `json:"messages"` // that were looked at, from FirstSeq to LastSeq
	Refused  int `json:"refused"`  // those of them that do not match
	// FirstSeq and LastSeq are 0 if there are no messages.
	FirstSeq uint64 `json:"firstSeq"`
	LastSeq  uint64 `json:"lastSeq"`
	// Stopped is what was used up before all messages were looked at: "bytes" or "steps".
	Stopped  Nullable       `json:"stopped"`
	Problems []TrialProblem `json:"problems"` // of the first messages that do not match
}

// A TrialRefusal is why a definition would be refused.
type TrialRefusal struct {
	Code    Code     `json:"code"`
	Message string   `json:"message"`
	Errors  []string `json:"errors,omitempty"`
}

// A TrialProblem is what is wrong with a message.
type TrialProblem struct {
	Seq     uint64    `json:"seq"`
	Time    time.Time `json:"time"`
	Message string    `json:"message"`
	Errors  []string  `json:"errors,omitempty"`
}

// A PublishedAgain says where the message of a dead letter stands that was published again.
type PublishedAgain struct {
	StreamName string    `json:"streamName"`
	Seq        uint64    `json:"seq"`
	Time       time.Time `json:"time"`
	Epoch      string    `json:"epoch"`
}

// A SettingInfo is a setting of the gateway that is in force.
type SettingInfo struct {
	Key    string         `json:"key"`    // dotted, as in the file
	Value  jsontext.Value `json:"value"`  // a secret is hidden
	Origin string         `json:"origin"` // "default", "FILE:LINE", "env NAME" or "flag --NAME"
	Live   bool           `json:"live"`   // it can change while the gateway runs
}

// An AppliedSettings is what is set for a stream, and what applies to it.
type AppliedSettings struct {
	Set       StreamSettings `json:"set"`       // for this stream
	Effective StreamSettings `json:"effective"` // with the gateway's defaults; nothing in it is nil
}

// A StreamSettings is how a stream keeps its messages. A nil setting is not set:
// the gateway's default applies.
type StreamSettings struct {
	Durability *string   `json:"durability"`
	Retention  Retention `json:"retention"`
}

// A Retention is how much a stream keeps. Zero is no bound; nil is not set.
type Retention struct {
	Age      *time.Duration // in whole seconds
	Bytes    *int64         // of the payloads
	Messages *uint64
}

// retention is a Retention in JSON.
//
//	{"age":"168h0m0s","bytes":1073741824,"messages":0}
type retention struct {
	Age      *duration `json:"age"`
	Bytes    *int64    `json:"bytes"`
	Messages *uint64   `json:"messages"`
}

// MarshalJSONTo implements json.MarshalerTo.
func (r Retention) MarshalJSONTo(e *jsontext.Encoder) error {
	return json.MarshalEncode(e, retention{(*duration)(r.Age), r.Bytes, r.Messages})
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Retention) UnmarshalJSON(raw []byte) error {
	var read retention
	err := json.Unmarshal(raw, &read)
	*r = Retention{(*time.Duration)(read.Age), read.Bytes, read.Messages}
	return err
}

// A duration is written as time.Duration.String does.
type duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// Nullable is a text that is null in JSON if it is empty.
type Nullable string

// MarshalJSONTo implements json.MarshalerTo.
func (n Nullable) MarshalJSONTo(e *jsontext.Encoder) error {
	if n == "" {
		return e.WriteToken(jsontext.Null)
	}
	return e.WriteToken(jsontext.String(string(n)))
}
