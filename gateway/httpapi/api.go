package httpapi

import (
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"seagate/gateway"
	"seagate/internal/origin"
)

// Options of the API. All fields must be set, unless their comment says what
// their zero value means.
type Options struct {
	// WebSocket answers GET /api/v1/streams when it asks for an upgrade. If
	// nil, that lists the streams like any other GET.
	WebSocket http.Handler

	// Origins says which web pages may use the API from a browser. API.SetOrigins
	// changes it.
	Origins origin.Set

	MessageBytes      int           // size of the largest body, as sent
	DecompressedBytes int           // size of the largest body, once decompressed
	BatchMessages     int           // messages in one batch
	BodyTimeout       time.Duration // how long a body may take to arrive

	// BackupDir is the folder that holds the copy of a backup while it is sent.
	// On the file system of the data the copy takes no space, because files are
	// hard-linked. Nothing else may use the folder: New removes the copies that
	// an earlier process left in it. If empty, copies go to the folder for
	// temporary files, and New removes nothing.
	BackupDir string

	// BackupStall is how long a client that downloads a backup may read nothing
	// before its connection is closed.
	BackupStall time.Duration

	// Version is the version of the server that GET /api/v1 shows.
	Version string
}

// transport is the name of this transport in metrics.
const transport = "http"

type api struct {
	gateway *gateway.Gateway
	opts    Options
	depth   int // how deep the JSON of a body may nest
	log     *slog.Logger
	mux     *http.ServeMux
	unknown *endpoint // refuses the paths that do not exist
	front   *endpoint // the page for browsers
	publish *endpoint // of POST publishPath

	backingUp sync.Mutex // held while a backup is made and sent
	bodies    *bodies
	origins   atomic.Pointer[origin.Set]
}

// An API is the handler of all paths under /api/v1, of a page for browsers at "/", and of
// the modules of the JavaScript client. It refuses all other paths. It is safe for concurrent use and needs no closing.
type API struct{ *api }

// LimitBodies gives each body at most d: from now if it is arriving, or else from the
// begin of its request. A request whose body takes longer is refused with shutting_down,
// and does nothing.
func (a API) LimitBodies(d time.Duration) { a.bodies.limit(d) }

// SetOrigins changes Options.Origins for requests to come.
func (a API) SetOrigins(origins origin.Set) { a.origins.Store(&origins) }

// New returns an API for the gateway.
func New(g *gateway.Gateway, opts Options) API {
	a := &api{
		gateway: g,
		opts:    opts,
		depth:   g.Settings().JSONDepth,
		log:     g.Log,
		mux:     http.NewServeMux(),
		bodies:  &bodies{timeout: opts.BodyTimeout}, // by itself, since its timer outlives an API
	}
	a.origins.Store(&opts.Origins)
	a.removeOldCopies()
	a.unknown = a.endpoint("/", route{})
	a.mux.Handle("/", a.unknown)
	a.front = a.endpoint("/", route{methods: methods{"GET": (*request).frontPage}, public: true})
	a.handleModules()
	for _, r := range routes {
		pattern := base + r.path
		e := a.endpoint(pattern, r)
		if r.path == publishPath {
			a.publish = e
		}
		var h http.Handler = e
		if r.path == webSocketPath && opts.WebSocket != nil {
			h = a.upgradeTo(opts.WebSocket, h)
		}
		a.mux.Handle(pattern, h)
	}
	return API{a}
}

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if stream := publishesTo(r); stream != "" {
		a.publish.answerTo(&request{api: a, w: w, r: r, published: stream})
		return
	}
	if !isCanonicalPath(r.URL) {
		a.unknown.ServeHTTP(w, r)
		return
	}
	if WantsPage(r) {
		a.front.ServeHTTP(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// publishesTo returns the name of the stream in the path of an ordinary publish, as the ServeMux
// would, or "". Finding its way otherwise would take as long as to check a message.
func publishesTo(r *http.Request) string {
	rest, found := strings.CutPrefix(r.URL.Path, base+"/streams/")
	stream, toPublish := strings.CutSuffix(rest, "/publish")
	if !found || !toPublish || r.Method != http.MethodPost || r.URL.RawPath != "" ||
		stream == "." || stream == ".." || strings.IndexByte(stream, '/') >= 0 {
		return ""
	}
	return stream
}

// isCanonicalPath reports whether http.ServeMux takes the path as it is. The
// ServeMux redirects other paths, and clients follow a redirected POST with a
// GET.
func isCanonicalPath(u *url.URL) bool {
	escaped := u.EscapedPath()
	if u.RawPath != "" && escaped != u.RawPath && strings.Contains(strings.ToUpper(u.RawPath), "%2F") {
		// The path has bytes that should have been percent-encoded, so net/url
		// encodes the decoded path anew. There an encoded slash, which is part of
		// a name, has become a separator.
		return false
	}
	return strings.HasPrefix(escaped, "/") && strings.TrimSuffix(path.Clean(escaped), "/") == strings.TrimSuffix(escaped, "/")
}

// webSocketPath is the path below base that WebSocket handshakes share with the
// list of streams.
const webSocketPath = "/streams"

// upgradeTo hands WebSocket handshakes to the one handler and other requests to
// the other. Requests for another upgrade are common and are answered as if they
// asked for none: curl asks for h2c by itself.
func (a *api) upgradeTo(webSocket, otherwise http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && hasToken(r.Header["Connection"], "upgrade") && hasToken(r.Header["Upgrade"], "websocket") {
			if hasBody(r) { // which net/http reads, if the handshake is refused: see bodies.end
				_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(a.opts.BodyTimeout))
			}
			webSocket.ServeHTTP(w, r)
			return
		}
		otherwise.ServeHTTP(w, r)
	})
}

// hasToken reports whether a header that is a list has the token as an element.
func hasToken(values []string, token string) bool {
	for element := range elements(values) {
		if strings.EqualFold(element, token) {
			return true
		}
	}
	return false
}
