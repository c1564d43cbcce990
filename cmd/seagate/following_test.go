package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// follow runs "seagate subscribe" and returns what it prints, and a function that interrupts
// it.
func follow(t *testing.T, settings []string, args ...string) (out, notes *lockedBuffer, interrupt func()) {
	t.Helper()
	out, notes = &lockedBuffer{}, &lockedBuffer{}
	cmd := exec.Command(program, append([]string{"subscribe"}, args...)...)
	cmd.Env = append(bare(t.TempDir()), settings...)
	cmd.Stdout, cmd.Stderr = out, notes
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(2*patience, func() { cmd.Process.Kill() })
	t.Cleanup(func() { stuck.Stop(); cmd.Process.Kill(); cmd.Wait() })
	return out, notes, func() {
		cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err != nil {
			t.Errorf("interrupted: %v\n%s", err, notes.String())
		}
	}
}

// TestNothingIsMissedOverAKill: seagate subscribe prints each message once, also those that
// are published while it has no connection, with and without --meta, for a stream and for a
// pattern. A stream that appears later is picked up.
func TestNothingIsMissedOverAKill(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	g := startIn(t, folder)
	g.define(root, "boiler.a")
	g.define(root, "boiler.b")
	as := []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=" + root.id, "SEAGATE_CLIENT_SECRET=" + root.secret}
	plain, notes1, stop1 := follow(t, as, "boiler.a")
	meta, notes2, stop2 := follow(t, as, "boiler.a", "--meta")
	all, notes3, stop3 := follow(t, as, "boiler.*", "--format", "{{.stream}} {{.payload.n}}", "--where", "n!=3")
	for _, notes := range []*lockedBuffer{notes1, notes2, notes3} {
		eventually(t, "that it subscribes", func() bool { return strings.Contains(notes.String(), "Ctrl-C ends") })
	}
	// A note comes before the subscriptions of several streams.
	eventually(t, "that all are subscribed", func() bool {
		return strings.Contains(g.ok(root, "GET", "/streams/boiler.b", ""), `"subscribers":1`) && strings.Contains(g.ok(root, "GET", "/streams/boiler.a", ""), `"subscribers":3`)
	})
	publish := func(stream string, n int) { g.publish(root, stream, fmt.Sprintf(`{"n":%d}`, n)) }
	publish("boiler.a", 1)
	publish("boiler.b", 2)
	eventually(t, "the first messages", func() bool { return strings.Count(all.String(), "\n") == 2 && strings.Count(plain.String(), "\n") == 1 })
	g.kill()
	g = startIn(t, folder, "SEAGATE_LISTEN="+g.listen)
	for n := 3; n < 10; n++ { // most of them while nobody is subscribed
		publish("boiler.a", n)
	}
	g.define(root, "boiler.c")
	publish("boiler.c", 10)
	eventually(t, "everything else", func() bool {
		return strings.Count(plain.String(), "\n") >= 8 && strings.Count(meta.String(), "\n") >= 8 && strings.Count(all.String(), "\n") >= 9
	})
	stop1()
	stop2()
	stop3()
	var want, payloads []string
	for _, n := range []int{1, 3, 4, 5, 6, 7, 8, 9} {
		want = append(want, fmt.Sprintf(`{"n":%d}`, n))
	}
	if got := strings.Fields(plain.String()); !slices.Equal(got, want) {
		t.Errorf("it printed %q\n%s", got, notes1.String())
	}
	for line := range strings.Lines(meta.String()) {
		var m struct{ Payload json.RawMessage }
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Error(err)
		}
		payloads = append(payloads, string(m.Payload))
	}
	if !slices.Equal(payloads, want) {
		t.Errorf("with --meta it printed %q\n%s", payloads, notes2.String())
	}
	wantAll := []string{"boiler.a 1", "boiler.a 4", "boiler.a 5", "boiler.a 6", "boiler.a 7", "boiler.a 8", "boiler.a 9", "boiler.b 2", "boiler.c 10"}
	got := strings.Split(strings.TrimSpace(all.String()), "\n")
	slices.Sort(got)
	if !slices.Equal(got, wantAll) {
		t.Errorf("of the pattern it printed %q\n%s", got, notes3.String())
	}
	if !strings.Contains(notes3.String(), "subscribed to boiler.c too") {
		t.Errorf("it does not tell of the new stream:\n%s", notes3.String())
	}
}

