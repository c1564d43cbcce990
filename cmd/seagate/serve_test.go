package main_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestASecondSignalEndsAtOnce.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_SHUTDOWN_DRAIN=50s", "SEAGATE_SHUTDOWN_CONNECTIONS_PER_SECOND=1", "SEAGATE_SHUTDOWN_TIMEOUT=60s")
	for range 50 {
		g.dial()
	}
	g.cmd.Process.Signal(syscall.SIGTERM)
	line := g.awaitLog("shutting down")
	if want := `"drain":50000000000,"deadline":60000000000`; !strings.Contains(line, want) {
		t.Errorf("durations are nanoseconds in the log, as in %s, not %s", want, line)
	}
	if !strings.Contains(line, `"connections":50`) || !strings.Contains(line, "a second signal ends it at once") {
		t.Errorf("it does not say what it waits for: %s", line)
	}
	if line = g.awaitLog("still shutting down"); !strings.Contains(line, `"connections":4`) || !strings.Contains(line, `,"requests":0,"left":`) {
		t.Errorf("it does not say what it still waits for: %s", line)
	}
	eventually(t, "that the second signal ends it", func() bool {
		g.cmd.Process.Signal(syscall.SIGTERM) // the handler of the first may not be gone yet
		select {
		case <-g.exited:
			return true
		default:
			return false
		}
	})
	if status := g.cmd.ProcessState.ExitCode(); status == 0 {
		t.Error("it says that all went well")
	}
}

// TestTLS: everything over TLS, with the port of a plain client's in front.
func TestTLS(t *testing.T) {
	t.Parallel()
	certificate, key := writeCertificate(t)
	g := start(t, "SEAGATE_TLS_CERT_FILE="+certificate, "SEAGATE_TLS_KEY_FILE="+key, "SEAGATE_LIMITS_QUEUED_BYTES=4KiB")
	if a := g.call(root, "GET", "/streams", ""); a.status != http.StatusBadRequest {
		t.Errorf("without TLS: %d %s", a.status, a.body)
	}
	if major := httpVersion(t, "https://"+g.listen+"/api/v1", certificate); major != 2 {
		t.Errorf("HTTP/%d", major)
	}
	g.listen = unwrapTLS(t, g.listen, certificate)
	g.define(root, "boiler")
	p := g.login(root, "root")
	p.subscribe(2, "boiler", "")
	p.subscribe(3, "boiler", groupID)
	g.ok(root, "POST", "/streams/boiler/publish", numbers(500))
	next := map[string]int{}
	for range 1000 {
		got := p.next().message
		for _, id := range []string{"2", "3"} {
			if strings.HasPrefix(got, `{"id":`+id+`,`) {
				if want := fmt.Sprintf(`"payload":{"n":%d}}`, next[id]); !strings.HasSuffix(got, want) {
					t.Fatalf("got %s, want %s", got, want)
				}
				next[id]++
			}
		}
	}
	if next["2"] != 500 || next["3"] != 500 {
		t.Errorf("received %v", next)
	}
	g.stopped()
	p.wantClose(1001, "server_shutdown")
}

// numbers is a batch.
func numbers(total int) string {
	var b strings.Builder
	for n := range total {
		fmt.Fprintf(&b, `,{"n":%d}`, n)
	}
	return "[" + b.String()[1:] + "]"
}

// TestFlagsOverrideTheEnvironment, and it before the file.
func TestFlagsOverrideTheEnvironment(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := writeFile(t, folder, "seagate.toml", "listen = \"203.0.113.1:1\"\n[websocket]\nliteral_actions = true\n")
	env := environment(folder, "SEAGATE_LISTEN=203.0.113.1:2", "SEAGATE_ADMIN_LISTEN=203.0.113.1:3", "SEAGATE_DATA_DIR=/nowhere")
	cmd := exec.Command(program, "serve", "--config", file, "--listen", "127.0.0.1:0", "--admin-listen", "", "--data", filepath.Join(folder, "data"))
	p, err := launchCommand(cmd, env)
	if err != nil {
		t.Fatal(err)
	}
	g := adopt(t, p, folder)
	if g.admin != "" {
		t.Errorf("there is an admin listener at %s", g.admin)
	}
	g.define(root, "boiler")
	c := g.login(root, "root")
	c.Send(`{"id":2,"action":"subscribe","payload":"boiler"}`)
	c.want(`{"id":2,"action":"subscribe","success":true,"streamName":"boiler","payload":2}`)
	g.stopped()
}

