package httpapi

import (
	"net/http/httptest"
	"runtime"
	"testing"
	"time"
	"weak"
)

// The timer of bodies does not keep an API in memory that nobody uses any more.
func TestTheTimerOfBodiesKeepsNoAPI(t *testing.T) {
	a := &api{bodies: &bodies{timeout: time.Hour}}
	q := &request{api: a}
	a.bodies.begin(&q.arrival, httptest.NewRecorder(), time.Now())
	a.bodies.received(&q.arrival)
	kept, timer := weak.Make(a), a.bodies.timer
	a, q = nil, nil
	for range 10 {
		runtime.GC()
		if kept.Value() == nil {
			break
		}
	}
	if kept.Value() != nil || !timer.Stop() {
		t.Error("it does, or it did not run")
	}
}
