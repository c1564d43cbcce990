package config

import (
	"errors"
	"strings"
	"time"

	"seagate/internal/forwarded"
	"seagate/internal/origin"
)

// A section is a table of the file. The section without a name is the top of
// the file.
type section struct {
	name, doc string
	settings  []setting
}

// A setting is one key, bound to its place in one Config. The constructors in
// values.go make them.
type setting struct {
	section, key string // section is filled in by Config.sections
	doc          string
	bounds       string // what check allows, in words; "" if they say nothing
	flag, usage  string // the flag that sets it, if there is one
	isLive       bool   // it can change while the gateway runs

	// reset sets the default.
	reset func()
	// parse reads a variable or a flag, which are always text. After an error
	// the value is as it was.
	parse func(text string) error
	// decode reads what TOML made of the value in the file. It is nil for a
	// setting that a file cannot have.
	decode func(v any) error
	// check returns an error if the value is out of bounds. It is called once
	// every source is read.
	check func() error
	// plain returns the value as TOML and JSON have it: a bool, an int, a string
	// or strings. A secret is nil or a secret.Text.
	plain func() any
}

// path returns the dotted key.
func (s setting) path() string {
	return strings.TrimPrefix(s.section+"."+s.key, ".")
}

// env returns the environment variable that sets it.
func (s setting) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.path(), ".", "_"))
}

// withFlag returns the setting with a flag.
func (s setting) withFlag(name, usage string) setting {
	s.flag, s.usage = name, usage
	return s
}

// live returns the setting as one that can change while the gateway runs. App.Reload
// has to apply it.
func (s setting) live() setting {
	s.isLive = true
	return s
}

// outsideFiles returns the setting without a place in the file.
func (s setting) outsideFiles() setting {
	s.decode = nil
	return s
}

// sections returns every setting, in the order in which they are shown. The
// arguments of each are its key, its place, its default, its range, both ends
// included, and its documentation.
func (c *Config) sections() []section {
	all := []section{
		{"", "", c.settings()},
		{"tls", "TLS on the public listener. The gateway reads both files again when they change, without a signal or a restart. Turning TLS on or off needs a restart.", c.TLS.settings()},
		{"admin", "The admin listener.", c.Admin.settings()},
		{"console", "The web console: pages without data of their own, which call the API with the credentials that somebody types into them.", c.Console.settings()},
		{"log", "What is logged to standard error.", c.Log.settings()},
		{"tracing", "Traces of publishes and their deliveries, for OpenTelemetry. Off unless there is an endpoint.", c.Tracing.settings()},
		{"websocket", "WebSocket connections.", c.WebSocket.settings()},
		{"lines", "Message streams over TCP: lines of JSON, for programs that have nothing but a socket. Off unless it has an address.", c.Lines.settings()},
		{"streams", "Streams and messages, where the protocol leaves a choice.", c.Streams.settings()},
		{"retention", "How much a stream keeps, unless it has settings of its own. When a bound is exceeded, the oldest messages are deleted. The gateway checks every 10 s, and at once when a stream has grown by an eighth.", c.Retention.settings()},
		{"groups", "Consumer groups.", c.Groups.settings()},
		{"quotas", "What each jail may have, unless something else is set for it with `seagate jails quota`; 0 is no bound. See limits.streams_per_jail and limits.clients_per_jail too. The root jail has no other quotas than those two, unless they are set for it.", c.Quotas.settings()},
		{"audit", "The stream $audit of the root jail, in which the gateway notes what administrators do; see `seagate audit`.", c.Audit.settings()},
		{"tokens", "What the tokens of all clients must be, beside what a client asks for its own with `seagate clients tokens`.", c.Tokens.settings()},
		{"jwks", "JWK sets that the gateway fetches, for clients that have their public keys there; see `seagate clients keys`.", c.JWKS.settings()},
		{"limits", "What a client can make the gateway do or keep. Each limit has a counter among the metrics.", append(c.Limits.ofMessages(), c.Limits.ofAmounts()...)},
		{"startup", "How the gateway starts.", c.Startup.settings()},
		{"shutdown", "How the gateway stops on SIGTERM.", c.Shutdown.settings()},
		{"root", "The operator's own client. The gateway creates it at the first start with an empty data folder. It comes only from the environment, so that no file has to keep the secret.", c.Root.settings()},
	}
	for _, section := range all {
		for i := range section.settings {
			section.settings[i].section = section.name
		}
	}
	return all
}

