package forwarded_test

import (
	"net/http"
	"net/netip"
	"testing"

	"seagate/internal/forwarded"
)

func proxies(t testing.TB) forwarded.Proxies {
	t.Helper()
	p, err := forwarded.Parse([]string{"10.0.0.0/8", "2001:db8::/32", "192.0.2.7"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestClient(t *testing.T) {
	p := proxies(t)
	for _, c := range []struct {
		name, peer, header string
		values             []string
		want               string
	}{
		{"no proxy", "198.51.100.1", forwarded.XForwardedFor, []string{"203.0.113.9"}, "198.51.100.1"},
		{"one proxy", "10.1.2.3", forwarded.XForwardedFor, []string{"203.0.113.9"}, "203.0.113.9"},
		{"mapped proxy", "::ffff:10.1.2.3", forwarded.XForwardedFor, []string{"203.0.113.9"}, "203.0.113.9"},
		{"what the client wrote", "10.1.2.3", forwarded.XForwardedFor, []string{"1.2.3.4, 203.0.113.9"}, "203.0.113.9"},
		{"two proxies", "10.1.2.3", forwarded.XForwardedFor, []string{"1.2.3.4, 203.0.113.9, 10.9.9.9"}, "203.0.113.9"},
		{"two headers", "10.1.2.3", forwarded.XForwardedFor, []string{"1.2.3.4", "203.0.113.9, 192.0.2.7"}, "203.0.113.9"},
		{"proxies alone", "10.1.2.3", forwarded.XForwardedFor, []string{"10.0.0.1, 10.0.0.2"}, "10.0.0.1"},
		{"none", "10.1.2.3", forwarded.XForwardedFor, nil, "10.1.2.3"},
		{"nonsense", "10.1.2.3", forwarded.XForwardedFor, []string{"203.0.113.9, unknown"}, "10.1.2.3"},
		{"nonsense further off", "10.1.2.3", forwarded.XForwardedFor, []string{"unknown, 10.0.0.1"}, "10.0.0.1"},
		{"with a port", "10.1.2.3", forwarded.XForwardedFor, []string{"203.0.113.9:1234"}, "203.0.113.9"},
		{"IPv6", "2001:db8::1", forwarded.XForwardedFor, []string{"2001:dead::1"}, "2001:dead::1"},
		{"IPv6 with a port", "2001:db8::1", forwarded.XForwardedFor, []string{"[2001:dead::1]:99"}, "2001:dead::1"},
		{"the other header", "10.1.2.3", forwarded.Forwarded, []string{`for=1.2.3.4, for="203.0.113.9:80";proto=https;by=10.1.2.3`}, "203.0.113.9"},
		{"Forwarded, IPv6", "10.1.2.3", forwarded.Forwarded, []string{`proto=https;For="[2001:dead::1]"`}, "2001:dead::1"},
		{"Forwarded, hidden", "10.1.2.3", forwarded.Forwarded, []string{`for=_hidden`}, "10.1.2.3"},
	} {
		h := http.Header{"X-Unrelated": {"192.0.2.99"}}
		h[http.CanonicalHeaderKey(c.header)] = c.values
		if got := p.Client(netip.MustParseAddr(c.peer), h, c.header).Unmap(); got != netip.MustParseAddr(c.want) {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

func TestParseRefusesWhatIsNoNetwork(t *testing.T) {
	for _, text := range []string{"", "10.0.0.1/8", "10.0.0.0/33", "example.com", "*", "fe80::1%eth0"} {
		if _, err := forwarded.Parse([]string{text}); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// Whatever a header says, the client is not an address that an untrusted peer chose.
func FuzzClient(f *testing.F) {
	f.Add("203.0.113.9, 10.0.0.1", true)
	f.Add(`for="[2001:dead::1]:80";proto=https`, false)
	p := proxies(f)
	f.Fuzz(func(t *testing.T, value string, x bool) {
		name := forwarded.Forwarded
		if x {
			name = forwarded.XForwardedFor
		}
		stranger := netip.MustParseAddr("198.51.100.1")
		if got := p.Client(stranger, http.Header{name: {value}}, name); got != stranger {
			t.Fatalf("a stranger became %v", got)
		}
		if got := p.Client(netip.MustParseAddr("10.0.0.1"), http.Header{name: {value + ", for=" + stranger.String(), stranger.String()}}, name); x && got != stranger {
			t.Fatalf("%v was believed", got)
		}
	})
}
