package httpapi_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"seagate/gateway"
	"seagate/protocol"
)

const (
	oneGroup   = "0a0e0000-0000-4000-8000-000000000001"
	otherGroup = "0a0e0000-0000-4000-8000-000000000002"
)

// join subscribes as root to stream a in a group, which begins with the oldest
// message.
func (s *server) join(group string) {
	s.t.Helper()
	from := gateway.Position{Position: protocol.Position{Kind: protocol.PositionEarliest}}
	request := gateway.Request{Stream: "a", Group: group, From: from}
	subscription, err := s.gateway.Subscribe(s.t.Context(), s.principal(s.t, s.root), request, make(sink, 100))
	check(s.t, err)
	s.t.Cleanup(subscription.Close)
}

var groupTimes = regexp.MustCompile(`"lagSeconds":[0-9.e-]+|"20\d\d-[-\d]+T[\d:.]+Z"`)

// groupJSON returns an answer with placeholders for its times.
func groupJSON(body string) string {
	return groupTimes.ReplaceAllStringFunc(body, func(text string) string {
		if strings.HasPrefix(text, `"lag`) {
			return `"lagSeconds":«n»`
		}
		return `"«time»"`
	})
}

func TestGroups(t *testing.T) {
	s := newServer(t)
	s.define("a")
	if got := s.ok("GET", "/api/v1/streams/a/groups", ""); got != `{"groups":[],"next":null}` {
		t.Errorf("at first: %s", got)
	}
	s.ok("POST", "/api/v1/streams/a/publish", `[{"n":1},{"n":2},{"n":3}]`)
	s.join(oneGroup)
	s.join(otherGroup)
	group := func(id string) string {
		return `{"streamName":"a","clientId":"admin","groupId":"` + id + `","members":1,"position":1,"lag":3,"lagSeconds":«n»,` +
			`"inFlight":0,"redelivered":0,"deadLettered":0,"lost":0,"createdAt":"«time»","lastActive":"«time»"}`
	}
	if got := groupJSON(s.ok("GET", "/api/v1/streams/a/groups", "")); got != `{"groups":[`+group(oneGroup)+`,`+group(otherGroup)+`],"next":null}` {
		t.Errorf("the list is %s", got)
	}
	var first struct {
		Next string `json:"next"`
	}
	check(t, json.Unmarshal([]byte(s.ok("GET", "/api/v1/streams/a/groups?limit=1", "")), &first))
	if got := groupJSON(s.ok("GET", "/api/v1/streams/a/groups?limit=1&after="+first.Next, "")); got != `{"groups":[`+group(otherGroup)+`],"next":null}` {
		t.Errorf("after %s comes %s", first.Next, got)
	}
	one := "/api/v1/streams/a/groups/admin/" + oneGroup
	for _, path := range []string{one, strings.Replace(one, oneGroup, strings.ToUpper(oneGroup), 1)} {
		if got := groupJSON(s.ok("GET", path, "")); got != group(oneGroup) {
			t.Errorf("%s: %s", path, got)
		}
	}
	for _, c := range []struct{ body, want string }{
		{`{"to":"latest","dryRun":true}`, `{"position":4,"was":1,"lag":0,"again":0,"skipped":3}`},
		{`{"to":3}`, `{"position":3,"was":1,"lag":1,"again":0,"skipped":2}`},
		{`{"to":"latest","dryRun":null}`, `{"position":4,"was":3,"lag":0,"again":0,"skipped":1}`},
		{`{"to":"2020-01-01T00:00:00Z","epoch":"` + s.page("").Epoch + `","dryRun":false}`, `{"position":1,"was":4,"lag":3,"again":3,"skipped":0}`},
	} {
		if got := s.ok("POST", one+"/move", c.body); got != c.want {
			t.Errorf("%s: %s, want %s", c.body, got, c.want)
		}
	}
	if got := s.ok("DELETE", one, ""); got != `{"streamName":"a","clientId":"admin","groupId":"`+oneGroup+`"}` {
		t.Errorf("deleted: %s", got)
	}
	s.refused(protocol.CodeGroupNotFound, call{method: "GET", path: one})
	if got := groupJSON(s.ok("GET", "/api/v1/streams/a/groups", "")); got != `{"groups":[`+group(otherGroup)+`],"next":null}` {
		t.Errorf("the list is %s", got)
	}
}