// all returns the settings of all sections.
func (c *Config) all() []setting {
	var all []setting
	for _, section := range c.sections() {
		all = append(all, section.settings...)
	}
	return all
}

func (c *Config) settings() []setting {
	return []setting{
		text("listen", &c.Listen, ":3104", address,
			`Address that clients connect to. Without a host it is every interface. Port 0 is any free port; the log says which. The default of "seagate dev" is "127.0.0.1:3104".`).
			withFlag("listen", "serve clients on `HOST:PORT`; port 0 takes a free one"),
		text("admin_listen", &c.AdminListen, "127.0.0.1:3105", optionalAddress,
			`Address of the admin listener: health, metrics and, if enabled, profiles. It asks for no credentials, so only operators should be able to reach it. Empty turns it off.`).
			withFlag("admin-listen", "serve health and metrics on `HOST:PORT`; empty turns it off"),
		text("data_dir", &c.DataDir, "data", required,
			`Folder of everything that outlives the process. The gateway creates it if it does not exist. Only one process at a time can use it. The default of "seagate dev" is "data/dev".`).
			withFlag("data", "keep everything that lasts in folder `DIR`"),
		list("allowed_origins", &c.AllowedOrigins, []string{"*"}, origin.Check,
			`Web pages that may connect, by host: "app.example.com", "*.example.com", "localhost:*", or with a scheme, "https://app.example.com". "*" allows every page; a page gains nothing by the credentials of others, see docs/production.md. An empty list allows pages of the gateway's own host only.`).live(),
		list("trusted_proxies", &c.TrustedProxies, []string{}, forwarded.Check,
			`Networks and addresses of proxies in front of the gateway, such as "10.0.0.0/8". For a connection from one of them, the client is the right-most address in proxy_header that is not a proxy's. Nobody else's header is believed.`),
		choice("proxy_header", &c.ProxyHeader, XForwardedFor, []ProxyHeader{XForwardedFor, Forwarded},
			`The header that the trusted proxies set. The other one is ignored, since a proxy passes on what its client wrote there.`),
		boolean("proxy_protocol", &c.ProxyProtocol,
			`Connections from trusted proxies, to the public and the lines listener, begin with a PROXY header (version 1 or 2), and are closed if they do not. It needs trusted_proxies.`),
	}
}

func (t *TLS) settings() []setting {
	return []setting{
		text("cert_file", &t.CertFile, "", nil,
			`Certificate chain, PEM. A relative name is relative to the working directory.`).live(),
		text("key_file", &t.KeyFile, "", nil,
			`Private key of the certificate, PEM.`).live(),
		text("client_ca", &t.ClientCA, "", nil,
			`Certificates of the authorities, PEM, that sign the certificates of clients. With it, clients must present one, to the public and the lines listener, beside their credentials.`),
		choice("client_auth", &t.ClientAuth, RequireCertificate, []ClientAuth{RequireCertificate, AcceptCertificate},
			`Whether a client must present a certificate. If it is optional, only one that is presented is verified.`),
		list("acme_domains", &t.ACMEDomains, []string{}, acmeDomain,
			`Names of this gateway for which it gets a certificate from an authority (ACME), and renews it, instead of reading files. To set it is to accept the terms of the authority. The authority connects to port 443 of each name (TLS-ALPN-01), which has to lead to the public listener.`),
		text("acme_email", &t.ACMEEmail, "", acmeEmail,
			`Address at which the authority can reach the operator. Some demand one.`),
		text("acme_directory", &t.ACMEDirectory, "", acmeURL,
			`URL of the authority. Empty is Let's Encrypt. To try it out there: "https://acme-staging-v02.api.letsencrypt.org/directory".`),
		text("acme_ca", &t.ACMECA, "", nil,
			`Certificates, PEM, by which the authority's own URL is verified, for an authority that the system does not trust.`),
	}
}

