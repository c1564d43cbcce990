package app_test

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"seagate/client"
	"seagate/cmd/seagate/app"
	"seagate/cmd/seagate/config"
	"seagate/cmd/seagate/oracle"
)

// SEAGATE_SOAK makes everything larger and longer.
func soaking() bool { return os.Getenv("SEAGATE_SOAK") != "" }

// The delivery soak has publishers of every kind, and subscribers alone, with filters
// in their tokens and in groups, while connections end and begin. At the end, the log
// decides whether every session has received exactly its messages, in order.
func TestDeliverySoak(t *testing.T) {
	c := soakConfig(t)
	a, _ := start(t, c)
	judge(t, a, c, func(o *oracle.Options) {
		if soaking() {
			o.Duration, o.Publishers, o.Streams, o.Members = time.Minute, 20, 4, 11
		}
	})
}

// The retention soak is the same with readers that stop for some time, while retention
// deletes messages that they have not read. Exactly the readers that lost messages
// must be told. On a slow machine a run may end before a message is lost; then
// another run follows.
func TestRetentionSoak(t *testing.T) {
	c := soakConfig(t)
	a, _ := start(t, c)
	const most = 5
	for range most {
		report := judge(t, a, c, func(o *oracle.Options) {
			o.Keep, o.Bytes, o.Session = 40, 500, 200*time.Millisecond
			if soaking() {
				o.Duration, o.Publishers, o.Members = 30*time.Second, 16, 8
			}
		})
		if s := report.Summary; t.Failed() || s.Dropped > 0 && s.Missing > 0 {
			return
		}
	}
	t.Errorf("retention was not tried in %d runs", most)
}

// While no member leaves, stalls or gives messages back, no message comes twice,
// except for dead letters.
func TestCalmSoak(t *testing.T) {
	c := soakConfig(t)
	c.Groups.MaxDeliveries = 0
	c.Groups.AckTimeout = 5 * time.Minute // what waits in a member on a slow machine is not late
	a, _ := start(t, c)
	report := judge(t, a, c, func(o *oracle.Options) {
		o.Calm, o.Duration = true, 2*time.Second
		if soaking() {
			o.Duration = 30 * time.Second
		}
	})
	if s := report.Summary; s.Redelivered != 0 || s.Reconnects != 0 || s.Disturbances != 0 || s.Unknown != 0 {
		t.Errorf("something came twice, or connections ended: %+v", s)
	}
}

// TestClientGroupSoak has subscriptions without a group that share the messages, with
// the setting streams.ungrouped = "client-group".
func TestClientGroupSoak(t *testing.T) {
	c := soakConfig(t)
	c.Streams.Ungrouped = config.ClientGroup
	a, _ := start(t, c)
	judge(t, a, c, func(o *oracle.Options) {
		o.Shared, o.Streams, o.Duration = true, 1, 2*time.Second
		if soaking() {
			o.Duration = 30 * time.Second
		}
	})
}

// soakConfig keeps few messages in memory, so that slow readers read from disk.
func soakConfig(t *testing.T) *config.Config {
	c := testConfig(t)
	c.Streams.TailMessages = 100
	c.Groups.AckTimeout = 2 * time.Second
	return c
}

// judge runs an oracle and fails the test with the violations that it finds.
func judge(t *testing.T, a *app.App, c *config.Config, change func(*oracle.Options)) *oracle.Report {
	t.Helper()
	options := oracle.DefaultOptions()
	options.Duration = 4 * time.Second
	options.Seed = rand.Uint64()
	options.Journal = t.TempDir()
	options.AckTimeout = c.Groups.AckTimeout
	options.MaxDeliveries = c.Groups.MaxDeliveries
	change(&options)
	o, err := oracle.New(oracle.Target{URL: a.URL(), Credentials: client.Basic("root", rootSecret)}, options)
	if err != nil {
		t.Fatal(err)
	}
	report, err := o.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	report.WriteTo(&text)
	t.Logf("seed %d\n%s", options.Seed, text.String())
	if !report.OK() {
		t.Fail()
	}
	return report
}
