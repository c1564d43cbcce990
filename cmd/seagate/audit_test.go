package main_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"seagate/protocol"
)

// audited returns the entries of the audit stream, oldest first.
func (g *gateway) audited() (entries []protocol.AuditEntry) {
	g.t.Helper()
	for line := range strings.Lines(ok(g.t.(*testing.T), g.asRoot(), "audit", "--json").out) {
		var e protocol.AuditEntry
		if err := json.Unmarshal([]byte(line), &e, json.RejectUnknownMembers(false)); err != nil {
			g.t.Fatalf("%s: %v", line, err)
		}
		entries = append(entries, e)
	}
	return entries
}

// tell returns an entry without what differs between runs.
func tell(e protocol.AuditEntry) string {
	return strings.TrimSpace(fmt.Sprintf("%s/%s %s: %s %s %s%s", e.JailID, e.ClientID, e.By, e.Action, e.Subject, e.Result, told(e)))
}

func told(e protocol.AuditEntry) (text string) {
	if e.Before != nil {
		text += " before " + string(e.Before)
	}
	if e.After != nil {
		text += " after " + string(e.After)
	}
	return text
}

// Every administrative change is an entry when it is answered, with who, from where and
// what. The entries outlive a kill.
func TestTheAuditStreamHasEveryChange(t *testing.T) {
	t.Parallel()
	g := start(t)
	boss := g.newJail("acme", "boss")
	g.newClient(boss, "worker")
	g.define(boss, "boiler")
	g.ok(boss, "POST", "/streams/boiler/pause", "")
	g.ok(boss, "POST", "/streams/boiler/resume", "")
	g.ok(boss, "PUT", "/streams/boiler/settings", `{"retention":{"age":60}}`)
	worker := g.newClient(boss, "worker2")
	g.login(worker, "acme").subscribe(2, "boiler", groupID)
	g.ok(boss, "POST", "/streams/boiler/groups/worker2/"+groupID+"/move", `{"to":"latest"}`)
	g.ok(boss, "DELETE", "/streams/boiler/groups/worker2/"+groupID, "")
	g.ok(boss, "PUT", "/services/pricing", `{"version":1,"procedures":[]}`)
	g.ok(boss, "DELETE", "/services/pricing", "")
	g.ok(boss, "PUT", "/client/worker", "")
	g.ok(boss, "DELETE", "/client/worker", "")
	g.refused(boss, 403, "forbidden", "POST", "/jails", `{"newJailId":"x","newJailName":"","newClientId":"y"}`)
	g.ok(boss, "DELETE", "/streams/boiler", "")
	g.ok(root, "DELETE", "/jails/acme", "")
	g.kill()
	log := g.log.text()
	g = startIn(t, g.folder)
	var got []string
	for _, e := range g.audited() {
		if e.By == "gateway" {
			continue
		}
		if e.Result == "ok" && !regexp.MustCompile(`"msg":"`+e.Action+`".*"address":"127.0.0.1"`).MatchString(log) {
			t.Errorf("the log has no line of %q with an address", e.Action)
		}
		if e.Time == "" || e.Address != "127.0.0.1" {
			t.Errorf("no time or no address: %+v", e)
		}
		got = append(got, tell(e))
	}
	want := []string{
		`root/root secret: jail created acme ok after {"clientId":"boss","name":""}`,
		`acme/boss secret: client created worker ok after {"description":""}`,
		`acme/boss secret: stream defined boiler ok after {"change":"created","version":"1"}`,
		`acme/boss secret: stream paused boiler ok`,
		`acme/boss secret: stream resumed boiler ok`,
		`acme/boss secret: stream settings changed boiler ok before {} after {"retention":{"age":60}}`,
		`acme/boss secret: client created worker2 ok after {"description":""}`,
		`acme/boss secret: group moved boiler/worker2/` + groupID + ` ok before {"position":1} after {"position":1}`,
		`acme/boss secret: group deleted boiler/worker2/` + groupID + ` ok`,
		`acme/boss secret: service defined pricing ok after {"change":"created","version":"1"}`,
		`acme/boss secret: service definition deleted pricing ok`,
		`acme/boss secret: secret rotated worker ok`,
		`acme/boss secret: client deleted worker ok`,
		`acme/boss secret: manage jails  forbidden`,
		`acme/boss secret: stream deleted boiler ok`,
		`root/root secret: jail deleted acme ok before {"name":""}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the audit stream has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	starts := 0
	for _, e := range g.audited() {
		if e.Action == "gateway started" && strings.Contains(string(e.After), `"epoch"`) {
			starts++
		}
	}
	if starts != 2 {
		t.Errorf("%d starts are noted, want 2", starts)
	}
}

// Only administrators of the root jail read the audit stream, and nobody changes it.
func TestTheAuditStreamIsNobodysButTheGateways(t *testing.T) {
	t.Parallel()
	g := start(t)
	boss := g.newJail("acme", "boss")
	const stream = "/streams/$audit"
	for _, c := range []struct{ method, path, body string }{
		{"POST", stream + "/publish", `{"payload":{"time":"","action":"","result":"","by":""}}`},
		{"POST", stream + "/define", `{"version":2,"fields":[]}`},
		{"DELETE", stream, ""},
		{"PUT", stream + "/header", `{"payload":{"time":"","action":"","result":"","by":""}}`},
		{"DELETE", stream + "/header", ""},
		{"POST", stream + "/pause", ""},
		{"PUT", stream + "/settings", `{"retention":{"age":1}}`},
	} {
		g.refused(root, 403, "forbidden", c.method, c.path, c.body)
		g.refused(boss, 403, "forbidden", c.method, c.path, c.body)
	}
	for _, path := range []string{"/messages", "/settings", "/schema", "/groups"} {
		g.refused(boss, 403, "forbidden", "GET", stream+path, "")
	}
	if list := g.ok(root, "GET", "/streams", ""); strings.Contains(list, "$audit") {
		t.Errorf("the list of streams has it: %s", list)
	}
	p := g.login(root, "root")
	p.Send(`{"id":2,"action":"subscribe","payload":"$audit","from":"earliest"}`)
	g.newClient(root, "another")
	for !strings.Contains(p.next().message, `"action":"client created"`) {
	}
	q := g.login(boss, "acme")
	q.Send(`{"id":2,"action":"subscribe","payload":"$audit"}`)
	q.wantRefusal("forbidden")
}

// The audit stream takes no place from the streams of the root jail, and they none from it.
func TestTheAuditStreamIsNotCounted(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_LIMITS_STREAMS_PER_JAIL=2")
	for _, stream := range []string{"a", "b"} {
		g.define(root, stream)
		g.ok(root, "POST", "/streams/"+stream+"/publish", `{"payload":{"n":1}}`)
	}
	g.refused(root, 429, "too_many_streams", "POST", "/streams/c/define", `{"version":1,"fields":[]}`)
	if used := g.ok(root, "GET", "/quotas", ""); !strings.Contains(used, `"streams":2`) {
		t.Errorf("%s", used)
	}
	if n := len(g.audited()); n < 2 {
		t.Errorf("the audit stream has %d entries", n)
	}
}
