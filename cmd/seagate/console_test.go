package main_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"seagate/gateway/ws/wstest"
)

// browse sends a request as a browser's address bar does, and follows no redirect.
func browse(t *testing.T, url, id, secret string) (status int, header http.Header, body string) {
	t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,*/*;q=0.8")
	if id != "" {
		r.SetBasicAuth(id, secret)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}

// The URL that "seagate dev" prints leads to the console, and so does the admin listener.
// There the API is at the same origin, with the same authentication.
func TestDevServesTheConsole(t *testing.T) {
	t.Parallel()
	d := newWorkplace(t, "seagate").dev("")
	id, secret := d.fact("client id"), d.fact("client secret")
	for name, base := range map[string]string{"public": d.fact("URL"), "admin": "http://" + d.admin} {
		if status, header, _ := browse(t, base+"/", "", ""); status != 303 || header.Get("Location") != "console/" {
			t.Errorf("%s: / is %d, to %q", name, status, header.Get("Location"))
		}
		if status, _, body := browse(t, base+"/console/", "", ""); status != 200 || !strings.Contains(body, "<title>Seagate console</title>") {
			t.Errorf("%s: the console is %d %s", name, status, body)
		}
		if status, _, body := browse(t, base+"/api/v1/whoami", id, secret); status != 200 || !strings.Contains(body, `"clientId":"root"`) {
			t.Errorf("%s: whoami is %d %s", name, status, body)
		}
		if status, _, body := browse(t, base+"/api/v1/streams", id, "sea_wrong"); status != 401 {
			t.Errorf("%s: a wrong secret is %d %s", name, status, body)
		}
		conn := wstest.Dial(t, strings.TrimPrefix(base, "http://"), "/api/v1/streams")
		conn.Send(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"` + id + `","clientSecret":"` + secret + `"}}`)
		if got, _ := conn.Next(); !strings.Contains(got, `"success":true`) {
			t.Errorf("%s: over the WebSocket: %s", name, got)
		}
	}
	if status, _, body := browse(t, "http://"+d.admin+"/readyz", "", ""); status != 200 {
		t.Errorf("readiness is %d %s", status, body)
	}
	d.stopped()
}

// In production the public listener has no console unless the operator wants it.
func TestTheConsoleIsPublicOnlyIfItIsSet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		settings      []string
		public, admin int
	}{
		{nil, 404, 200},
		{[]string{"SEAGATE_CONSOLE_PUBLIC=true"}, 200, 200},
		{[]string{"SEAGATE_CONSOLE_ADMIN=false"}, 404, 404},
	} {
		g := start(t, c.settings...)
		if status, _, body := browse(t, "http://"+g.listen+"/console/", "", ""); status != c.public {
			t.Errorf("%q: the public listener: %d %s", c.settings, status, body)
		}
		if status, _, body := browse(t, "http://"+g.admin+"/console/", "", ""); status != c.admin {
			t.Errorf("%q: the admin listener: %d %s", c.settings, status, body)
		}
	}
}
