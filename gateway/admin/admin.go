// Package admin serves liveness, readiness, metrics and, if enabled, profiles to
// the operator. It has no authentication, so it belongs on loopback or on a
// private network. It can serve something else too, over loopback only.
package admin

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options of a Handler.
type Options struct {
	// Probe checks that the server works for clients. Its error is shown.
	Probe func(context.Context) error
	// Metrics are shown at /metrics. Those that cannot be gathered are left out, logged
	// and counted.
	Metrics *prometheus.Registry
	// Log takes what cannot be gathered.
	Log *slog.Logger
	// Pprof enables /debug/pprof/. SetPprof changes it.
	Pprof bool
	// Local serves all other paths to connections over loopback: from this machine,
	// or through a tunnel to it. The listener has no TLS, so what Local asks for must
	// not travel further. If nil there are no other paths.
	Local http.Handler
}

// A Handler serves
//
//	/livez        200 as long as the process answers
//	/readyz       200 as long as clients should be sent here
//	/metrics      Prometheus text format
//	/debug/pprof/ if it is enabled
//	the rest      Options.Local
type Handler struct {
	mux      *http.ServeMux
	opts     Options
	draining atomic.Bool
	pprof    atomic.Bool
}

// New returns a Handler.
func New(opts Options) *Handler {
	h := &Handler{mux: http.NewServeMux(), opts: opts}
	h.mux.HandleFunc("GET /livez", h.live)
	h.mux.HandleFunc("GET /readyz", h.ready)
	h.mux.Handle("GET /metrics", promhttp.HandlerFor(opts.Metrics, promhttp.HandlerOpts{
		ErrorLog:      gatherLog{opts.Log},
		ErrorHandling: promhttp.ContinueOnError, // one collector must not hide the others
		Registry:      opts.Metrics,
	}))
	h.mux.HandleFunc("GET /debug/pprof/", h.profile(pprof.Index))
	h.mux.HandleFunc("GET /debug/pprof/cmdline", h.profile(pprof.Cmdline))
	h.mux.HandleFunc("GET /debug/pprof/profile", h.profile(pprof.Profile))
	h.mux.HandleFunc("GET /debug/pprof/symbol", h.profile(pprof.Symbol))
	h.mux.HandleFunc("GET /debug/pprof/trace", h.profile(pprof.Trace))
	h.SetPprof(opts.Pprof)
	return h
}

// gatherLog logs what cannot be gathered, once for each scrape.
type gatherLog struct{ log *slog.Logger }

// Println implements promhttp.Logger.
func (l gatherLog) Println(v ...any) {
	l.log.Error("some metrics cannot be shown", "error", strings.TrimSpace(fmt.Sprintln(v...)))
}

// SetPprof enables or disables /debug/pprof/.
func (h *Handler) SetPprof(on bool) { h.pprof.Store(on) }

// profile returns the handler of a profile, which does not exist unless it is enabled.
func (h *Handler) profile(show http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !h.pprof.Load() {
			http.NotFound(w, r)
			return
		}
		show(w, r)
	}
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !namesThisMachine(r) {
		http.Error(w, "the admin listener of this machine has no such name: use localhost or its address", http.StatusMisdirectedRequest)
		return
	}
	if h.opts.Local == nil || isOwn(r.URL.Path) {
		h.mux.ServeHTTP(w, r)
		return
	}
	if !cameOverLoopback(r) {
		http.Error(w, "the console and the API are served here over loopback only: open a tunnel, such as "+
			"`ssh -L 3105:127.0.0.1:3105 HOST` or `kubectl port-forward`, or use the public listener", http.StatusForbidden)
		return
	}
	h.opts.Local.ServeHTTP(w, r)
}

// isOwn reports whether a path belongs to the Handler itself, not to Options.Local.
func isOwn(path string) bool {
	return path == "/livez" || path == "/readyz" || path == "/metrics" || strings.HasPrefix(path, "/debug/")
}

// cameOverLoopback reports whether the connection of a request is within this machine.
func cameOverLoopback(r *http.Request) bool {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	tcp, ok := local.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// namesThisMachine reports whether a request that came over loopback was meant for this
// machine. A page in a browser here can send one under a name of its own host that it lets
// point here (DNS rebinding), and could then read the answer.
func namesThisMachine(r *http.Request) bool {
	if !cameOverLoopback(r) {
		return true
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	return host == "" || strings.EqualFold(host, "localhost") || net.ParseIP(host) != nil
}

// Drain makes readiness fail from now on, so that load balancers send no new
// clients here.
func (h *Handler) Drain() { h.draining.Store(true) }

func (h *Handler) live(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

// probeTimeout is how long the probe may take. A server that takes longer is not
// ready.
const probeTimeout = 2 * time.Second

func (h *Handler) ready(w http.ResponseWriter, r *http.Request) {
	if h.draining.Load() {
		http.Error(w, "shutting down", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
	defer cancel()
	if err := h.opts.Probe(ctx); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}
