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

// TestReload: SIGHUP ends nothing. What can change changes, the log says what cannot,
// and a configuration with an error changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := writeFile(t, folder, "seagate.toml", "")
	env := environment(folder)
	cmd := exec.Command(program, "serve", "--config", file)
	p, err := launchCommand(cmd, withoutVariable(env, "SEAGATE_LOG_LEVEL", "SEAGATE_SHUTDOWN_DRAIN"))
	if err != nil {
		t.Fatal(err)
	}
	g := adopt(t, p, folder)
	g.define(root, "boiler")
	peer := g.login(root, "root")
	peer.subscribe(2, "boiler", "")
	reload := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		g.hangUp()
	}
	pprof := func() int {
		a, err := g.operator("/debug/pprof/")
		if err != nil {
			t.Fatal(err)
		}
		return a.status
	}

	reload("[log]\nlevel = \"loud\"\n[limits]\nconnections = 0\npublishes_per_secnd = 1\n[admin]\npprof = true\n")
	line := g.awaitLog("the configuration could not be read again; nothing has changed")
	for _, problem := range []string{"seagate.toml:2: log.level", "seagate.toml:4: limits.connections", "publishes_per_secnd"} {
		if !strings.Contains(line, problem) {
			t.Errorf("no %s in %s", problem, line)
		}
	}
	if pprof() != http.StatusNotFound {
		t.Error("a wrong configuration has changed something")
	}

	reload(`data_dir = "elsewhere"
allowed_origins = ["https://app.example"]
[log]
level = "debug"
[admin]
pprof = true
[limits]
connections = 1
publishes_per_second = 1
[groups]
max_deliveries = 7
[shutdown]
drain = "1s"
`)
	line = g.awaitLog("configuration read again")
	for _, change := range []string{`log.level: \"info\" → \"debug\"`, "limits.connections: 100000 → 1", "admin.pprof: false → true", `shutdown.drain: \"20s\" → \"1s\"`} {
		if !strings.Contains(line, change) {
			t.Errorf("no %s in %s", change, line)
		}
	}
	if line = g.awaitLog("some settings change only with a restart"); !strings.Contains(line, `["groups.max_deliveries: 5 → 7"]`) {
		t.Errorf("it says %s", line) // the folder is from the environment, which wins
	}
	if pprof() != http.StatusOK {
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
	if line := g.awaitLog("shutting down"); !strings.Contains(line, fmt.Sprintf(`"drain":%d`, 1_000_000_000)) {
		t.Error(line)
	}
}

// TestReloadOfCertificates: other files are used if they fit each other.
func TestReloadOfCertificates(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	certificate, key := writeCertificate(t)
	otherCertificate, otherKey := writeCertificate(t)
	settings := func(certificate, key string) string {
		return fmt.Sprintf("[tls]\ncert_file = %q\nkey_file = %q\n", certificate, key)
	}
	file := writeFile(t, folder, "seagate.toml", settings(certificate, key))
	p, err := launchCommand(exec.Command(program, "serve", "--config", file), environment(folder))
	if err != nil {
		t.Fatal(err)
	}
	g := adopt(t, p, folder)
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
	reload := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		g.hangUp()
	}
	reload(settings(otherCertificate, key))
	if line := g.awaitLog("nothing has changed"); !strings.Contains(line, "tls.cert_file, tls.key_file: ") {
		t.Error(line)
	}
	if !serves(certificate) {
		t.Error("it does not serve the old certificate")
	}
	reload(settings(otherCertificate, otherKey))
	g.awaitLog("configuration read again")
	if !serves(otherCertificate) {
		t.Error("it does not serve the new certificate")
	}
	reload("")
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
