package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/protocol"
)

// An explained jail has a stream "calls" with the fields to and teu, the client boss, the client
// viewer, whose tokens the key "explain" signs, and the client reader, which may only subscribe.
type explainedJail struct {
	*gateway
	name                 string
	boss, viewer, reader credentials
}

func newExplainedJail(t *testing.T, g *gateway, name string) *explainedJail {
	t.Helper()
	j := &explainedJail{gateway: g, name: name, boss: g.newJail(name, "boss")}
	t.Cleanup(func() { fetch(j.request(root, "DELETE", "/jails/"+name, "")) }) // a gateway of the test alone has ended
	j.viewer, j.reader = g.newClient(j.boss, "viewer"), g.newClient(j.boss, "reader")
	g.ok(j.boss, "PUT", "/client/reader/rights", `{"rights":{"subscribe":["other"]}}`)
	key := strings.ReplaceAll(publicPEM(t, name), "\n", `\n`)
	g.ok(j.boss, "PUT", "/client/viewer/jwt-public-key", `{"jwtPublicKey":"`+key+`"}`)
	g.ok(j.boss, "POST", "/streams/calls/define", `{"version":1,"fields":[{"name":"to","type":"string"},{"name":"teu","type":"integer"}]}`)
	return j
}

// token returns a token of viewer with claims beside exp, each `"name":value`.
func (j *explainedJail) token(t *testing.T, expires time.Duration, claims ...string) string {
	t.Helper()
	all := append([]string{fmt.Sprintf(`"exp":%d`, time.Now().Add(expires).Unix())}, claims...)
	return signToken(t, j.name, "RS512", "{"+strings.Join(all, ",")+"}")
}

const toRotterdam = `"filter":{"t":"and","e":[{"t":"eq","e":[{"t":"path","e":"to"},{"t":"string","e":"NLRTM"}]},{"t":"eq","e":[{"t":"path","e":"teu"},{"t":"number","e":2}]}]}`

// bearer logs in with a token.
func (j *explainedJail) bearer(t *testing.T, token string) *peer {
	t.Helper()
	p := j.dial()
	p.Send(fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"jwt","clientId":"viewer","jwt":%q}}`, token))
	p.want(fmt.Sprintf(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":%q}}`, j.name))
	return p
}

func call(to string, teu int) string { return fmt.Sprintf(`{"to":%q,"teu":%d}`, to, teu) }

// ask asks about a message of calls. body has the members of the request.
func (j *explainedJail) ask(t *testing.T, as credentials, seq int, body string) protocol.Explanation {
	t.Helper()
	return explanation(t, j.ok(as, "POST", fmt.Sprintf("/streams/calls/messages/%d/explain", seq), body))
}

func explanation(t *testing.T, body string) (x protocol.Explanation) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &x, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, s := range x.Steps {
		i := slices.IndexFunc(protocol.ExplainCodes, func(c protocol.ExplainCode) bool { return c.Code == s.Code })
		if _, refusal := protocol.Code(s.Code).Info(); i < 0 && !refusal {
			t.Errorf("the code %s is not in the list", s.Code)
		} else if i >= 0 && (protocol.ExplainCodes[i].Step != s.Step || protocol.ExplainCodes[i].Verdict != s.Verdict) {
			t.Errorf("%s %s has the code %s", s.Step, s.Verdict, s.Code)
		}
	}
	return x
}

// codes lists the codes of an explanation.
func codes(x protocol.Explanation) string {
	list := []string{string(x.Verdict)}
	for _, s := range x.Steps {
		list = append(list, s.Code)
	}
	return strings.Join(list, " ")
}

func wantCodes(t *testing.T, x protocol.Explanation, want string) {
	t.Helper()
	if got := codes(x); got != want {
		t.Errorf("got\n %s\nwant\n %s\n%+v", got, want, x)
	}
}

// wantEventually is wantCodes for what deliveries have not come to yet.
func (j *explainedJail) wantEventually(t *testing.T, as credentials, seq int, body, want string) (x protocol.Explanation) {
	t.Helper()
	eventually(t, want, func() bool {
		x = j.ask(t, as, seq, body)
		return codes(x) == want
	})
	return x
}

const (
	known  = "credentials_in_force may_subscribe stream_defined message_accepted message_kept schema_in_force"
	nobody = "no_subscription"
)