func (t *Tokens) settings() []setting {
	return []setting{
		text("audience", &t.Audience, "", nil,
			`What the claim aud of every token must be, or have among its members. Without it aud is not checked. It keeps the tokens of one installation from another that has the same keys.`),
		duration("max_lifetime", &t.MaxLifetime, 0, 0, 100*365*24*time.Hour,
			`Longest time from the claim iat of a token, which must then be there, to exp; 0 is no maximum.`),
	}
}

func (j *JWKS) settings() []setting {
	return []setting{
		list("hosts", &j.Hosts, []string{}, origin.Check,
			`Hosts whose JWK sets clients may have their keys in, such as "login.example.com", "*.example.com" or, with another port than 443, "login.example.com:8443". Without any, no URLs are fetched.`),
		list("private_networks", &j.PrivateNetworks, []string{}, forwarded.Check,
			`Networks of private addresses, such as "10.1.0.0/16", that those hosts may have. All others must have public addresses.`),
		text("dir", &j.Dir, "", nil,
			`Folder of JWK sets that clients may have their keys in, as "file:NAME". Without it there are none.`),
		duration("interval", &j.Interval, 5*time.Minute, time.Second, 24*time.Hour,
			`Time between two fetches of a JWK set. A token that names an unknown key makes the gateway fetch earlier, at most every 30 s.`),
	}
}

func (a *Admin) settings() []setting {
	return []setting{
		boolean("pprof", &a.Pprof,
			`Serve Go's profiles under /debug/pprof/. Whoever reaches them can read memory and slow the gateway down.`).live(),
	}
}

func (c *Console) settings() []setting {
	return []setting{
		booleanOr("admin", &c.Admin, true,
			`Serve the console and the API under /console/ and /api/v1 of the admin listener, to connections over loopback only: from this machine, through an SSH tunnel or kubectl port-forward. Not if clients have to present a certificate (tls.client_ca).`),
		booleanOr("public", &c.Public, false,
			`Serve the console under /console/ of the public listener, and send browsers that open "/" there. The default of "seagate dev" is true.`),
	}
}

func (l *Log) settings() []setting {
	return []setting{
		choice("level", &l.Level, Info, []Level{Debug, Info, Warn, Error},
			`The least severe level that is logged.`).live(),
		choice("format", &l.Format, FormatAuto, []LogFormat{FormatAuto, FormatJSON, FormatText},
			`Format of a line. auto is text on a terminal and JSON everywhere else.`),
		size("recent_bytes", &l.RecentBytes, 1<<20, 0, 64<<20,
			`Bytes of the newest lines that are kept in memory, for GET /api/v1/logs and seagate logs. 0 keeps none.`),
	}
}

func (t *Tracing) settings() []setting {
	return []setting{
		text("endpoint", &t.Endpoint, "", optionalURL,
			`URL of a collector that takes OTLP over HTTP, such as "http://127.0.0.1:4318". Spans go to /v1/traces below it, as JSON. Empty turns tracing off.`),
		confidential("authorization", &t.Authorization,
			`The header Authorization for the collector, such as "Bearer …".`),
		count("one_in", &t.OneIn, 100, 0, 1_000_000,
			`Of publishes that come without a traceparent, one in so many is traced. 0 is none. Those whose traceparent is sampled are traced, and those whose is not are not.`),
		count("traces_per_second", &t.TracesPerSecond, 100, 1, 10_000,
			`Publishes that are traced in a second at most. A client that says that its trace is sampled cannot exceed it.`),
	}
}

