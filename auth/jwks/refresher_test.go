package jwks_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"seagate/auth"
	"seagate/auth/authtest"
	"seagate/auth/jwks"
	"seagate/internal/origin"
	"seagate/internal/panics/panicstest"
	"seagate/storage/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// setOf is a JWK set of the keys, whose kids are their positions from first on.
func setOf(first int, keys ...*rsa.PrivateKey) string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = fmt.Sprintf(`{"kty":"RSA","kid":"%d","n":%q,"e":"AQAB"}`, first+i, base64.RawURLEncoding.EncodeToString(k.N.Bytes()))
	}
	return `{"keys":[` + strings.Join(list, ",") + `]}`
}

func tokenOf(t *testing.T, key *rsa.PrivateKey, kid string) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodRS512, jwt.MapClaims{"exp": time.Now().Add(time.Hour).Unix()})
	token.Header["kid"] = kid
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A host serves one JWK set over TLS.
type host struct {
	*httptest.Server
	answer atomic.Pointer[http.HandlerFunc]
	asked  chan struct{}
}

func newHost(t *testing.T, set string) *host {
	h := &host{asked: make(chan struct{}, 1000)}
	h.serve(set)
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*h.answer.Load())(w, r)
		h.asked <- struct{}{}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *host) do(f http.HandlerFunc) { h.answer.Store(&f) }

func (h *host) serve(set string) {
	h.do(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(set)) })
}

// options allow the host, and fetch seldom.
func (h *host) options(t *testing.T, d *auth.Directory) jwks.Options {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(h.Certificate())
	u, err := url.Parse(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := origin.Parse([]string{u.Host})
	if err != nil {
		t.Fatal(err)
	}
	return jwks.Options{
		Directory: d, Log: slog.New(slog.DiscardHandler), Hosts: hosts, RootCAs: roots,
		PrivateNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Interval:        time.Hour, Cooldown: time.Millisecond, Timeout: 5 * time.Second,
	}
}

// directory has the client "c" in jail "a".
func directory(t *testing.T) (*auth.Directory, auth.Jail) {
	t.Helper()
	d := authtest.Open(t, memory.New(), authtest.Options())
	a, _, err := d.CreateJail(t.Context(), "a", "", "c")
	if err != nil {
		t.Fatal(err)
	}
	return d, a
}

func start(t *testing.T, o jwks.Options) *jwks.Refresher {
	r := jwks.New(o)
	t.Cleanup(r.Close)
	return r
}

// await waits until the condition holds, which other goroutines make true.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still waiting: %s", what)
		}
	}
}

func accepts(t *testing.T, d *auth.Directory, token string) bool {
	t.Helper()
	p, _ := d.Token("c", token, "", netip.MustParseAddr("192.0.2.1"))
	return p != nil
}

// Keys come from the URL, change with it, and stay when it fails; what a key that is gone has opened
// ends. A token with an unknown kid brings the new key.
func TestKeysFromAURL(t *testing.T) {
	one, two := newKey(t), newKey(t)
	h := newHost(t, setOf(1, one))
	d, a := directory(t)
	r := start(t, h.options(t, d))
	if _, err := d.SetKeysURL(t.Context(), a.UID, "c", h.URL, 0); err != nil {
		t.Fatal(err)
	}
	r.Look()
	await(t, "the first key", func() bool { return accepts(t, d, tokenOf(t, one, "1")) })
	bearer, err := d.Token("c", tokenOf(t, one, "1"), "", netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}

	h.do(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) })
	await(t, "a failure to be told", func() bool { accepts(t, d, tokenOf(t, two, "2")); return r.State(h.URL).Failures > 0 })
	if s := r.State(h.URL); !strings.Contains(s.Error, "502") || s.NextAt.IsZero() || !bearer.Current() || !accepts(t, d, tokenOf(t, one, "1")) {
		t.Fatalf("after a failure: %+v, current %t", s, bearer.Current())
	}

	h.serve(setOf(2, two))
	await(t, "the second key", func() bool { return accepts(t, d, tokenOf(t, two, "2")) })
	await(t, "the end of the first", func() bool { return !bearer.Current() })
	if accepts(t, d, tokenOf(t, one, "1")) {
		t.Fatal("a key that is not in the set any more is accepted")
	}
	if s := r.State(h.URL); s.Error != "" || s.FetchedAt.IsZero() {
		t.Fatalf("the state: %+v", s)
	}
	// Keys that are registered take the place of the URL.
	if _, err := d.SetPublicKey(t.Context(), a.UID, "c", ""); err != nil {
		t.Fatal(err)
	}
	if c, _ := d.Client(a.UID, "c"); c.KeysURL != "" || len(c.Keys) != 0 {
		t.Fatalf("left: %+v", c)
	}
}

