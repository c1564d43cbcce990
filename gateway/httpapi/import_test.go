package httpapi_test

import (
	"strings"
	"testing"

	"seagate/gateway/httpapi"
	"seagate/protocol"
)

const importable = `{"jails":[{"id":"root","clients":[{"id":"js","secret":"deployed long ago, and kept"}],
	"streams":[{"name":"boiler","definition":{"version":1.10,"fields":[{"name":"t","type":"float"}]}}]},
	{"id":"plant","name":"The plant","clients":[{"id":"py","secret":"another one that is deployed","description":"Python"}],
	"streams":[{"name":"boiler","definition":{"version":"2","fields":[]}}]}]}`

func TestImport(t *testing.T) {
	s := newServer(t)
	changes := `{"changes":[{"change":"created","jailId":"root","clientId":"js"},{"change":"created","jailId":"plant"},` +
		`{"change":"created","jailId":"plant","clientId":"py"},{"change":"created","jailId":"root","streamName":"boiler"},` +
		`{"change":"created","jailId":"plant","streamName":"boiler"}],"unchanged":1,"warnings":[],"dryRun":`
	if got := s.ok("POST", "/api/v1/import?dryRun=true", importable); got != changes+"true}" {
		t.Errorf("dry run: %s", got)
	}
	py := credentials{"py", "another one that is deployed"}
	s.refused(protocol.CodeInvalidCredentials, call{method: "GET", path: "/api/v1/streams", as: &py})
	if got := s.ok("POST", "/api/v1/import", importable); got != changes+"false}" {
		t.Errorf("import: %s", got)
	}
	if got := s.okAs(py, "GET", "/api/v1/streams/boiler/schema", ""); !strings.Contains(got, `"version":"2"`) {
		t.Errorf("the schema: %s", got)
	}
	s.okAs(credentials{"js", "deployed long ago, and kept"}, "POST", "/api/v1/streams/boiler/publish", `{"payload":{"t":1.5}}`)
	if got := s.ok("POST", "/api/v1/import", importable); got != `{"changes":[],"unchanged":6,"warnings":[],"dryRun":false}` {
		t.Errorf("again: %s", got)
	}
	if strings.Contains(s.log.String(), "deployed") {
		t.Error("the log has a secret")
	}

	s.refused(protocol.CodeForbidden, call{method: "POST", path: "/api/v1/import", body: importable, as: &py})
	s.refused(protocol.CodeCredentialsRequired, call{method: "POST", path: "/api/v1/import", body: importable, anonymous: true})
}

func TestImportTellsAllProblems(t *testing.T) {
	s := newServer(t)
	for body, want := range map[string]string{
		`{"jail":[],"jails":[{"id":1,"clients":[{"id":"a","password":"x"},7]}]}`: "jail: |jails[0].id: |jails[0].clients[0].password: |jails[0].clients[1]: ",
		`{}`: "jails: ",
		`{"jails":[{"id":"a b","clients":[{"id":"c:d","secret":"long enough for everybody"}],"streams":[{"name":"/","definition":{}}]}]}`: "jails[0].id: |" +
			"jails[0].clients[0].id: |jails[0].streams[0].name: |jails[0].streams[0].definition: ",
	} {
		p := s.refused(protocol.CodeInvalidRequest, call{method: "POST", path: "/api/v1/import", body: body})
		all := strings.Join(p.Errors, "\n")
		for _, place := range strings.Split(want, "|") {
			if !strings.Contains(all, place) {
				t.Errorf("%s: there is no %s in\n%s", body, place, all)
			}
		}
	}
	s.refused(protocol.CodeInvalidRequest, call{method: "POST", path: "/api/v1/import?dryrun=true", body: importable})
	if got := s.ok("GET", "/api/v1/jails", ""); strings.Count(got, `"id"`) != 1 {
		t.Errorf("the jails are %s", got)
	}
}

func FuzzReadImport(f *testing.F) {
	f.Add([]byte(importable))
	f.Add([]byte(`{"jails":[{"id":"a","clients":null}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if jails, err := httpapi.ReadImport(body, 64); err == nil {
			for _, j := range jails {
				if j.ID == "" {
					t.Error("a jail has no id")
				}
			}
		}
	})
}
