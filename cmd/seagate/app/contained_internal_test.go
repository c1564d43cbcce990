package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"seagate/gateway/lines"
	"seagate/internal/pace"
	"seagate/internal/panics/panicstest"
)

// What an App does beside its listeners contains its panics. This App has no parts, so all of it
// panics.
func TestPanicsOfAnAppAreContained(t *testing.T) {
	a := &App{}
	for _, was := range []bool{false, true} {
		panicstest.Want(t, "quotas", 1, func() {
			if short := a.noteSpace(1, was); short != was {
				t.Error("whether space is short has changed")
			}
		})
	}
	panicstest.Want(t, "watchdog", 1, func() {
		if a.isAlive(t.Context(), time.Minute) {
			t.Error("it is alive")
		}
	})
	a.lines = &lines.Server{}
	panicstest.Want(t, "shutdown", 1, func() {
		if a.endLines(t.Context(), pace.Pace{PerSecond: 1}) == nil {
			t.Error("the lines listener has ended well")
		}
	})
}

// The log of what a shutdown waits for ends with a panic, and the shutdown does not.
func TestThePanicOfALogOfAShutdownIsContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := (&App{}).logProgress(t.Context())
		panicstest.Want(t, "shutdown", 1, func() {
			time.Sleep(2 * progressInterval)
			synctest.Wait()
		})
		stop()
	})
}

// A handler that panics ends its connection; the server answers others.
func TestAHandlerThatPanics(t *testing.T) {
	s := httptest.NewServer(contain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/bad":
			panic("injected")
		case "/abort":
			panic(http.ErrAbortHandler)
		}
	})))
	defer s.Close()
	get := func(path string) error {
		r, err := s.Client().Get(s.URL + path)
		if err == nil {
			err = r.Body.Close()
		}
		return err
	}
	panicstest.Want(t, "request", 1, func() {
		if err := get("/bad"); err == nil {
			t.Error("a panic is answered")
		}
		if err := get("/abort"); err == nil {
			t.Error("an aborted request is answered")
		}
		if err := get("/good"); err != nil {
			t.Error(err)
		}
	})
}
