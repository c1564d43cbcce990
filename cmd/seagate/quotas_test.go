package main_test

import (
	"strings"
	"testing"
)

// The operator sets quotas with the command, keeps those that it does not name, and everybody
// sees what holds.
func TestJailsQuotaCommand(t *testing.T) {
	t.Parallel()
	g := start(t)
	tenant := g.newJail("acme", "boss")
	out := ok(t, g.asRoot(), "jails", "quota", "acme", "--disk", "10GiB", "--max-retention-age", "48h").out
	for _, line := range []string{"disk\t1KiB\t10GiB\tjail\n", "streams\t0\t10000\tdefault\n", "max-retention-age\t-\t48h0m0s\tjail\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("%q lacks %q", out, line)
		}
	}
	out = ok(t, g.asRoot(), "jails", "quota", "acme", "--streams", "1", "--max-retention-age", "default").out
	if !strings.Contains(out, "disk\t1KiB\t10GiB\tjail\n") || !strings.Contains(out, "streams\t0\t1\tjail\n") || strings.Contains(out, "48h") {
		t.Errorf("after another change: %q", out)
	}
	as := []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=boss", "SEAGATE_CLIENT_SECRET=" + tenant.secret}
	if own := ok(t, as, "jails", "quota").out; own != out {
		t.Errorf("the tenant sees %q, want %q", own, out)
	}
	if r := command(t, as, "jails", "quota", "acme", "--disk", "0"); r.code != 1 || !strings.HasPrefix(r.notes, "error: forbidden: ") {
		t.Errorf("the tenant may set its quotas: %d %s", r.code, r.notes)
	}
	if r := command(t, g.asRoot(), "jails", "quota", "acme", "--disk", "much"); r.code != 2 || !strings.Contains(r.notes, "--disk") {
		t.Errorf("a wrong size: %d %s", r.code, r.notes)
	}
	g.define(tenant, "a")
	g.refused(tenant, 429, "too_many_streams", "POST", "/streams/b/define", `{"version":1,"fields":[{"name":"n","type":"integer"}]}`)
	list := ok(t, g.asRoot(), "jails", "list").out
	if !strings.Contains(list, "\tstreams 100%\n") || !strings.Contains(list, "/10GiB\t") {
		t.Errorf("the list: %q", list)
	}
	if now := g.metric(`seagate_jail_used{jail="acme",resource="streams"}`); now != 1 {
		t.Errorf("the metric has %v", now)
	}
}

// What is stored of clients and groups has a quota of its own: what grows beyond it is refused, by
// HTTP and on a WebSocket, and what shrinks passes.
func TestQuotaOfRecords(t *testing.T) {
	t.Parallel()
	g := start(t)
	tenant := g.newJail("acme", "boss")
	g.define(tenant, "a")
	out := ok(t, g.asRoot(), "jails", "quota", "acme", "--records", "2200").out
	if !strings.Contains(out, "records\t1KiB\t2.1KiB\tjail\n") {
		t.Errorf("the quotas: %q", out)
	}
	as := []string{"SEAGATE_URL=http://" + g.listen, "SEAGATE_CLIENT_ID=boss", "SEAGATE_CLIENT_SECRET=" + tenant.secret}
	g.ok(tenant, "POST", "/client", `{"clientId":"b","description":""}`)
	if r := command(t, as, "subscribe", "a", "--group", groupID); r.code != 1 || !strings.Contains(r.notes, "quota_exceeded") || !strings.Contains(r.notes, "records") {
		t.Errorf("a group beyond the quota: %d %s", r.code, r.notes)
	}
	g.ok(tenant, "POST", "/client", `{"clientId":"c","description":""}`)
	g.refused(tenant, 507, "quota_exceeded", "POST", "/client", `{"clientId":"d","description":""}`)
	if refused := g.metric(`seagate_quota_refusals_total{resource="records"}`); refused != 2 {
		t.Errorf("%v refusals count", refused)
	}
	if used := g.metric(`seagate_jail_used{jail="acme",resource="records"}`); used < 2000 || used > 2200 {
		t.Errorf("the metric has %v", used)
	}
	g.ok(tenant, "PUT", "/client/c", "")
	g.ok(tenant, "DELETE", "/client/c", "")
	g.ok(tenant, "POST", "/client", `{"clientId":"d","description":""}`)
}
