package gateway_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/auth"
	"seagate/gateway"
	"seagate/protocol"
	"seagate/storage/memory"
	"seagate/streams"
)

func audited(s *gateway.Settings) {
	s.Audit = gateway.AuditPolicy{Enabled: true, Age: time.Hour, Bytes: 1 << 20, PerMinute: 6}
}

// entries returns the audit stream.
func (p *parts) entries(root *auth.Principal) (entries []protocol.AuditEntry) {
	p.t.Helper()
	topic, ok := p.Network.Lookup(streams.ID{Space: root.JailUID, Name: protocol.AuditStream})
	if !ok {
		p.t.Fatal("there is no audit stream")
	}
	messages, err := topic.Read(context.Background(), 1, 100_000, 1<<30)
	must(p.t, err)
	for _, m := range messages {
		var e protocol.AuditEntry
		must(p.t, json.Unmarshal(m.Payload, &e))
		entries = append(entries, e)
	}
	return entries
}

// A jail cannot push the entries of others out: it has a bound, and its next entry says how
// many were left out. The root jail has none.
func TestEntriesOfOneJailAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), audited)
		root, _ := g.Root("root")
		_, s, err := g.CreateJail(t.Context(), root, "acme", "", "boss")
		g.ok(err)
		boss := g.login("boss", s)
		rotate := func(who *auth.Principal, times int) {
			for range times {
				g.ok(g.DeleteStream(t.Context(), who, "s"))
				g.define(who, "s")
			}
		}
		g.define(boss, "s")
		rotate(boss, 100)
		of := func(jail string) (n, suppressed int) {
			for _, e := range g.entries(root) {
				if e.JailID == jail {
					n, suppressed = n+1, suppressed+e.Suppressed
				}
			}
			return n, suppressed
		}
		if n, _ := of("acme"); n != 60 {
			t.Errorf("%d entries of a jail that may have 6 a minute, and 60 at once", n)
		}
		time.Sleep(time.Minute)
		rotate(boss, 1)
		if n, suppressed := of("acme"); n != 62 || suppressed != 141 {
			t.Errorf("%d entries, and %d are said to be left out; want 62 and 141", n, suppressed)
		}
		g.define(root, "s")
		rotate(root, 100)
		if n, _ := of("root"); n != 202 {
			t.Errorf("%d entries of the root jail, want all 202", n)
		}
		for range 1000 {
			if _, _, err := g.CreateJail(t.Context(), boss, "x", "", "y"); code(err) != protocol.CodeForbidden {
				t.Fatal(err)
			}
		}
		if n, _ := of("acme"); n != 62+10 {
			t.Errorf("%d refusals are noted, want 10", n-62)
		}
	})
}

func TestAChangeStandsIfItsEntryCannotBeWritten(t *testing.T) {
	g := build(t, memory.New(), audited)
	root := g.root()
	g.define(root, "s")
	topic, _ := g.Network.Lookup(streams.ID{Space: root.JailUID, Name: protocol.AuditStream})
	must(t, topic.Hold(t.Context(), true)) // as a disk that refuses appends
	g.ok(g.DeleteStream(t.Context(), root, "s"))
	if _, err := g.Stream(root, "s"); code(err) != protocol.CodeStreamNotFound {
		t.Errorf("it is still there: %v", err)
	}
	if lost := g.counted("seagate_audit_lost_total"); lost != 1 {
		t.Errorf("%v entries are counted as lost, want 1", lost)
	}
}

// The retention of the setting holds, also if it was changed.
func TestTheAuditStreamHasItsOwnRetention(t *testing.T) {
	records := memory.New()
	g := build(t, records, func(s *gateway.Settings) { audited(s) })
	root := g.root()
	g.define(root, "s")
	settings := g.Settings()
	settings.Audit.Age, settings.Audit.Bytes = 2*time.Hour, 2<<20
	again, err := gateway.New(t.Context(), g.Parts, settings)
	must(t, err)
	defer again.Close()
	again.AuditStart("test")
	topic, _ := g.Network.Lookup(streams.ID{Space: root.JailUID, Name: protocol.AuditStream})
	if _, holds := topic.Policy(); holds.Retention.Age != 2*time.Hour || holds.Retention.Bytes != 2<<20 || holds.Durability != streams.OnDisk {
		t.Errorf("it keeps %+v", holds)
	}
}

// A secret or a key is in no entry.
func TestNoEntryHasASecret(t *testing.T) {
	g := build(t, memory.New(), audited)
	root := g.root()
	_, made, err := g.CreateClient(t.Context(), root, "c", "", nil)
	g.ok(err)
	_, rotated, err := g.RotateSecret(t.Context(), root, "c", 0)
	g.ok(err)
	g.bearer(g.login("c", rotated), "")
	text, err := json.Marshal(g.entries(root))
	must(t, err)
	for _, secret := range []string{made.Reveal(), rotated.Reveal(), "PUBLIC KEY"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the entries have %q: %s", secret, text)
		}
	}
}

// counted returns the value of a counter without labels.
func (p *parts) counted(name string) float64 {
	p.t.Helper()
	families, err := p.Registry.Gather()
	must(p.t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.Metric[0].Counter.GetValue()
		}
	}
	p.t.Fatalf("there is no counter %s", name)
	return 0
}