// TestRootClientIsMadeOnce: the environment makes it in an empty data folder,
// and changes nothing afterwards.
func TestRootClientIsMadeOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	first, second := credentials{"root", "words of the operator's own: äöü"}, credentials{"root", "other words of the operator's own"}
	for _, secret := range []string{first.secret, second.secret, ""} {
		id := "root"
		if secret == "" {
			id = ""
		}
		g := startIn(t, folder, "SEAGATE_ROOT_CLIENT_ID="+id, "SEAGATE_ROOT_CLIENT_SECRET="+secret)
		g.ok(first, "GET", "/jails", "")
		g.refused(second, 401, "invalid_credentials", "GET", "/jails", "")
		g.stopped()
		_, warned, _ := g.log.find("the root client of the environment is not one of the data folder, and is ignored")
		if other := secret == second.secret; warned != other {
			t.Errorf("with another secret: %v, warned: %v\n%s", other, warned, g.log.text())
		}
		wantNowhere(t, folder, first.secret)
		for _, line := range g.log.copy() {
			if strings.Contains(line, "words of the operator") {
				t.Errorf("the log has a secret: %s", line)
			}
		}
	}
}

// Root works on the folder of another user, as that of the systemd unit, and leaves nothing in it that the user
// cannot open.
func TestRootGivesToOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file to somebody")
	}
	const user = 64123
	g, file := backedUp(t)
	g.stopped()
	restored := t.TempDir()
	for _, folder := range []string{g.folder, restored} {
		err := filepath.WalkDir(folder, func(name string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(name, user, user))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(outside, filepath.Join(g.folder, "symlink")), os.Link(outside, filepath.Join(g.folder, "link"))); err != nil {
		t.Fatal(err)
	}
	ok(t, environment(g.folder, "SEAGATE_ROOT_CLIENT_ID=another", "SEAGATE_ROOT_CLIENT_SECRET=words of the operator's own"), "reset-root", "--yes")
	ok(t, nil, "restore", file, "--data", restored)
	for _, folder := range []string{g.folder, restored} {
		err := filepath.WalkDir(folder, func(name string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := os.Lstat(name)
			if err != nil {
				return err
			}
			theirs := info.Sys().(*syscall.Stat_t).Uid == user
			if linked := strings.HasSuffix(name, "link"); theirs == linked {
				t.Errorf("%s belongs to the user: %v", name, theirs)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestResetRoot gives the root client the secret of the environment, in a folder that
// nobody uses, and only if that is confirmed.
func TestResetRoot(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	g := startIn(t, folder)
	g.define(root, "boiler")
	changed := credentials{root.id, "other words of the operator's own"}
	another := credentials{"another", "more words of the operator's own"}
	as := func(c credentials) []string {
		return environment(folder, "SEAGATE_ROOT_CLIENT_ID="+c.id, "SEAGATE_ROOT_CLIENT_SECRET="+c.secret)
	}
	if r := command(t, as(changed), "reset-root", "--yes"); r.code != 1 || !strings.Contains(r.notes, "in use") {
		t.Errorf("while a gateway uses the folder: %+v", r)
	}
	g.stopped()
	if r := command(t, as(changed), "reset-root"); r.code != 2 || !strings.Contains(r.notes, "--yes") {
		t.Errorf("without a confirmation: %+v", r)
	}
	if r := command(t, as(changed), "reset-root", "--yes", "--data", t.TempDir()); r.code != 1 || !strings.Contains(r.notes, "is not a data folder") {
		t.Errorf("in an empty folder: %+v", r)
	}
	if r := command(t, as(credentials{}), "reset-root", "--yes"); r.code != 2 || !strings.Contains(r.notes, "SEAGATE_ROOT_CLIENT_SECRET") {
		t.Errorf("without a secret: %+v", r)
	}
	ok(t, as(changed), "reset-root", "--yes")
	if out := ok(t, as(another), "reset-root", "--yes", "--json").out; !strings.Contains(out, `"client":"another","created":true}`) {
		t.Errorf("a root client that is new: %s", out)
	}
	g = startIn(t, folder, "SEAGATE_ROOT_CLIENT_SECRET="+changed.secret)
	g.refused(root, 401, "invalid_credentials", "GET", "/streams", "")
	for _, c := range []credentials{changed, another} {
		g.ok(c, "GET", "/streams/boiler/schema", "")
		g.ok(c, "GET", "/jails", "")
	}
	// The audit stream has what was done to the folder, from the next start on, and once.
	g.kill()
	g = startIn(t, folder, "SEAGATE_ROOT_CLIENT_SECRET="+changed.secret)
	var noted []string
	for _, line := range strings.Split(ok(t, g.as(changed), "audit", "--json").out, "\n") {
		if strings.Contains(line, `"root client reset"`) {
			noted = append(noted, line)
		}
	}
	if len(noted) != 2 || !strings.Contains(noted[0], `"by":"command","subject":"root","after":{"created":false}`) ||
		!strings.Contains(noted[1], `"by":"command","subject":"another","after":{"created":true}`) {
		t.Errorf("the audit stream has %q", noted)
	}
	g.stopped()
	if line, warned, _ := g.log.find("is ignored"); warned {
		t.Errorf("it warns after the reset: %s", line)
	}
}

// TestAdminListener serves what operators need, and nobody else does.
func TestAdminListener(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_ADMIN_PPROF=true")
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/metrics": 200, "/debug/pprof/": 200, "/": 404, "/console/": 200, "/api/v1": 200} {
		if a, err := g.operator(path); err != nil || a.status != want {
			t.Errorf("%s: %d %v", path, a.status, err)
		}
	}
	if a, _ := sharedGateway(t).operator("/debug/pprof/"); a.status != 404 {
		t.Errorf("profiles that nobody asked for: %d", a.status)
	}
	for _, path := range []string{"/metrics", "/livez", "/debug/pprof/"} {
		r, err := http.NewRequest("GET", "http://"+g.listen+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := fetch(r); err != nil || a.status != 404 {
			t.Errorf("%s for the public: %d %v", path, a.status, err)
		}
	}
}

func writeFile(t *testing.T, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCheck says what is wrong with a configuration, and so does serve.
func TestCheck(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, c := range map[string]struct {
		file string
		env  string
		want string // of what is said; "" if all is well
	}{
		"nothing":         {"", "", ""},
		"valid":           {"[limits]\nmessage_bytes = \"2MiB\"\ndecompressed_bytes = \"4MiB\"\n", "", ""},
		"unknown key":     {"listen = \":0\"\n\n[websocket]\nping_intervall = \"5s\"\n", "", `:4: unknown key "ping_intervall" in [websocket]; did you mean "ping_interval"?`},
		"section":         {"[webSocket]\nping_interval = \"5s\"\n", "", `:1: unknown section [webSocket]; did you mean [websocket]?`},
		"syntax":          {"listen = \":0\"\nlisten = \n", "", ":2:"},
		"value":           {"[websocket]\nping_interval = \"31s\"\n", "", ":2: websocket.ping_interval "},
		"relation":        {"[limits]\nmessage_bytes = \"2MiB\"\n", "", "limits.message_bytes"},
		"environment":     {"", "SEAGATE_STREAMS_UNGROUPED=everybody", "env SEAGATE_STREAMS_UNGROUPED: streams.ungrouped"},
		"weak secret":     {"", "SEAGATE_ROOT_CLIENT_SECRET=short", "at least 16 characters"},
		"in the file":     {"[root]\nclient_secret = \"a secret that is long enough\"\n", "", ":2: root.client_secret"},
		"certificate":     {"[tls]\ncert_file = \"nothing.pem\"\nkey_file = \"nothing.key\"\n", "", "nothing.pem"},
		"authority":       {"[tls]\nacme_domains = [\"gw.example.com\"]\nacme_ca = \"/nonexist\"\n", "", "tls.acme_ca: /nonexist: there is no such file"},
		"empty authority": {"[tls]\nacme_domains = [\"gw.example.com\"]\nacme_ca = \"/dev/null\"\n", "", "tls.acme_ca: /dev/null has no certificate"},
		"authorities":     {"[tls]\nacme_domains = [\"gw.example.com\"]\nacme_ca = \"/nonexist\"\nclient_ca = \"/dev/null\"\n", "", "tls.client_ca: /dev/null has no certificate in PEM\n  tls.acme_ca: /nonexist: there is no such file"},
	} {
		file := writeFile(t, folder, strings.ReplaceAll(name, " ", "-")+".toml", c.file)
		env := append(environment(filepath.Join(folder, "data")), c.env)
		for _, verb := range []string{"check", "serve"} {
			if verb == "serve" && c.want == "" {
				continue
			}
			r := command(t, env, verb, "--config", file)
			if c.want == "" && (r.code != 0 || !strings.Contains(r.out, "valid")) {
				t.Errorf("%s: %+v", name, r)
			}
			if c.want != "" && (r.code == 0 || !strings.Contains(r.notes, c.want)) {
				t.Errorf("%s, %s: %+v", name, verb, r)
			}
			if strings.Contains(r.notes, "a secret that") || strings.Contains(r.notes, root.secret) {
				t.Errorf("%s, %s: shows a secret: %s", name, verb, r.notes)
			}
		}
	}
	if r := command(t, nil, "check", "--config", filepath.Join(folder, "missing.toml")); r.code == 0 || !strings.Contains(r.notes, "missing.toml") {
		t.Errorf("a file that is not there: %+v", r)
	}
}

// TestConfig shows the configuration in force, where each value comes from,
// and no secret.
func TestConfig(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := writeFile(t, folder, "seagate.toml", "[websocket]\nping_interval = \"5s\"\n")
	env := environment(folder)
	out := ok(t, env, "config", "--config", file, "--admin-listen", "127.0.0.1:7").out
	for _, want := range [][]string{
		{"websocket.ping_interval", `"5s"`, file + ":2"},
		{"listen", `"127.0.0.1:0"`, "env SEAGATE_LISTEN"},
		{"admin_listen", `"127.0.0.1:7"`, "flag --admin-listen"},
		{"limits.json_depth", "64", "default"},
		{"root.client_id", `"root"`, "env SEAGATE_ROOT_CLIENT_ID"},
		{"root.client_secret", "(hidden)", "env SEAGATE_ROOT_CLIENT_SECRET"},
	} {
		if !hasLine(out, want) {
			t.Errorf("no line with %q in\n%s", want, out)
		}
	}
	asJSON := ok(t, env, "config", "--json").out
	if strings.Contains(out+asJSON, root.secret) {
		t.Error("it shows the secret")
	}
	if !strings.Contains(asJSON, `"SEAGATE_LISTEN"`) && !strings.Contains(asJSON, `env SEAGATE_LISTEN`) {
		t.Errorf("the JSON has no origins: %s", asJSON)
	}

	// All defaults, written down, are a valid file that changes nothing.
	reference := writeFile(t, folder, "reference.toml", ok(t, env, "config", "--defaults").out)
	ok(t, nil, "check", "--config", reference)
}

func hasLine(text string, columns []string) bool {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) >= 3 && fields[0] == columns[0] && fields[1] == columns[1] &&
			strings.Join(fields[2:], " ") == columns[2] {
			return true
		}
	}
	return false
}

// TestUnknownVariablesAreLogged in the log: containers are full of them.
func TestUnknownVariablesAreLogged(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_WEBSOCKET_PING_INTERVALL=5s")
	g.awaitLog("unknown environment variable SEAGATE_WEBSOCKET_PING_INTERVALL is ignored; did you mean SEAGATE_WEBSOCKET_PING_INTERVAL?")
}

// TestOneGatewayPerPortAndFolder: a second one says what it is that is taken.
func TestOneGatewayPerPortAndFolder(t *testing.T) {
	t.Parallel()
	g := start(t)
	for setting, want := range map[string]string{
		"SEAGATE_LISTEN=" + g.listen:      "listen for clients: ",
		"SEAGATE_ADMIN_LISTEN=" + g.admin: "listen for the operator: ",
		"SEAGATE_DATA_DIR=" + g.folder:    g.folder,
	} {
		if r := command(t, environment(t.TempDir(), setting), "serve"); r.code == 0 || !strings.Contains(r.notes, want) {
			t.Errorf("%s: %+v", setting, r)
		}
	}
	g.ok(root, "GET", "/streams", "")
}
