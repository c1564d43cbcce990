package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/spf13/cobra"

	"seagate/cmd/seagate/app"
	"seagate/cmd/seagate/cli"
	"seagate/cmd/seagate/config"
	"seagate/internal/recentlog"
	"seagate/internal/secret"
)

const schemaFile = "../../docs/commands.schema.json"

// leaves returns the commands that do something, by what follows "seagate".
func leaves() map[string]*cobra.Command {
	found := map[string]*cobra.Command{}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, below := range cmd.Commands() {
			walk(below)
		}
		if !cmd.HasSubCommands() {
			found[strings.TrimPrefix(cmd.CommandPath(), "seagate ")] = cmd
		}
	}
	walk(rootCommand())
	return found
}

var (
	schemaCompiler = func() *jsonschema.Compiler {
		c := jsonschema.NewCompiler()
		c.AssertFormat = true
		return c
	}()
	compiled = map[string]*jsonschema.Schema{} // by place
)

// schemaOf compiles the schema of a command, or of a kind of line on standard error.
func schemaOf(t *testing.T, kind, name string) *jsonschema.Schema {
	t.Helper()
	place := schemaFile + "#/properties/" + kind + "/properties/" + url.PathEscape(name)
	if known := compiled[place]; known != nil {
		return known
	}
	schema, err := schemaCompiler.Compile(place)
	compiled[place] = schema
	if err != nil {
		t.Fatalf("%s has no schema of %q: describe there what the command prints with --json\n%v", schemaFile, name, err)
	}
	return schema
}

// A jsonRun is one run of a command with --json.
type jsonRun struct {
	args  string // separated by spaces
	in    string
	empty bool // it has nothing to print
	first bool // it goes on until it has printed something
	code  int  // -1 is any
}

// TestJSONMatchesTheSchemas runs every command with --json against a gateway, and compares
// what it prints with docs/commands.schema.json. A command that is not run here fails the
// test, and so does one without a schema.
func TestJSONMatchesTheSchemas(t *testing.T) {
	w := newSchemaWorld(t)
	for _, r := range w.runs() {
		w.run(r)
	}
	w.stop()
	os.Unsetenv("SEAGATE_CLIENT_ID") // t.Setenv restores what it was
	for _, r := range w.runsOffline() {
		w.run(r)
	}
	// These have tests of their own, such as TestDevWithJSON.
	w.ran["dev"], w.ran["serve"] = true, true
	for name := range leaves() {
		schemaOf(t, "commands", name)
		if !w.ran[name] {
			t.Errorf("seagate %s --json is not run here: add a run of it", name)
		}
	}
}

// A schemaWorld is a gateway, a folder with files, and what was run.
type schemaWorld struct {
	t      *testing.T
	folder string
	flags  []string // that name the gateway
	lines  string   // the address of its lines listener
	ran    map[string]bool
	stop   func()
}

func newSchemaWorld(t *testing.T) *schemaWorld {
	folder := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(folder, "config"))
	const own = "sea_operators-own-secret-operators-own-secret-operators-oA"
	c := config.Development()
	c.Listen, c.AdminListen, c.Lines.Listen = "127.0.0.1:0", "", "127.0.0.1:0"
	c.DataDir = filepath.Join(folder, "data")
	c.Root.ClientID, c.Root.ClientSecret = "root", secret.New(own)
	c.Shutdown.Drain = 0
	recent, serving := recentlog.New(1<<20), make(chan string, 1)
	announced := slog.NewJSONHandler(writerFunc(func(line []byte) {
		var said struct{ Msg, Lines string }
		if json.Unmarshal(line, &said, json.MatchCaseInsensitiveNames(true)) == nil && said.Msg == "serving" {
			serving <- said.Lines
		}
	}), nil)
	a, err := app.New(t.Context(), c, slog.New(slog.NewMultiHandler(announced, recent.Handler(slog.LevelInfo))), "test")
	if err != nil {
		t.Fatal(err)
	}
	a.ShowLog(recent)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { a.Run(ctx) })
	stop := sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	w := &schemaWorld{t: t, folder: folder, ran: map[string]bool{}, stop: stop, lines: <-serving}
	w.write("secret", own)
	w.write("service.json", `{"version":1,"procedures":[{"name":"quote"}]}`)
	w.write("import.json", `{"jails":[{"id":"root","clients":[{"id":"imported","secret":"0123456789abcdef-0123"}]}]}`)
	w.write("lines", "{\"n\":2}\n{\"n\":\"three\"}\n")
	w.writeKey()
	t.Setenv("SEAGATE_ROOT_CLIENT_ID", "root")
	t.Setenv("SEAGATE_CLIENT_ID", "root") // for explain, whose --client is the recipient
	t.Setenv("SEAGATE_ROOT_CLIENT_SECRET", own)
	w.flags = []string{"--server", a.URL(), "--secret-file", w.path("secret")}
	return w
}

