package main_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"seagate/client"
	"seagate/cmd/seagate/oracle"
)

// killRounds is how often the gateway is killed, unless SEAGATE_KILL_ROUNDS is set.
const killRounds = 5

// TestPromisesHoldOverKill9 kills and restarts a gateway at random moments while an
// oracle uses it. The gateway keeps its promises. SEAGATE_SEED repeats the random
// choices of a run.
func TestPromisesHoldOverKill9(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(seed(t), 0))
	rounds := number(t, "SEAGATE_KILL_ROUNDS", killRounds)
	folder := t.TempDir()
	settings := []string{"SEAGATE_GROUPS_ACK_TIMEOUT=4s", "SEAGATE_LOG_LEVEL=info"}
	g := startIn(t, folder, settings...)
	settings = append(settings, "SEAGATE_LISTEN="+g.listen) // clients come back to where it was
	var options oracle.Options
	o := newOracle(t, g, func(o *oracle.Options) {
		o.Seed = random.Uint64()
		o.Rate = 60
		o.Messages = 10_000_000 // publishers must not come to an end between two rounds
		o.AckTimeout = 4 * time.Second
		o.KeepStreams = true
		options = *o
	})
	if err := o.Start(); err != nil {
		t.Fatal(err)
	}
	for range rounds {
		due := o.Acknowledged() + 75 + random.IntN(200) // about half a second of load
		eventually(t, "load", func() bool { return o.Acknowledged() >= due })
		o.Disturb()
		g.kill()
		g = startIn(t, folder, settings...)
	}
	judge(t, o)
	report, err := oracle.Verify(t.Context(), target(g), options.Journal, options) // as after the oracle was killed
	if err != nil || !report.OK() || report.Summary.Acknowledged != o.Acknowledged() {
		t.Errorf("by the journals alone: %+v, %v", report, err)
	}
	g.stopped()
}

// TestOracleCommand: an operator tries a deployment.
func TestOracleCommand(t *testing.T) {
	t.Parallel()
	g := start(t)
	for _, c := range []struct {
		secret string
		status int
		says   string
	}{
		{root.secret, 0, "\n0 violations\n"},
		{root.secret + "x", 3, "invalid_credentials"},
	} {
		cmd := exec.Command(program, "oracle", "--duration", "300ms", "--publishers", "3", "--streams", "1", "--journal", filepath.Join(t.TempDir(), "journal"))
		cmd.Env = append(bare(t.TempDir()), "SEAGATE_URL=http://"+g.listen, "SEAGATE_CLIENT_ID="+root.id, "SEAGATE_CLIENT_SECRET="+c.secret)
		out, _ := cmd.CombinedOutput()
		if status := cmd.ProcessState.ExitCode(); status != c.status || !strings.Contains(string(out), c.says) {
			t.Errorf("exit status %d, want %d; the output is\n%s", status, c.status, out)
		}
	}
	if list := g.ok(root, "GET", "/streams", ""); strings.Contains(list, "oracle-") {
		t.Errorf("streams are left: %s", list)
	}
	g.stopped()
}

// newOracle returns an oracle for a gateway, with changed options.
func newOracle(t *testing.T, g *gateway, change func(*oracle.Options)) *oracle.Oracle {
	t.Helper()
	options := oracle.DefaultOptions()
	options.Patience = patience
	options.Journal = t.TempDir()
	change(&options)
	o, err := oracle.New(target(g), options)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func target(g *gateway) oracle.Target {
	return oracle.Target{URL: "http://" + g.listen, Credentials: client.Basic(root.id, root.secret)}
}

// judge fails the test with the violations of the report.
func judge(t *testing.T, o *oracle.Oracle) {
	t.Helper()
	report, err := o.Finish()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	report.WriteTo(&text)
	t.Log(text.String())
	if !report.OK() {
		t.Fail()
	}
}

// seed returns SEAGATE_SEED, or a random seed, which it logs.
func seed(t *testing.T) uint64 {
	t.Helper()
	chosen := rand.Uint64()
	if text := os.Getenv("SEAGATE_SEED"); text != "" {
		var err error
		if chosen, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("SEAGATE_SEED: %v", err)
		}
	}
	t.Logf("SEAGATE_SEED=%d", chosen)
	return chosen
}

// number returns the number in an environment variable, or usual.
func number(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%s: give a number", variable, text)
	}
	return n
}
