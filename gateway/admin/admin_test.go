package admin_test

import (
	"context"
	"errors"
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
	h := admin.New(admin.Options{Metrics: r})
	if w := get(h, "/metrics"); !strings.Contains(w.Body.String(), "things_total 1") {
		t.Errorf("metrics: %s", w.Body)
	}
	if w := get(h, "/debug/pprof/"); w.Code != 404 {
		t.Errorf("profiles that are not enabled: %d", w.Code)
	}
	h = admin.New(admin.Options{Metrics: r, Pprof: true})
	if w := get(h, "/debug/pprof/"); w.Code != 200 {
		t.Errorf("profiles: %d", w.Code)
	}
}
