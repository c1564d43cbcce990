package main_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"seagate/gateway/ws/wstest"
)

// hangUp asks the gateway to read its configuration again.
func (g *gateway) hangUp() {
	g.t.Helper()
	if err := g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		g.t.Fatal(err)
	}
}

// A reloadable is a gateway with a configuration file that a test changes.
type reloadable struct {
	*gateway
	file string
}

// startReloadable runs a gateway whose file is the text. Its log has the default level.
func startReloadable(t *testing.T, text string) reloadable {
	t.Helper()
	folder := t.TempDir()
	file := writeFile(t, folder, "seagate.toml", text)
	env := withoutVariable(environment(folder), "SEAGATE_LOG_LEVEL", "SEAGATE_SHUTDOWN_DRAIN")
	p, err := launchCommand(exec.Command(program, "serve", "--config", file), env)
	if err != nil {
		t.Fatal(err)
	}
	return reloadable{adopt(t, p, folder), file}
}

// reload changes the file and asks the gateway to read it.
func (r reloadable) reload(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.hangUp()
}

// profiles returns the status of Go's profiles.
func (r reloadable) profiles() int {
	r.t.Helper()
	a, err := r.operator("/debug/pprof/")
	if err != nil {
		r.t.Fatal(err)
	}
	return a.status
}

// TestReloadOfMistakes: a configuration with mistakes changes nothing, and the log has
// all of them.
func TestReloadOfMistakes(t *testing.T) {
	t.Parallel()
	g := startReloadable(t, "")
	g.reload("[log]\nlevel = \"loud\"\n[limits]\nconnections = 0\npublishes_per_secnd = 1\n[admin]\npprof = true\n")
	line := g.awaitLog("the configuration could not be read again; nothing has changed")
	for _, problem := range []string{"seagate.toml:2: log.level", "seagate.toml:4: limits.connections", "publishes_per_secnd"} {
		if !strings.Contains(line, problem) {
			t.Errorf("no %s in %s", problem, line)
		}
	}
	if g.profiles() != http.StatusNotFound {
		t.Error("a wrong configuration has changed something")
	}
	g.stopped()
}

// TestReload: SIGHUP ends nothing. What can change changes, and the log says what cannot.
func TestReload(t *testing.T) {
	t.Parallel()
	g := startReloadable(t, "")
	g.define(root, "boiler")
	peer := g.login(root, "root")
	peer.subscribe(2, "boiler", "")
	g.reload(`data_dir = "elsewhere"
allowed_origins = ["https://app.example"]
log.level = "debug"
admin.pprof = true
limits.connections = 1
limits.publishes_per_second = 1
groups.max_deliveries = 7
shutdown.drain = "1s"
`)
	line := g.awaitLog("configuration read again")
	for _, change := range []string{`log.level: \"info\" → \"debug\"`, "limits.connections: 100000 → 1", "admin.pprof: false → true", `shutdown.drain: \"20s\" → \"1s\"`} {
		if !strings.Contains(line, change) {
			t.Errorf("no %s in %s", change, line)
		}
	}
	if line = g.awaitLog("some settings change only with a restart"); !strings.Contains(line, `["groups.max_deliveries: 5 → 7"]`) {
		t.Errorf("it says %s", line) // the folder is from the environment, which wins
	}
	if g.profiles() != http.StatusOK {
		t.Error("there are no profiles")
	}
	g.publish(root, "boiler", `{"n":1}`)
	g.refused(root, 429, "rate_limited", "POST", "/streams/boiler/publish", `[{"n":2},{"n":3}]`)
	peer.want(delivery(2, "boiler", `{"n":1}`)) // the connection is still there
	c, response := wstest.Handshake(t, g.listen, "/api/v1/streams")
	c.Net.Close()
	if response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("another connection: %s", response.Status)
	}
	if a := g.call(root, "GET", "/streams", "", "Origin: https://other.example"); a.status != http.StatusForbidden {
		t.Errorf("another page: %d", a.status)
	}
	g.awaitLog(`"msg":"request"`) // of level debug
	g.stopped()
	if line := g.awaitLog("shutting down"); !strings.Contains(line, `"drain":1000000000`) {
		t.Error(line)
	}
}

// TestReloadOfCertificates: other files are used if they fit each other.
func TestReloadOfCertificates(t *testing.T) {
	t.Parallel()
	certificate, key := writeCertificate(t)
	otherCertificate, otherKey := writeCertificate(t)
	settings := func(certificate, key string) string {
		return fmt.Sprintf("[tls]\ncert_file = %q\nkey_file = %q\n", certificate, key)
	}
	g := startReloadable(t, settings(certificate, key))
	serves := func(certificate string) bool {
		c, err := tls.Dial("tcp", g.listen, &tls.Config{RootCAs: trust(t, certificate)})
		if err == nil {
			c.Close()
		}
		return err == nil
	}
	if !serves(certificate) || serves(otherCertificate) {
		t.Fatal("it serves another certificate")
	}
	g.reload(settings(otherCertificate, key))
	if line := g.awaitLog("nothing has changed"); !strings.Contains(line, "tls.cert_file, tls.key_file: ") {
		t.Error(line)
	}
	if !serves(certificate) {
		t.Error("it does not serve the old certificate")
	}
	g.reload(settings(otherCertificate, otherKey))
	g.awaitLog("configuration read again")
	if !serves(otherCertificate) {
		t.Error("it does not serve the new certificate")
	}
	g.reload("")
	if line := g.awaitLog("some settings change only with a restart"); !strings.Contains(line, "tls.cert_file") {
		t.Error(line)
	}
	g.stopped()
}

// withoutVariable returns the environment without the variables.
func withoutVariable(environment []string, names ...string) (rest []string) {
	for _, variable := range environment {
		if name, _, _ := strings.Cut(variable, "="); !slices.Contains(names, name) {
			rest = append(rest, variable)
		}
	}
	return rest
}
