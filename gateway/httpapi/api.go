package httpapi

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"seagate/gateway"
	"seagate/internal/origin"
)

// Options of the API. DefaultOptions returns the default of each.
type Options struct {
	// WebSocket answers GET /api/v1/streams when it asks for an upgrade. If
	// nil, that lists the streams like any other GET.
	WebSocket http.Handler

	// Origins says which web pages may use the API from a browser.
	Origins origin.Set

	MessageBytes      int           // of the largest body, as sent
	DecompressedBytes int           // of the largest body, once unpacked
	BatchMessages     int           // in one batch
	BodyTimeout       time.Duration // in which a body must arrive

	// BackupDir is where the copy of everything lies while it is sent. On the
	// file system of the data it costs no room, since files are linked there. The
	// API keeps it to itself: New removes what an earlier process left in it.
	// Default: the folder for temporary files, in which nothing is removed.
	BackupDir string

	// BackupStall is for how long a client that downloads a backup may take
	// nothing of it. Default 1 minute.
	BackupStall time.Duration

	// Version is the server's, for GET /api/v1.
	Version string
}

// transport names this one in metrics.
const transport = "http"

type api struct {
	gateway *gateway.Gateway
	opts    Options
	depth   int // of the JSON in a body
	log     *slog.Logger
	mux     *http.ServeMux
	nowhere *endpoint // of the paths that do not exist

	backingUp sync.Mutex // held while a backup is made and sent
}

// New returns the handler of everything under /api/v1, and of the refusals
// outside of it. It is safe for concurrent use and needs no closing.
func New(g *gateway.Gateway, opts Options) http.Handler {
	a := &api{
		gateway: g,
		opts:    opts,
		depth:   g.Settings().JSONDepth,
		log:     g.Log,
		mux:     http.NewServeMux(),
	}
	a.removeOldCopies()
	a.nowhere = a.endpoint("/", route{})
	a.mux.Handle("/", a.nowhere)
	for _, r := range routes {
		pattern := base + r.path
		var h http.Handler = a.endpoint(pattern, r)
		if r.path == webSocketPath && opts.WebSocket != nil {
			h = upgrades{to: opts.WebSocket, otherwise: h}
		}
		a.mux.Handle(pattern, h)
	}
	return a
}

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body != nil && r.Body != http.NoBody {
		// Also where nobody reads the body: net/http reads on behind the
		// handler, and would wait for a peer that sends a byte now and then.
		// A writer without deadlines has none behind it to protect.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(a.opts.BodyTimeout))
	}
	if !straight(r.URL) {
		a.nowhere.ServeHTTP(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// straight says whether a path is one that the ServeMux takes as it is. It
// redirects the others, and clients follow a redirected POST with a GET.
func straight(u *url.URL) bool {
	path := u.EscapedPath()
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") {
		return false
	}
	if u.RawPath != "" && path != u.RawPath && strings.Contains(strings.ToUpper(u.RawPath), "%2F") {
		// Bytes that should have been encoded make net/url forget the path as
		// it was sent. In what it makes up from the decoded one, the slash
		// that was part of a name has become a separator.
		return false
	}
	if !strings.Contains(path, "/.") {
		return true
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

// webSocketPath is where the WebSocket is, below base, with other things.
const webSocketPath = "/streams"

// upgrades hands the requests for a WebSocket to its handler.
type upgrades struct {
	to, otherwise http.Handler
}

func (u upgrades) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && hasToken(r.Header["Connection"], "upgrade") && hasToken(r.Header["Upgrade"], "websocket") {
		u.to.ServeHTTP(w, r)
		return
	}
	u.otherwise.ServeHTTP(w, r)
}

// hasToken says whether a header that is a list of tokens has this one. Other
// upgrades than the WebSocket's are common: curl asks for h2c by itself.
func hasToken(values []string, token string) bool {
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(item), token) {
				return true
			}
		}
	}
	return false
}
