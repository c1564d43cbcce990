package httpapi

import (
	"seagate/gateway"
	"seagate/protocol"
)

// The headers that a page may send, and may read in an answer, beside those that
// every page may (https://fetch.spec.whatwg.org, CORS-safelisted). A wildcard
// would not include Authorization.
const (
	corsRequestHeaders  = "Authorization, Content-Type, Content-Encoding, Idempotency-Key"
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
	origin := q.r.Header.Get("Origin")
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