// Subscriptions that name no group share the group "ungrouped".
func TestUngrouped(t *testing.T) {
	s := newServer(t, func(s *setup) { s.settings.UngroupedShare = true })
	s.define("a")
	s.join("")
	path := "/api/v1/streams/a/groups/admin/ungrouped"
	if got := s.ok("GET", path, ""); !strings.Contains(got, `"clientId":"admin","groupId":null,`) {
		t.Errorf("it is %s", got)
	}
	if got := s.ok("DELETE", path, ""); got != `{"streamName":"a","clientId":"admin","groupId":null}` {
		t.Errorf("deleted: %s", got)
	}
}

func TestGroupsRefused(t *testing.T) {
	s := newServer(t)
	s.define("a")
	s.join(oneGroup)
	tenant := s.newJail("tenant", "boss")
	s.okAs(tenant, "POST", "/api/v1/streams/a/define", `{"version":1,"fields":[]}`)
	one := "/a/groups/admin/" + oneGroup
	for _, c := range []struct {
		method, path, body string
		code               protocol.Code
		errs               []string // nil for any
	}{
		{"GET", "/nobody/groups", "", protocol.CodeStreamNotFound, nil},
		{"GET", "/a/groups?limit=0", "", protocol.CodeInvalidRequest, nil},
		{"GET", "/a/groups/admin/" + otherGroup, "", protocol.CodeGroupNotFound, nil},
		{"GET", "/a/groups/admin/ungrouped", "", protocol.CodeGroupNotFound, nil},
		{"DELETE", "/a/groups/admin/" + otherGroup, "", protocol.CodeGroupNotFound, nil},
		{"POST", "/a/groups/admin/" + otherGroup + "/move", `{"to":1}`, protocol.CodeGroupNotFound, nil},
		{"GET", "/a/groups/admin/x", "", protocol.CodeInvalidRequest, []string{"group: must be a UUID, or ungrouped"}},
		{"GET", "/a/groups/admin/%7B" + oneGroup + "%7D", "", protocol.CodeInvalidRequest, nil},
		{"GET", "/a/groups/a:b/" + oneGroup, "", protocol.CodeInvalidName, nil},
		{"POST", one + "/move", `{"to":0,"epoch":7,"dryRun":"yes","dryrun":true}`, protocol.CodeInvalidRequest, []string{
			"dryrun: there is no such member; there is to, epoch, dryRun",
			"to: " + protocol.MustBePosition, "epoch: must be a non-empty string", "dryRun: must be true or false"}},
		{"POST", one + "/move", `{}`, protocol.CodeInvalidRequest, []string{"to: " + protocol.MustBePosition}},
		{"POST", one + "/move", `{"to":"1"}`, protocol.CodeInvalidRequest, nil}, // in JSON a number is one
		{"POST", one + "/move", `{"to":1.5}`, protocol.CodeInvalidRequest, nil},
		{"POST", one + "/move", `{"to":7}`, protocol.CodePositionLost, nil},
		{"POST", one + "/move", `{"to":1,"epoch":"other"}`, protocol.CodePositionLost, nil},
	} {
		p := s.refused(c.code, call{method: c.method, path: "/api/v1/streams" + c.path, body: c.body})
		if c.errs != nil && !slices.Equal(p.Errors, c.errs) {
			t.Errorf("%s %s: %q", c.path, c.body, p.Errors)
		}
	}
	if got := s.okAs(tenant, "GET", "/api/v1/streams/a/groups", ""); got != `{"groups":[],"next":null}` {
		t.Errorf("another jail sees %s", got)
	}
}
