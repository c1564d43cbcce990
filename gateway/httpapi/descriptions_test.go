package httpapi_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"seagate/gateway/httpapi"
	"seagate/gateway/httpapi/describedtest"
	"seagate/protocol"
)

func readOpenAPI(t *testing.T) *describedtest.OpenAPI {
	t.Helper()
	return must(describedtest.ParseOpenAPI(must(os.ReadFile("description/openapi.json"))))
}

// Each route is described, and nothing else is: methods, names in the path, who needs credentials.
func TestEveryRouteIsDescribed(t *testing.T) {
	routes, public := httpapi.Routes()
	described := map[string][]string{}
	ids := map[string]bool{}
	for _, op := range readOpenAPI(t).Operations() {
		described[op.Path] = append(described[op.Path], op.Method)
		if routes[op.Path] == nil {
			t.Errorf("%s is described, and there is no such route", op.Path)
			continue
		}
		if op.IsPublic != public[op.Path] {
			t.Errorf("%s %s is public: %v, described as %v", op.Method, op.Path, public[op.Path], op.IsPublic)
		}
		var names []string
		for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(op.Path, -1) {
			names = append(names, m[1])
		}
		if !slices.Equal(names, op.PathParameters) {
			t.Errorf("%s has the names %q, described are %q", op.Path, names, op.PathParameters)
		}
		if op.ID == "" || ids[op.ID] {
			t.Errorf("%s %s has the operationId %q, which is none or another's", op.Method, op.Path, op.ID)
		}
		ids[op.ID] = true
	}
	for path, methods := range routes {
		slices.Sort(methods)
		slices.Sort(described[path])
		if !slices.Equal(methods, described[path]) {
			t.Errorf("%s has the methods %q, described in gateway/httpapi/description/openapi.json are %q", path, methods, described[path])
		}
	}
	if len(routes) < 30 || len(maps.Clone(described)) != len(routes) {
		t.Errorf("there are %d routes, %d are described", len(routes), len(described))
	}
}

// Each operation says how it refuses what clients do wrong: generators of clients ask for that.
func TestEveryRefusalIsDescribed(t *testing.T) {
	text := string(must(os.ReadFile("description/openapi.json")))
	operations, refusals := len(readOpenAPI(t).Operations()), strings.Count(text, `"4XX": {"$ref": "#/components/responses/Problem"}`)
	if refusals != operations {
		t.Errorf("%d operations, and %d describe their refusals", operations, refusals)
	}
}

// The query parameters of each operation are described, and no others.
func TestEveryQueryParameterIsDescribed(t *testing.T) {
	s := newServer(t)
	s.define("a")
	for _, op := range readOpenAPI(t).Operations() {
		path := strings.NewReplacer("{stream}", "a", "{client}", "admin", "{jail}", "root", "{version}", "1", "{group}", "ungrouped",
			"{service}", "nothing", "{procedure}", "nothing", "{code}", "internal", "{seq}", "1", "{connection}", "none", "{key}", "k").Replace(op.Path)
		a := s.do(call{method: op.Method, path: path + "?nonsense=1"})
		var known []string
		if m := regexp.MustCompile(`there is no parameter \\"nonsense\\" here; there is ([\w, ]+)`).FindStringSubmatch(a.body); m != nil {
			known = strings.Split(m[1], ", ")
		}
		slices.Sort(known)
		slices.Sort(op.QueryParameters)
		if !slices.Equal(known, op.QueryParameters) {
			t.Errorf("%s %s takes the parameters %q, described are %q: %s", op.Method, op.Path, known, op.QueryParameters, a.body)
		}
	}
}

func TestExamplesOfTheDescriptions(t *testing.T) {
	if n, err := readOpenAPI(t).CheckExamples(); err != nil || n < 10 {
		t.Errorf("%d examples: %v", n, err)
	}
	async := must(describedtest.ParseAsyncAPI(must(os.ReadFile("description/asyncapi.json"))))
	if n, err := async.CheckExamples(); err != nil || n < 30 {
		t.Errorf("%d examples: %v", n, err)
	}
}

