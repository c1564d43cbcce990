package monotonic_test

import (
	"testing"
	"time"

	"seagate/internal/monotonic"
)

// It counts from the start of the process, so it cannot be the clock of the machine.
func TestNow(t *testing.T) {
	first := monotonic.Now()
	if second := monotonic.Now(); first <= 0 || second < first || second > 24*time.Hour {
		t.Errorf("%v, then %v", first, second)
	}
}
