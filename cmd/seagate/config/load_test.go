package config_test

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"seagate/cmd/seagate/config"
	"seagate/internal/secret"
)

// sources is what one Load reads in addition to the defaults.
type sources struct {
	file string // "" for none
	env  []string
	args []string
	dev  bool
}

func (s sources) load(t testing.TB) (*config.Config, []string, error) {
	t.Helper()
	loader := &config.Loader{Environ: append([]string{}, s.env...)}
	if s.dev {
		loader.Defaults = config.Development
	}
	flags := pflag.NewFlagSet("seagate", pflag.ContinueOnError)
	loader.BindFlags(flags)
	args := s.args
	if s.file != "" {
		t.Chdir(t.TempDir())
		if err := os.WriteFile("seagate.toml", []byte(s.file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"--config", "seagate.toml"}, args...)
	}
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return loader.Load()
}

func (s sources) mustLoad(t testing.TB) *config.Config {
	t.Helper()
	c, warnings, err := s.load(t)
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 0 {
		t.Fatalf("warnings: %q", warnings)
	}
	return c
}

// problems returns the lines of the error.
func (s sources) problems(t testing.TB) []string {
	t.Helper()
	c, _, err := s.load(t)
	if (c == nil) != (err != nil) {
		t.Fatalf("config %v with error %v: want one of the two", c, err)
	}
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// requireSame compares all exported fields, but not their origins.
func requireSame(t *testing.T, got, want *config.Config) {
	t.Helper()
	g, w := reflect.ValueOf(got).Elem(), reflect.ValueOf(want).Elem()
	for _, field := range reflect.VisibleFields(g.Type()) {
		if !field.IsExported() {
			continue
		}
		if a, b := g.FieldByIndex(field.Index), w.FieldByIndex(field.Index); !reflect.DeepEqual(a.Interface(), b.Interface()) {
			t.Errorf("%s is %+v, want %+v", field.Name, a, b)
		}
	}
}

func TestDefaultsAreValid(t *testing.T) {
	for name, c := range map[string]*config.Config{"serve": config.Default(), "dev": config.Development()} {
		if problems := c.Validate(); problems != nil {
			t.Errorf("%s: %v", name, problems)
		}
		for _, e := range c.Entries() {
			if e.Origin != "default" {
				t.Errorf("%s: %s comes from %q", name, e.Key, e.Origin)
			}
		}
	}
}

func TestNothingSetIsDefault(t *testing.T) {
	requireSame(t, sources{}.mustLoad(t), config.Default())
	requireSame(t, sources{dev: true}.mustLoad(t), config.Development())
}

func TestZeroLoaderReadsTheProcess(t *testing.T) {
	t.Setenv("SEAGATE_LISTEN", "127.0.0.1:0")
	c, _, err := new(config.Loader).Load()
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:0" {
		t.Errorf("listen = %s", c.Listen)
	}
}

