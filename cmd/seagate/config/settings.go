package config

import (
	"errors"
	"strings"
	"time"

	"seagate/internal/origin"
)

// A section is a table of the file and what it holds. The one without a name
// is the top of the file.
type section struct {
	name, doc string
	settings  []setting
}

// A setting is one key, bound to its place in one Config.
type setting struct {
	section, key string // section is filled in by Config.sections
	doc          string
	flag, usage  string // the flag that sets it, if it has one
	value        value
}

// path is the dotted key.
func (s setting) path() string {
	return strings.TrimPrefix(s.section+"."+s.key, ".")
}

// env is the environment variable that sets it.
func (s setting) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.path(), ".", "_"))
}

// sections is the table that everything in this package follows, in the order
// in which it is shown.
func (c *Config) sections() []section {
	all := []section{
		{"", "", c.settings()},
		{"tls", tlsDoc, c.TLS.settings()},
		{"admin", "The admin listener.", c.Admin.settings()},
		{"log", "What is logged, to standard error.", c.Log.settings()},
		{"websocket", "WebSocket connections.", c.WebSocket.settings()},
		{"streams", "What the protocol leaves open about streams and their messages.", c.Streams.settings()},
		{"retention", retentionDoc, c.Retention.settings()},
		{"groups", "Consumer groups.", c.Groups.settings()},
		{"limits", limitsDoc, c.Limits.settings()},
		{"shutdown", "How the gateway stops on SIGTERM.", c.Shutdown.settings()},
		{"root", rootDoc, c.Root.settings()},
	}
	for _, section := range all {
		for i := range section.settings {
			section.settings[i].section = section.name
		}
	}
	return all
}

// all is every setting of every section.
func (c *Config) all() []setting {
	var all []setting
	for _, section := range c.sections() {
		all = append(all, section.settings...)
	}
	return all
}

func (c *Config) settings() []setting {
	return []setting{
		{key: "listen", value: text(&c.Listen, address),
			doc:  `Address that clients connect to. Without a host it is every interface; port 0 is any free port, which the log then names. "seagate dev" starts from "127.0.0.1:3104".`,
			flag: "listen", usage: "serve clients on `HOST:PORT`; port 0 takes a free one"},
		{key: "admin_listen", value: text(&c.AdminListen, optionalAddress),
			doc:  `Address of the admin listener: health, metrics and, if asked for, pprof. It asks nobody for credentials, so keep it where only operators reach it. Empty turns it off.`,
			flag: "admin-listen", usage: "serve health and metrics on `HOST:PORT`; empty turns it off"},
		{key: "data_dir", value: text(&c.DataDir, required),
			doc:  `Folder of everything that outlives the process, made when it is not there. One process at a time may use it. "seagate dev" starts from "data/dev".`,
			flag: "data", usage: "keep everything that lasts in folder `DIR`"},
		{key: "allowed_origins", value: list{&c.AllowedOrigins, origin.Check},
			doc: `Pages that may connect, by host: "app.example.com", "*.example.com", "localhost:*", or with a scheme, "https://app.example.com". "*" is any page, which is safe as long as credentials travel in messages, as they do here, and never in cookies. An empty list is pages of the gateway's own host.`},
	}
}

const tlsDoc = `TLS on the public listener. Both files are read again when they change, without a restart; they are the only setting of which that is true.`

func (t *TLS) settings() []setting {
	return []setting{
		{key: "cert_file", value: text(&t.CertFile, nil),
			doc: `Certificate chain, PEM. A relative name starts at the working directory.`},
		{key: "key_file", value: text(&t.KeyFile, nil),
			doc: `Private key of the certificate, PEM.`},
	}
}

func (a *Admin) settings() []setting {
	return []setting{
		{key: "pprof", value: boolean{&a.Pprof},
			doc: `Serve Go's profiles under /debug/pprof/. Whoever reaches them can read memory and slow the gateway down.`},
	}
}

func (l *Log) settings() []setting {
	return []setting{
		{key: "level", value: choice[Level]{&l.Level, []Level{Debug, Info, Warn, Error}},
			doc: `The least severe level that is logged.`},
		{key: "format", value: choice[LogFormat]{&l.Format, []LogFormat{FormatAuto, FormatJSON, FormatText}},
			doc: `Form of a line. auto is text on a terminal and JSON everywhere else.`},
	}
}

func (w *WebSocket) settings() []setting {
	return []setting{
		{key: "ping_interval", value: duration(&w.PingInterval, time.Second, 30*time.Second),
			doc: `Time between two pings to a client. A client that stops answering is dropped.`},
		{key: "authentication_timeout", value: duration(&w.AuthenticationTimeout, time.Second, 5*time.Minute),
			doc: `Time in which a connection must authenticate. It bounds what a stranger can hold open.`},
		{key: "stall_timeout", value: duration(&w.StallTimeout, time.Second, time.Hour),
			doc: `Time for which a client may leave what was sent to it unread before it is dropped.`},
		{key: "literal_actions", value: boolean{&w.LiteralActions},
			doc: `Answer a subscribe with the action "subscribe", as the protocol's prose has it, and not with "subscription", as its example and every known client have it. The Python client refuses to work with this on.`},
	}
}

