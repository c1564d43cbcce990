package admin_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"seagate/gateway/admin"
)

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w
}

func TestReadinessFollowsTheProbeUntilDrain(t *testing.T) {
	var broken error
	h := admin.New(admin.Options{
		Metrics: prometheus.NewRegistry(),
		Log:     slog.New(slog.DiscardHandler),
		Probe: func(ctx context.Context) error {
			if _, bounded := ctx.Deadline(); !bounded {
				t.Error("the probe is not bounded in time")
			}
			return broken
		},
	})
	if w := get(h, "/readyz"); w.Code != 200 {
		t.Errorf("ready: %d", w.Code)
	}
	broken = errors.New("nothing arrives")
	if w := get(h, "/readyz"); w.Code != 503 || !strings.Contains(w.Body.String(), "nothing arrives") {
		t.Errorf("broken: %d %s", w.Code, w.Body)
	}
	broken = nil
	h.Drain()
	if w := get(h, "/readyz"); w.Code != 503 {
		t.Errorf("draining: %d", w.Code)
	}
	if w := get(h, "/livez"); w.Code != 200 {
		t.Errorf("alive while draining: %d", w.Code)
	}
}

func TestMetricsAndProfiles(t *testing.T) {
	r := prometheus.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "things_total", Help: "Things."})
	r.MustRegister(c)
	c.Inc()
	h := admin.New(admin.Options{Log: slog.New(slog.DiscardHandler), Metrics: r})
	if w := get(h, "/metrics"); !strings.Contains(w.Body.String(), "things_total 1") {
		t.Errorf("metrics: %s", w.Body)
	}
	if w := get(h, "/debug/pprof/"); w.Code != 404 {
		t.Errorf("profiles that are not enabled: %d", w.Code)
	}
	h = admin.New(admin.Options{Log: slog.New(slog.DiscardHandler), Metrics: r, Pprof: true})
	if w := get(h, "/debug/pprof/"); w.Code != 200 {
		t.Errorf("profiles: %d", w.Code)
	}
}

// twice collects the same series twice, as two groups of deleted clients did.
type twice struct{ desc *prometheus.Desc }

func (c twice) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

func (c twice) Collect(to chan<- prometheus.Metric) {
	for range 2 {
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, 1)
	}
}

func TestOneBrokenCollectorDoesNotBreakThePage(t *testing.T) {
	r := prometheus.NewRegistry()
	r.MustRegister(twice{prometheus.NewDesc("broken", "Broken.", nil, nil)})
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "whole", Help: "Whole."}, func() float64 { return 7 }))
	var log strings.Builder
	h := admin.New(admin.Options{Metrics: r, Log: slog.New(slog.NewTextHandler(&log, nil))})
	w := get(h, "/metrics")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "whole 7") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(h, "/metrics"); !strings.Contains(w.Body.String(), `promhttp_metric_handler_errors_total{cause="gathering"} 1`) {
		t.Errorf("the failure is not counted: %s", w.Body)
	}
	if !strings.Contains(log.String(), "broken") {
		t.Errorf("the log does not say what is broken: %s", log.String())
	}
}

// A page can let a name of its own point to this machine, and read what it then gets.
func TestNamesOfOtherHostsAreRefusedOverLoopback(t *testing.T) {
	h := admin.New(admin.Options{Probe: func(context.Context) error { return nil }, Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler)})
	for host, want := range map[string]int{
		"localhost:3105": 200, "127.0.0.1:3105": 200, "[::1]:3105": 200, "10.0.0.7": 200, "": 200,
		"page.example:3105": 421, "localhost.page.example": 421,
	} {
		for local, reached := range map[string]bool{"127.0.0.1": true, "::1": true, "10.0.0.7": false} {
			r := httptest.NewRequest("GET", "/livez", nil)
			r.Host = host
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.ParseIP(local)})))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if expected := want; w.Code != expected && (reached || w.Code != 200) {
				t.Errorf("%q at %s: %d, want %d", host, local, w.Code, expected)
			}
		}
	}
}

// What needs credentials must not travel over a listener without TLS further than within
// this machine.
func TestLocalIsServedOverLoopbackOnly(t *testing.T) {
	local := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := admin.New(admin.Options{Probe: func(context.Context) error { return nil }, Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler), Local: local})
	for _, c := range []struct {
		reached, host, path string
		want                int
	}{
		{"127.0.0.1", "127.0.0.1:3105", "/console/", http.StatusTeapot},
		{"::1", "localhost:3105", "/api/v1/streams//a", http.StatusTeapot},
		{"127.0.0.1", "localhost:3105", "/readyz", 200},
		{"127.0.0.1", "localhost:3105", "/debug/pprof/", 404},
		{"127.0.0.1", "page.example:3105", "/console/", 421},
		{"10.0.0.7", "10.0.0.7:3105", "/console/", 403},
		{"10.0.0.7", "10.0.0.7:3105", "/api/v1", 403},
		{"10.0.0.7", "10.0.0.7:3105", "/livez", 200},
		{"", "10.0.0.7:3105", "/console/", 403},
	} {
		r := httptest.NewRequest("GET", c.path, nil)
		r.Host = c.host
		if c.reached != "" {
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.ParseIP(c.reached)})))
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s at %q: %d, want %d", c.path, c.reached, w.Code, c.want)
		}
	}
}