func TestPrecedence(t *testing.T) {
	all := sources{
		file: "listen = \":1\"",
		env:  []string{"SEAGATE_LISTEN=:2"},
		args: []string{"--listen", ":3"},
	}
	for _, test := range []struct {
		name           string
		sources        sources
		listen, origin string
	}{
		{"default", sources{}, ":3104", "default"},
		{"file", sources{file: all.file}, ":1", "seagate.toml:1"},
		{"environment over file", sources{file: all.file, env: all.env}, ":2", "env SEAGATE_LISTEN"},
		{"flag over file", sources{file: all.file, args: all.args}, ":3", "flag --listen"},
		{"flag over environment", all, ":3", "flag --listen"},
		{"flag at its default", sources{env: all.env, args: []string{"--listen", ":3104"}}, ":3104", "flag --listen"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := test.sources.mustLoad(t)
			if origin := c.Origin("listen"); c.Listen != test.listen || origin != test.origin {
				t.Errorf("got %s from %s, want %s from %s", c.Listen, origin, test.listen, test.origin)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	c := sources{args: []string{"--listen", "h:1", "--admin-listen", "", "--data", "/d"}}.mustLoad(t)
	if c.Listen != "h:1" || c.AdminListen != "" || c.DataDir != "/d" {
		t.Errorf("got %q %q %q", c.Listen, c.AdminListen, c.DataDir)
	}
	for key, want := range map[string]string{
		"listen": "flag --listen", "admin_listen": "flag --admin-listen", "data_dir": "flag --data",
	} {
		if got := c.Origin(key); got != want {
			t.Errorf("%s comes from %q, want %q", key, got, want)
		}
	}
}

func TestFlagsHelp(t *testing.T) {
	flags := pflag.NewFlagSet("seagate", pflag.ContinueOnError)
	(&config.Loader{Defaults: config.Development}).BindFlags(flags)
	const want = `      --admin-listen HOST:PORT   serve health and metrics on HOST:PORT; empty turns it off [SEAGATE_ADMIN_LISTEN] (default "127.0.0.1:3105")
      --config FILE              read the configuration from FILE (TOML) [SEAGATE_CONFIG]
      --data DIR                 keep everything that lasts in folder DIR [SEAGATE_DATA_DIR] (default "data/dev")
      --lines-listen HOST:PORT   serve message streams over TCP on HOST:PORT; empty turns it off [SEAGATE_LINES_LISTEN]
      --listen HOST:PORT         serve clients on HOST:PORT; port 0 takes a free one [SEAGATE_LISTEN] (default "127.0.0.1:3104")
`
	if got := flags.FlagUsages(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// changed is a file with every key. No value is a default, or the value of another
// key of the same type.
const changed = `
listen = "127.0.0.1:1"
admin_listen = ""
data_dir = "/var/lib/seagate"
allowed_origins = ["app.example.com", "*.example.com"]
trusted_proxies = ["10.0.0.0/8", "192.0.2.1"]
proxy_header = "forwarded"
proxy_protocol = true
[tls]
cert_file = "c.pem"
key_file = "k.pem"
client_ca = "ca.pem"
client_auth = "optional"
acme_domains = []
acme_email = ""
acme_directory = "https://ca.example.com/directory"
acme_ca = ""
[admin]
pprof = true

[console]
admin = false
public = true
[log]
level = "warn"
format = "json"
recent_bytes = "2MiB"
[tracing]
endpoint = "http://127.0.0.1:4318"
one_in = 87
traces_per_second = 88
[websocket]
ping_interval = "15s"
authentication_timeout = "5s"
stall_timeout = "1m30s"
literal_actions = true
[lines]
listen = "127.0.0.1:2"
client_id = "jobs"
jail_id = "plant"
connections = 81
connections_per_jail = 726
job_streams = 82
job_stream_bytes = "7MiB"
job_idle_timeout = "2h"
[streams]
ungrouped = "client-group"
undefined = "wait"
missing_fields = "accept"
unknown_fields = "accept"
dates = "lenient"
tail_messages = 100
tail_bytes = "8MiB"
io_uring = false
durability = "memory"
in_memory = "refuse"
gaps = "skip"
message_id_window = "3m"

[retention]
age = "24h"
bytes = "5MiB"
messages = 76
min_free = "6MiB"
memory_bytes = "4MiB"

[groups]
idle_timeout = "25h"
abandoned_timeout = "26h"
ack_timeout = "31s"
pong_window = 333
max_deliveries = 77
dead_letter_suffix = ".failed"
[quotas]
disk = "7MiB"
memory = "8MiB"
definitions = "9MiB"
records = "11MiB"
groups = 401
message_ids = 402
max_retention_age = "27h"
max_retention_bytes = "10MiB"
max_message_bytes = "11MiB"

[tokens]
audience = "gateway"
max_lifetime = "41h"

[jwks]
hosts = ["login.example.com"]
private_networks = ["10.1.0.0/16"]
dir = "/keys"
interval = "43s"

[audit]
disabled = true
retention_age = "37h"
retention_bytes = "12MiB"
entries_per_minute = 403

[limits]
groups_per_client = 78
message_ids = 79
queued_changes_per_jail = 790
group_series = 80
memory = "12MiB"
jail_series = 403
services_per_jail = 81
service_definitions_per_jail = 87
servers_per_service = 82
procedures_per_service = 83
calls_per_connection = 84
calls_per_client = 85
call_bytes = "65KiB"
call_queued_bytes = "5MiB"
call_bytes_per_client = "65MiB"
message_bytes = 2_097_152
decompressed_bytes = "3MiB"
json_depth = 65
batch_messages = 66
validation_steps = 66_000
filter_steps = 77_000
fields_per_definition = 67
header_bytes = "65KiB"
filter_bytes = "17KiB"
revoked_tokens_per_client = 1001
filter_depth = 33
streams_per_jail = 68
clients_per_jail = 69
connections = 70
sockets = 170
strangers = 171
connections_per_client = 71
connections_per_jail = 710
changes_per_second = 711
subscriptions_per_connection = 72
subscriptions_per_jail = 720
streams_per_merge = 7
merged_streams_per_jail = 721
provided_per_connection = 81
provided_per_jail = 722
reads_per_second = 723
calls_per_jail = 724
call_bytes_per_jail = "725MiB"
waiting_subscriptions = 86
waiting_per_jail = 87
queued_bytes = "4MiB"
queued_bytes_per_jail = "8MiB"
queued_bytes_in_all = "9MiB"
frames_per_second = 73
stranger_bytes = "66MiB"
unfinished_bytes = "67MiB"
failed_authentications = 74
publishes_per_second = 75
[startup]
wait = "76s"
[shutdown]
delay = "77s"
drain = "0s"
connections_per_second = 78
timeout = "1h"
`

// want returns the configuration of the file changed.
func want() *config.Config {
	return &config.Config{
		Listen:         "127.0.0.1:1",
		DataDir:        "/var/lib/seagate",
		AllowedOrigins: []string{"app.example.com", "*.example.com"},
		TrustedProxies: []string{"10.0.0.0/8", "192.0.2.1"},
		ProxyHeader:    config.Forwarded,
		ProxyProtocol:  true,
		TLS: config.TLS{CertFile: "c.pem", KeyFile: "k.pem", ClientCA: "ca.pem", ClientAuth: config.AcceptCertificate,
			ACMEDomains: []string{}, ACMEDirectory: "https://ca.example.com/directory"},
		Tracing: config.Tracing{Endpoint: "http://127.0.0.1:4318", OneIn: 87, TracesPerSecond: 88},
		Admin:   config.Admin{Pprof: true},
		Console: config.Console{Public: true},
		Log:     config.Log{Level: config.Warn, Format: config.FormatJSON, RecentBytes: 2 * config.MiB},
		WebSocket: config.WebSocket{
			PingInterval:          15 * time.Second,
			AuthenticationTimeout: 5 * time.Second,
			StallTimeout:          90 * time.Second,
			LiteralActions:        true,
		},
		Lines: config.Lines{Listen: "127.0.0.1:2", ClientID: "jobs", JailID: "plant", Connections: 81, PerJail: 726, JobStreams: 82,
			JobStreamBytes: 7 * config.MiB, JobIdleTimeout: 2 * time.Hour},
		Streams: config.Streams{
			Ungrouped:       config.ClientGroup,
			Undefined:       config.AwaitUndefined,
			MissingFields:   config.Accept,
			UnknownFields:   config.Accept,
			Dates:           config.LenientDates,
			TailMessages:    100,
			TailBytes:       8 * config.MiB,
			Durability:      config.InMemory,
			InMemory:        config.Refuse,
			Gaps:            config.SkipGaps,
			MessageIDWindow: 3 * time.Minute,
		},
		Retention: config.Retention{Age: 24 * time.Hour, Bytes: 5 * config.MiB, Messages: 76, MinFree: 6 * config.MiB, MemoryBytes: 4 * config.MiB},
		Groups:    config.Groups{IdleTimeout: 25 * time.Hour, AbandonedTimeout: 26 * time.Hour, AckTimeout: 31 * time.Second, PongWindow: 333, MaxDeliveries: 77, DeadLetterSuffix: ".failed"},
		Quotas: config.Quotas{
			Disk: 7 * config.MiB, Memory: 8 * config.MiB, Definitions: 9 * config.MiB, Records: 11 * config.MiB, Groups: 401, MessageIDs: 402,
			MaxRetentionAge: 27 * time.Hour, MaxRetentionBytes: 10 * config.MiB, MaxMessageBytes: 11 * config.MiB,
		},
		Tokens: config.Tokens{Audience: "gateway", MaxLifetime: 41 * time.Hour},
		JWKS: config.JWKS{
			Hosts: []string{"login.example.com"}, PrivateNetworks: []string{"10.1.0.0/16"}, Dir: "/keys", Interval: 43 * time.Second,
		},
		Audit: config.Audit{Disabled: true, RetentionAge: 37 * time.Hour, RetentionBytes: 12 * config.MiB, EntriesPerMinute: 403},
		Limits: config.Limits{
			MessageBytes:               2 * config.MiB,
			DecompressedBytes:          3 * config.MiB,
			JSONDepth:                  65,
			BatchMessages:              66,
			ValidationSteps:            66_000,
			ConnectionsPerJail:         710,
			ChangesPerSecond:           711,
			FilterSteps:                77_000,
			FieldsPerDefinition:        67,
			HeaderBytes:                65 * config.KiB,
			FilterBytes:                17 * config.KiB,
			RevokedTokensPerClient:     1001,
			FilterDepth:                33,
			StreamsPerJail:             68,
			ClientsPerJail:             69,
			Connections:                70,
			Sockets:                    170,
			Strangers:                  171,
			ConnectionsPerClient:       71,
			SubscriptionsPerConnection: 72,
			SubscriptionsPerJail:       720,
			StreamsPerMerge:            7,
			MergedStreamsPerJail:       721,
			ProvidedPerJail:            722,
			ReadsPerSecond:             723,
			CallsPerJail:               724,
			CallBytesPerJail:           725 * config.MiB,
			ProvidedPerConnection:      81,
			WaitingSubscriptions:       86,
			WaitingPerJail:             87,
			QueuedBytes:                4 * config.MiB,
			QueuedBytesPerJail:         8 * config.MiB,
			QueuedBytesInAll:           9 * config.MiB,
			FramesPerSecond:            73,
			GroupsPerClient:            78,
			MessageIDs:                 79,
			QueuedChangesPerJail:       790,
			GroupSeries:                80,
			Memory:                     12 * config.MiB,
			JailSeries:                 403,
			ServicesPerJail:            81,
			ServiceDefinitionsPerJail:  87,
			ServersPerService:          82,
			ProceduresPerService:       83,
			CallsPerConnection:         84,
			CallsPerClient:             85,
			CallBytes:                  65 * config.KiB,
			CallQueuedBytes:            5 * config.MiB,
			CallBytesPerClient:         65 * config.MiB,
			StrangerBytes:              66 * config.MiB,
			UnfinishedBytes:            67 * config.MiB,
			FailedAuthentications:      74,
			PublishesPerSecond:         75,
		},
		Startup:  config.Startup{Wait: 76 * time.Second},
		Shutdown: config.Shutdown{Delay: 77 * time.Second, ConnectionsPerSecond: 78, Timeout: time.Hour},
	}
}

func TestEveryKeyFromTheFile(t *testing.T) {
	c := sources{file: changed}.mustLoad(t)
	requireSame(t, c, want())
	lines := strings.Split(changed, "\n")
	for _, e := range c.Entries() {
		want := "default"
		if !strings.HasPrefix(e.Key, "root.") && e.Key != "tracing.authorization" {
			want = fmt.Sprintf("seagate.toml:%d", lineOf(lines, e.Key))
		}
		if e.Origin != want {
			t.Errorf("%s comes from %s, want %s", e.Key, e.Origin, want)
		}
	}
}

// lineOf returns the number of the line, from 1, that sets a dotted key.
func lineOf(lines []string, key string) int {
	section, name := "", key
	if i := strings.LastIndex(key, "."); i >= 0 {
		section, name = key[:i], key[i+1:]
	}
	at := ""
	return 1 + slices.IndexFunc(lines, func(line string) bool {
		if strings.HasPrefix(line, "[") {
			at = strings.Trim(line, "[]")
		}
		return at == section && strings.HasPrefix(line, name+" =")
	})
}

// TestEveryKeyFromTheEnvironment sets the values of the file changed with variables.
func TestEveryKeyFromTheEnvironment(t *testing.T) {
	env := []string{"SEAGATE_ROOT_CLIENT_SECRET=0123456789abcdef", "SEAGATE_TRACING_AUTHORIZATION=Bearer 0123456789"}
	want := want()
	want.Root.ClientID = "operator"
	want.Tracing.Authorization = secret.New("Bearer 0123456789")
	for _, e := range want.Entries() {
		if e.Key != "root.client_secret" && e.Key != "tracing.authorization" {
			env = append(env, variable(e.Key)+"="+asText(e.Value))
		}
	}
	c := sources{env: env}.mustLoad(t)
	for _, e := range c.Entries() {
		if e.Origin != "env "+variable(e.Key) {
			t.Errorf("%s comes from %q", e.Key, e.Origin)
		}
	}
	if secret := c.Root.ClientSecret.Reveal(); secret != "0123456789abcdef" {
		t.Errorf("the secret is %q", secret)
	}
	c.Root.ClientSecret = secret.Text{}
	requireSame(t, c, want)
}

// variable returns the variable that sets a dotted key.
func variable(key string) string {
	return "SEAGATE_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// asText returns the value of an Entry as a variable has it.
func asText(value any) string {
	if texts, ok := value.([]string); ok {
		return strings.Join(texts, ",")
	}
	return fmt.Sprint(value)
}

func TestAllProblemsOfAllSources(t *testing.T) {
	got := sources{
		file: "listne = \":1\"\n[limits]\nconnections = \"many\"\njson_depth = 0\n",
		env:  []string{"SEAGATE_LOG_LEVEL=loud"},
		args: []string{"--listen", "3104"},
	}.problems(t)
	want := []string{
		`seagate.toml:1: unknown key "listne"; did you mean "listen"?`,
		`seagate.toml:3: limits.connections must be a whole number, not the text "many"`,
		`env SEAGATE_LOG_LEVEL: log.level must be "debug", "info", "warn" or "error", not "loud"`,
		`flag --listen: listen must be HOST:PORT, such as "127.0.0.1:3104", "[::1]:3104" or ":3104", not "3104"`,
		`seagate.toml:4: limits.json_depth must be at least 1, not 0`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A value that could not be read has its default, which the error must not blame.
func TestRelationsAreNotCheckedAfterReadErrors(t *testing.T) {
	got := sources{file: "[shutdown]\ndrain = \"40s\"\ntimeout = \"1 minute\"\n"}.problems(t)
	if len(got) != 1 || !strings.HasPrefix(got[0], "seagate.toml:3: shutdown.timeout") {
		t.Errorf("got %q", got)
	}
}

// A wrong value in the file is an error even if a variable overrides it: it would
// apply as soon as the variable is removed.
func TestOverriddenValueIsStillRead(t *testing.T) {
	got := sources{file: "listen = 5", env: []string{"SEAGATE_LISTEN=:1"}}.problems(t)
	if len(got) != 1 {
		t.Errorf("got %q", got)
	}
}

func TestMissingFile(t *testing.T) {
	got := sources{args: []string{"--config", "/nowhere/seagate.toml"}}.problems(t)
	want := "cannot read the configuration file: open /nowhere/seagate.toml: no such file or directory"
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %q", got)
	}
}
