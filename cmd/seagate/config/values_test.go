package config_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"seagate/cmd/seagate/config"
)

func TestVariableProblems(t *testing.T) {
	for variable, want := range map[string]string{
		"SEAGATE_ADMIN_PPROF=maybe":              `admin.pprof must be true or false, not "maybe"`,
		"SEAGATE_LIMITS_JSON_DEPTH=":             `limits.json_depth must be a whole number, not ""`,
		"SEAGATE_LIMITS_JSON_DEPTH=1e3":          `limits.json_depth must be a whole number, not "1e3"`,
		"SEAGATE_LIMITS_MESSAGE_BYTES=1M":        `limits.message_bytes must be a size such as 65536, "64KiB" or "1MiB", not "1M"`,
		"SEAGATE_WEBSOCKET_PING_INTERVAL=20":     `websocket.ping_interval has no unit: write "20s" if 20 seconds are meant`,
		"SEAGATE_WEBSOCKET_PING_INTERVAL=1 hour": `websocket.ping_interval must be a duration such as "500ms", "20s" or "7d", not "1 hour"`,
		"SEAGATE_STREAMS_DATES=Strict":           `streams.dates must be "strict" or "lenient", not "Strict"`,
		"SEAGATE_LISTEN=":                        `listen must be HOST:PORT, such as "127.0.0.1:3104", "[::1]:3104" or ":3104", not ""`,
		"SEAGATE_DATA_DIR=":                      `data_dir must not be empty`,
	} {
		name, _, _ := strings.Cut(variable, "=")
		want = "env " + name + ": " + want
		if got := (sources{env: []string{variable}}).problems(t); len(got) != 1 || got[0] != want {
			t.Errorf("%s:\ngot  %q\nwant %q", variable, got, want)
		}
	}
}

func TestListVariable(t *testing.T) {
	for text, want := range map[string][]string{
		"":              {},
		"*":             {"*"},
		"a, b.example,": {"a", "b.example"},
	} {
		c := sources{env: []string{"SEAGATE_ALLOWED_ORIGINS=" + text}}.mustLoad(t)
		if !reflect.DeepEqual(c.AllowedOrigins, want) {
			t.Errorf("%q: got %q", text, c.AllowedOrigins)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]config.Size{
		"0": 0, "0B": 0, "1": 1, "1023B": 1023, "1KiB": 1024, "64KiB": 65536, "1MiB": 1 << 20, "3GiB": 3 << 30,
		"9223372036854775807": 1<<63 - 1, "8589934591GiB": (1<<33 - 1) << 30,
	} {
		if got, err := config.ParseSize(text); got != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "B", "KiB", "-1", "+1", "1.5MiB", "1 MiB", "1MB", "1kib", "1_000", "0x10", "MiB1", "1KiBB",
		"9223372036854775808", "8589934592GiB", "18446744073709551615KiB",
	} {
		if got, err := config.ParseSize(text); err == nil {
			t.Errorf("%q: accepted as %d", text, got)
		}
	}
	_, err := config.ParseSize("1MB")
	const want = `"1MB" is not a size: write bytes, or a whole number with KiB, MiB or GiB, such as "64KiB"`
	if err.Error() != want {
		t.Errorf("got %s", err)
	}
}

func TestSizeString(t *testing.T) {
	for size, want := range map[config.Size]string{
		0: "0B", 1: "1B", 1000: "1000B", 1024: "1KiB", 1536: "1536B", 1 << 20: "1MiB", 1<<20 + 1024: "1025KiB",
		1 << 30: "1GiB", 1 << 40: "1024GiB", -5: "-5B", -1024: "-1KiB",
	} {
		if got := size.String(); got != want {
			t.Errorf("%d: got %s, want %s", int64(size), got, want)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, text := range []string{"1MiB", "65536", "8589934591GiB", "-1KiB", "1MB", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		size, err := config.ParseSize(text)
		if err != nil {
			return
		}
		if again, err := config.ParseSize(size.String()); again != size || err != nil || size < 0 {
			t.Fatalf("%q is %d, written %s, read as %d, %v", text, int64(size), size, int64(again), err)
		}
	})
}

func TestDurationsAreShownShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Minute: "1m", 90 * time.Second: "1m30s", time.Hour: "1h",
		time.Hour + time.Second: "1h0m1s", time.Hour + time.Minute: "1h1m", 20 * time.Second: "20s",
		10 * time.Minute: "10m", 10 * time.Hour: "10h", 1500 * time.Millisecond: "1.5s",
	} {
		c := config.Default()
		c.Shutdown.Drain = d
		if got := value(c, "shutdown.drain"); got != want {
			t.Errorf("%s: got %v, want %s", d, got, want)
		}
	}
}

func TestZeroDurationsNeedNoUnit(t *testing.T) {
	for name, s := range map[string]sources{
		"number":   {file: "shutdown.drain = 0"},
		"text":     {file: "shutdown.drain = \"0\""},
		"variable": {env: []string{"SEAGATE_SHUTDOWN_DRAIN=0"}},
	} {
		if c := s.mustLoad(t); c.Shutdown.Drain != 0 {
			t.Errorf("%s: %s", name, c.Shutdown.Drain)
		}
	}
}

func TestLevels(t *testing.T) {
	for level, want := range map[config.Level]string{
		config.Debug: "DEBUG", config.Info: "INFO", config.Warn: "WARN", config.Error: "ERROR", "loud": "INFO",
	} {
		if got := level.Slog().String(); got != want {
			t.Errorf("%s: got %s, want %s", level, got, want)
		}
	}
}

// value returns the value of the entry with the key.
func value(c *config.Config, key string) any {
	for _, e := range c.Entries() {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}
