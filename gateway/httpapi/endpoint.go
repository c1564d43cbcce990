package httpapi

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"seagate/auth"
	"seagate/gateway"
	"seagate/internal/histogram"
	"seagate/internal/panics"
	"seagate/protocol"
)

// An operation does what a request asks for. It returns the answer, a JSON
// document as []byte or a value to encode, or an error of package gateway. An
// answer beside an error is ignored, and need not make sense.
type operation func(*request) (answer any, err error)

// A request is one HTTP request during its operation.
type request struct {
	*api
	w         http.ResponseWriter // for headers, and for the body of an operation that is streaming
	r         *http.Request
	principal *auth.Principal // nil at a public route
	published string          // the stream, if publishesTo has found it in the path
	arrival   arrival         // the body, while it is being received
	streaming bool            // the operation has begun to write the answer itself
	receipt   *receipt        // the answer of a publish, to be reused once it is written
	written   func()          // called when the answer is written, or when there is none; may be nil
}

// An endpoint answers the requests that match one pattern.
type endpoint struct {
	*api
	route
	pattern string // of the ServeMux
	allow   string // the Allow header
	names   []pathName
	took    map[string]*histogram.Histogram // by method; others than these are counted under ""
}

func (a *api) endpoint(pattern string, r route) *endpoint {
	e := &endpoint{api: a, route: r, pattern: pattern, allow: r.methods.allow(), took: map[string]*histogram.Histogram{}}
	for _, name := range pathNames {
		if strings.Contains(pattern, "{"+name.wildcard+"}") {
			e.names = append(e.names, name)
		}
	}
	e.took[""] = a.gateway.Metrics.Requests.With("other", pattern)
	for method := range r.methods {
		e.took[method] = a.gateway.Metrics.Requests.With(method, pattern)
	}
	return e
}

// ServeHTTP implements http.Handler.
func (p *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.answerTo(&request{api: p.api, w: w, r: r})
}

func (p *endpoint) answerTo(q *request) {
	start := time.Now()
	if hasBody(q.r) {
		p.bodies.begin(&q.arrival, q.w, start)
	}
	status, code := p.serve(q)
	took := time.Since(start)
	p.histogram(q.r.Method).Observe(took)
	if p.log.Enabled(q.r.Context(), slog.LevelDebug) {
		p.logAccess(q, status, code, took)
	}
}

// histogram returns where requests with the method are counted. Clients can send any method, so those
// that the endpoint has not share one.
func (p *endpoint) histogram(method string) *histogram.Histogram {
	if h := p.took[method]; h != nil {
		return h
	}
	return p.took[""]
}

// serve writes the response. It returns the status, and the code of a refusal.
func (p *endpoint) serve(q *request) (status int, code protocol.Code) {
	defer func() {
		p.bodies.end(&q.arrival)
		if q.written != nil {
			q.written()
		}
	}()
	body, err := p.attempt(q)
	if err != nil {
		refusal := p.gateway.Refusal(err)
		p.gateway.Refused(transport, q.principal, refusal)
		return refuse(q.w, refusal, isBrowser(q.r.Header)), refusal.Code
	}
	if q.streaming {
		return http.StatusOK, ""
	}
	status = respond(q.w, q.r, body)
	if q.receipt != nil {
		receipts.Put(q.receipt)
	}
	return status, ""
}

// logAccess logs a request and its outcome. It leaves out what may contain a
// secret: the query, the headers and the body.
func (p *endpoint) logAccess(q *request, status int, code protocol.Code, took time.Duration) {
	attrs := []slog.Attr{
		slog.String("method", excerpt(q.r.Method)),
		slog.String("route", p.pattern),
		slog.Int("status", status),
		slog.Duration("took", took),
		slog.String("address", q.r.RemoteAddr),
	}
	if q.principal != nil {
		attrs = append(attrs, slog.String("jail", q.principal.JailID), slog.String("client", q.principal.ClientID))
	}
	if code != "" {
		attrs = append(attrs, slog.String("code", string(code)))
	}
	p.log.LogAttrs(q.r.Context(), slog.LevelDebug, "request", attrs...)
}

// attempt does the operation and encodes its answer; nil is a response without
// a body. A panic becomes a refusal, unless the operation is streaming: then
// the connection is closed, so that the client sees that the answer is cut off.
func (p *endpoint) attempt(q *request) (body []byte, err error) {
	defer func() {
		switch cause := recover(); cause {
		case nil:
		case http.ErrAbortHandler:
			panic(cause)
		default:
			panics.Count("request")
			p.log.Error("a request panicked", "method", excerpt(q.r.Method), "route", p.pattern,
				"panic", cause, "stack", string(debug.Stack()))
			if q.streaming {
				panic(http.ErrAbortHandler)
			}
			body, err = nil, protocol.Errorf(protocol.CodeInternal, "the server failed; its log says why")
		}
	}()
	answer, err := p.answer(q)
	if err != nil {
		return nil, err
	}
	return q.encode(answer)
}

// answer returns a nil answer for a preflight.
func (p *endpoint) answer(q *request) (answer any, err error) {
	secure(q.w.Header())
	if p.anyOrigin {
		q.w.Header().Set("Access-Control-Allow-Origin", "*")
	} else if err := q.admitOrigin(); err != nil {
		return nil, err
	}
	if p.methods == nil {
		return nil, protocol.Errorf(protocol.CodePathNotFound,
			"there is nothing at this path; all paths begin with %s, and have no empty segments and none that are dots", base)
	}
	method := q.r.Method
	switch method {
	case http.MethodOptions:
		p.preflight(q)
		return nil, nil
	case http.MethodHead:
		method = http.MethodGet
	}
	do := p.methods[method]
	if do == nil {
		q.w.Header().Set("Allow", p.allow)
		return nil, protocol.Errorf(protocol.CodeMethodNotAllowed, "the methods here are %s", p.allow)
	}
	if err := q.admitChange(method); err != nil {
		return nil, err
	}
	if !p.public {
		if err := q.authenticate(); err != nil {
			return nil, err
		}
	}
	for _, name := range p.names {
		if err := name.check(q.pathValue(name.wildcard)); err != nil {
			return nil, err
		}
	}
	return do(q)
}

// Header values that all responses share, so that setting them allocates
// nothing.
var (
	contentJSON = []string{"application/json"}
	noSniff     = []string{"nosniff"}
	noStore     = []string{"no-store"}
)

// secure keeps browsers from guessing another content type, and caches from
// storing the response: all responses are private, and some contain a secret.
func secure(h http.Header) {
	h["X-Content-Type-Options"] = noSniff
	h["Cache-Control"] = noStore
}

// refuse answers with a problem. A browser that saw a challenge for Basic would ask for
// credentials, remember them, and send them with the requests of all pages.
func refuse(w http.ResponseWriter, refusal *protocol.Error, browser bool) (status int) {
	h := w.Header()
	switch refusal.Code {
	case protocol.CodeCredentialsRequired, protocol.CodeInvalidCredentials:
		if browser {
			h.Set("WWW-Authenticate", challengeBrowser)
		} else {
			h.Set("WWW-Authenticate", challenge)
		}
	case protocol.CodeUnsupportedEncoding: // RFC 9110 §15.5.16
		h.Set("Accept-Encoding", "gzip")
	}
	gateway.WriteProblem(w, refusal)
	return protocol.NewProblem(refusal).Status
}

// excerpt returns the beginning of a text that a client sent, for an error or
// the log: neither must become as long as the text.
func excerpt(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}
