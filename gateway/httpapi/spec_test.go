package httpapi_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// TestStreamSeaCalls makes the calls of the original API in a sensible order and
// compares whole answers. «secret» stands for any generated secret.
func TestStreamSeaCalls(t *testing.T) {
	s := newServer(t)
	key := publicKey()
	for _, c := range []struct{ method, path, body, want string }{
		{"POST", "/streams/portCall/define", `{"name":"portCall","version":"1.0.0","fields":[{"name":"id","type":"integer"},{"name":"moves","type":"array<object>","fields":[{"name":"load","type":"float"}]}]}`,
			`{"name":"portCall","version":"1.0.0","fields":[{"name":"id","type":"integer"},{"name":"moves","type":"array<object>","fields":[{"name":"load","type":"float"}]}]}`},
		{"POST", "/streams/boiler/define", `{"version":3,"fields":[{"name":"state","type":"enum","enum":["on","off"]}]}`,
			`{"name":"boiler","version":3,"fields":[{"name":"state","type":"enum","enum":["on","off"]}]}`},
		{"POST", "/streams/boiler/define", `{"version":"3.0","fields":[{"name":"state","type":"enum","enum":["off","on"]}]}`, // the same again
			`{"name":"boiler","version":3,"fields":[{"name":"state","type":"enum","enum":["on","off"]}]}`},
		{"POST", "/streams/boiler/define", `{"version":10,"fields":[{"name":"state","type":"string"}]}`, // 3 < 10
			`{"name":"boiler","version":10,"fields":[{"name":"state","type":"string"}]}`},
		{"GET", "/streams/boiler/schema", "", `{"name":"boiler","version":10,"fields":[{"name":"state","type":"string"}]}`},
		{"POST", "/schema-versions-vector", `{"schemaNames":["boiler","nothing","portCall","boiler"]}`,
			`{"versionsVector":[10,null,"1.0.0",10]}`},
		{"POST", "/schema-versions-vector", `{"schemaNames":[]}`, `{"versionsVector":[]}`},
		{"POST", "/streams/portCall/publish", `{"payload":{"id":1,"moves":[{"load":1.5}]}}`, `{"seq":1,"time":"«time»","epoch":"«epoch»"}`},
		{"POST", "/streams/portCall/publish", `[{"payload":{"id":1,"moves":[]}},{"payload":{"id":2,"moves":[]}}]`, `{"seq":2,"lastSeq":3,"time":"«time»","epoch":"«epoch»"}`},
		{"POST", "/client", `{"clientId":"worker","description":"does the work"}`,
			`{"givenId":"worker","secret":"«secret»","description":"does the work"}`},
		{"POST", "/client", `{"clientId":"other"}`, `{"givenId":"other","secret":"«secret»","description":""}`},
		{"PUT", "/client/worker", "", `{"givenId":"worker","secret":"«secret»","description":"does the work"}`},
		{"PUT", "/client/worker/jwt-public-key", `{"jwtPublicKey":` + quote(key) + `}`, `{"givenId":"worker","jwtPublicKey":` + quote(key) + `}`},
		{"PUT", "/client/worker/jwt-public-key", `{"jwtPublicKey":null}`, `{"givenId":"worker","jwtPublicKey":null}`},
		{"DELETE", "/client/worker", "", `{"id":"worker"}`},
		{"POST", "/jails", `{"newJailId":"tenant","newJailName":"A tenant","newClientId":"boss"}`,
			`{"newJailId":"tenant","newClientId":"boss","newClientSecret":"«secret»"}`},
		{"DELETE", "/jails/tenant", "", `{"id":"tenant"}`},
	} {
		if got := hidePosition(hideSecret(s.ok(c.method, "/api/v1"+c.path, c.body))); got != c.want {
			t.Errorf("%s %s\n got %s\nwant %s", c.method, c.path, got, c.want)
		}
	}
}

var generatedSecret = regexp.MustCompile(`"sea_[A-Za-z0-9_-]{54}"`)

var position = regexp.MustCompile(`"time":"[^"]+Z","epoch":"[^"]+"`)

// hidePosition replaces what differs between two runs in the answer to a publish.
func hidePosition(body string) string {
	return position.ReplaceAllString(body, `"time":"«time»","epoch":"«epoch»"`)
}

func hideSecret(body string) string {
	return generatedSecret.ReplaceAllString(body, `"«secret»"`)
}

