package config_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"seagate/cmd/seagate/config"
)

func TestReload(t *testing.T) {
	before := sources{file: "listen = \":1\"\n[limits]\nconnections = 7\n"}.mustLoad(t)
	after := sources{file: "listen = \":2\"\nallowed_origins = [\"a.example\", \"b.example\"]\n[log]\nlevel = \"debug\"\n" +
		"[shutdown]\ndrain = \"1m0s\"\ntimeout = \"2m\"\n[admin]\npprof = true\n[groups]\nmax_deliveries = 9\n"}.mustLoad(t)
	merged, changes := before.Reload(after)
	var live, rest []string
	for _, c := range changes {
		if c.Live {
			live = append(live, c.String())
		} else {
			rest = append(rest, c.String())
		}
	}
	wantLive := []string{
		`allowed_origins: ["*"] → ["a.example", "b.example"]`, "admin.pprof: false → true", `log.level: "info" → "debug"`,
		"limits.connections: 7 → 100000", `shutdown.drain: "20s" → "1m"`, `shutdown.timeout: "30s" → "2m"`,
	}
	wantRest := []string{`listen: ":1" → ":2"`, "groups.max_deliveries: 5 → 9"}
	if !slices.Equal(live, wantLive) || !slices.Equal(rest, wantRest) {
		t.Errorf("live: %q, others: %q", live, rest)
	}
	if merged.Listen != ":1" || merged.Groups.MaxDeliveries != 5 || merged.Origin("listen") != "seagate.toml:1" {
		t.Errorf("what needs a restart has changed: %+v", merged)
	}
	if !slices.Equal(merged.AllowedOrigins, after.AllowedOrigins) || merged.Log.Level != config.Debug || merged.Limits.Connections != 100_000 ||
		merged.Shutdown.Drain != time.Minute || !merged.Admin.Pprof || merged.Origin("log.level") != "seagate.toml:4" {
		t.Errorf("what can change has not: %+v", merged)
	}
	if before.Log.Level != config.Info || before.Limits.Connections != 7 {
		t.Error("the configuration in force was written to")
	}
	if _, changes = merged.Reload(after); len(changes) != len(wantRest) {
		t.Errorf("the second time: %v", changes)
	}
	if _, changes = after.Reload(after); changes != nil {
		t.Errorf("the same: %v", changes)
	}
}

// A listener speaks TLS or does not from the start.
func TestReloadCannotTurnTLSOn(t *testing.T) {
	plain, encrypted, other := config.Default(), config.Default(), config.Default()
	encrypted.TLS.CertFile, encrypted.TLS.KeyFile = "c", "k"
	other.TLS.CertFile, other.TLS.KeyFile = "c2", "k2"
	for name, test := range map[string]struct {
		from, to *config.Config
		live     bool
	}{
		"on": {plain, encrypted, false}, "off": {encrypted, plain, false}, "other files": {encrypted, other, true},
	} {
		if _, changes := test.from.Reload(test.to); len(changes) != 2 || changes[0].Live != test.live || changes[1].Live != test.live {
			t.Errorf("%s: %+v", name, changes)
		}
	}
}

// The reference says of a setting that it is read again, if Reload applies it.
func TestReferenceSaysWhatIsReadAgain(t *testing.T) {
	if n := strings.Count(config.Reference(), "# Read again on SIGHUP.\n"); n != 12 {
		t.Errorf("it says so of %d settings", n)
	}
}
