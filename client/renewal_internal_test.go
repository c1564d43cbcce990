package client

import (
	"encoding/base64"
	"testing"
	"time"
)

func TestExpiryOf(t *testing.T) {
	token := func(claims string) string {
		return "h." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".s"
	}
	for text, want := range map[string]time.Time{
		token(`{"exp":1800000000}`):   time.Unix(1800000000, 0),
		token(`{"exp":1800000000.5}`): time.UnixMilli(1800000000500),
		token(`{}`):                   {},
		token(`{"exp":"1800000000"}`): {},
		token(`{"exp":-1}`):           {},
		token(`{"exp":1e300}`):        {},
		token(`{"exp":1,"exp":2}`):    {},
		token(`[]`):                   {},
		"":                            {},
		"t1":                          {},
		"h.%.s":                       {},
		"h." + "eyJleHAiOjF9" + "=.s": {},
	} {
		if got := expiryOf(text); !got.Equal(want) {
			t.Errorf("%q expires at %v, want %v", text, got, want)
		}
	}
}

// FuzzExpiryOf checks that any token has an expiry that a timer can await, or none.
func FuzzExpiryOf(f *testing.F) {
	f.Add("e30.eyJleHAiOjE4MDAwMDAwMDB9.")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		at := expiryOf(token)
		if at.IsZero() {
			return
		}
		if wait, ok := untilRenewal(time.Until(at)); ok && wait <= 0 {
			t.Fatalf("%q is to be renewed in %v", token, wait)
		}
	})
}