func TestExplainToClients(t *testing.T) {
	t.Parallel()
	j := newExplainedJail(t, sharedGateway(t), "explain-clients")
	j.publish(j.boss, "calls", call("NLRTM", 2))
	j.publish(j.boss, "calls", call("BEANR", 2))

	// A client about itself, and the boss about others.
	wantCodes(t, j.ask(t, j.viewer, 1, `{}`), "waiting "+known+" no_filter "+nobody)
	wantCodes(t, j.ask(t, j.boss, 1, `{"clientId":"viewer"}`), "waiting "+known+" no_filter "+nobody)
	wantCodes(t, j.ask(t, j.viewer, 9, `{}`), "no credentials_in_force may_subscribe stream_defined not_published")
	wantCodes(t, j.ask(t, j.boss, 1, `{"clientId":"ghost"}`), "no client_not_found stream_defined message_accepted message_kept schema_in_force")
	wantCodes(t, j.ask(t, j.boss, 1, `{"clientId":"reader"}`),
		"no credentials_in_force forbidden stream_defined message_accepted message_kept schema_in_force no_filter "+nobody)

	// Whoever may not read the stream learns nothing of it.
	wantCodes(t, j.ask(t, j.reader, 1, `{}`), "no credentials_in_force forbidden")
	wantCodes(t, j.ask(t, j.reader, 9, `{}`), "no credentials_in_force forbidden")
	j.refused(j.reader, 403, "forbidden", "POST", "/streams/calls/messages/1/explain", `{"clientId":"viewer"}`)
	j.refused(j.reader, 403, "forbidden", "GET", "/streams/calls/messages/1/explain?client=viewer", "")
	x := explanation(t, j.ok(j.viewer, "POST", "/streams/none/messages/1/explain", `{}`))
	wantCodes(t, x, "no credentials_in_force may_subscribe stream_not_found")

	// Subscriptions.
	after := j.login(j.viewer, j.name)
	after.subscribe(2, "calls", "")
	j.publish(j.boss, "calls", call("NLRTM", 3))
	x = j.wantEventually(t, j.boss, 3, `{"clientId":"viewer"}`, "yes "+known+" no_filter subscription_past")
	if s := x.Steps[len(x.Steps)-1]; s.ClientID != "viewer" || s.ConnectionID == "" || s.Cursor == nil || s.Cursor.Position != 4 || s.Cursor.Began != 3 {
		t.Errorf("%+v %+v", s, s.Cursor)
	}
	wantCodes(t, j.ask(t, j.boss, 1, `{"clientId":"viewer"}`), "no "+known+" no_filter subscription_later")

	// Bad questions.
	for _, body := range []string{`{"groupId":"x"}`, `{"client":"viewer"}`, `{"clientId":""""}`, `[]`} {
		if a := j.call(j.boss, "POST", "/streams/calls/messages/1/explain", body); a.status != 400 {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	j.refused(j.boss, 400, "invalid_request", "GET", "/streams/calls/messages/0/explain", "")
	j.refused(j.boss, 400, "invalid_request", "GET", "/streams/calls/messages/1/explain?token=x", "")
	j.refused(j.boss, 410, "position_lost", "GET", "/streams/calls/messages/1/explain?epoch=other", "")
}

func TestExplainToBearers(t *testing.T) {
	t.Parallel()
	j := newExplainedJail(t, sharedGateway(t), "explain-bearers")
	with := func(token string) string { return fmt.Sprintf(`{"clientId":"viewer","token":%q}`, token) }
	filtered := j.token(t, time.Hour, toRotterdam)
	p := j.bearer(t, filtered)
	p.subscribe(2, "calls", "")
	j.publish(j.boss, "calls", call("NLRTM", 2))
	j.publish(j.boss, "calls", call("BEANR", 2))

	x := j.wantEventually(t, j.boss, 1, with(filtered), "yes "+known+" filter_passes subscription_past")
	if f := x.Steps[6].Filter; f == nil || !f.Passes || f.Root.Type != "and" || len(f.Root.Operands) != 2 {
		t.Errorf("%+v", f)
	}
	x = j.wantEventually(t, j.viewer, 2, fmt.Sprintf(`{"token":%q}`, filtered), "no "+known+" filter_hides subscription_hidden")
	root := x.Steps[6].Filter.Root
	if root.Outcome != "false" || root.Operands[0].Outcome != "false" || !root.Operands[0].Decisive || root.Operands[1].Decisive ||
		root.Operands[0].Reason != `"BEANR" is not "NLRTM"` {
		t.Errorf("%+v", root.Operands[0])
	}

	refused := "no token_refused stream_defined message_accepted message_kept schema_in_force"
	wantCodes(t, j.ask(t, j.boss, 1, with(j.token(t, -time.Hour))), refused)
	wantCodes(t, j.ask(t, j.boss, 1, with("x.y.z")), refused)
	wantCodes(t, j.ask(t, j.viewer, 1, fmt.Sprintf(`{"token":%q}`, j.token(t, -time.Hour))), "no token_refused")
	x = j.ask(t, j.boss, 1, with(j.token(t, time.Hour, `"filter":{"t":"nope","e":1}`)))
	wantCodes(t, x, refused)
	if len(x.Steps[0].Errors) != 1 || !strings.Contains(x.Steps[0].Errors[0], "unknown type") {
		t.Errorf("%q", x.Steps[0].Errors)
	}
	wantCodes(t, j.ask(t, j.boss, 1, with(j.token(t, time.Hour, `"streams":["other"]`))),
		"no credentials_in_force forbidden stream_defined message_accepted message_kept schema_in_force no_filter "+nobody)
	missing := j.token(t, time.Hour, `"filter":{"t":"not","e":{"t":"path","e":"eta.port"}}`)
	x = j.ask(t, j.boss, 1, with(missing))
	wantCodes(t, x, "no "+known+" filter_hides "+nobody)
	if got := x.Steps[6].Filter.Root.Operands[0].Reason; got != `the message has no $["eta"]` {
		t.Error(got)
	}
}

// However many values a message has, a filter that looks at one of them passes it. It is hidden from
// a filter that compares more of them than it may, and the explanation says so.
func TestFiltersOfAMessageOfManyValues(t *testing.T) {
	t.Parallel()
	j := newExplainedJail(t, sharedGateway(t), "many-values")
	j.ok(j.boss, "POST", "/streams/large/define", `{"version":1,"fields":[],"unknownFields":"accept"}`)
	one := j.token(t, time.Hour, `"filter":{"t":"eq","e":[{"t":"path","e":"n"},{"t":"number","e":1}]}`)
	all := j.token(t, time.Hour, `"filter":{"t":"eq","e":[{"t":"path","e":"s"},{"t":"path","e":"same"}]}`)
	p, q := j.bearer(t, one), j.bearer(t, all)
	p.subscribe(2, "large", "")
	q.subscribe(2, "large", "")
	list := "[" + strings.Repeat("0,", 200_000) + "0]"
	j.publish(j.boss, "large", `{"s":`+list+`,"same":`+list+`,"n":1}`)
	j.publish(j.boss, "large", `{"s":[0],"same":[0]}`)
	if got := p.next().message; !strings.Contains(got, `0],"n":1}`) || len(got) < 800_000 {
		t.Errorf("the first bearer got %.200s", got)
	}
	if got := q.next().message; !strings.Contains(got, `{"s":[0],"same":[0]}`) {
		t.Errorf("the second bearer got %.200s", got)
	}
	for token, want := range map[string]string{one: "filter_passes", all: "filter_too_costly"} {
		x := explanation(t, j.ok(j.boss, "POST", "/streams/large/messages/1/explain", fmt.Sprintf(`{"clientId":"viewer","token":%q}`, token)))
		if !strings.Contains(codes(x), want) {
			t.Errorf("explained as %s, want %s", codes(x), want)
		}
	}
}

func TestExplainGroups(t *testing.T) {
	t.Parallel()
	j := newExplainedJail(t, sharedGateway(t), "explain-groups")
	about := fmt.Sprintf(`{"clientId":"viewer","groupId":%q}`, groupID)
	want := func(seq int, verdict, code string) protocol.ExplainStep {
		t.Helper()
		x := j.wantEventually(t, j.boss, seq, about, verdict+" "+known+" no_filter "+code)
		return x.Steps[len(x.Steps)-1]
	}
	j.publish(j.boss, "calls", call("NLRTM", 1))
	want(1, "no", "group_not_found")

	m := j.login(j.viewer, j.name)
	m.Send(fmt.Sprintf(`{"id":2,"action":"subscribe","payload":"calls","groupId":%q,"ack":"explicit","credit":2}`, groupID))
	m.next()
	want(1, "no", "group_began_later")
	// Whoever does not ask about a group is not told that the message is for none of the others.
	j.wantEventually(t, j.boss, 1, `{"clientId":"viewer"}`, "waiting "+known+" no_filter "+nobody+" group_began_later")
	for n := range 4 {
		j.publish(j.boss, "calls", call("NLRTM", n))
	}
	s := want(2, "yes", "group_in_flight")
	if s.Group.Deliveries != 1 || s.ConnectionID == "" || s.At.IsZero() || s.GroupID != groupID {
		t.Errorf("%+v %+v", s, s.Group)
	}
	s = want(4, "waiting", "group_not_reached")
	if s.Group.Members != 1 || s.Group.Able != 0 || s.Group.Position != 2 {
		t.Errorf("%+v", s.Group)
	}
	m.Send(`{"id":3,"action":"ack","payload":{"subscription":2,"seq":3}}`)
	s = want(3, "yes", "group_acknowledged")
	if s.At.IsZero() || s.Group.Deliveries != 1 || s.ConnectionID == "" {
		t.Errorf("%+v", s)
	}
	m.Send(`{"id":4,"action":"nack","payload":{"subscription":2,"seq":2,"reason":"busy","delay":60}}`)
	want(2, "waiting", "group_delayed")
	m.Net.Close()
	s = want(4, "waiting", "group_waiting")
	if s.Group.Members != 0 {
		t.Errorf("%+v", s.Group)
	}
	j.ok(j.boss, "POST", "/streams/calls/groups/viewer/"+groupID+"/move", `{"to":"latest"}`)
	want(4, "no", "group_moved")

	// Without a group the answer is about all of them.
	x := j.wantEventually(t, j.boss, 4, `{"clientId":"viewer"}`, "no "+known+" no_filter "+nobody+" group_moved")
	if x.Steps[len(x.Steps)-1].GroupID != groupID {
		t.Errorf("%+v", x)
	}
}

func TestExplainDeadLetters(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_GROUPS_MAX_DELIVERIES=2")
	j := newExplainedJail(t, g, "explain-letters")
	about := fmt.Sprintf(`{"clientId":"viewer","groupId":%q}`, groupID)
	m := j.login(j.viewer, j.name)
	m.Send(fmt.Sprintf(`{"id":2,"action":"subscribe","payload":"calls","groupId":%q,"ack":"explicit"}`, groupID))
	m.next()
	j.publish(j.boss, "calls", call("NLRTM", 1))
	for id := range 2 {
		for {
			if e := m.next(); strings.Contains(e.message, `"seq":1`) {
				break
			}
		}
		m.Send(fmt.Sprintf(`{"id":%d,"action":"nack","payload":{"subscription":2,"seq":1,"reason":"broken"}}`, id+3))
	}
	x := j.wantEventually(t, j.boss, 1, about, "no "+known+" no_filter group_dead_lettered")
	if s := x.Steps[len(x.Steps)-1]; !strings.Contains(s.Message, "handed out 2 times") || !strings.Contains(s.Message, "broken") {
		t.Error(s.Message)
	}

	// After a restart the dead letter is still found, and the definition's time is known.
	g.stopped()
	j.gateway = startIn(t, g.folder)
	wantCodes(t, j.ask(t, j.boss, 1, about), "no "+known+" no_filter group_dead_lettered")
}

// Bearers' groups pass over what their filter hides.
func TestExplainBearersGroups(t *testing.T) {
	t.Parallel()
	j := newExplainedJail(t, sharedGateway(t), "explain-skips")
	token := j.token(t, time.Hour, toRotterdam, `"groups":true`)
	p := j.bearer(t, token)
	p.subscribe(2, "calls", groupID)
	j.publish(j.boss, "calls", call("BEANR", 2))
	j.publish(j.boss, "calls", call("NLRTM", 2))
	body := fmt.Sprintf(`{"clientId":"viewer","token":%q,"groupId":%q}`, token, groupID)
	j.wantEventually(t, j.boss, 1, body, "no "+known+" filter_hides group_skipped")
	j.wantEventually(t, j.boss, 2, body, "yes "+known+" filter_passes group_acknowledged")
	p.Net.Close()
	// The group of a bearer that may not join is not looked at.
	x := j.ask(t, j.boss, 2, fmt.Sprintf(`{"clientId":"viewer","token":%q,"groupId":%q}`, j.token(t, time.Hour), groupID))
	wantCodes(t, x, "no "+known+" no_filter group_hidden")
}

func TestExplainSchemaAndRetention(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_STREAMS_RETENTION_INTERVAL=1s")
	j := newExplainedJail(t, g, "explain-kept")
	j.publish(j.boss, "calls", call("NLRTM", 1))
	j.ok(j.boss, "POST", "/streams/calls/define", `{"version":2,"fields":[{"name":"to","type":"string"},{"name":"teu","type":"integer"},{"name":"eta","type":"date"}]}`)
	x := j.ask(t, j.boss, 1, `{}`)
	if s := x.Steps[5].Schema; s == nil || s.InForce != "1" || s.Current != "2" || strings.Join(s.Accepts, "") != "1" || strings.Join(s.Refuses, "") != "2" || s.Versions != 2 {
		t.Errorf("%+v", s)
	}
	j.ok(j.boss, "PUT", "/streams/calls/settings", `{"retention":{"messages":1}}`)
	j.publish(j.boss, "calls", `{"to":"NLRTM","teu":2,"eta":"2026-11-21T10:00:00Z"}`)
	x = j.wantEventually(t, j.boss, 1, `{}`,
		"no credentials_in_force may_subscribe stream_defined message_accepted message_removed schema_unknown no_filter "+nobody)
	if s := x.Steps[4]; s.Retention == nil || strings.Join(s.Retention.RemovedBy, "") != "messages" || s.Retention.FirstSeq != 2 || s.At.IsZero() {
		t.Errorf("%+v %+v", s, s.Retention)
	}
	x = j.ask(t, j.boss, 1, fmt.Sprintf(`{"clientId":"viewer","token":%q}`, j.token(t, time.Hour, toRotterdam)))
	wantCodes(t, x, "no credentials_in_force may_subscribe stream_defined message_accepted message_removed schema_unknown filter_unknown "+nobody)
}

func TestExplainPublish(t *testing.T) {
	t.Parallel()
	j := newExplainedJail(t, sharedGateway(t), "explain-before")
	dry := func(as credentials, body string) protocol.Explanation {
		t.Helper()
		x := explanation(t, j.ok(as, "POST", "/streams/calls/explain", body))
		if !x.DryRun {
			t.Errorf("%+v", x)
		}
		return x
	}
	would := "may_publish stream_defined schema_matches would_be_accepted"
	wantCodes(t, dry(j.boss, `{"payload":{"to":"NLRTM","teu":2}}`), "waiting "+would+" recipients_none")

	x := dry(j.boss, `{"payload":{"to":5,"load":2}}`)
	wantCodes(t, x, "no may_publish invalid_payload")
	if len(x.Steps[1].Errors) != 3 {
		t.Errorf("%q", x.Steps[1].Errors)
	}
	wantCodes(t, dry(j.boss, `{"payload":{"to":"a","to":"b"}}`), "no may_publish malformed_json")
	wantCodes(t, dry(j.reader, `{"payload":{"to":"NLRTM","teu":2}}`), "no forbidden")

	filtered := j.token(t, time.Hour, toRotterdam)
	j.bearer(t, filtered).subscribe(2, "calls", "")
	j.bearer(t, j.token(t, 2*time.Hour, `"groups":true`, toRotterdam)).subscribe(2, "calls", groupID)
	j.login(j.viewer, j.name).subscribe(2, "calls", "")
	j.login(j.viewer, j.name).subscribe(2, "calls", groupID)
	x = dry(j.boss, `{"payload":{"to":"BEANR","teu":2}}`)
	wantCodes(t, x, "yes "+would+" recipients_listed")
	last := x.Steps[len(x.Steps)-1]
	if c := last.Recipients; c.Subscriptions != 2 || c.Groups != 2 || c.Filters != 1 || c.Pass != 0 || c.Hide != 1 || c.Omitted != 0 {
		t.Errorf("%+v", c)
	}
	var list []string
	for _, s := range last.Steps {
		list = append(list, s.Code)
	}
	slices.Sort(list)
	if strings.Join(list, " ") != "filter_hides group_skipped group_would_take" {
		t.Errorf("%q: %+v", list, last.Steps)
	}
	x = dry(j.boss, `{"payload":{"to":"BEANR","teu":2},"limit":1}`)
	if last := x.Steps[len(x.Steps)-1]; len(last.Steps) != 1 || last.Recipients.Omitted != 2 {
		t.Errorf("%+v", last)
	}
	// Who does not administer learns how many there are, and not who.
	j.ok(j.boss, "PUT", "/client/reader/rights", `{"rights":{"publish":["calls"]}}`)
	x = dry(j.reader, `{"payload":{"to":"BEANR","teu":2}}`)
	if last := x.Steps[len(x.Steps)-1]; last.Code != "recipients_listed" || last.Recipients.Subscriptions != 2 || last.Recipients.Filters != 0 || last.Steps != nil {
		t.Errorf("%+v", last)
	}

	// One recipient.
	to := func(seq int, token string) string {
		return fmt.Sprintf(`{"payload":{"to":"NLRTM","teu":%d},"clientId":"viewer","token":%q}`, seq, token)
	}
	wantCodes(t, dry(j.boss, to(2, filtered)), "yes "+would+" credentials_in_force may_subscribe filter_passes subscription_would_take")
	wantCodes(t, dry(j.boss, to(3, filtered)), "no "+would+" credentials_in_force may_subscribe filter_hides subscription_hidden")
	wantCodes(t, dry(j.boss, `{"payload":{"to":"NLRTM","teu":2},"clientId":"viewer"}`),
		"yes "+would+" credentials_in_force may_subscribe no_filter subscription_would_take group_would_take")
	if info := j.ok(j.boss, "GET", "/streams/calls/messages", ""); !strings.Contains(info, `"messages":[]`) {
		t.Errorf("a dry run stored something: %s", info)
	}

	j.ok(j.boss, "POST", "/streams/calls/pause", "")
	wantCodes(t, dry(j.boss, `{"payload":{"to":"NLRTM","teu":2}}`), "no may_publish stream_paused")
	j.refused(j.boss, 400, "invalid_request", "POST", "/streams/calls/explain", `{"clientId":"viewer"}`)
	j.refused(j.boss, 400, "invalid_request", "POST", "/streams/calls/explain", `{"payload":1,"limit":101}`)
	j.refused(j.boss, 400, "invalid_request", "POST", "/streams/calls/explain", `[1]`)
}

func TestExplainCommand(t *testing.T) {
	t.Parallel()
	j := newExplainedJail(t, sharedGateway(t), "explain-command")
	j.publish(j.boss, "calls", call("BEANR", 2))
	settings := []string{"SEAGATE_URL=http://" + j.listen, "SEAGATE_CLIENT_ID=boss", "SEAGATE_CLIENT_SECRET=" + j.boss.secret}
	file := filepath.Join(t.TempDir(), "viewer.jwt")
	if err := os.WriteFile(file, []byte(j.token(t, time.Hour, toRotterdam)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := ok(t, settings, "explain", "calls", "1", "--client", "viewer", "--token", file)
	for _, line := range []string{
		"✗ message 1 of calls to client viewer (token): not delivered: ",
		"  ✓ rights       client viewer has all rights",
		"  ✗ filter       the filter hides the message",
		"      ✗ and",
		`        ✗ eq($["to"],"NLRTM"): "BEANR" is not "NLRTM"`,
		`          · $["to"] is "BEANR"`,
		`        ✓ eq($["teu"],2)`,
	} {
		if !strings.Contains(r.out, line) {
			t.Errorf("there is no line %q in\n%s", line, r.out)
		}
	}
	// Only for a terminal are lines broken, and painted.
	if !strings.Contains(r.out, "  … subscription no connection of the client reads the stream outside of a group now\n") || strings.Contains(r.out, "\x1b") {
		t.Errorf("through a pipe it is %q", r.out)
	}
	r = ok(t, settings, "explain", "calls", "--publish", `{"to":"NLRTM","teu":2}`, "--json")
	wantCodes(t, explanation(t, r.out), "waiting may_publish stream_defined schema_matches would_be_accepted recipients_none")
	for _, args := range [][]string{{"calls"}, {"calls", "x"}, {"calls", "0"}, {"calls", "1", "--publish", "1"}, {"calls", "--publish", "{"}, {"calls", "1", "--group", "g"}} {
		if r := command(t, settings, append([]string{"explain"}, args...)...); r.code != 2 || r.out != "" {
			t.Errorf("%q: exit status %d, %s%s", args, r.code, r.out, r.notes)
		}
	}
	if r := command(t, settings, "explain", "calls", "1", "--epoch", "other"); r.code != 1 || !strings.Contains(r.notes, "position_lost") {
		t.Errorf("exit status %d, %s", r.code, r.notes)
	}
}
