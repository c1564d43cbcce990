package main_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"seagate/client"
	"seagate/cmd/seagate/oracle"
)

// killRounds is how often the gateway is killed, unless SEAGATE_KILL_ROUNDS
// says something else.
const killRounds = 5

// TestPromisesHoldThroughKill9: a gateway under the load of an oracle is killed
// at any moment and started again, round after round. It keeps its promises.
// SEAGATE_SEED repeats a run, as far as chance decides.
func TestPromisesHoldThroughKill9(t *testing.T) {
	random := rand.New(rand.NewPCG(seed(t), 0))
	folder := t.TempDir()
	settings := []string{"SEAGATE_GROUPS_ACK_TIMEOUT=2s", "SEAGATE_LOG_LEVEL=info"}
	g := startIn(t, folder, settings...)
	settings = append(settings, "SEAGATE_LISTEN="+g.listen) // clients come back to where it was
	o := newOracle(t, g, func(o *oracle.Options) {
		o.Seed = random.Uint64()
		o.Rate = 60
		o.AckTimeout = 2 * time.Second
	})
	if err := o.Start(); err != nil {
		t.Fatal(err)
	}
	for range number(t, "SEAGATE_KILL_ROUNDS", killRounds) {
		loaded := o.Acknowledged() + 50
		eventually(t, "load", func() bool { return o.Acknowledged() >= loaded })
		<-time.After(50*time.Millisecond + time.Duration(random.Int64N(int64(450*time.Millisecond))))
		o.Disturb()
		g.kill()
		g = startIn(t, folder, settings...)
	}
	judge(t, o)
	g.stopped()
}

// newOracle returns an oracle for a gateway, with options of its own.
func newOracle(t *testing.T, g *gateway, change func(*oracle.Options)) *oracle.Oracle {
	t.Helper()
	options := oracle.DefaultOptions()
	options.Patience = patience
	options.Journal = t.TempDir()
	change(&options)
	o, err := oracle.New(oracle.Target{URL: "http://" + g.listen, Credentials: client.Basic(root.id, root.secret)}, options)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// judge fails the test with what the oracle finds.
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

// seed returns what SEAGATE_SEED says, or a new one, which it logs.
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

// number returns what a variable of the environment says, or usual.
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
