package httpapi_test

import (
	"slices"
	"strings"
	"testing"

	"seagate/protocol"
)

const (
	nothingSet = `{"durability":null,"retention":{"age":null,"bytes":null,"messages":null}}`
	ofAll      = `{"durability":"disk","retention":{"age":"168h0m0s","bytes":1073741824,"messages":0}}`
)

func settings(set, effective string) string {
	return `{"set":` + set + `,"effective":` + effective + `}`
}

func TestSettings(t *testing.T) {
	s := newServer(t)
	s.define("a")
	const path = "/api/v1/streams/a/settings"
	if got := s.ok("GET", path, ""); got != settings(nothingSet, ofAll) {
		t.Errorf("at first: %s", got)
	}
	for _, c := range []struct{ body, set, effective string }{
		{`{"durability":"memory"}`, `{"durability":"memory","retention":{"age":null,"bytes":null,"messages":null}}`,
			`{"durability":"memory","retention":{"age":"168h0m0s","bytes":1073741824,"messages":0}}`},
		{`{"retention":{"age":"90m"}}`, `{"durability":null,"retention":{"age":"1h30m0s","bytes":null,"messages":null}}`,
			`{"durability":"disk","retention":{"age":"1h30m0s","bytes":1073741824,"messages":0}}`},
		{`{"durability":"disk","retention":{"age":1,"bytes":5e3,"messages":7}}`,
			`{"durability":"disk","retention":{"age":"1s","bytes":5000,"messages":7}}`,
			`{"durability":"disk","retention":{"age":"1s","bytes":5000,"messages":7}}`},
		{`{"retention":{"age":0,"bytes":0,"messages":0}}`,
			`{"durability":null,"retention":{"age":"0s","bytes":0,"messages":0}}`,
			`{"durability":"disk","retention":{"age":"0s","bytes":0,"messages":0}}`},
		{`{"retention":{"age":9223372036,"bytes":9007199254740992,"messages":9007199254740992}}`,
			`{"durability":null,"retention":{"age":"2562047h47m16s","bytes":9007199254740992,"messages":9007199254740992}}`,
			`{"durability":"disk","retention":{"age":"2562047h47m16s","bytes":9007199254740992,"messages":9007199254740992}}`},
		{`{"durability":null,"retention":{"age":null,"bytes":null,"messages":null}}`, nothingSet, ofAll},
		{`{"durability":"disk","retention":{"age":1}}`, `{"durability":"disk","retention":{"age":"1s","bytes":null,"messages":null}}`,
			`{"durability":"disk","retention":{"age":"1s","bytes":1073741824,"messages":0}}`},
		{`{"retention":null}`, nothingSet, ofAll},
		{`{}`, nothingSet, ofAll},
	} {
		for _, got := range []string{s.ok("PUT", path, c.body), s.ok("GET", path, "")} {
			if got != settings(c.set, c.effective) {
				t.Errorf("%s\n got %s\nwant %s", c.body, got, settings(c.set, c.effective))
			}
		}
	}
}

func TestSettingsRefused(t *testing.T) {
	s := newServer(t)
	s.define("a")
	const (
		age   = `must be whole seconds, as text such as "36h" or "7d", or as a number, 0 for no bound, or null`
		count = `must be an integer from 0, which is no bound, to 9007199254740992, or null`
	)
	for _, c := range []struct {
		body string
		errs []string
	}{
		{`{"durability":"tape","retention":7}`, []string{`durability: must be "disk", "memory" or null`, "retention: must be an object or null"}},
		{`{"durability":true}`, []string{`durability: must be "disk", "memory" or null`}},
		{`{"retension":{},"retention":{"ages":1,"age":"7y","bytes":-1,"messages":1.5}}`, []string{
			"retension: there is no such member; there is durability, retention",
			"retention.ages: there is no such member; there is age, bytes, messages",
			"retention.age: " + age, "retention.bytes: " + count, "retention.messages: " + count}},
		{`{"retention":{"age":"1500ms"}}`, []string{"retention.age: " + age}},
		{`{"retention":{"age":-1}}`, []string{"retention.age: " + age}},
		{`{"retention":{"age":0.5}}`, []string{"retention.age: " + age}},
		{`{"retention":{"age":9223372037}}`, []string{"retention.age: " + age}},
		{`{"retention":{"age":[1],"bytes":"1","messages":9007199254740994}}`, []string{
			"retention.age: " + age, "retention.bytes: " + count, "retention.messages: " + count}},
		{`[]`, []string{"body: must be an object"}},
	} {
		p := s.refused(protocol.CodeInvalidRequest, call{method: "PUT", path: "/api/v1/streams/a/settings", body: c.body})
		if !slices.Equal(p.Errors, c.errs) {
			t.Errorf("%s: %q", c.body, p.Errors)
		}
	}
	if got := s.ok("GET", "/api/v1/streams/a/settings", ""); got != settings(nothingSet, ofAll) {
		t.Errorf("they are now %s", got)
	}
	for _, method := range []string{"GET", "PUT"} {
		s.refused(protocol.CodeStreamNotFound, call{method: method, path: "/api/v1/streams/nobody/settings", body: `{}`})
	}
}

// A stream that has had a message keeps its durability.
func TestDurabilityIsFixed(t *testing.T) {
	s := newServer(t)
	s.define("a")
	s.ok("PUT", "/api/v1/streams/a/settings", `{"durability":"memory"}`)
	s.ok("POST", "/api/v1/streams/a/publish", `{"payload":{"n":1}}`)
	s.refused(protocol.CodeDurabilityFixed, call{method: "PUT", path: "/api/v1/streams/a/settings", body: `{"durability":"disk"}`})
	s.ok("PUT", "/api/v1/streams/a/settings", `{"durability":"memory","retention":{"messages":5}}`)
	if got := s.ok("GET", "/api/v1/streams/a", ""); !strings.Contains(got, `"durability":"memory","epoch":"`) {
		t.Errorf("the stream is %s", got)
	}
}

// A negative age that overflows a duration must not count as no bound.
func TestNegativeAgeIsRefused(t *testing.T) {
	s := newServer(t)
	s.define("a")
	for _, age := range []string{"-36028797018963968", "-1e300"} {
		s.refused(protocol.CodeInvalidRequest, call{method: "PUT", path: "/api/v1/streams/a/settings", body: `{"retention":{"age":` + age + `}}`})
	}
}