func (w *WebSocket) settings() []setting {
	return []setting{
		duration("ping_interval", &w.PingInterval, 20*time.Second, time.Second, 30*time.Second,
			`Time between two pings to a client. A client that does not answer within three quarters of it is disconnected.`),
		duration("authentication_timeout", &w.AuthenticationTimeout, 10*time.Second, time.Second, 5*time.Minute,
			`Time in which a connection must authenticate. It bounds how long a stranger can hold a connection open.`),
		duration("stall_timeout", &w.StallTimeout, time.Minute, time.Second, time.Hour,
			`Time after which a client is disconnected if it reads nothing of what waits for it.`),
		boolean("literal_actions", &w.LiteralActions,
			`Answer a subscribe with the action "subscribe", as the protocol's text has it, instead of "subscription", as its example and every known client have it. The Python client does not work with this.`),
	}
}

func (l *Lines) settings() []setting {
	return []setting{
		text("listen", &l.Listen, "", optionalAddress,
			`Address of the lines listener. Empty turns it off. It speaks TLS if the public listener does.`).
			withFlag("lines-listen", "serve message streams over TCP on `HOST:PORT`; empty turns it off"),
		text("client_id", &l.ClientID, "", nil,
			`Client that every connection of the lines listener is, without credentials: whoever reaches the address is that client. Without it, each connection authenticates with its first line.`),
		text("jail_id", &l.JailID, "", nil,
			`Jail of lines.client_id. It is needed only if several jails have a client of that id.`),
		count("connections", &l.Connections, 10_000, 1, 10_000_000,
			`Open connections of the lines listener in all. Each takes a file descriptor.`),
		count("connections_per_jail", &l.PerJail, 5_000, 1, 10_000_000,
			`Open connections of the lines listener of all clients of one jail, so that it leaves some to others. With lines.client_id all are of that client, and this is no bound.`),
		count("job_streams", &l.JobStreams, 1_000, 0, 10_000_000,
			`Job streams that one jail may have: streams that nobody has defined, made by a line that names them. They are in memory.`),
		size("job_stream_bytes", &l.JobStreamBytes, MiB, KiB, 16*GiB,
			`Size of the messages that a job stream keeps, in memory.`),
		duration("job_idle_timeout", &l.JobIdleTimeout, time.Hour, time.Second, 365*24*time.Hour,
			`Time after which a job stream is deleted that nobody has published to or listened to.`),
	}
}

func (s *Streams) settings() []setting {
	policies := []Policy{Refuse, Accept}
	return []setting{
		choice("ungrouped", &s.Ungrouped, Broadcast, []Ungrouped{Broadcast, ClientGroup},
			`Which subscriptions without a group receive a message. With "broadcast" all do. With "client-group" the subscriptions of one client to one stream share the messages.`),
		choice("undefined", &s.Undefined, RefuseUndefined, []Undefined{RefuseUndefined, AcceptUndefined, AwaitUndefined},
			`Publishing and subscribing to a stream that nobody has defined. "refuse" refuses both. With "accept" such a stream takes any JSON value. "wait" refuses publishing, and lets a subscription wait: it begins with the first definition. Deployed clients do not notice that a subscription is refused, so "wait" is right for them.`),
		choice("missing_fields", &s.MissingFields, Refuse, policies,
			`Messages that lack a field of their definition.`),
		choice("unknown_fields", &s.UnknownFields, Refuse, policies,
			`Messages with a field that is not in their definition, unless the definition says what to do with them.`),
		choice("dates", &s.Dates, StrictDates, []Dates{StrictDates, LenientDates},
			`Forms of a date. "strict" is YYYY-MM-DDTHH:mm:ssZ only. "lenient" also accepts fractions of a second and +00:00, as JavaScript prints them.`),
		choice("durability", &s.Durability, OnDisk, []Durability{OnDisk, InMemory},
			`What messages survive, unless the stream has settings of its own. Messages on "disk" survive a crash of the process and of the machine. Messages in "memory" survive neither, and use no disk. A stream that has had messages keeps its durability.`),
		choice("in_memory", &s.InMemory, Accept, policies,
			`Whether clients may keep a stream in memory, where streams.durability is "disk".`),
		choice("gaps", &s.Gaps, CloseAtGaps, []Gaps{CloseAtGaps, SkipGaps},
			`What happens to a subscription without "meta" when retention deletes messages before it has read them. "close" ends its connection with 4008, so that the client notices. "skip" goes on after the missing messages.`),
		duration("message_id_window", &s.MessageIDWindow, 2*time.Minute, time.Second, 24*time.Hour,
			`Time for which the gateway remembers the id of a message, so that publishing it again adds nothing.`),
		count("tail_messages", &s.TailMessages, 10_000, 1, 10_000_000,
			`Number of messages, the newest of each stream, that are kept in memory. Subscribers that are further behind read from disk.`),
		size("tail_bytes", &s.TailBytes, MiB, KiB, 16*GiB,
			`Size of the messages of each stream that are kept in memory. Whichever of the two bounds is reached first applies.`),
		booleanOr("io_uring", &s.IOURing, true,
			`Deliver a message to many subscribers with few system calls, by io_uring, where the kernel lets the gateway. It costs about half as much.`),
	}
}

