package auth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"seagate/auth"
	"seagate/internal/panics/panicstest"
)

// Two secrets are valid at a time, and the old one ends when it was said.
func TestRotationThatKeepsTheOldSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine()
		d := open(t, engine, unlimited)
		a, first := newJail(t, d, "a", "c")
		var told []auth.Revocation
		d.OnRevoke(func(r auth.Revocation) { told = append(told, r) })
		rotate := func(keep time.Duration) string {
			t.Helper()
			_, s, err := d.RotateSecretKeeping(t.Context(), a.UID, "c", keep)
			if err != nil {
				t.Fatal(err)
			}
			return s.Reveal()
		}
		valid := func(d *auth.Directory, secret string, want bool) {
			t.Helper()
			if p, err := d.Basic("c", secret, home); (err == nil) != want || want && !p.Current() {
				t.Fatalf("valid: %v, want %t", err, want)
			}
		}
		old := mustBasic(t, d, "c", first)
		second := rotate(time.Hour)
		if len(told) != 0 || !old.Current() {
			t.Fatalf("the rotation revoked %v", told)
		}
		valid(d, first, true)
		valid(d, second, true)
		if c, err := d.Client(a.UID, "c"); err != nil || time.Until(c.OldUntil) != time.Hour {
			t.Fatalf("it shows %v, %v", c.OldUntil, err)
		}
		valid(open(t, engine, unlimited), first, true) // after a restart

		time.Sleep(time.Hour)
		synctest.Wait()
		if len(told) != 1 || !told[0].Covers(old) || old.Current() {
			t.Fatalf("after the hour: %v, current %t", told, old.Current())
		}
		valid(d, first, false)
		valid(d, second, true)
		valid(open(t, engine, unlimited), first, false)
		valid(open(t, engine, unlimited), second, true)

		third := rotate(time.Hour)
		fourth := rotate(time.Hour) // there is one old secret
		valid(d, second, false)
		valid(d, third, true)
		fifth := rotate(0)
		for _, s := range []string{second, third, fourth} {
			valid(d, s, false)
		}
		valid(d, fifth, true)
		if _, err := d.DeleteClient(t.Context(), a.UID, "c"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
	})
}

// Fewer rights revoke what is open with both secrets, and both stay valid.
func TestNarrowingWhileThereIsAnOldSecret(t *testing.T) {
	d := openNew(t, unlimited)
	a, first := newJail(t, d, "a", "c")
	if _, _, err := d.RotateSecretKeeping(t.Context(), a.UID, "c", time.Hour); err != nil {
		t.Fatal(err)
	}
	old := mustBasic(t, d, "c", first)
	if _, err := d.SetRights(t.Context(), a.UID, "c", only(auth.RightPublish, "a")); err != nil {
		t.Fatal(err)
	}
	if old.Current() || mustBasic(t, d, "c", first).May(auth.Publish, "b") == nil {
		t.Fatal("the old secret has more rights")
	}
}

// What is open with the old secret also ends if the client has rotated its secret itself, with
// the old one.
func TestTheOldSecretOfAClientThatRotatesItselfEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := openNew(t, unlimited)
		a, first := newJail(t, d, "a", "c")
		old := mustBasic(t, d, "c", first)
		var told []auth.Revocation
		d.OnRevoke(func(r auth.Revocation) { told = append(told, r) })
		if _, _, err := d.By(old, auth.ManageClients).RotateSecretKeeping(t.Context(), a.UID, "c", time.Hour); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(told) != 1 || !told[0].Covers(old) {
			t.Errorf("revoked: %v", told)
		}
	})
}

// A panic while an old secret is ended holds no lock, and the secret is refused anyway.
func TestAnEndOfASecretThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := openNew(t, unlimited)
		a, first := newJail(t, d, "a", "c")
		if _, _, err := d.RotateSecretKeeping(t.Context(), a.UID, "c", time.Hour); err != nil {
			t.Fatal(err)
		}
		contained := panicstest.Begin(t, "timer")
		panicked := false
		d.OnRevoke(func(auth.Revocation) {
			if !panicked {
				panicked = true
				panic("injected")
			}
		})
		time.Sleep(time.Hour)
		synctest.Wait()
		contained.Want(1)
		if _, err := d.Basic("c", first, home); err == nil {
			t.Error("the old secret is valid")
		}
		_, s, err := d.RotateSecret(t.Context(), a.UID, "c")
		if err != nil {
			t.Fatal(err)
		}
		mustBasic(t, d, "c", s.Reveal())
	})
}