func quote(text string) string {
	quoted, _ := jsontext.AppendQuote(nil, text)
	return string(quoted)
}

var publicKey = sync.OnceValue(func() string {
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	der := must(x509.MarshalPKIXPublicKey(&key.PublicKey))
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
})

// After a rotation only the new secret works.
func TestRotatedSecret(t *testing.T) {
	s := newServer(t)
	first := secretIn(t, s.ok("POST", "/api/v1/client", `{"clientId":"worker"}`))
	second := secretIn(t, s.ok("PUT", "/api/v1/client/worker", ""))
	s.okAs(credentials{"worker", second}, "GET", "/api/v1/streams", "")
	s.refused(protocol.CodeInvalidCredentials, call{method: "GET", path: "/api/v1/streams", as: &credentials{"worker", first}})
}

func secretIn(t *testing.T, body string) string {
	t.Helper()
	var made struct {
		Secret string `json:"secret"`
	}
	check(t, json.Unmarshal([]byte(body), &made))
	return made.Secret
}

// TestExtensionCalls makes the calls that are extensions of the original API.
func TestExtensionCalls(t *testing.T) {
	s := newServer(t)
	s.ok("POST", "/api/v1/streams/a/define", `{"version":1,"fields":[{"name":"n","type":"integer"}]}`)
	s.ok("POST", "/api/v1/streams/a/define", `{"version":"2.0","fields":[]}`)
	s.ok("POST", "/api/v1/streams/b/define", `{"version":1,"fields":[{"name":"n","type":"integer"}]}`)
	for _, c := range []struct{ method, path, body, want string }{
		{"GET", "", "", `{"name":"seagate","version":"unknown","links":{"streams":"/api/v1/streams","clients":"/api/v1/clients","jails":"/api/v1/jails","services":"/api/v1/services","errors":"/api/v1/errors","openapi":"/api/v1/openapi.json","asyncapi":"/api/v1/asyncapi.json"},"modules":` + moduleLinks() + `}`},
		{"GET", "/streams", "", `{"streams":[` +
			`{"name":"a","version":"2.0","registered":false,"paused":false,"held":false,"requested":false,"providers":0,"subscribers":0,"groups":0,"firstSeq":1,"lastSeq":0,"bytes":0,"hasHeader":false,"durability":"disk","epoch":null},` +
			`{"name":"b","version":1,"registered":false,"paused":false,"held":false,"requested":false,"providers":0,"subscribers":0,"groups":0,"firstSeq":1,"lastSeq":0,"bytes":0,"hasHeader":false,"durability":"disk","epoch":null}],"next":null}`},
		{"GET", "/streams/a/schemas", "", `{"schemas":[{"name":"a","version":1,"fields":[{"name":"n","type":"integer"}]},{"name":"a","version":"2.0","fields":[]}]}`},
		{"GET", "/streams/a/schemas/1.0.0", "", `{"name":"a","version":1,"fields":[{"name":"n","type":"integer"}]}`},
		{"GET", "/streams/a/schemas/current/changes?since=1.0", "", `{"since":1,"version":"2.0","compatible":false,"differences":["n: removed, was integer"],"breaking":["n: removed, was integer"]}`},
		{"GET", "/streams/a/schemas/1/changes?since=current", "", `{"since":"2.0","version":1,"compatible":false,"differences":["n: added, integer"],"breaking":["n: added, integer"]}`},
		{"GET", "/streams/a/schemas/1/changes?since=1", "", `{"since":1,"version":1,"compatible":true,"differences":[],"breaking":[]}`},
		{"GET", "/streams/a/schemas/2", "", `{"name":"a","version":"2.0","fields":[]}`},
		{"GET", "/streams/a/schemas/current", "", `{"name":"a","version":"2.0","fields":[]}`},
		{"PUT", "/streams/b/header", `{"payload": {"n": 7}}`, `{}`},
		{"GET", "/streams/b/header", "", `{"payload":{"n":7}}`},
		{"POST", "/streams/b/publish", `{"payload":{"n":8}}`, `{"seq":1,"time":"«time»","epoch":"«epoch»"}`},
		{"POST", "/streams/b/pause", "", `{"name":"b","paused":true}`},
		{"GET", "/streams/b", "", `{"name":"b","version":1,"registered":false,"paused":true,"held":true,"requested":false,"providers":0,"subscribers":0,"groups":0,"firstSeq":1,"lastSeq":1,"bytes":7,"hasHeader":true,"durability":"disk","epoch":"«epoch»"}`},
		{"POST", "/streams/b/resume", "", `{"name":"b","paused":false}`},
		{"POST", "/streams/b/publish", `{"payload":{"n":9}}`, `{"seq":2,"time":"«time»","epoch":"«epoch»"}`},
		{"DELETE", "/streams/b/header", "", `{}`},
		{"DELETE", "/streams/b/header", "", `{}`},
		{"DELETE", "/streams/b", "", `{"name":"b"}`},
		{"POST", "/streams/c/define?dryRun=true", `{"version":1,"fields":[]}`, `{"change":"created","differences":[],"breaking":[],"definition":{"name":"c","version":1,"fields":[]}}`},
		{"POST", "/streams/a/define?dryRun=true", `{"version":2,"fields":[]}`, `{"change":"unchanged","differences":[],"breaking":[],"definition":{"name":"a","version":"2.0","fields":[]}}`},
		{"POST", "/streams/a/define?dryRun=false", `{"version":2,"fields":[]}`, `{"name":"a","version":"2.0","fields":[]}`},
	} {
		if got := anEpoch.ReplaceAllString(hidePosition(s.ok(c.method, "/api/v1"+c.path, c.body)), `"epoch":"«epoch»"`); got != c.want {
			t.Errorf("%s %s\n got %s\nwant %s", c.method, c.path, got, c.want)
		}
	}
	s.refused(protocol.CodeStreamNotFound, call{method: "GET", path: "/api/v1/streams/b"})
	s.refused(protocol.CodeStreamNotFound, call{method: "GET", path: "/api/v1/streams/c"})
}

