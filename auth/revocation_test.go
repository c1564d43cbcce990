package auth_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"seagate/auth"
)

func TestWhatEachChangeRevokes(t *testing.T) {
	ctx := t.Context()
	for _, c := range []struct {
		name    string
		change  func(d *auth.Directory, jailUID string) error
		revokes string // of: "own" secret, "bearer" of a token, "other" client of the jail
	}{
		{"rotate", func(d *auth.Directory, uid string) error { return second2(d.RotateSecret(ctx, uid, "backend")) }, "own"},
		{"replace key", func(d *auth.Directory, uid string) error {
			return second(d.SetPublicKey(ctx, uid, "backend", pemOf(1)))
		}, "bearer"},
		{"clear key", func(d *auth.Directory, uid string) error { return second(d.SetPublicKey(ctx, uid, "backend", "")) }, "bearer"},
		{"same key", func(d *auth.Directory, uid string) error {
			return second(d.SetPublicKey(ctx, uid, "backend", pemOf(0)+"\n"))
		}, ""},
		{"delete client", func(d *auth.Directory, uid string) error { return second(d.DeleteClient(ctx, uid, "backend")) }, "own bearer"},
		{"delete jail", func(d *auth.Directory, _ string) error { return second(d.DeleteJail(ctx, "a")) }, "own bearer other"},
		{"create", func(d *auth.Directory, uid string) error { return second2(d.CreateClient(ctx, uid, "new", "", nil)) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := openNew(t, unlimited)
			a, secret := newJail(t, d, "a", "backend")
			b, secretB := newJail(t, d, "b", "backend")
			setKey(t, d, a.UID, "backend", pemOf(0))
			setKey(t, d, b.UID, "backend", pemOf(2))
			outsiders := []*auth.Principal{mustBasic(t, d, "backend", secretB), mustToken(t, d, "backend", goodToken(2))}
			insiders := map[string]*auth.Principal{
				"own":    mustBasic(t, d, "backend", secret),
				"bearer": mustToken(t, d, "backend", goodToken(0)),
				"other":  mustBasic(t, d, "other", newClient(t, d, a.UID, "other")),
			}
			var told []auth.Revocation
			d.OnRevoke(func(r auth.Revocation) {
				told = append(told, r)
				for name, p := range insiders {
					if r.Covers(p) && p.Current() {
						t.Errorf("%s was current when the revocation was announced", name)
					}
				}
				d.HasJail(a.UID) // must not wait for the change
			})
			if err := c.change(d, a.UID); err != nil {
				t.Fatal(err)
			}
			revoked := ""
			for _, name := range []string{"own", "bearer", "other"} {
				covered := len(told) == 1 && told[0].Covers(insiders[name])
				if covered == insiders[name].Current() {
					t.Errorf("%s: covered %v, current %v", name, covered, insiders[name].Current())
				}
				if covered {
					revoked += " " + name
				}
			}
			if revoked != "" {
				revoked = revoked[1:]
			}
			if revoked != c.revokes || (c.revokes == "") != (len(told) == 0) {
				t.Fatalf("%d revocations cover %q, want %q", len(told), revoked, c.revokes)
			}
			for _, p := range outsiders {
				if !p.Current() || len(told) == 1 && told[0].Covers(p) {
					t.Error("a client of another jail was revoked")
				}
			}
		})
	}
}

func second2[A, B any](_ A, _ B, err error) error { return err }

func TestRevocationDoesNotCoverTheNewSecret(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "c")
	var told auth.Revocation
	d.OnRevoke(func(r auth.Revocation) { told = r })
	_, s, err := d.RotateSecret(t.Context(), a.UID, "c")
	if err != nil {
		t.Fatal(err)
	}
	if told.ClientUID == "" || told.Covers(mustBasic(t, d, "c", s.Reveal())) {
		t.Fatalf("%+v covers the new secret's connections", told)
	}
}

func TestListenersCanMakeChanges(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "c")
	d.OnRevoke(func(auth.Revocation) { newClient(t, d, a.UID, "replacement") })
	if _, err := d.DeleteClient(t.Context(), a.UID, "c"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Client(a.UID, "replacement"); err != nil {
		t.Fatal(err)
	}
}

// A caller that registers what it opens, and then asks whether the principal is current, misses no
// revocation.
func TestNoRevocationIsMissed(t *testing.T) {
	d := openNew(t, unlimited)
	a, secret := newJail(t, d, "a", "c")
	var mu sync.Mutex
	openFor := map[*auth.Principal]int{}
	d.OnRevoke(func(r auth.Revocation) {
		mu.Lock()
		defer mu.Unlock()
		for p := range openFor {
			if r.Covers(p) {
				delete(openFor, p)
			}
		}
	})
	var current atomic.Pointer[string]
	current.Store(&secret)
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				p, err := d.Basic("c", *current.Load(), home)
				if err != nil {
					continue
				}
				mu.Lock()
				openFor[p]++
				mu.Unlock()
				if !p.Current() {
					mu.Lock()
					delete(openFor, p)
					mu.Unlock()
				}
			}
		})
	}
	for range 300 {
		old := *current.Load()
		_, s, err := d.RotateSecret(t.Context(), a.UID, "c")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Basic("c", old, home); err == nil {
			t.Fatal("the old secret is valid after it was rotated")
		}
		text := s.Reveal()
		current.Store(&text)
	}
	stop.Store(true)
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	for p := range openFor {
		if !p.Current() {
			t.Fatal("something is still open for a revoked principal")
		}
	}
}

func TestConcurrentChanges(t *testing.T) {
	d := openNew(t, unlimited)
	pem, token := pemOf(0), goodToken(0)
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			jail := fmt.Sprintf("jail%d", i%3)
			for range 30 {
				j, s, err := d.CreateJail(t.Context(), jail, "", "c")
				if err == nil {
					_, _ = d.SetPublicKey(t.Context(), j.UID, "c", pem)
					_, _, _ = d.CreateClient(t.Context(), j.UID, "d", "", nil)
					_, _ = d.Basic("c", s.Reveal(), home)
				}
				if p, err := d.Token("c", token, "", home); err == nil {
					_, _, _ = d.RotateSecret(t.Context(), p.JailUID, "d")
					_, _ = d.DeleteClient(t.Context(), p.JailUID, "d")
				}
				d.Jails("", 10)
				_, _ = d.DeleteJail(t.Context(), jail)
			}
		})
	}
	wg.Wait()
	for i := range 3 {
		_, _ = d.DeleteJail(t.Context(), fmt.Sprintf("jail%d", i))
	}
	if jails, clients := size(t, d); jails != 0 || clients != 0 || d.HasClients() {
		t.Fatalf("%d jails and %d clients are left", jails, clients)
	}
	_, err := d.Token("c", token, "", addr("192.0.2.99"))
	if r := reasonOf(err); r != auth.ReasonUnknownClient {
		t.Fatalf("the registry still has the client: %v (%s)", err, r)
	}
}
