package auth_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"seagate/auth"
)

func TestRevocations(t *testing.T) {
	ctx := t.Context()
	for _, c := range []struct {
		name   string
		change func(d *auth.Directory, jailUID string) error
		ends   string // which of: the client's own, its bearer's, another client of the jail
	}{
		{"rotate", func(d *auth.Directory, uid string) error { return second2(d.RotateSecret(ctx, uid, "backend")) }, "own"},
		{"replace key", func(d *auth.Directory, uid string) error {
			return second(d.SetPublicKey(ctx, uid, "backend", pemOf(1)))
		}, "bearer"},
		{"clear key", func(d *auth.Directory, uid string) error { return second(d.SetPublicKey(ctx, uid, "backend", "")) }, "bearer"},
		{"same key", func(d *auth.Directory, uid string) error {
			return second(d.SetPublicKey(ctx, uid, "backend", pemOf(0)+"\n"))
		}, ""},
		{"delete client", func(d *auth.Directory, uid string) error { return d.DeleteClient(ctx, uid, "backend") }, "own bearer"},
		{"delete jail", func(d *auth.Directory, _ string) error { return second(d.DeleteJail(ctx, "a")) }, "own bearer other"},
		{"create", func(d *auth.Directory, uid string) error { return second2(d.CreateClient(ctx, uid, "new", "")) }, ""},
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
					if r.Covers(p) && d.Current(p) {
						t.Errorf("%s was still current when it was announced", name)
					}
				}
				// Nobody may be kept waiting by a listener that looks around.
				d.Stats()
			})
			if err := c.change(d, a.UID); err != nil {
				t.Fatal(err)
			}
			ended := ""
			for _, name := range []string{"own", "bearer", "other"} {
				covered := len(told) == 1 && told[0].Covers(insiders[name])
				if covered == d.Current(insiders[name]) {
					t.Errorf("%s: covered %v, current %v", name, covered, d.Current(insiders[name]))
				}
				if covered {
					ended += " " + name
				}
			}
			if ended != "" {
				ended = ended[1:]
			}
			if ended != c.ends || (c.ends == "") != (len(told) == 0) {
				t.Fatalf("ended %q in %d revocations, want %q", ended, len(told), c.ends)
			}
			for _, p := range outsiders {
				if !d.Current(p) || len(told) == 1 && told[0].Covers(p) {
					t.Error("another jail's client was ended")
				}
			}
		})
	}
}

func second2[A, B any](_ A, _ B, err error) error { return err }

func TestNewSecretIsNotCovered(t *testing.T) {
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

func TestListenersMayMakeChanges(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "c")
	d.OnRevoke(func(auth.Revocation) { newClient(t, d, a.UID, "replacement") })
	if err := d.DeleteClient(t.Context(), a.UID, "c"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Client(a.UID, "replacement"); err != nil {
		t.Fatal(err)
	}
}

// Whoever registers what it opens, and then asks whether the principal is
// current, misses no revocation, whenever it comes.
func TestRevocationRace(t *testing.T) {
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
				if !d.Current(p) {
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
			t.Fatal("the old secret outlived the answer")
		}
		text := s.Reveal()
		current.Store(&text)
	}
	stop.Store(true)
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	for p := range openFor {
		if !d.Current(p) {
			t.Fatal("something stayed open for a revoked principal")
		}
	}
}

func TestEverythingAtOnce(t *testing.T) {
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
					_, _, _ = d.CreateClient(t.Context(), j.UID, "d", "")
					_, _ = d.Basic("c", s.Reveal(), home)
				}
				if p, err := d.Token("c", token, "", home); err == nil {
					_, _, _ = d.RotateSecret(t.Context(), p.JailUID, "d")
					_ = d.DeleteClient(t.Context(), p.JailUID, "d")
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
	if got := d.Stats(); got.Jails != 0 || got.Clients != 0 {
		t.Fatalf("left over: %+v", got)
	}
	_, err := d.Token("c", token, "", addr("192.0.2.99"))
	if r := reasonOf(err); r != auth.ReasonUnknownClient {
		t.Fatalf("left over in the index: %v (%s)", err, r)
	}
}
