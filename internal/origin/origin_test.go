package origin_test

import (
	"testing"

	"seagate/internal/origin"
)

func TestWhichOriginsAreAllowed(t *testing.T) {
	for _, test := range []struct {
		patterns []string
		page     string
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
		o, err := origin.Parse(test.patterns)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Allows(test.page, "gate.example:3104"); got != test.want {
			t.Errorf("%q with %q: %v, want %v", test.page, test.patterns, got, test.want)
		}
	}
}

func TestTextsThatAreNoPatterns(t *testing.T) {
	for _, bad := range []string{"", "https://", "://a", "a/b", "[a", "a, b", "a b"} {
		if err := origin.Check(bad); err == nil {
			t.Errorf("%q is taken for a pattern", bad)
		}
		if _, err := origin.Parse([]string{"*", bad}); err == nil {
			t.Errorf("%q is taken for a pattern in a list", bad)
		}
	}
}

func TestAllowsAny(t *testing.T) {
	for _, test := range []struct {
		patterns []string
		want     bool
	}{{nil, false}, {[]string{"*.example.com"}, false}, {[]string{"localhost:*", "*"}, true}} {
		if s, err := origin.Parse(test.patterns); err != nil || s.AllowsAny() != test.want {
			t.Errorf("%q: %v, %v", test.patterns, s.AllowsAny(), err)
		}
	}
}
