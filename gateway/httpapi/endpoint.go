package httpapi

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"seagate/auth"
	"seagate/gateway"
	"seagate/protocol"
)

// An operation does what a request asks for. It returns a JSON document, or
// why it did not.
type operation func(*request) ([]byte, error)

// A request is one HTTP request on its way through an operation.
type request struct {
	*api
	w         http.ResponseWriter // for headers; the endpoint writes the rest, unless the operation is streaming
	r         *http.Request
	principal *auth.Principal // nil at a public route
	streaming bool            // the operation writes the answer itself, and has begun
}

// An endpoint answers the requests that match one pattern.
type endpoint struct {
	*api
	route
	pattern string // of the ServeMux
	allow   string // the Allow header
}

func (a *api) endpoint(pattern string, r route) *endpoint {
	return &endpoint{api: a, route: r, pattern: pattern, allow: r.methods.allow()}
}

// ServeHTTP implements http.Handler.
func (p *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{api: p.api, w: w, r: r}
	if !p.log.Enabled(r.Context(), slog.LevelDebug) {
		p.serve(q)
		return
	}
	start := time.Now()
	status, code := p.serve(q)
	p.logAccess(q, status, code, time.Since(start))
}

// serve writes the answer, and returns its status and the code of a refusal.
func (p *endpoint) serve(q *request) (status int, code protocol.Code) {
	body, err := p.attempt(q)
	if e := p.gateway.Refusal(err); e != nil {
		p.gateway.Metrics.Refused(transport, e)
		return refuse(q.w, e), e.Code
	}
	if q.streaming {
		return http.StatusOK, ""
	}
	return respond(q.w, q.r, body), ""
}

// logAccess says what came of a request, without anything that may hold a
// secret: no query, no header, no body.
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

// attempt makes a panic a refusal: nothing has been written by then. An answer
// that has been begun is cut off, for the client to notice.
func (p *endpoint) attempt(q *request) (body []byte, err error) {
	defer func() {
		switch cause := recover(); cause {
		case nil:
		case http.ErrAbortHandler:
			panic(cause)
		default:
			p.log.Error("a request panicked", "method", excerpt(q.r.Method), "route", p.pattern,
				"panic", cause, "stack", string(debug.Stack()))
			if q.streaming {
				panic(http.ErrAbortHandler)
			}
			body, err = nil, protocol.Errorf(protocol.CodeInternal, "the server failed; its log says why")
		}
	}()
	return p.answer(q)
}

// answer returns a nil body for what has none.
func (p *endpoint) answer(q *request) ([]byte, error) {
	secure(q.w.Header())
	if err := q.admitOrigin(); err != nil {
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
	if !p.public {
		if err := q.authenticate(); err != nil {
			return nil, err
		}
	}
	return do(q)
}

// Values of headers that are shared: to set them allocates nothing.
var (
	contentJSON = []string{"application/json"}
	noSniff     = []string{"nosniff"}
	noStore     = []string{"no-store"}
)

// secure keeps browsers from taking an answer for something else, and
// everybody from keeping it: some answers hold a secret, and all are private.
func secure(h http.Header) {
	h["X-Content-Type-Options"] = noSniff
	h["Cache-Control"] = noStore
}

// retryAfter is when it makes sense to come back, in seconds.
var retryAfter = map[protocol.Code]string{
	protocol.CodeTooManyAttempts: "60",
	protocol.CodeRateLimited:     "1",
	protocol.CodeShuttingDown:    "5",
}

func refuse(w http.ResponseWriter, e *protocol.Error) (status int) {
	h := w.Header()
	if wait, ok := retryAfter[e.Code]; ok {
		h.Set("Retry-After", wait)
	}
	switch e.Code {
	case protocol.CodeCredentialsRequired, protocol.CodeInvalidCredentials:
		h.Set("WWW-Authenticate", challenge)
	case protocol.CodeUnsupportedEncoding: // RFC 9110 §15.5.16
		h.Set("Accept-Encoding", "gzip")
	}
	gateway.WriteProblem(w, e)
	return protocol.NewProblem(e).Status
}

// excerpt is what may be shown or logged of a text that a client sent: errors
// must not become as long as what caused them.
func excerpt(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}
