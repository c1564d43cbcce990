package config

import (
	"log/slog"
	"time"

	"seagate/internal/secret"
)

// A Config is the value of every setting. settings.go has the meaning, the
// default and the range of each.
type Config struct {
	Listen         string // HOST:PORT
	AdminListen    string // HOST:PORT, or empty for no admin listener
	DataDir        string
	AllowedOrigins []string
	TrustedProxies []string
	ProxyHeader    ProxyHeader
	ProxyProtocol  bool

	TLS       TLS
	Admin     Admin
	Console   Console
	Log       Log
	Tracing   Tracing
	WebSocket WebSocket
	Lines     Lines
	Streams   Streams
	Retention Retention
	Groups    Groups
	Quotas    Quotas
	Audit     Audit
	Tokens    Tokens
	JWKS      JWKS
	Limits    Limits
	Startup   Startup
	Shutdown  Shutdown
	Root      Root

	origins map[string]string // by dotted key; keys that are not in it have defaults
}

// TLS is where the certificate of the public listener and of the lines listener
// comes from: from files, which the gateway reads again when they change, or from
// an authority.
type TLS struct {
	CertFile   string
	KeyFile    string
	ClientCA   string
	ClientAuth ClientAuth

	ACMEDomains   []string // names of the certificate that an authority issues; empty: none is asked
	ACMEEmail     string
	ACMEDirectory string // URL of the authority; empty: Let's Encrypt
	ACMECA        string // file of the authorities that sign the certificate of that URL; empty: those of the system
}

// Enabled reports whether the public listener speaks TLS.
func (t TLS) Enabled() bool { return t.CertFile != "" || t.ByACME() }

// ByACME reports whether the certificate comes from an authority.
func (t TLS) ByACME() bool { return len(t.ACMEDomains) > 0 }

// Admin is the settings of the admin listener.
type Admin struct {
	Pprof bool
}

// Console is where the web console is served.
type Console struct {
	Admin  bool // on the admin listener
	Public bool // on the public listener
}

// Log is the settings of the log.
type Log struct {
	Level       Level
	Format      LogFormat
	RecentBytes Size // of the newest lines, which the API shows
}

// Tracing is which publishes are traced, and where their spans go.
type Tracing struct {
	Endpoint        string      // URL of an OTLP collector, or empty for no traces
	Authorization   secret.Text // the header of that name for the collector
	OneIn           int         // of publishes without a trace; 0: none
	TracesPerSecond int
}

// WebSocket is the settings of WebSocket connections.
type WebSocket struct {
	PingInterval          time.Duration
	AuthenticationTimeout time.Duration
	StallTimeout          time.Duration
	LiteralActions        bool
}

// Lines is the settings of the listener for message streams over TCP, and of the job
// streams that it makes.
type Lines struct {
	Listen         string // HOST:PORT, or empty for no lines listener
	ClientID       string // of every connection; empty: each authenticates
	JailID         string // of that client; empty: of any jail
	Connections    int
	PerJail        int // connections of the clients of one jail; not with ClientID
	JobStreams     int // of one jail
	JobStreamBytes Size
	JobIdleTimeout time.Duration
}

// Streams is the settings of streams and messages.
type Streams struct {
	Ungrouped       Ungrouped
	Undefined       Undefined
	MissingFields   Policy
	UnknownFields   Policy
	Dates           Dates
	Durability      Durability
	InMemory        Policy
	Gaps            Gaps
	MessageIDWindow time.Duration
	TailMessages    int
	TailBytes       Size
	IOURing         bool
}

// Retention is how much streams keep.
type Retention struct {
	Age      time.Duration
	Bytes    Size
	Messages int
	MinFree  Size

	MemoryBytes Size // of a stream in memory
}

// Groups is the settings of consumer groups.
type Groups struct {
	IdleTimeout      time.Duration
	AbandonedTimeout time.Duration
	AckTimeout       time.Duration
	PongWindow       int
	MaxDeliveries    int
	DeadLetterSuffix string
}

// Quotas are what a jail may have if nothing else is set for it. See also
// Limits.StreamsPerJail and Limits.ClientsPerJail.
type Quotas struct {
	Disk        Size
	Memory      Size
	Definitions Size
	Records     Size
	Groups      int
	MessageIDs  int

	MaxRetentionAge   time.Duration // 0: no maximum, as for the next two
	MaxRetentionBytes Size
	MaxMessageBytes   Size
}

// Audit is the settings of the audit stream.
type Audit struct {
	Disabled         bool
	RetentionAge     time.Duration
	RetentionBytes   Size
	EntriesPerMinute int // of one jail
}

// Tokens is what the tokens of all clients must be.
type Tokens struct {
	Audience    string        // empty: not checked
	MaxLifetime time.Duration // 0: no maximum
}

