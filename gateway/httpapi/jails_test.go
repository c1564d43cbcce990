package httpapi_test

import (
	"strings"
	"testing"

	"seagate/protocol"
)

// Two tenants use the same names for everything and never see each other.
func TestJailsAreIsolated(t *testing.T) {
	s := newServer(t)
	one, two := s.newJail("one", "boss"), s.newJail("two", "boss")

	if got := s.okAs(one, "POST", "/api/v1/streams/a/define", `{"version":1,"fields":[{"name":"n","type":"integer"}]}`); !strings.Contains(got, `"n"`) {
		t.Errorf("one's definition: %s", got)
	}
	s.refused(protocol.CodeStreamNotFound, call{method: "GET", path: "/api/v1/streams/a/schema", as: &two})
	s.refused(protocol.CodeStreamNotFound, call{method: "POST", path: "/api/v1/streams/a/publish", body: `{"payload":{"n":1}}`, as: &two})
	if got := s.okAs(two, "POST", "/api/v1/schema-versions-vector", `{"schemaNames":["a"]}`); got != `{"versionsVector":[null]}` {
		t.Errorf("two's versions: %s", got)
	}
	s.okAs(two, "POST", "/api/v1/streams/a/define", `{"version":"0.1","fields":[{"name":"text","type":"string"}]}`)

	ones, twos := s.messages(t, one, "a"), s.messages(t, two, "a")
	s.okAs(one, "POST", "/api/v1/streams/a/publish", `{"payload":{"n":1}}`)
	s.okAs(two, "POST", "/api/v1/streams/a/publish", `{"payload":{"text":"x"}}`)
	if got := next(t, ones); got != `{"n":1}` {
		t.Errorf("one received %s", got)
	}
	if got := next(t, twos); got != `{"text":"x"}` {
		t.Errorf("two received %s", got)
	}

	s.okAs(one, "PUT", "/api/v1/streams/a/header", `{"payload":{"n":0}}`)
	s.refused(protocol.CodeHeaderNotFound, call{method: "GET", path: "/api/v1/streams/a/header", as: &two})
	s.okAs(one, "POST", "/api/v1/streams/a/pause", "")
	s.okAs(two, "POST", "/api/v1/streams/a/publish", `{"payload":{"text":"y"}}`)
	if got := s.okAs(two, "GET", "/api/v1/streams/a", ""); !strings.Contains(got, `"paused":false`) || !strings.Contains(got, `"lastSeq":2`) {
		t.Errorf("two's stream: %s", got)
	}

	// Each has a client of the same id, and manages its own.
	first := s.okAs(one, "POST", "/api/v1/client", `{"clientId":"worker","description":"one's"}`)
	s.refused(protocol.CodeClientNotFound, call{method: "DELETE", path: "/api/v1/client/worker", as: &two})
	s.okAs(two, "POST", "/api/v1/client", `{"clientId":"worker","description":"two's"}`)
	if got := s.okAs(two, "GET", "/api/v1/clients", ""); strings.Contains(got, "one's") || strings.Count(got, `"id"`) != 2 {
		t.Errorf("two's clients: %s", got)
	}
	s.okAs(two, "DELETE", "/api/v1/client/worker", "")
	s.okAs(credentials{"worker", secretIn(t, first)}, "GET", "/api/v1/streams", "")

	s.okAs(two, "DELETE", "/api/v1/streams/a", "")
	s.okAs(one, "GET", "/api/v1/streams/a/schema", "")

	// A jail is deleted with everything in it; a new one of its name is empty.
	s.ok("DELETE", "/api/v1/jails/one", "")
	again := s.newJail("one", "boss")
	if got := s.okAs(again, "GET", "/api/v1/streams", ""); got != `{"streams":[],"next":null}` {
		t.Errorf("the new jail has %s", got)
	}
	s.refused(protocol.CodeInvalidCredentials, call{method: "GET", path: "/api/v1/streams", as: &one})
}