func (r *Retention) settings() []setting {
	return []setting{
		duration("age", &r.Age, 7*24*time.Hour, 0, 100*365*24*time.Hour,
			`Age after which messages are deleted; 0 is no bound.`),
		size("bytes", &r.Bytes, GiB, 0, 1<<20*GiB,
			`Size of the messages of one stream; 0 is no bound.`),
		count("messages", &r.Messages, 0, 0, 1_000_000_000_000,
			`Number of messages of one stream; 0 is no bound.`),
		size("memory_bytes", &r.MemoryBytes, 64*MiB, KiB, 1<<10*GiB,
			`Size of the messages of one stream in memory that has no bound of its own. The lower of it and retention.bytes holds.`),
		size("min_free", &r.MinFree, 512*MiB, 0, 1<<10*GiB,
			`Free disk space below which the gateway refuses to publish to streams on disk (507), until it is an eighth more again. Everything else goes on. With 0 there is no such check, and a full disk ends the process.`),
	}
}

func (g *Groups) settings() []setting {
	return []setting{
		duration("idle_timeout", &g.IdleTimeout, 7*24*time.Hour, time.Second, 10*365*24*time.Hour,
			`Time without members after which a group is deleted with its position.`),
		duration("abandoned_timeout", &g.AbandonedTimeout, time.Hour, time.Second, 10*365*24*time.Hour,
			`The same for a group that had one member ever, which asked for no extension: clients that want everything make such a group for each subscription, under a name that they never use again. The shorter of the two times counts.`),
		duration("ack_timeout", &g.AckTimeout, 30*time.Second, 100*time.Millisecond, 24*time.Hour,
			`Time in which a member that acknowledges explicitly must acknowledge a message, before it is delivered to another.`),
		count("pong_window", &g.PongWindow, 1024, 1, 10_000,
			`Messages that a member that acknowledges by pong may have on their way to it. A new member begins with 16; the window doubles while its pongs are quick, and shrinks when they are late.`),
		count("max_deliveries", &g.MaxDeliveries, 5, 0, 1_000_000,
			`Number of failures (a nack, or no acknowledgement in time) after which a message goes to the dead-letter stream; 0 is never.`),
		text("dead_letter_suffix", &g.DeadLetterSuffix, ".dead", nameSuffix,
			`Suffix of the name of a dead-letter stream, after the name of the stream that its messages come from.`),
	}
}