// Each action is described, and nothing else is. The refusal of an unknown one lists them.
func TestEveryActionIsDescribed(t *testing.T) {
	async := must(describedtest.ParseAsyncAPI(must(os.ReadFile("description/asyncapi.json"))))
	if got, want := async.Actions(async.Messages("streams", "receive")), slices.Sorted(slices.Values(protocol.Actions())); !slices.Equal(got, want) {
		t.Errorf("described are the actions %q, there are %q", got, want)
	}
}

// The gateway serves its descriptions, with its own version and host, to everybody.
func TestDescriptionsAreServed(t *testing.T) {
	s := newServer(t)
	for path, member := range map[string]string{"/api/v1/openapi.json": "openapi", "/api/v1/asyncapi.json": "asyncapi"} {
		a := s.do(call{method: "GET", path: path, anonymous: true})
		var document map[string]any
		if err := json.Unmarshal([]byte(a.body), &document); err != nil || a.status != 200 || document[member] == nil {
			t.Fatalf("%s: %d %v", path, a.status, err)
		}
		if version := document["info"].(map[string]any)["version"]; version != "unknown" {
			t.Errorf("%s has the version %v", path, version)
		}
		if strings.Contains(a.body, `"HOST"`) || member == "asyncapi" && !strings.Contains(a.body, `"host": "`+s.addr+`"`) {
			t.Errorf("%s has not the host of the gateway", path)
		}
	}
	a := s.raw("GET", "GET /api/v1/asyncapi.json HTTP/1.1\r\nHost: a\"b\r\n\r\n")
	if a.status == 200 && !strings.Contains(a.body, `"HOST"`) {
		t.Error("a host that is none gets into the document")
	}
}

// The type of a problem leads to a page about its code, which says what the documentation says.
func TestErrorPages(t *testing.T) {
	s := newServer(t)
	refusal := s.do(call{method: "GET", path: "/api/v1/streams/nothing"})
	var problem protocol.Problem
	check(t, json.Unmarshal([]byte(refusal.body), &problem))
	for _, info := range protocol.Codes() {
		path := protocol.NewProblem(&protocol.Error{Code: info.Code}).Type
		page := s.do(call{method: "GET", path: path, anonymous: true, header: map[string]string{"Accept": browserAccept}})
		if page.status != 200 || page.header.Get("Content-Type") != "text/html; charset=utf-8" ||
			page.header.Get("Content-Security-Policy") == "" || strings.Contains(page.body, "<script") {
			t.Fatalf("%s: %d %v %s", path, page.status, page.header, page.body)
		}
		if text := unescaper.Replace(page.body); !strings.Contains(text, info.Advice) || !strings.Contains(text, info.Title) || !strings.Contains(text, string(info.Code)) {
			t.Errorf("%s says\n%s", path, page.body)
		}
		var view protocol.CodeView
		check(t, json.Unmarshal([]byte(s.do(call{method: "GET", path: path, anonymous: true}).body), &view))
		if view.Advice != info.Advice || view.Code != info.Code || (view.Status == nil) != (info.Status == 0) || (view.Close == nil) != (info.Close == 0) {
			t.Errorf("%s says %+v, want %+v", path, view, info)
		}
	}
	list := s.do(call{method: "GET", path: "/api/v1/errors", anonymous: true, header: map[string]string{"Accept": browserAccept}})
	if n := strings.Count(list.body, `<a href="errors/`); n != len(protocol.Codes()) {
		t.Errorf("the page of all codes has %d", n)
	}
	if list := s.do(call{method: "GET", path: "/api/v1/errors", anonymous: true}); strings.Count(list.body, `"advice":`) != len(protocol.Codes()) {
		t.Errorf("the list of all codes: %s", list.body)
	}
	s.refused(protocol.CodePathNotFound, call{method: "GET", path: "/api/v1/errors/nonsense"})
}

var unescaper = strings.NewReplacer("&#39;", "'", "&#34;", `"`, "&amp;", "&")
