package config

import (
	"log/slog"
	"time"

	"seagate/internal/secret"
)

// Config is everything that can be set. What each field means, and its bounds,
// stand in the settings of its section, next to the type.
type Config struct {
	Listen         string // HOST:PORT
	AdminListen    string // HOST:PORT, or empty for no admin listener
	DataDir        string
	AllowedOrigins []string

	TLS       TLS
	Admin     Admin
	Log       Log
	WebSocket WebSocket
	Streams   Streams
	Retention Retention
	Groups    Groups
	Limits    Limits
	Shutdown  Shutdown
	Root      Root

	origins map[string]string // by dotted key; what is not in it is a default
}

// TLS names the certificate of the public listener. It is the one part that
// can be reloaded: whoever serves with it reads the contents of both files
// again when they change. The names themselves stay as they were at the start.
type TLS struct {
	CertFile string
	KeyFile  string
}

// Enabled reports whether the public listener speaks TLS.
func (t TLS) Enabled() bool { return t.CertFile != "" }

// Admin is about the admin listener.
type Admin struct {
	Pprof bool
}

// Log is what is logged, and how.
type Log struct {
	Level  Level
	Format LogFormat
}

// WebSocket is how the gateway treats WebSocket connections.
type WebSocket struct {
	PingInterval          time.Duration
	AuthenticationTimeout time.Duration
	StallTimeout          time.Duration
	LiteralActions        bool
}

// Streams is how streams behave where the protocol leaves it open.
type Streams struct {
	Ungrouped       Ungrouped
	Undefined       Policy
	MissingFields   Policy
	UnknownFields   Policy
	Dates           Dates
	Durability      Durability
	Gaps            Gaps
	MessageIDWindow time.Duration
	TailMessages    int
	TailBytes       Size
}

// Retention is what streams keep.
type Retention struct {
	Age      time.Duration
	Bytes    Size
	Messages int
	MinFree  Size
}

// Groups is how consumer groups behave.
type Groups struct {
	IdleTimeout      time.Duration
	AckTimeout       time.Duration
	MaxDeliveries    int
	DeadLetterSuffix string
}

// Limits bounds what a client can make the gateway do or keep.
type Limits struct {
	MessageBytes               Size
	DecompressedBytes          Size
	JSONDepth                  int
	FieldsPerDefinition        int
	StreamsPerJail             int
	ClientsPerJail             int
	SubscriptionsPerConnection int
	ConnectionsPerClient       int
	Connections                int
	FailedAuthentications      int // per minute
	PublishesPerSecond         int // 0: no limit
	QueuedBytes                Size
	FilterBytes                Size
	FilterDepth                int
	HeaderBytes                Size
	BatchMessages              int
	FramesPerSecond            int
	GroupsPerClient            int
	MessageIDs                 int
	GroupSeries                int
}

// Shutdown is how long a stop may take.
type Shutdown struct {
	Drain   time.Duration
	Timeout time.Duration
}

// Root is the operator's own client, made when the data folder has none yet.
type Root struct {
	ClientID     string
	ClientSecret secret.Text
}

// Level is the least severe level that is logged.
type Level string

// The levels, each including those after it.
const (
	Debug Level = "debug"
	Info  Level = "info"
	Warn  Level = "warn"
	Error Level = "error"
)

// Slog is the level as log/slog knows it; Info for one that it does not know.
func (l Level) Slog() slog.Level {
	var level slog.Level
	if level.UnmarshalText([]byte(l)) != nil {
		return slog.LevelInfo
	}
	return level
}

// LogFormat is the form of a log line.
type LogFormat string

// FormatAuto is text on a terminal and JSON everywhere else.
const (
	FormatAuto LogFormat = "auto"
	FormatJSON LogFormat = "json"
	FormatText LogFormat = "text"
)

// Ungrouped is who receives a message among the subscriptions of one client to
// one stream that name no group.
type Ungrouped string