func (w *schemaWorld) path(name string) string { return filepath.Join(w.folder, name) }

func (w *schemaWorld) write(name, text string) {
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// writeKey writes a new key for tokens.
func (w *schemaWorld) writeKey() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		w.t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	w.write("key.pub", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
}

func (w *schemaWorld) runs() []jsonRun {
	const group = "3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a10"
	return []jsonRun{
		{args: "define s --version 1 --field n:integer --dry-run"},
		{args: "define s --version 1 --field n:integer"},
		{args: "describe s"}, {args: "describe s --all"}, {args: "describe s --since 1"},
		{args: `publish s {"n":1}`}, {args: "publish s {}/lines", code: 1}, {args: "publish nosuch {}", code: 1},
		{args: "messages s"}, {args: "explain s 1"}, {args: `explain s --publish {"n":1}`}, {args: "streams"}, {args: "stream state s"}, {args: "stream settings s --retention-age 48h"},
		{args: `stream header s {"n":1}`}, {args: "stream header s"}, {args: "stream pause s"}, {args: "stream resume s"},
		{args: "subscribe s --from earliest --count 1"}, {args: "subscribe s --state", first: true},
		{args: "subscribe s* --last 1 --count 1"},
		{args: "subscribe s --from earliest --count 1 --group " + group},
		{args: "groups s"}, {args: "group show s root " + group}, {args: "group move s root " + group + " --to earliest --yes"},
		{args: "connections list", empty: true}, {args: "connections show nosuch", code: 1}, {args: "connections end nosuch", code: 1},
		{args: `filter {"t":"bool","e":true} {"n":1}`}, {args: "token explain root {}/lines"},
		{args: "bench --duration 100ms --subscribers 1"},
		{args: "oracle --duration 100ms --publishers 1 --streams 1 --seed 7 --journal {}/journal"},
		{args: "lines --anonymous --address " + w.lines, in: `{"action":"put","id":1,"stream":"s","message":{"n":3}}` + "\n", code: 3},
		{args: "lines --address " + w.lines, in: `{"action":"put","id":1,"stream":"s","message":{"n":3}}` + "\n"},
		{args: "network"}, {args: "logs"}, {args: "config --running"},
		{args: `publish s {"n":1} --dry-run`},
		{args: "dead-letters list s", code: 1}, {args: "dead-letters publish s 1", code: 1},
		{args: "top --once --interval 1s"},
		{args: "group delete s root " + group + " --yes"},
		{args: "provide s", first: true},
		{args: "service define pricing {}/service.json"}, {args: "services"}, {args: "service show pricing"},
		{args: "fetch pricing quote", code: 1}, {args: "signal pricing quote", code: 1}, {args: "service serve pricing quote", code: 2}, {args: "streams --json --jsn", code: 2}, {args: "streams more", code: 2},
		{args: "service delete pricing --yes"},
		{args: "clients create c --publish s"}, {args: "clients list"}, {args: "clients rotate c --keep-old 1h"}, {args: "clients list"}, {args: "clients key c {}/key.pub"}, {args: "clients keys c"},
		{args: "clients key c {}/key.pem --kid k"}, {args: "clients end-key c k"}, {args: "clients end-key c nosuch", code: 1}, {args: "clients tokens c --max-lifetime 24h"}, {args: "token revoke c --jti x --expires 2199-01-01T00:00:00Z", code: -1},
		{args: "clients rights c --all"}, {args: "clients delete c --yes"},
		{args: "jails create j first"}, {args: "jails list"}, {args: "jails quota j --streams 5"}, {args: "jails delete j --yes"},
		{args: "audit"}, {args: "backup {}/backup.tar"}, {args: "import {}/import.json --dry-run"}, {args: "streams --verbose"}, {args: "stream delete s --yes"},
	}
}

func (w *schemaWorld) runsOffline() []jsonRun {
	return []jsonRun{
		{args: "streams", code: 3},
		{args: "lines", code: 3},
		{args: "context add plant --server https://seagate.test --client c --secret-file {}/secret"},
		{args: "context use plant"}, {args: "context list"}, {args: "context show"}, {args: "context remove plant --yes"},
		{args: `token mint c {}/key.pem --fetch [{"service":"s"},{"service":"t","procedures":["p"]}]`}, {args: "token check c {}/key.pub {}/token"},
		{args: "token mint c {}/key.pem --stream s --publish t --any-group"}, {args: "token check c {}/key.pub {}/token"},
		{args: "errors"}, {args: "errors forbidden"}, {args: "errors forbiden", code: 2},
		{args: "check"}, {args: "config"}, {args: "config --defaults"}, {args: "version"}, {args: "health --admin-listen 127.0.0.1:1 --wait 1ms", code: -1}, {args: "man publish"}, {args: "man --dir {}/man"},
		{args: "restore {}/backup.tar --data {}/restored"}, {args: "data check --data {}/restored"},
		{args: "reset-root --data {}/restored --yes"},
	}
}

// run runs a command in this process, and checks what it prints.
func (w *schemaWorld) run(r jsonRun) {
	w.t.Helper()
	args := strings.Fields(strings.ReplaceAll(r.args, "{}/", w.folder+"/"))
	root := rootCommand()
	cmd, _, err := root.Find(args)
	if err != nil {
		w.t.Fatal(err)
	}
	name := strings.TrimPrefix(cmd.CommandPath(), "seagate ")
	args = append(args, "--json")
	if cmd.Flags().Lookup("server") != nil && !strings.HasPrefix(name, "context") {
		args = append(args, w.flags...)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	var out, notes bytes.Buffer
	root.SetIn(strings.NewReader(r.in))
	root.SetOut(&out)
	if r.first {
		root.SetOut(writerFunc(func(p []byte) { out.Write(p); cancel() }))
	}
	root.SetErr(&notes)
	root.SetArgs(args)
	if code := cli.Report(&notes, root.ExecuteContext(ctx)); code != r.code && r.code >= 0 {
		w.t.Errorf("seagate %s: exit status %d, want %d\n%s%s", r.args, code, r.code, out.String(), notes.String())
	}
	w.ran[name] = true
	values := 0
	schema := schemaOf(w.t, "commands", name)
	for value := range valuesOf(w.t, r.args, out.Bytes()) {
		values++
		if err := schema.Validate(value); err != nil {
			w.t.Errorf("seagate %s prints %.300v\n%.900s", r.args, value, fmt.Sprintf("%#v", err))
		}
	}
	if values == 0 && r.code == 0 && !r.empty {
		w.t.Errorf("seagate %s --json prints nothing", r.args)
	}
	w.checkNotes(r, notes.String())
	if name == "token mint" {
		var made struct{ Token string }
		json.Unmarshal(out.Bytes(), &made, json.MatchCaseInsensitiveNames(true))
		w.write("token", made.Token)
	}
}

// checkNotes checks the lines on standard error that are JSON. A failure is one.
func (w *schemaWorld) checkNotes(r jsonRun, notes string) {
	objects := 0
	for line := range strings.Lines(notes) {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		objects++
		var value any
		if err := json.Unmarshal([]byte(line), &value); err != nil {
			w.t.Errorf("seagate %s: %v in %s", r.args, err, line)
			continue
		}
		var problems []string
		for _, kind := range []string{"error", "refusedLine", "warning", "note", "used"} {
			if err := schemaOf(w.t, "stderr", kind).Validate(value); err == nil {
				problems = nil
				break
			} else {
				problems = append(problems, err.Error())
			}
		}
		if problems != nil {
			w.t.Errorf("seagate %s: no schema fits %s%q", r.args, line, problems)
		}
	}
	if r.code > 0 && objects == 0 {
		w.t.Errorf("seagate %s: there is no error as JSON: %s", r.args, notes)
	}
}

// valuesOf returns the JSON values of an output.
func valuesOf(t *testing.T, args string, out []byte) func(func(any) bool) {
	return func(yield func(any) bool) {
		decoder := jsontext.NewDecoder(bytes.NewReader(out))
		for {
			var value any
			switch err := json.UnmarshalDecode(decoder, &value); {
			case err == io.EOF:
				return
			case err != nil:
				t.Errorf("seagate %s --json prints something that is not JSON: %v\n%s", args, err, out)
				return
			}
			if !yield(value) {
				return
			}
		}
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }
