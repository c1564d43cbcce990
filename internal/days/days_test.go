package days

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "0": 0, "-1s": -time.Second, "1.5h": 90 * time.Minute,
		"7d": 7 * day, "2w": 14 * day, "1d12h": 36 * time.Hour, "1w1d": 8 * day, "0.5d": 12 * time.Hour, ".5w": 84 * time.Hour,
		"-1d": -day, "+1d": day, "0.7d": 60480 * time.Second, "0.3d": 25920 * time.Second, "1.d": day, "0d": 0,
		"106751d": 106751 * day, "15250w": 15250 * 7 * day,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q: %v %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "7", "d", "7 d", "1D", "1y", "1e3d", "999999999w", "h7d", "1..5d", "1.5.5d", ".d", "+-1d",
		"--1d", "1d-1h", "1d 1h", "106752d", "106751d24h", "9999999h9999999d", "d1", "1dd"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q: %v, want an error", text, got)
		}
	}
}