// Broadcast gives every subscription every message; ClientGroup makes them
// share one group.
const (
	Broadcast   Ungrouped = "broadcast"
	ClientGroup Ungrouped = "client-group"
)

// Durability is what messages survive.
type Durability string

// OnDisk survives the death of the machine, InMemory nothing.
const (
	OnDisk   Durability = "disk"
	InMemory Durability = "memory"
)

// Gaps is what becomes of a subscription that has lost messages and did not
// ask to be told.
type Gaps string

// CloseAtGaps ends the connection; SkipGaps goes on.
const (
	CloseAtGaps Gaps = "close"
	SkipGaps    Gaps = "skip"
)

// Policy is what is done with a message that its schema does not cover.
type Policy string

// Refuse is the default everywhere.
const (
	Refuse Policy = "refuse"
	Accept Policy = "accept"
)

// Dates is which forms of a date are valid.
type Dates string

// StrictDates is YYYY-MM-DDTHH:mm:ssZ alone; LenientDates also takes fractions
// of a second and +00:00.
const (
	StrictDates  Dates = "strict"
	LenientDates Dates = "lenient"
)

// Default is the configuration of `seagate serve` when nothing is set. It is
// the only place that holds a default.
func Default() *Config {
	return &Config{
		Listen:         ":3104",
		AdminListen:    "127.0.0.1:3105",
		DataDir:        "data",
		AllowedOrigins: []string{"*"},
		Log:            Log{Level: Info, Format: FormatAuto},
		WebSocket: WebSocket{
			PingInterval:          20 * time.Second,
			AuthenticationTimeout: 10 * time.Second,
			StallTimeout:          60 * time.Second,
		},
		Streams: Streams{
			Ungrouped:       Broadcast,
			Undefined:       Refuse,
			MissingFields:   Refuse,
			UnknownFields:   Refuse,
			Dates:           StrictDates,
			Durability:      OnDisk,
			Gaps:            CloseAtGaps,
			MessageIDWindow: 2 * time.Minute,
			TailMessages:    10_000,
			TailBytes:       1 * MiB,
		},
		Retention: Retention{Age: 7 * 24 * time.Hour, Bytes: 1 * GiB, MinFree: 512 * MiB},
		Groups: Groups{
			IdleTimeout:      7 * 24 * time.Hour,
			AckTimeout:       30 * time.Second,
			MaxDeliveries:    5,
			DeadLetterSuffix: ".dead",
		},
		Limits: Limits{
			MessageBytes:               1 * MiB,
			DecompressedBytes:          1 * MiB,
			JSONDepth:                  64,
			FieldsPerDefinition:        1_000,
			StreamsPerJail:             10_000,
			ClientsPerJail:             10_000,
			SubscriptionsPerConnection: 1_000,
			ConnectionsPerClient:       10_000,
			Connections:                100_000,
			FailedAuthentications:      300,
			QueuedBytes:                32 * KiB,
			FilterBytes:                16 * KiB,
			FilterDepth:                32,
			HeaderBytes:                64 * KiB,
			BatchMessages:              10_000,
			FramesPerSecond:            50,
			GroupsPerClient:            10_000,
			MessageIDs:                 1_000_000,
			GroupSeries:                100,
		},
		Shutdown: Shutdown{Drain: 20 * time.Second, Timeout: 30 * time.Second},
	}
}

// Development is Default as `seagate dev` changes it: reachable from this
// machine alone, with data in a folder of its own.
func Development() *Config {
	c := Default()
	c.Listen = "127.0.0.1:3104"
	c.DataDir = "data/dev"
	return c
}

// Origin says where the value of a dotted key, such as "websocket.ping_interval"
// or "listen", comes from: "default", "FILE:LINE", "env NAME" or "flag --NAME".
func (c *Config) Origin(key string) string {
	if origin, ok := c.origins[key]; ok {
		return origin
	}
	return originDefault
}

const originDefault = "default"
