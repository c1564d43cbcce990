package httpapi_test

import (
	"strings"
	"testing"

	"seagate/protocol"
)

func TestOperatorSetsQuotasAndTenantsSeeTheirOwn(t *testing.T) {
	s := newServer(t)
	acme := s.newJail("acme", "boss")
	got := s.ok("PUT", "/api/v1/jails/acme/quotas", `{"disk":1048576,"clients":null,"retentionAge":3600}`)
	for _, want := range []string{`"disk":1048576`, `"retentionAge":3600`, `"clients":1`, `"set":{"disk":1048576,"retentionAge":3600}`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	for _, again := range []string{
		s.ok("GET", "/api/v1/jails/acme/quotas", ""), s.okAs(acme, "GET", "/api/v1/quotas", ""), s.okAs(acme, "GET", "/api/v1/jails/acme/quotas", ""),
	} {
		if again != got {
			t.Errorf("got %s, want %s", again, got)
		}
	}
	if list := s.ok("GET", "/api/v1/jails?quotas=true", ""); !strings.Contains(list, got) {
		t.Errorf("the list: %s", list)
	}
	if list := s.ok("GET", "/api/v1/jails", ""); strings.Contains(list, "quotas") {
		t.Errorf("the list without quotas: %s", list)
	}
	s.refused(protocol.CodeForbidden, call{method: "PUT", path: "/api/v1/jails/acme/quotas", body: `{"disk":0}`, as: &acme})
	s.refused(protocol.CodeForbidden, call{method: "GET", path: "/api/v1/jails/root/quotas", as: &acme})
	s.refused(protocol.CodeJailNotFound, call{method: "PUT", path: "/api/v1/jails/none/quotas", body: `{"disk":0}`})
	s.refused(protocol.CodeInvalidRequest, call{method: "GET", path: "/api/v1/jails?quotas=yes"})
	wrong := s.refused(protocol.CodeInvalidRequest, call{method: "PUT", path: "/api/v1/jails/acme/quotas", body: `{"disk":-1,"dsik":5}`})
	if text := strings.Join(wrong.Errors, " "); !strings.Contains(text, "dsik") || !strings.Contains(text, "disk: must be") {
		t.Error(text)
	}
}