// Unknown kids, which strangers can send at any rate, cause at most one fetch in each cooldown.
func TestUnknownKeysAreRationed(t *testing.T) {
	key := newKey(t)
	h := newHost(t, setOf(1, key))
	d, a := directory(t)
	o := h.options(t, d)
	o.Cooldown = time.Hour
	r := start(t, o)
	if _, err := d.SetKeysURL(t.Context(), a.UID, "c", h.URL, 0); err != nil {
		t.Fatal(err)
	}
	r.Look()
	await(t, "the key", func() bool { return accepts(t, d, tokenOf(t, key, "1")) })
	for range 50 {
		accepts(t, d, tokenOf(t, key, "unknown"))
	}
	r.Close()
	if n := len(h.asked); n != 1 {
		t.Fatalf("the host was asked %d times", n)
	}
}

func TestURLsThatAreNotAllowed(t *testing.T) {
	h := newHost(t, setOf(1, newKey(t)))
	d, _ := directory(t)
	r := start(t, h.options(t, d))
	if err := r.Check(h.URL + "/jwks.json"); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "x", strings.Replace(h.URL, "https", "http", 1), "https://other.example.com/", "https://u:p@" + strings.TrimPrefix(h.URL, "https://"),
		h.URL + "#f", "ftp://x", "file:set.json", "file:///etc/passwd", "https://169.254.169.254/", "https://[::1]/", "https://127.0.0.1/",
		h.URL + "/" + strings.Repeat("x", auth.MaxJWKSURL), "gopher://" + strings.TrimPrefix(h.URL, "https://"),
	} {
		if err := r.Check(bad); !errors.Is(err, jwks.ErrURL) {
			t.Errorf("%.60q: %v", bad, err)
		}
	}
}

// What a host can do: have a private address, redirect, send too much, send nothing, have a certificate
// of nobody.
func TestHostsThatMisbehave(t *testing.T) {
	for name, c := range map[string]struct {
		answer  func(release chan struct{}) http.HandlerFunc
		options func(*jwks.Options)
		want    string
	}{
		"a private address":    {nil, func(o *jwks.Options) { o.PrivateNetworks = nil }, "not public"},
		"an unknown authority": {nil, func(o *jwks.Options) { o.RootCAs = x509.NewCertPool() }, "could not be reached over TLS"},
		"a redirect": {func(chan struct{}) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) }
		}, nil, "302"},
		"too much": {func(chan struct{}) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Write([]byte(`{"keys":[],"x":"` + strings.Repeat("x", 2*auth.MaxJWKS)))
			}
		}, nil, "longer than"},
		"a body without end": {func(release chan struct{}) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				w.Write([]byte(`{"keys":`))
				w.(http.Flusher).Flush()
				<-release
			}
		}, func(o *jwks.Options) { o.Timeout = 100 * time.Millisecond }, "in time"},
		"no set": {func(chan struct{}) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }
		}, nil, "not a JWK set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, "{}")
			release := make(chan struct{})
			t.Cleanup(func() { close(release) }) // before the server closes
			if c.answer != nil {
				h.do(c.answer(release))
			}
			d, a := directory(t)
			o := h.options(t, d)
			o.Cooldown = time.Hour
			if c.options != nil {
				c.options(&o)
			}
			h.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
			r := start(t, o)
			if _, err := d.SetKeysURL(t.Context(), a.UID, "c", h.URL, 0); err != nil {
				t.Fatal(err)
			}
			r.Look()
			await(t, "the failure", func() bool { return r.State(h.URL).Failures > 0 })
			if s := r.State(h.URL); !strings.Contains(s.Error, c.want) {
				t.Fatalf("%+v, want %q", s, c.want)
			}
		})
	}
}