func (s *Streams) settings() []setting {
	policies := []Policy{Refuse, Accept}
	return []setting{
		{key: "ungrouped", value: choice[Ungrouped]{&s.Ungrouped, []Ungrouped{Broadcast, ClientGroup}},
			doc: `Who receives a message among subscriptions without a group: "broadcast" is all of them; with "client-group" those of one client to one stream share the messages.`},
		{key: "undefined", value: choice[Policy]{&s.Undefined, policies},
			doc: `Publishing and subscribing to a stream that nobody has defined. Accepting it lets any JSON value pass there.`},
		{key: "missing_fields", value: choice[Policy]{&s.MissingFields, policies},
			doc: `Messages that lack a field of their definition.`},
		{key: "unknown_fields", value: choice[Policy]{&s.UnknownFields, policies},
			doc: `Messages with a field that their definition does not have.`},
		{key: "dates", value: choice[Dates]{&s.Dates, []Dates{StrictDates, LenientDates}},
			doc: `Forms of a date: "strict" is YYYY-MM-DDTHH:mm:ssZ alone; "lenient" also takes fractions of a second and +00:00, as JavaScript prints them.`},
		{key: "durability", value: choice[Durability]{&s.Durability, []Durability{OnDisk, InMemory}},
			doc: `What messages survive: "disk" is the death of the process and of the machine; "memory" is nothing, and costs no disk. For streams for which nothing else is set. A stream that has had messages keeps what it began with.`},
		{key: "gaps", value: choice[Gaps]{&s.Gaps, []Gaps{CloseAtGaps, SkipGaps}},
			doc: `What becomes of a subscription that did not ask for "meta" when retention drops messages before it has read them: "close" ends its connection with 4008, so that the client notices; "skip" goes on behind them.`},
		{key: "message_id_window", value: duration(&s.MessageIDWindow, time.Second, 24*time.Hour),
			doc: `Time for which the id of a message is remembered, so that publishing it again adds nothing.`},
		{key: "tail_messages", value: count(&s.TailMessages, 1, 10_000_000),
			doc: `Newest messages of each stream that are kept in memory. Subscribers that are further behind read from the disk.`},
		{key: "tail_bytes", value: size(&s.TailBytes, KiB, 16*GiB),
			doc: `Bytes that those messages may take, per stream. Whichever of the two is reached first holds.`},
	}
}

const retentionDoc = `What streams keep, where nothing else is set for one. The oldest messages go when any of the bounds is passed; it is looked at every 10 s, and at once when a stream has grown by an eighth.`

func (r *Retention) settings() []setting {
	return []setting{
		{key: "age", value: duration(&r.Age, 0, 100*365*24*time.Hour),
			doc: `Age from which on a message may be dropped; 0 is none.`},
		{key: "bytes", value: size(&r.Bytes, 0, 1<<20*GiB),
			doc: `Bytes of messages of one stream; 0 is any number.`},
		{key: "messages", value: count(&r.Messages, 0, 1_000_000_000_000),
			doc: `Messages of one stream; 0 is any number.`},
		{key: "min_free", value: size(&r.MinFree, 0, 1<<10*GiB),
			doc: `Free bytes on the disk below which nothing can be published to streams on disk (507), until there is an eighth more again. Everything else goes on. 0 asks for none, and a full disk then stops the process.`},
	}
}

func (g *Groups) settings() []setting {
	return []setting{
		{key: "idle_timeout", value: duration(&g.IdleTimeout, time.Second, 10*365*24*time.Hour),
			doc: `Time without a member after which a group is forgotten with its position.`},
		{key: "ack_timeout", value: duration(&g.AckTimeout, 100*time.Millisecond, 24*time.Hour),
			doc: `Time in which a member that acknowledges explicitly must do so, for each message, before others get it.`},
		{key: "max_deliveries", value: count(&g.MaxDeliveries, 0, 1_000_000),
			doc: `Failures (a nack, or no acknowledgement in time) after which a message goes to the dead-letter stream; 0 is never.`},
		{key: "dead_letter_suffix", value: text(&g.DeadLetterSuffix, nameSuffix),
			doc: `What is put after a stream's name for the name of its dead-letter stream.`},
	}
}

// nameSuffix is the rule of what can end the name of a stream.
func nameSuffix(text string) error {
	if text == "" || len(text) > 64 || strings.ContainsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("-_.~@+:", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return errors.New(`must be letters, digits and "-_.~@+:", at most 64`)
	}
	return nil
}

const limitsDoc = `What a client can make the gateway do or keep. Each limit has a counter among the metrics.`