// TestPublishingAFileOverAKill: with --ids each line is there once, in order, though the
// gateway is killed meanwhile, and a second run adds nothing.
func TestPublishingAFileOverAKill(t *testing.T) {
	t.Parallel()
	const lines = 3000
	folder := t.TempDir()
	g := startIn(t, folder)
	g.define(root, "boiler")
	as := []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=" + root.id, "SEAGATE_CLIENT_SECRET=" + root.secret}
	var file strings.Builder
	for n := 1; n <= lines; n++ {
		fmt.Fprintf(&file, "{\"n\":%d}\n", n)
	}
	path := writeFile(t, t.TempDir(), "lines.ndjson", file.String())
	var notes lockedBuffer
	cmd := exec.Command(program, "publish", "boiler", path, "--ids", "run")
	cmd.Env = append(bare(t.TempDir()), as...)
	cmd.Stderr = &notes
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(2*patience, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	eventually(t, "that some lines are published", func() bool { return g.lastSeq(root, "boiler") > 100 })
	g.kill()
	g = startIn(t, folder, "SEAGATE_LISTEN="+g.listen)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, notes.String())
	}
	ok(t, as, "publish", "boiler", path, "--ids", "run", "--from-line", "2900")
	out := ok(t, as, "messages", "boiler", "--all", "--limit", "1000", "--format", `{"n":{{.payload.n}}}`).out
	if out != file.String() {
		t.Errorf("the stream has %d messages, and they differ from the %d lines\n%s", strings.Count(out, "\n"), lines, notes.String())
	}
}

// TestWhereIsAskedOfTheGateway: with --where the gateway sends what matches and nothing else,
// and --last counts what matches, however far back that is, for a stream and for patterns.
func TestWhereIsAskedOfTheGateway(t *testing.T) {
	t.Parallel()
	g := start(t)
	g.define(root, "boiler.a")
	const messages, every = 2500, 500
	var lines strings.Builder
	for i := range messages {
		fmt.Fprintf(&lines, `{"n":%d}`+"\n", i%every)
	}
	file := filepath.Join(t.TempDir(), "boiler.ndjson")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ok(t, g.asRoot(), "publish", "boiler.a", file)
	for _, test := range []struct {
		args, want string
	}{
		{"boiler.a --where n=7 --last 2 --count 2 --format {{.seq}}", "1508\n2008\n"},
		{"boiler.a --where n=7 --where n!=8 --last 4 --count 4 --format {{.seq}}", "508\n1008\n1508\n2008\n"},
		{"boiler.a --where n=7 --last 40 --count 5 --format {{.seq}}", "8\n508\n1008\n1508\n2008\n"},
		{"boiler.* --where n=499 --last 1 --count 1 --format {{.seq}}", "2500\n"},
		{"boiler.a --where n=7 --from earliest --count 5 --format {{.seq}}", "8\n508\n1008\n1508\n2008\n"},
	} {
		before := g.metric("seagate_messages_out_total")
		r := ok(t, g.asRoot(), append([]string{"subscribe"}, strings.Fields(test.args)...)...)
		if r.out != test.want {
			t.Errorf("%s: printed %q, want %q", test.args, r.out, test.want)
		}
		if sent, want := g.metric("seagate_messages_out_total")-before, float64(strings.Count(test.want, "\n")); sent != want {
			t.Errorf("%s: the gateway has sent %v messages, want %v", test.args, sent, want)
		}
	}
}
