package httpapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // of the page
	"encoding/base64"
	"html/template"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

var (
	//go:embed page/page.html
	pageText string
	//go:embed page/page.css
	pageStyle string

	pageTemplate = template.Must(template.New("page").Parse(pageText))
)

// pagePolicy lets the page use its own style and nothing else: no script, no form,
// and no request to anybody.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// WantsPage reports whether a request comes from a browser in which somebody opened
// the gateway's URL. Programs, which do not ask for HTML by name, find nothing at
// "/".
func WantsPage(r *http.Request) bool {
	if r.URL.Path != "/" || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	return acceptsHTML(r)
}

// acceptsHTML reports whether a request asks for HTML by name, as browsers do.
func acceptsHTML(r *http.Request) bool {
	for _, value := range r.Header["Accept"] {
		for item := range strings.SplitSeq(value, ",") {
			kind, parameters, err := mime.ParseMediaType(item)
			if quality, isSet := parameters["q"]; err == nil && kind == "text/html" && (!isSet || strings.Trim(quality, "0.") != "") {
				return true
			}
		}
	}
	return false
}

// frontPage writes the page that says what Seagate is and how to use it, with
// the URL of this gateway.
func (q *request) frontPage() (any, error) {
	host, scheme := q.host(), "http"
	if q.r.TLS != nil || q.r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	var body bytes.Buffer
	err := pageTemplate.Execute(&body, struct {
		URL    string
		Module moduleLink
		Style  template.CSS
	}{scheme + "://" + host, moduleLinks()[0], template.CSS(pageStyle)})
	if err != nil {
		return nil, err
	}
	q.writePage(body.Bytes())
	return nil, nil
}

// writePage answers with a page that uses pageStyle and nothing else.
func (q *request) writePage(body []byte) {
	h := q.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Add("Vary", "Accept")
	q.streaming = true
	q.w.Write(body)
}

// host returns the host that the request names, or "HOST" if that is not one: somebody may paste it into
// a shell.
func (q *request) host() string {
	if isPlainHost(q.r.Host) {
		return q.r.Host
	}
	return "HOST"
}

// isPlainHost reports whether a Host header has only what names, addresses and ports
// consist of.
func isPlainHost(host string) bool {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]"
	return host != "" && strings.Trim(host, plain) == "" && len(host) < 256
}