func (l *Limits) settings() []setting {
	return append(l.messages(), l.amounts()...)
}

// messages are the limits on one message and on what comes with it.
func (l *Limits) messages() []setting {
	return []setting{
		{key: "message_bytes", value: size(&l.MessageBytes, KiB, 256*MiB),
			doc: `Size of a request: an HTTP body as sent (413 above it) or a WebSocket message (1009 above it).`},
		{key: "decompressed_bytes", value: size(&l.DecompressedBytes, KiB, 256*MiB),
			doc: `Size of a gzip body once unpacked, so that a small one cannot fill the memory.`},
		{key: "json_depth", value: count(&l.JSONDepth, 1, 1_000),
			doc: `Objects and arrays within each other in a message.`},
		{key: "batch_messages", value: count(&l.BatchMessages, 1, 1_000_000),
			doc: `Messages in one batch.`},
		{key: "fields_per_definition", value: count(&l.FieldsPerDefinition, 1, 100_000),
			doc: `Fields in one definition, nested ones included.`},
		{key: "header_bytes", value: size(&l.HeaderBytes, 64, 16*MiB),
			doc: `Size of a stream's header.`},
		{key: "filter_bytes", value: size(&l.FilterBytes, 64, 32*KiB),
			doc: `Size of the filter in a token.`},
		{key: "filter_depth", value: count(&l.FilterDepth, 1, 1_000),
			doc: `Nodes within each other in a filter.`},
	}
}

// amounts are the limits on how much and how often.
func (l *Limits) amounts() []setting {
	return []setting{
		{key: "streams_per_jail", value: count(&l.StreamsPerJail, 1, 10_000_000),
			doc: `Streams that one jail may define.`},
		{key: "clients_per_jail", value: count(&l.ClientsPerJail, 1, 10_000_000),
			doc: `Clients that one jail may have.`},
		{key: "groups_per_client", value: count(&l.GroupsPerClient, 1, 10_000_000),
			doc: `Groups that one client may have, over all streams, idle ones included. Each takes some memory and a record on disk.`},
		{key: "message_ids", value: count(&l.MessageIDs, 1, 100_000_000),
			doc: `Ids of messages that are remembered at a time, over all streams. Beyond them publishing with an id is refused until some are forgotten. Each takes some 100 bytes of memory.`},
		{key: "group_series", value: count(&l.GroupSeries, 0, 100_000),
			doc: `Groups that have series of their own in the metrics: those with the highest lag.`},
		{key: "connections", value: count(&l.Connections, 1, 10_000_000),
			doc: `Open WebSocket connections in all. Each takes a file descriptor: raise the limit of the process with it (LimitNOFILE, ulimit -n).`},
		{key: "connections_per_client", value: count(&l.ConnectionsPerClient, 1, 10_000_000),
			doc: `Open WebSocket connections of one client.`},
		{key: "subscriptions_per_connection", value: count(&l.SubscriptionsPerConnection, 1, 1_000_000),
			doc: `Subscriptions that one connection may hold.`},
		{key: "queued_bytes", value: size(&l.QueuedBytes, KiB, GiB),
			doc: `Bytes that may wait to be sent on one connection. Beyond them its subscriptions are left behind and read on from memory or from disk as the connection drains; a single message may be larger.`},
		{key: "frames_per_second", value: count(&l.FramesPerSecond, 1, 1_000_000),
			doc: `Control frames and empty frames per second that a client may send before it is dropped. They cost the gateway work and say nothing.`},
		{key: "failed_authentications", value: count(&l.FailedAuthentications, 1, 1_000_000),
			doc: `Failed authentications per minute, for each address and for each client id. Beyond them an address is refused unseen, and for a client id only what nobody can guess is looked at. A token that its client has signed is no failure, even when it has expired.`},
		{key: "publishes_per_second", value: count(&l.PublishesPerSecond, 0, 10_000_000),
			doc: `Messages per second that one client may publish; 0 is any number.`},
	}
}

func (s *Shutdown) settings() []setting {
	return []setting{
		{key: "drain", value: duration(&s.Drain, 0, time.Hour),
			doc: `Time over which the closing of connections is spread, so that clients, who come back 3 s later, do not all come at once.`},
		{key: "timeout", value: duration(&s.Timeout, time.Second, 2*time.Hour),
			doc: `Time after which the process ends, whatever is still open. Give the service manager longer than this (TimeoutStopSec, terminationGracePeriodSeconds).`},
	}
}

const rootDoc = `The operator's own client, made at the first start on an empty data folder. It can only come from the environment, so that no file has to keep it.`

func (r *Root) settings() []setting {
	return []setting{
		{key: "client_id", value: environmentOnly{text(&r.ClientID, nil)},
			doc: `Id of the root client.`},
		{key: "client_secret", value: secretValue{&r.ClientSecret},
			doc: `Secret of the root client.`},
	}
}