var anEpoch = regexp.MustCompile(`"epoch":"[0-9A-Za-z]{1,32}"`)

// A dry run says what would change, changes nothing, and refuses the definitions
// that define refuses.
func TestDryRun(t *testing.T) {
	s := newServer(t)
	s.define("a")
	got := s.ok("POST", "/api/v1/streams/a/define?dryRun=true", `{"version":2,"fields":[{"name":"n","type":"float"}]}`)
	if !strings.HasPrefix(got, `{"change":"replaced","differences":["n: `) {
		t.Errorf("got %s", got)
	}
	if now := s.ok("GET", "/api/v1/streams/a/schema", ""); !strings.Contains(now, `"version":1,`) {
		t.Errorf("the dry run defined %s", now)
	}
	for _, body := range []string{
		`{"version":1,"fields":[]}`, `{"version":0,"fields":[]}`, `{"version":1}`, `{"version":1,`, `{"name":"b","version":3,"fields":[]}`,
	} {
		planned := s.do(call{method: "POST", path: "/api/v1/streams/a/define?dryRun=true", body: body})
		defined := s.do(call{method: "POST", path: "/api/v1/streams/a/define", body: body})
		if planned.status < 400 || planned.status != defined.status || planned.body != defined.body {
			t.Errorf("%s\nplanned %d %s\ndefined %d %s", body, planned.status, planned.body, defined.status, defined.body)
		}
	}
}

