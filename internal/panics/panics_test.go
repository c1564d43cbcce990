package panics_test

import (
	"testing"

	"seagate/internal/panics"
)

func TestContain(t *testing.T) {
	before, ended := panics.Counts()["here"], 0
	func() {
		defer panics.Contain("here", func() { ended++ }, func() { ended++ })
		panic("injected")
	}()
	func() { defer panics.Contain("here", func() { ended++ }) }()
	if got := panics.Counts()["here"] - before; got != 1 || ended != 2 {
		t.Errorf("counted %d times, and %d of 2 were ended", got, ended)
	}
}