// A file of the folder is read again after the interval; names and links lead nowhere else.
func TestKeysFromAFile(t *testing.T) {
	key, dir := newKey(t), t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside.json")
	for _, name := range []string{filepath.Join(dir, "set.json"), outside} {
		if err := os.WriteFile(name, []byte(setOf(1, key)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link.json")); err != nil {
		t.Fatal(err)
	}
	d, a := directory(t)
	r := start(t, jwks.Options{
		Directory: d, Log: slog.New(slog.DiscardHandler), Dir: dir,
		Interval: time.Hour, Cooldown: time.Hour, Timeout: time.Second,
	})
	for _, bad := range []string{"file:../set.json", "file:/etc/passwd", "file:", "file:a/../../b", "file:set.json?x"} {
		if err := r.Check(bad); !errors.Is(err, jwks.ErrURL) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	use := func(url string) {
		t.Helper()
		if err := r.Check(url); err != nil {
			t.Fatal(err)
		}
		if _, err := d.SetKeysURL(t.Context(), a.UID, "c", url, 0); err != nil {
			t.Fatal(err)
		}
		r.Look()
	}
	use("file:link.json")
	await(t, "the link to be refused", func() bool { return r.State("file:link.json").Failures > 0 })
	use("file:set.json")
	await(t, "the key", func() bool { return accepts(t, d, tokenOf(t, key, "1")) })
}

// Two jails whose clients of the same id have their keys at the same URL: tokens that name the second
// jail enter it, others the first one, and all the second one once the first has the key no longer.
func TestASetOfTwoJails(t *testing.T) {
	key := newKey(t)
	h := newHost(t, setOf(1, key))
	d, a := directory(t)
	b, _, err := d.CreateJail(t.Context(), "b", "", "c")
	if err != nil {
		t.Fatal(err)
	}
	o := h.options(t, d)
	o.Interval = 10 * time.Millisecond
	r := start(t, o)
	for _, jail := range []auth.Jail{a, b} {
		if _, err := d.SetKeysURL(t.Context(), jail.UID, "c", h.URL, 0); err != nil {
			t.Fatal(err)
		}
		r.Look()
		await(t, "a key in "+jail.ID, func() bool { c, _ := d.Client(jail.UID, "c"); return len(c.Keys) == 1 })
	}
	if c, _ := d.Client(b.UID, "c"); !c.Keys[0].NeedsJailID {
		t.Fatalf("the second is not told: %+v", c.Keys)
	}
	entered := func(claims jwt.MapClaims) string {
		claims["exp"] = time.Now().Add(time.Hour).Unix()
		text, err := jwt.NewWithClaims(jwt.SigningMethodRS512, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.Token("c", text, "", netip.MustParseAddr("192.0.2.1"))
		if err != nil {
			return err.Error()
		}
		return p.JailID
	}
	if got := entered(jwt.MapClaims{}) + entered(jwt.MapClaims{"jailId": "b"}); got != "ab" {
		t.Fatalf("a token without a jail and one for b entered %s", got)
	}
	if _, err := d.SetPublicKey(t.Context(), a.UID, "c", ""); err != nil {
		t.Fatal(err)
	}
	await(t, "the key to be that of b alone", func() bool { return entered(jwt.MapClaims{}) == "b" })
}

// A fetch that panics fails alone, and is tried again.
func TestAFetchThatPanics(t *testing.T) {
	key := newKey(t)
	h := newHost(t, setOf(1, key))
	d, a := directory(t)
	o := h.options(t, d)
	fetched := 0
	o.Fetched = func(bool) {
		if fetched++; fetched == 1 {
			panic("injected")
		}
	}
	contained := panicstest.Begin(t, "jwks")
	r := start(t, o)
	if _, err := d.SetKeysURL(t.Context(), a.UID, "c", h.URL, 0); err != nil {
		t.Fatal(err)
	}
	r.Look()
	await(t, "a fetch that succeeds", func() bool { return !r.State(h.URL).FetchedAt.IsZero() })
	contained.Want(1)
	if !accepts(t, d, tokenOf(t, key, "1")) {
		t.Error("the key does not verify")
	}
}
