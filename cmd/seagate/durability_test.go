package main_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestAnsweredChangesSurviveKill9: a change that is answered with 200 is there after the
// process is killed at once.
func TestAnsweredChangesSurviveKill9(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	key := strings.ReplaceAll(publicPEM(t, "office"), "\n", `\n`)
	var secret string
	var tenant credentials
	g := startIn(t, folder)
	// Each round makes one change, kills the gateway, and checks the change after
	// the next start. The end checks the changes of all rounds.
	for _, round := range []struct {
		change func()
		there  func()
	}{
		{func() { g.define(root, "boiler") }, func() {
			g.wantBody("GET", "/streams/boiler/schema", `{"name":"boiler","version":1,"fields":[{"name":"n","type":"integer"}]}`)
		}},
		{func() { g.ok(root, "POST", "/streams/boiler/define", `{"version":2,"fields":[]}`) }, func() {
			g.wantBody("GET", "/streams/boiler/schemas",
				`{"schemas":[{"name":"boiler","version":1,"fields":[{"name":"n","type":"integer"}]},{"name":"boiler","version":2,"fields":[]}]}`)
		}},
		{func() { g.ok(root, "PUT", "/streams/boiler/header", `{"payload":{}}`) }, func() {
			g.wantBody("GET", "/streams/boiler/header", `{"payload":{}}`)
		}},
		{func() { g.ok(root, "POST", "/streams/boiler/pause", "") }, func() {
			g.refused(root, 409, "stream_paused", "POST", "/streams/boiler/publish", `{"payload":{}}`)
		}},
		{func() { g.ok(root, "POST", "/streams/boiler/resume", "") }, func() {
			g.publish(root, "boiler", `{}`)
		}},
		{func() { secret = g.newClient(root, "worker").secret }, func() {
			g.ok(credentials{"worker", secret}, "GET", "/streams", "")
		}},
		{func() { secret = field(t, g.ok(root, "PUT", "/client/worker", ""), "secret") }, func() {
			g.ok(credentials{"worker", secret}, "GET", "/streams", "")
		}},
		{func() { g.ok(root, "PUT", "/client/worker/jwt-public-key", `{"jwtPublicKey":"`+key+`"}`) }, func() {
			if clients := g.ok(root, "GET", "/clients", ""); !strings.Contains(clients, `"jwtPublicKey":"`+key+`"`) {
				t.Errorf("the key is lost: %s", clients)
			}
		}},
		{func() { tenant = g.newJail("tenant", "boss") }, func() {
			g.ok(tenant, "GET", "/streams", "")
		}},
		{func() { g.ok(root, "DELETE", "/streams/boiler/header", "") }, func() {
			g.refused(root, 404, "header_not_found", "GET", "/streams/boiler/header", "")
		}},
		{func() { g.ok(root, "DELETE", "/client/worker", "") }, func() {
			g.refused(credentials{"worker", secret}, 401, "invalid_credentials", "GET", "/streams", "")
		}},
		{func() { g.ok(root, "DELETE", "/jails/tenant", "") }, func() {
			g.refused(tenant, 401, "invalid_credentials", "GET", "/streams", "")
		}},
		{func() { g.ok(root, "DELETE", "/streams/boiler", "") }, func() {
			g.refused(root, 404, "stream_not_found", "GET", "/streams/boiler", "")
		}},
	} {
		round.change()
		g.kill()
		g = startIn(t, folder)
		round.there()
	}
	g.stopped()
}

// TestAnsweredChangesSurviveKill9UnderLoad kills the gateway while many changes are under
// way. Those that were answered are there.
func TestAnsweredChangesSurviveKill9UnderLoad(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	g := startIn(t, folder)
	answered := make(chan string, 1000)
	for worker := range 8 {
		go func() {
			defer func() { answered <- "" }()
			for n := 0; ; n++ {
				stream := fmt.Sprintf("s%d-%d", worker, n)
				if !g.tryDefine(stream) {
					return
				}
				answered <- stream
			}
		}()
	}
	var streams []string
	for len(streams) < 40 {
		streams = append(streams, <-answered)
	}
	g.kill()
	for working := 8; working > 0; {
		if stream := <-answered; stream == "" {
			working--
		} else {
			streams = append(streams, stream)
		}
	}
	g = startIn(t, folder)
	for _, stream := range streams {
		g.ok(root, "GET", "/streams/"+stream+"/schema", "")
	}
	g.stopped()
}

// tryDefine defines a stream, unless the gateway is gone.
func (g *gateway) tryDefine(stream string) bool {
	r := g.request(root, "POST", "/streams/"+stream+"/define", `{"version":1,"fields":[]}`)
	a, err := fetch(r)
	return err == nil && a.status == 200
}

func (g *gateway) wantBody(method, path, want string) {
	g.t.Helper()
	if got := g.ok(root, method, path, ""); got != want {
		g.t.Errorf("%s %s: got %s, want %s", method, path, got, want)
	}
}
