package httpapi_test

import (
	"fmt"
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

// What one tenant did to stop everybody ends at its own quotas, and its neighbour notices
// nothing.
func TestAttacksOfATenantEndAtItsQuotas(t *testing.T) {
	s := newServer(t)
	hostile, neighbour := s.newJail("hostile", "boss"), s.newJail("neighbour", "boss")
	s.ok("PUT", "/api/v1/jails/hostile/quotas", `{"disk":2000000,"memory":3000000,"definitions":700000,"groups":3,"messageBytes":900000}`)
	const definition = `{"version":%d,"fields":[{"name":"text","type":"string"}]}`
	for _, who := range []credentials{hostile, neighbour} {
		for _, stream := range []string{"a", "m"} {
			s.okAs(who, "POST", "/api/v1/streams/"+stream+"/define", fmt.Sprintf(definition, 1))
		}
	}
	publish := func(who credentials, stream string, size int) answer {
		return s.do(call{method: "POST", path: "/api/v1/streams/" + stream + "/publish",
			body: `{"payload":{"text":"` + strings.Repeat("x", size) + `"}}`, as: &who})
	}
	flood := func(stream string, times int) (refused int) {
		for range times {
			switch got := publish(hostile, stream, 300_000); {
			case got.status == 507 && strings.Contains(got.body, `"quota_exceeded"`):
				refused++
			case got.status != 200:
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
		return refused
	}
	s.okAs(hostile, "PUT", "/api/v1/streams/a/settings", `{"retention":{"age":0,"bytes":0}}`)
	if refused := flood("a", 10); refused < 3 {
		t.Errorf("%d of 10 messages beyond the quota of disk were refused", refused)
	}
	s.okAs(hostile, "PUT", "/api/v1/streams/m/settings", `{"durability":"memory","retention":{"age":0,"bytes":0}}`)
	if refused := flood("m", 20); refused < 10 {
		t.Errorf("%d of 20 messages beyond the quota of memory were refused", refused)
	}
	if got := publish(hostile, "a", 950_000); !strings.Contains(got.body, "message_too_large") {
		t.Errorf("a message above the maximum: %d %s", got.status, got.body)
	}
	s.ok("PUT", "/api/v1/jails/hostile/quotas", `{"definitions":700000}`)
	var fields []string
	for i := range 900 {
		fields = append(fields, fmt.Sprintf(`{"name":"%0250d","type":"string"}`, i))
	}
	refused := 0
	for i := range 6 {
		got := s.do(call{method: "POST", path: fmt.Sprintf("/api/v1/streams/d%d/define", i),
			body: `{"version":1,"fields":[` + strings.Join(fields, ",") + `]}`, as: &hostile})
		if got.status == 507 && strings.Contains(got.body, "definitions") {
			refused++
		}
	}
	if refused < 3 {
		t.Errorf("%d of 6 definitions were refused", refused)
	}
	s.ok("PUT", "/api/v1/jails/hostile/quotas", `{"disk":2000000,"memory":6000000}`)
	quotas := s.ok("GET", "/api/v1/jails/hostile/quotas", "")
	s.okAs(neighbour, "PUT", "/api/v1/streams/m/settings", `{"durability":"memory"}`)
	for _, stream := range []string{"a", "m"} {
		if got := publish(neighbour, stream, 300_000); got.status != 200 {
			t.Errorf("the neighbour: %d %s", got.status, got.body)
		}
	}
	s.okAs(neighbour, "POST", "/api/v1/streams/a/define", fmt.Sprintf(definition, 2))

	// The hostile jail can go on after it has made room itself.
	s.okAs(hostile, "DELETE", "/api/v1/streams/a", "")
	s.okAs(hostile, "DELETE", "/api/v1/streams/m", "")
	s.okAs(hostile, "POST", "/api/v1/streams/a/define", fmt.Sprintf(definition, 1))
	if got := publish(hostile, "a", 300_000); got.status != 200 {
		t.Errorf("after deletions: %d %s, with %s", got.status, got.body, quotas)
	}
	s.ok("DELETE", "/api/v1/jails/hostile", "")
}