// JWKS is which JWK sets the gateway fetches for clients.
type JWKS struct {
	Hosts           []string // empty: none
	PrivateNetworks []string
	Dir             string // empty: no files
	Interval        time.Duration
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
	SubscriptionsPerJail       int
	StreamsPerMerge            int
	MergedStreamsPerJail       int
	ProvidedPerConnection      int
	ProvidedPerJail            int
	WaitingSubscriptions       int
	WaitingPerJail             int
	ConnectionsPerClient       int
	ConnectionsPerJail         int
	ChangesPerSecond           int // of one jail; 0: no limit
	ReadsPerSecond             int // of one jail; 0: no limit
	Connections                int
	Sockets                    int
	Strangers                  int
	StrangerBytes              Size
	UnfinishedBytes            Size
	FailedAuthentications      int // per minute
	Memory                     Size
	JailSeries                 int
	PublishesPerSecond         int // 0: no limit
	QueuedBytes                Size
	QueuedBytesPerJail         Size
	QueuedBytesInAll           Size
	RevokedTokensPerClient     int
	FilterBytes                Size
	FilterDepth                int
	HeaderBytes                Size
	BatchMessages              int
	ValidationSteps            int
	FilterSteps                int
	FramesPerSecond            int
	GroupsPerClient            int
	MessageIDs                 int
	QueuedChangesPerJail       int
	GroupSeries                int
	ServicesPerJail            int
	ServiceDefinitionsPerJail  int
	ServersPerService          int
	ProceduresPerService       int
	CallsPerConnection         int
	CallsPerClient             int
	CallsPerJail               int
	CallBytes                  Size // 0: MessageBytes
	CallQueuedBytes            Size
	CallBytesPerClient         Size
	CallBytesPerJail           Size
}

// Startup is how long a start may wait.
type Startup struct {
	Wait time.Duration
}

// Shutdown is how the gateway stops, and how long that may take.
type Shutdown struct {
	Delay                time.Duration
	Drain                time.Duration
	ConnectionsPerSecond int
	Timeout              time.Duration
}

// Root is the operator's own client, created if the data folder has none.
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

// Slog returns the level for log/slog, which is Info for an unknown one.
func (l Level) Slog() slog.Level {
	var level slog.Level
	if level.UnmarshalText([]byte(l)) != nil {
		return slog.LevelInfo
	}
	return level
}

// LogFormat is the format of a log line.
type LogFormat string

// FormatAuto is text on a terminal and JSON everywhere else.
const (
	FormatAuto LogFormat = "auto"
	FormatJSON LogFormat = "json"
	FormatText LogFormat = "text"
)

// ProxyHeader is the header in which trusted proxies say who their client is.
type ProxyHeader string

// The headers that proxies set.
const (
	XForwardedFor ProxyHeader = "x-forwarded-for"
	Forwarded     ProxyHeader = "forwarded"
)

// ClientAuth is whether clients must present a certificate.
type ClientAuth string

// What a listener asks of its clients.
const (
	RequireCertificate ClientAuth = "required"
	AcceptCertificate  ClientAuth = "optional"
)

// Ungrouped is which of one client's subscriptions to one stream receive a
// message, if they name no group.
type Ungrouped string

// With Broadcast every subscription receives every message. With ClientGroup
// they share one group.
const (
	Broadcast   Ungrouped = "broadcast"
	ClientGroup Ungrouped = "client-group"
)

// Durability is what messages survive.
type Durability string

// OnDisk survives a crash of the machine, InMemory nothing.
const (
	OnDisk   Durability = "disk"
	InMemory Durability = "memory"
)

// Gaps is what happens to a subscription that has lost messages and cannot be
// told.
type Gaps string

// CloseAtGaps ends the connection; SkipGaps goes on.
const (
	CloseAtGaps Gaps = "close"
	SkipGaps    Gaps = "skip"
)

// Policy is what happens to a message that its schema does not cover.
type Policy string

// Undefined is what clients may do with a stream that nobody has defined.
type Undefined string

const (
	RefuseUndefined Undefined = "refuse"
	AcceptUndefined Undefined = "accept"
	AwaitUndefined  Undefined = "wait"
)

// Refuse is the default everywhere.
const (
	Refuse Policy = "refuse"
	Accept Policy = "accept"
)

// Dates is which forms of dates are valid.
type Dates string

// StrictDates is YYYY-MM-DDTHH:mm:ssZ only. LenientDates also accepts fractions
// of a second and +00:00.
const (
	StrictDates  Dates = "strict"
	LenientDates Dates = "lenient"
)

// Default returns the configuration of "seagate serve" when nothing is set.
func Default() *Config {
	c := &Config{}
	for _, s := range c.all() {
		s.reset()
	}
	return c
}

// Development returns the configuration of "seagate dev" when nothing is set:
// only this machine can connect, the data folder is another one, the URL for clients has
// the console too, there are few connections, and it ends at once, since somebody waits
// for it.
func Development() *Config {
	c := Default()
	c.Listen = "127.0.0.1:3104"
	c.DataDir = "data/dev"
	c.Console.Public = true
	c.Limits.Sockets = 500 // what the usual limit of 1,024 open files has room for
	c.Shutdown.Drain, c.Shutdown.Timeout = 0, time.Second
	return c
}

// Origin returns the source of the value of a dotted key, such as "listen" or
// "websocket.ping_interval": "default", "FILE:LINE", "env NAME" or "flag --NAME".
func (c *Config) Origin(key string) string {
	if origin, ok := c.origins[key]; ok {
		return origin
	}
	return originDefault
}

const originDefault = "default"
