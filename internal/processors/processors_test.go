package processors

import (
	"runtime"
	"testing"
)

func TestSpare(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for set, want := range map[string]int{"": Count + min(2*Count, spare), "1": Count} {
		runtime.GOMAXPROCS(Count)
		t.Setenv("GOMAXPROCS", set)
		if Spare(); runtime.GOMAXPROCS(0) != want {
			t.Errorf("with GOMAXPROCS=%q: %d, want %d", set, runtime.GOMAXPROCS(0), want)
		}
	}
}