// Every list has pages, and shows no secrets.
func TestPages(t *testing.T) {
	s := newServer(t)
	for _, name := range []string{"a", "b", "c"} {
		s.define(name)
		s.newJail("j"+name, "boss")
		s.ok("POST", "/api/v1/client", `{"clientId":"`+name+`","description":"client `+name+`"}`)
	}
	for path, want := range map[string]string{
		"/streams?limit=2":               `"name":"a" "name":"b" "next":"cb7v-WI"`,
		"/streams?limit=2&after=cb7v-WI": `"name":"c" "next":null`,
		"/streams?after=wyc9ynp6eg":      `"next":null`,
		"/streams?limit=3":               `"name":"a" "name":"b" "name":"c" "next":null`,
		"/clients?limit=2":               `"id":"a" "id":"admin" "next":"iA4NdmFkbWlu"`,
		"/clients?after=iA4NdmFkbWlu":    `"id":"b" "id":"c" "next":null`,
		"/jails?limit=1":                 `"id":"ja" "name":"" "next":"5H7AHGph"`,
		"/jails?after=fXeRpmpi":          `"id":"jc" "name":"" "id":"root" "name":"root" "next":null`,
	} {
		body := s.ok("GET", "/api/v1"+path, "")
		if got := strings.Join(listed.FindAllString(body, -1), " "); got != want {
			t.Errorf("%s: %s\nwant %s", path, got, want)
		}
		if generatedSecret.MatchString(body) || strings.Contains(body, "uid") {
			t.Errorf("%s shows too much: %s", path, body)
		}
	}
	client := s.ok("GET", "/api/v1/clients?limit=1", "")
	if !regexp.MustCompile(`^\{"clients":\[\{"id":"a","description":"client a","jwtPublicKey":null,"createdAt":"[^"]+Z","rights":null\}\],"next":"6Le-Q2E"\}$`).MatchString(client) {
		t.Errorf("client: %s", client)
	}
	jail := s.ok("GET", "/api/v1/jails?limit=1", "")
	if !regexp.MustCompile(`^\{"jails":\[\{"id":"ja","name":"","createdAt":"[^"]+Z"\}\],"next":"5H7AHGph"\}$`).MatchString(jail) {
		t.Errorf("jail: %s", jail)
	}
}

var listed = regexp.MustCompile(`"(id|name|next)":("[^"]*"|null)`)

// TestDeployedClients sends the requests of each client byte for byte.
func TestDeployedClients(t *testing.T) {
	s := newServer(t)
	auth := s.root.authorization()
	define := `{"name": "boiler", "version": "1.0.0", "fields": [{"name": "t", "type": "float"}]}`
	schema := `{"name":"boiler","version":"1.0.0","fields":[{"name":"t","type":"float"}]}`
	for _, c := range []struct{ name, method, path, header, body, want string }{
		{"Python defines", "POST", "/streams/boiler/define", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", zipped(define), schema},
		// It sends Content-Encoding on GET requests too, which have no body.
		{"Python describes", "GET", "/streams/boiler/schema", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "", schema},
		{"Python publishes", "POST", "/streams/boiler/publish", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", zipped(`{"payload": {"t": 91.5}}`), `{"seq":1,"time":"«time»","epoch":"«epoch»"}`},
		{"Python asks for versions", "POST", "/schema-versions-vector", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", zipped(`{"schemaNames": ["boiler", "none"]}`), `{"versionsVector":["1.0.0",null]}`},
		{"PHP defines", "POST", "/streams/boiler/define", "Content-Type: application/json\r\nContent-Encoding: gzip\r\nUser-Agent: GuzzleHttp/7\r\n",
			zipped(`{"name":"boiler","version":"1.0.0","fields":[{"name":"t","type":"float","enum":null,"fields":null}]}`), schema},
		{"PHP publishes", "POST", "/streams/boiler/publish", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", zipped(`{"payload":{"t":1}}`), `{"seq":2,"time":"«time»","epoch":"«epoch»"}`},
		{"JavaScript defines", "POST", "/streams/boiler/define", "content-type: application/json\r\naccept: application/json\r\naccept-encoding: gzip,deflate\r\n", `{"version":"1.0.0","fields":[{"name":"t","type":"float"}]}`, schema},
		{"JavaScript publishes", "POST", "/streams/boiler/publish", "content-type: application/json\r\naccept: application/json\r\naccept-encoding: gzip,deflate\r\n", `{"payload":{"t":2}}`, `{"seq":3,"time":"«time»","epoch":"«epoch»"}`},
		{"curl publishes", "POST", "/streams/boiler/publish", "Accept: */*\r\nContent-Type: application/json; charset=utf-8\r\n", `[{"t":3},{"t":4}]`, `{"seq":4,"lastSeq":5,"time":"«time»","epoch":"«epoch»"}`},
		{"curl is asked for h2c", "GET", "/streams/boiler/schema", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", "", schema},
	} {
		t.Run(c.name, func(t *testing.T) {
			length := ""
			if c.body != "" {
				length = "Content-Length: " + itoa(len(c.body)) + "\r\n"
			}
			a := s.raw(c.method, c.method+" /api/v1"+c.path+" HTTP/1.1\r\nHost: localhost:3104\r\n"+auth+c.header+length+"\r\n"+c.body)
			if a.status != 200 || hidePosition(a.body) != c.want || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %v %s", a.status, a.header, a.body)
			}
		})
	}
}
