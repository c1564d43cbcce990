package main_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// TestJSONOfTheServerCommands: results on standard output, problems on standard
// error, one JSON value a line.
func TestJSONOfTheServerCommands(t *testing.T) {
	t.Parallel()
	bad := []string{"SEAGATE_LISTEN=x"}
	const (
		invalid = `{"error":{"message":"the configuration is not valid:","errors":["env SEAGATE_LISTEN: listen must be HOST:PORT, such as \"127.0.0.1:3104\", \"[::1]:3104\" or \":3104\", not \"x\""]}}` + "\n"
		warning = `{"warning":"unknown environment variable SEAGATE_XYZZY is ignored; seagate config --defaults lists every setting"}` + "\n"
	)
	for _, test := range []struct {
		settings   []string
		command    string
		out, notes string
		code       int
	}{
		{nil, "check", `{"valid":true}` + "\n", "", 0},
		{[]string{"SEAGATE_XYZZY=1"}, "check", `{"valid":true}` + "\n", warning, 0},
		{bad, "check", "", invalid, 1},
		{bad, "config", "", invalid, 1},
		{append(bad, "SEAGATE_XYZZY=1"), "serve", "", warning + invalid, 1},
		{bad, "dev", "", invalid, 1},
	} {
		r := command(t, test.settings, test.command, "--json")
		if r.out != test.out || r.notes != test.notes || r.code != test.code {
			t.Errorf("%v %s: exit status %d\n%s%swant %d\n%s%s", test.settings, test.command, r.code, r.out, r.notes, test.code, test.out, test.notes)
		}
	}
}

// TestDevWithJSON prints the credentials, and logs JSON.
func TestDevWithJSON(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "seagate")
	d := w.dev("--json")
	var said struct{ URL, ClientID, ClientSecret, Data string }
	if err := json.Unmarshal([]byte(d.welcome), &said, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("%v: %s", err, d.welcome)
	}
	if said.URL != "http://"+d.listen || said.ClientID != "root" || said.Data != filepath.Join("data", "dev") {
		t.Errorf("it says %s", d.welcome)
	}
	if status, err := d.stop(); err != nil || status != 0 {
		t.Errorf("exit status %d, %v", status, err)
	}
	for _, line := range d.log.copy() {
		if err := json.Unmarshal([]byte(line), new(any)); err != nil {
			t.Errorf("the log has %s", line)
		}
	}
}

// TestOracleWithJSON prints where it writes, and what it found.
func TestOracleWithJSON(t *testing.T) {
	t.Parallel()
	g := start(t)
	settings := []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=" + root.id, "SEAGATE_CLIENT_SECRET=" + root.secret}
	journal := filepath.Join(t.TempDir(), "journal")
	r := command(t, settings, "oracle", "--duration", "2s", "--publishers", "1", "--streams", "1", "--seed", "7", "--journal", journal, "--json")
	begun, report, _ := strings.Cut(r.out, "\n")
	var found struct {
		Summary    struct{ Acknowledged int }
		Violations []any
	}
	err := json.Unmarshal([]byte(report), &found, json.MatchCaseInsensitiveNames(true))
	if begun != `{"seed":7,"journal":"`+journal+`"}` || err != nil || found.Summary.Acknowledged == 0 || found.Violations == nil || len(found.Violations) != 0 || r.code != 0 {
		t.Errorf("exit status %d, %v\n%s%s", r.code, err, r.out, r.notes)
	}
	g.stopped()
}
