package main_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"seagate/cmd/seagate/bench"
)

// TestBench puts a little load of each kind on a gateway. Everything that was published is
// counted, and delivered as often as there are subscribers that may have it.
func TestBench(t *testing.T) {
	t.Parallel()
	g := start(t)
	for _, kind := range []struct {
		flags                string
		published, delivered int64
	}{
		{"--messages 50 --subscribers 3 --pid " + strconv.Itoa(g.cmd.Process.Pid), 50, 150},
		{"--messages 60 --publishers 3 --subscribers 4 --streams 2 --durability memory --window 8 --size 5000", 60, 120},
		{"--messages 20 --rate 200 --subscribers 1", 20, 20},
		{"--messages 40 --subscribers 6 --groups 2 --durability disk", 40, 80},
		{"--messages 40 --subscribers 6 --filters 4 --window 4", 40, 60},
		{"--messages 30 --publishers 2 --subscribers 2 --fetch --window 4", 30, 0},
		{"--messages 20 --publishers 2 --subscribers 1 --http", 20, 20},
		{"--messages 300 --window 100 --subscribers 2 --replay", 300, 600},
		{"--publishers 0 --subscribers 5 --duration 10ms", 0, 0},
	} {
		r := ok(t, g.asRoot(), append([]string{"bench", "--json"}, strings.Fields(kind.flags)...)...)
		var report bench.Report
		if err := json.Unmarshal([]byte(r.out), &report); err != nil {
			t.Fatalf("%s: %v: %s", kind.flags, err, r.out)
		}
		if report.Published != kind.published || report.Delivered != kind.delivered || report.Refused+report.Undelivered != 0 {
			t.Errorf("%s: published %d, want %d, delivered %d, want %d: %s",
				kind.flags, report.Published, kind.published, report.Delivered, kind.delivered, r.out)
		}
		if kind.published > 0 && (report.Publish == nil || report.Publish.P50 <= 0 || report.Publish.P50 > report.Publish.Max) {
			t.Errorf("%s: the latencies are %v", kind.flags, report.Publish)
		}
		if strings.Contains(kind.flags, "--pid") && (report.Server == nil || report.Server.Memory == 0) {
			t.Errorf("%s: nothing of the server: %s", kind.flags, r.out)
		}
	}
	if list := ok(t, g.asRoot(), "streams"); strings.Contains(list.out, "bench-") {
		t.Errorf("streams are left:\n%s", list.out)
	}
	if list := ok(t, g.asRoot(), "clients", "list"); strings.Contains(list.out, "bench-") {
		t.Errorf("clients are left:\n%s", list.out)
	}
}

// TestBenchRefusesWhatDoesNotGoTogether names all problems at once, and says what refused messages
// are about.
func TestBenchRefusesWhatDoesNotGoTogether(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_LIMITS_MESSAGE_BYTES=64KiB")
	r := command(t, g.asRoot(), "bench", "--publishers", "-1", "--size", "1", "--groups", "1", "--filters", "1")
	for _, want := range []string{"publishers is -1", "size is 1", "groups and filters"} {
		if r.code != 2 || !strings.Contains(r.notes, want) {
			t.Errorf("exit status %d, and it does not say %q: %s", r.code, want, r.notes)
		}
	}
	r = command(t, g.asRoot(), "bench", "--json", "--messages", "2", "--subscribers", "1", "--http", "--size", "70000")
	if r.code != 1 || !strings.Contains(r.notes, "message_too_large") {
		t.Errorf("exit status %d after messages that are too large: %s", r.code, r.notes)
	}
	var report bench.Report
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || report.Refused != 2 || report.Undelivered != 0 {
		t.Errorf("%v: nobody waits for a message that was refused: %s", err, r.out)
	}
}
