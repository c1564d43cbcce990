package httpapi

import (
	"net/http"
	"strings"

	"seagate/gateway"
	"seagate/protocol"
)

// The headers that a page may send, and may read in an answer, beside those that
// every page may (https://fetch.spec.whatwg.org, CORS-safelisted). A wildcard
// would not include Authorization.
const (
	corsRequestHeaders  = "Authorization, Content-Type, Content-Encoding, Idempotency-Key, Traceparent"
	corsResponseHeaders = "WWW-Authenticate, Retry-After, Allow"
	corsMaxAge          = "7200" // seconds; no browser keeps a preflight longer
)

// admitOrigin refuses requests of pages that may not use the API, and lets other
// pages read the answer. Programs other than browsers send no Origin.
func (q *request) admitOrigin() error {
	h, origins := q.w.Header(), q.origins.Load()
	if !origins.AllowsAny() {
		h.Add("Vary", "Origin")
	}
	origin := firstOf(q.r.Header["Origin"])
	if origin == "" {
		return nil
	}
	if !origins.Allows(origin, q.r.Host) {
		q.gateway.RefuseOrigin(origin, gateway.PeerAddress(q.r))
		return protocol.Errorf(protocol.CodeOriginNotAllowed, "pages of this origin may not use the API")
	}
	if origins.AllowsAny() {
		origin = "*"
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", corsResponseHeaders)
	return nil
}

// firstOf returns the value of a header as http.Header.Get does, which would make the name canonical
// each time.
func firstOf(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// admitChange refuses a request of a page that changes something and says nothing of
// application/json. A page of another host can send such a request without a preflight,
// and a browser adds the credentials that it remembers for this host.
func (q *request) admitChange(method string) error {
	if firstOf(q.r.Header["Origin"]) == "" || method == http.MethodGet {
		return nil
	}
	if value := q.r.Header.Get("Content-Type"); value == "" {
		return protocol.Errorf(protocol.CodeUnsupportedMediaType,
			"a page must send Content-Type: application/json with each request that changes something, also without a body")
	}
	return checkMediaType(q.r.Header)
}

// isBrowser reports whether a browser sends the request. All name themselves after
// Mozilla; those of today say more about a request.
func isBrowser(h http.Header) bool {
	return h.Get("Origin") != "" || h.Get("Sec-Fetch-Mode") != "" || strings.HasPrefix(h.Get("User-Agent"), "Mozilla/")
}

// preflight answers OPTIONS with the methods of the endpoint, and tells a
// browser what a page may send.
func (p *endpoint) preflight(q *request) {
	h := q.w.Header()
	h.Set("Allow", p.allow)
	if q.r.Header.Get("Origin") == "" || q.r.Header.Get("Access-Control-Request-Method") == "" {
		return
	}
	h.Set("Access-Control-Allow-Methods", p.allow)
	h.Set("Access-Control-Allow-Headers", corsRequestHeaders)
	h.Set("Access-Control-Max-Age", corsMaxAge)
}