func (q *Quotas) settings() []setting {
	return []setting{
		size("disk", &q.Disk, 64*GiB, 0, 1<<20*GiB,
			`Size of what a jail keeps on disk: messages, with 64 bytes more for each, headers, definitions, groups and clients. Above it, publishing is refused with quota_exceeded. When the disk itself becomes short, jails with more than an equal share of it are refused first.`),
		size("memory", &q.Memory, 256*MiB, 0, 1<<10*GiB,
			`Size of what a jail keeps in memory: messages of streams in memory, with 128 bytes more for each, headers, definitions, groups and clients. What is left of it is for the newest messages of its other streams, which are read from disk when they do not fit.`),
		size("definitions", &q.Definitions, 64*MiB, 0, GiB,
			`Size of all versions of the definitions of a jail's streams and services.`),
		size("records", &q.Records, 256*MiB, 0, 1024*GiB,
			`Size of what is stored of a jail's groups, with their progress, and of its clients, with their keys, secrets, rights and revoked tokens. Each counts at least half a KiB. Above it, what grows is refused with quota_exceeded, and a group whose progress does not fit waits; groups leave an eighth of it to the clients.`),
		count("groups", &q.Groups, 100_000, 0, 10_000_000,
			`Groups of all clients of a jail.`),
		count("message_ids", &q.MessageIDs, 500_000, 0, 100_000_000,
			`Message ids that are remembered at a time for one jail.`),
		duration("max_retention_age", &q.MaxRetentionAge, 0, 0, 100*365*24*time.Hour,
			`Longest age that a stream may keep messages to. With 0 a jail may keep them for ever.`),
		size("max_retention_bytes", &q.MaxRetentionBytes, 0, 0, 1<<20*GiB,
			`Most that one stream may keep.`),
		size("max_message_bytes", &q.MaxMessageBytes, 0, 0, 256*MiB,
			`Size of one message. Every request is also bounded by limits.message_bytes.`),
	}
}

func (a *Audit) settings() []setting {
	return []setting{
		boolean("disabled", &a.Disabled,
			`Turns the audit stream off. Administrative changes are then in the log alone.`),
		duration("retention_age", &a.RetentionAge, 90*24*time.Hour, 0, 100*365*24*time.Hour,
			`Age at which entries are dropped; 0 is no bound.`),
		size("retention_bytes", &a.RetentionBytes, 256*MiB, MiB, 1<<20*GiB,
			`Size of the entries that are kept.`),
		count("entries_per_minute", &a.EntriesPerMinute, 60, 1, 1_000_000,
			`Entries of one jail in a minute; it may save up 10 minutes' worth. Beyond them its changes are counted in its next entry, so that nobody pushes the entries of others out. Refusals have a tenth of it. Changes by clients of the root jail have no bound.`),
	}
}

func (s *Startup) settings() []setting {
	return []setting{
		duration("wait", &s.Wait, 0, 0, time.Hour,
			`Time to wait for the data folder and the addresses while another process uses them, such as the gateway that this one follows. At 0 the start fails at once.`),
	}
}

func (s *Shutdown) settings() []setting {
	return []setting{
		duration("delay", &s.Delay, 0, 0, time.Hour,
			`Time before the gateway ends anything. Only readiness fails meanwhile, so that load balancers notice and send clients elsewhere.`).live(),
		duration("drain", &s.Drain, 20*time.Second, 0, time.Hour,
			`Longest time over which the gateway spreads the closing of WebSocket connections. 0 closes all at once.`).live(),
		count("connections_per_second", &s.ConnectionsPerSecond, 1000, 1, 1_000_000,
			`WebSocket connections that the gateway closes per second, or more if they would not all be closed within shutdown.drain. Clients come back some 3 s later, at the same rate.`).live(),
		duration("timeout", &s.Timeout, 30*time.Second, time.Second, 2*time.Hour,
			`Time after which the process ends, even if connections are still open. Give the service manager longer than this (TimeoutStopSec, terminationGracePeriodSeconds).`).live(),
	}
}

func (r *Root) settings() []setting {
	return []setting{
		text("client_id", &r.ClientID, "", nil, `Id of the root client.`).outsideFiles(),
		confidential("client_secret", &r.ClientSecret, `Secret of the root client.`),
	}
}

// nameSuffix is the rule for what can end the name of a stream.
func nameSuffix(text string) error {
	if text == "" || len(text) > 64 || strings.ContainsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("-_.~@+:", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return errors.New(`must be letters, digits and "-_.~@+:", at most 64`)
	}
	return nil
}
