package gateway_test

import (
	"testing"

	"seagate/gateway"
)

func TestOrigins(t *testing.T) {
	for _, test := range []struct {
		patterns []string
		origin   string
		want     bool
	}{
		{nil, "", true},
		{nil, "http://gate.example:3104", true},
		{nil, "http://GATE.example:3104", true},
		{nil, "http://gate.example", false},
		{nil, "null", false},
		{nil, "::", false},
		{[]string{"*"}, "null", true},
		{[]string{"https://app.example.com"}, "https://app.example.com", true},
		{[]string{"https://app.example.com"}, "http://app.example.com", false},
		{[]string{"app.example.com"}, "http://app.example.com", true},
		{[]string{"app.example.com"}, "http://app.example.com:8080", false},
		{[]string{"*.example.com"}, "https://a.b.example.com", true},
		{[]string{"*.example.com"}, "https://example.com", false},
		{[]string{"*.example.com"}, "https://evilexample.com", false},
		{[]string{"localhost:*"}, "http://localhost:5173", true},
	} {
		o, err := gateway.ParseOrigins(test.patterns)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Allow(test.origin, "gate.example:3104"); got != test.want {
			t.Errorf("%q with %q: %v, want %v", test.origin, test.patterns, got, test.want)
		}
	}
	for _, bad := range []string{"", "https://", "a/b", "[a"} {
		if _, err := gateway.ParseOrigins([]string{bad}); err == nil {
			t.Errorf("%q is taken for an origin", bad)
		}
	}
}
