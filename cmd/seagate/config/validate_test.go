package config_test

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"seagate/cmd/seagate/config"
)

func texts(problems []error) []string {
	var texts []string
	for _, problem := range problems {
		texts = append(texts, problem.Error())
	}
	return texts
}

func noHostName(name string) string {
	return `tls.acme_domains must list names such as gateway.example.com (in ASCII, without port and scheme), not "` + name + `"`
}

func privateName(name string) string {
	return `tls.acme_domains cannot have "` + name + `": Let's Encrypt signs no names of private networks; set tls.acme_directory to an authority of your own, or use tls.cert_file`
}

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*config.Config)
		want   []string
	}{
		{"port 0", func(c *config.Config) { c.Listen, c.AdminListen = ":0", ":0" }, nil},
		{"no admin listener", func(c *config.Config) { c.AdminListen = "" }, nil},
		{"same port, other interfaces", func(c *config.Config) { c.Listen, c.AdminListen = "10.0.0.1:1", "127.0.0.1:1" }, nil},
		{"same port, one is every interface", func(c *config.Config) { c.AdminListen = "127.0.0.1:3104" },
			[]string{`admin_listen ("127.0.0.1:3104", default) must have another port than listen (":3104", default)`}},
		{"same port, unspecified address", func(c *config.Config) { c.Listen, c.AdminListen = "10.0.0.1:1", "[::]:1" },
			[]string{`admin_listen ("[::]:1", default) must have another port than listen ("10.0.0.1:1", default)`}},
		{"same address", func(c *config.Config) { c.Listen, c.AdminListen = "a:1", "a:1" },
			[]string{`admin_listen ("a:1", default) must have another port than listen ("a:1", default)`}},
		{"port too high", func(c *config.Config) { c.Listen = ":65536" },
			[]string{`listen must be HOST:PORT, such as "127.0.0.1:3104", "[::1]:3104" or ":3104", not ":65536"`}},
		{"named port", func(c *config.Config) { c.AdminListen = "localhost:http" },
			[]string{`admin_listen must be HOST:PORT, such as "127.0.0.1:3104", "[::1]:3104" or ":3104", not "localhost:http"`}},
		{"IPv6 without brackets", func(c *config.Config) { c.Listen = "::1:3104" },
			[]string{`listen must be HOST:PORT, such as "127.0.0.1:3104", "[::1]:3104" or ":3104", not "::1:3104"`}},

		{"no origins", func(c *config.Config) { c.AllowedOrigins = nil }, nil},
		{"hosts", func(c *config.Config) {
			c.AllowedOrigins = []string{"*.example.com", "localhost:*", "null", "[[]::1]:8080"}
		}, nil},
		{"origin with scheme", func(c *config.Config) { c.AllowedOrigins = []string{"*", "https://app.example.com"} }, nil},
		{"origin with a scheme and no host", func(c *config.Config) { c.AllowedOrigins = []string{"https://"} },
			[]string{`allowed_origins must name hosts, such as "https://app.example.com" or "*.example.com", not "https://"`}},
		{"origin that is a broken pattern", func(c *config.Config) { c.AllowedOrigins = []string{"[a"} },
			[]string{`allowed_origins must name hosts, such as "https://app.example.com" or "*.example.com", not "[a"`}},
		{"empty origin", func(c *config.Config) { c.AllowedOrigins = []string{""} },
			[]string{`allowed_origins must name hosts, such as "https://app.example.com" or "*.example.com", not ""`}},
		{"origin with a path", func(c *config.Config) { c.AllowedOrigins = []string{"a.example/b"} },
			[]string{`allowed_origins must name hosts, such as "https://app.example.com" or "*.example.com", not "a.example/b"`}},

		{"two sources of the certificate", func(c *config.Config) {
			c.TLS.CertFile, c.TLS.KeyFile, c.TLS.ACMEDomains = "c.pem", "k.pem", []string{"gateway.example.com"}
		}, []string{`tls.acme_domains (["gateway.example.com"], default) must not be set together with tls.cert_file ("c.pem", default)`,
			`tls.acme_domains (["gateway.example.com"], default) must not be set together with tls.key_file ("k.pem", default)`}},
		{"names that no authority can certify", func(c *config.Config) { c.TLS.ACMEDomains = []string{"*.example.com"} },
			[]string{`tls.acme_domains cannot have "*.example.com": an authority gives certificates for wildcards only by a record in the DNS, which the gateway cannot make; list each name, or use tls.cert_file`}},
		{"an address", func(c *config.Config) { c.TLS.ACMEDomains = []string{"192.0.2.1"} },
			[]string{`tls.acme_domains cannot have the address "192.0.2.1": a certificate is for names; use tls.cert_file`}},
		{"this machine", func(c *config.Config) { c.TLS.ACMEDomains = []string{"localhost"} },
			[]string{`tls.acme_domains cannot have "localhost": no authority reaches it`}},
		{"a URL", func(c *config.Config) { c.TLS.ACMEDomains = []string{"https://a.example.com"} },
			[]string{`tls.acme_domains must list names such as gateway.example.com (in ASCII, without port and scheme), not "https://a.example.com"`}},
		{"all names that are no host names", func(c *config.Config) {
			c.TLS.ACMEDomains = []string{"-a.example.com", "gw.example.com", "a-.example.com", "1.2", "a..b", "x.123"}
		}, []string{noHostName("-a.example.com"), noHostName("a-.example.com"), noHostName("1.2"), noHostName("a..b"), noHostName("x.123")}},
		{"names that only an authority of one's own signs", func(c *config.Config) { c.TLS.ACMEDomains = []string{"x.internal", "gw.Local", "gateway"} },
			[]string{privateName("x.internal"), privateName("gw.Local"), privateName("gateway")}},
		{"such an authority", func(c *config.Config) {
			c.TLS.ACMEDomains, c.TLS.ACMEDirectory = []string{"x.internal", "gateway"}, "https://ca.internal/directory"
		}, nil},
		{"an account without names", func(c *config.Config) { c.TLS.ACMEEmail = "ops@example.com" },
			[]string{`tls.acme_email ("ops@example.com", default) must be set together with tls.acme_domains ([], default)`}},
		{"a collector that is none", func(c *config.Config) { c.Tracing.Endpoint = "127.0.0.1:4318" },
			[]string{`tracing.endpoint must be a URL such as "http://127.0.0.1:4318", without credentials and query`}},
		{"certificate without key", func(c *config.Config) { c.TLS.CertFile = "c.pem" },
			[]string{`tls.cert_file ("c.pem", default) must be set together with tls.key_file ("", default)`}},
		{"key without certificate", func(c *config.Config) { c.TLS.KeyFile = "k.pem" },
			[]string{`tls.cert_file ("", default) must be set together with tls.key_file ("k.pem", default)`}},

		{"ping at its bounds", func(c *config.Config) { c.WebSocket.PingInterval = 30 * time.Second }, nil},
		{"ping too rare", func(c *config.Config) { c.WebSocket.PingInterval = 30*time.Second + 1 },
			[]string{`websocket.ping_interval must be at most 30s, not 30.000000001s`}},
		{"ping too often", func(c *config.Config) { c.WebSocket.PingInterval = time.Second - 1 },
			[]string{`websocket.ping_interval must be at least 1s, not 999.999999ms`}},
		{"drain up to the deadline", func(c *config.Config) { c.Shutdown.Drain = 30 * time.Second },
			[]string{`shutdown.drain ("30s", default) must be less than shutdown.timeout ("30s", default)`}},
		{"delay and drain up to the deadline", func(c *config.Config) { c.Shutdown.Delay = 10 * time.Second },
			[]string{`shutdown.delay ("10s", default) and shutdown.drain together must be less than shutdown.timeout ("30s", default)`}},
		{"no drain", func(c *config.Config) { c.Shutdown.Drain = 0 }, nil},

		{"messages larger than all that holds them", func(c *config.Config) { c.Limits.MessageBytes = 8 * config.MiB }, []string{
			`limits.decompressed_bytes ("1MiB", default) must not be less than limits.message_bytes ("8MiB", default)`,
		}},
		{"messages smaller than what comes in them", func(c *config.Config) { c.Limits.MessageBytes = config.KiB }, []string{
			`limits.header_bytes ("64KiB", default) must not be more than limits.message_bytes ("1KiB", default)`,
			`limits.filter_bytes ("16KiB", default) must not be more than limits.message_bytes ("1KiB", default)`,
		}},
		{"calls larger than the messages that hold them", func(c *config.Config) { c.Limits.CallBytes = 2 * config.MiB },
			[]string{`limits.call_bytes ("2MiB", default) must not be more than limits.message_bytes ("1MiB", default)`}},
		{"unlimited publishing", func(c *config.Config) { c.Limits.PublishesPerSecond = 0 }, nil},
		{"negative limit", func(c *config.Config) { c.Limits.PublishesPerSecond = -1 },
			[]string{`limits.publishes_per_second must be at least 0, not -1`}},
		{"words made up in code", func(c *config.Config) { c.Streams.Dates, c.Log.Level = "", "loud" }, []string{
			`log.level must be "debug", "info", "warn" or "error", not "loud"`,
			`streams.dates must be "strict" or "lenient", not ""`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := config.Default()
			test.change(c)
			if got := texts(c.Validate()); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestTLSIsOnWithACertificate(t *testing.T) {
	if (config.TLS{}).Enabled() || !(config.TLS{CertFile: "c.pem", KeyFile: "k.pem"}).Enabled() {
		t.Error("want TLS with a certificate and not without")
	}
}

// The error of a relation has the origin of both values.
func TestRelationNamesOrigins(t *testing.T) {
	got := sources{file: "\n[shutdown]\ndrain = \"40s\"\n", env: []string{"SEAGATE_SHUTDOWN_TIMEOUT=35s"}}.problems(t)
	want := `shutdown.drain ("40s", seagate.toml:3) must be less than shutdown.timeout ("35s", env SEAGATE_SHUTDOWN_TIMEOUT)`
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// Every number, size and duration has a lower and an upper bound.
func TestEveryNumberIsBounded(t *testing.T) {
	for _, far := range []int64{math.MinInt64, math.MaxInt64} {
		c := config.Default()
		numbers := setNumbers(reflect.ValueOf(c).Elem(), far)
		bounded := 0
		for _, problem := range c.Validate() {
			if strings.Contains(problem.Error(), "must be at ") {
				bounded++
			}
		}
		if numbers == 0 || bounded != numbers {
			t.Errorf("%d: %d of %d numbers are refused", far, bounded, numbers)
		}
	}
}

// setNumbers sets every number in v and returns how many there are.
func setNumbers(v reflect.Value, n int64) int {
	count := 0
	for i := range v.NumField() {
		switch field := v.Field(i); field.Kind() {
		case reflect.Struct:
			count += setNumbers(field, n)
		case reflect.Int, reflect.Int64:
			field.SetInt(n)
			count++
		}
	}
	return count
}

func TestRequireLoopback(t *testing.T) {
	for address, local := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "192.168.0.1:1": false, "localhost.example:1": false,
	} {
		c := config.Development()
		c.Listen = address
		if got := c.RequireLoopback(); (len(got) == 0) != local {
			t.Errorf("%s: %v", address, got)
		}
	}
	c := sources{dev: true, args: []string{"--listen", ":1", "--admin-listen", "0.0.0.0:2"}}.mustLoad(t)
	want := []string{
		`flag --listen: listen must be an address of this machine alone, such as "127.0.0.1:3104", not ":1"`,
		`flag --admin-listen: admin_listen must be an address of this machine alone, such as "127.0.0.1:3104", not "0.0.0.0:2"`,
	}
	if got := texts(c.RequireLoopback()); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	c.AdminListen = ""
	if got := c.RequireLoopback(); len(got) != 1 {
		t.Errorf("a listener that is off is a problem: %v", got)
	}
}
