package auth_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"seagate/auth"
	"seagate/auth/authtest"
)

func TestLifeOfAClient(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "c0")
	c, s, err := d.CreateClient(t.Context(), a.UID, "c1", "does things", nil)
	if err != nil || c.ID != "c1" || c.UID == "" || c.Description != "does things" || c.PublicKey != "" || time.Since(c.CreatedAt) > time.Minute {
		t.Fatalf("%+v, %v", c, err)
	}
	mustBasic(t, d, "c1", s.Reveal())
	if got, err := d.Client(a.UID, "c1"); err != nil || !reflect.DeepEqual(got, c) {
		t.Fatalf("%+v, %v", got, err)
	}
	_, _, err = d.CreateClient(t.Context(), a.UID, "c1", "", nil)
	wantErr(t, err, auth.ErrClientExists)
	rotated, s2, err := d.RotateSecret(t.Context(), a.UID, "c1")
	if err != nil || !reflect.DeepEqual(rotated, c) {
		t.Fatalf("%+v, %v", rotated, err)
	}
	mustBasic(t, d, "c1", s2.Reveal())
	if _, err := d.Basic("c1", s.Reveal(), home); reasonOf(err) != auth.ReasonWrongSecret {
		t.Fatalf("the rotated secret: %v", err)
	}
	if gone, err := d.DeleteClient(t.Context(), a.UID, "c1"); err != nil || !reflect.DeepEqual(gone, c) {
		t.Fatal(err)
	}
	if _, err := d.Basic("c1", s2.Reveal(), home); reasonOf(err) != auth.ReasonUnknownClient {
		t.Fatalf("the deleted client: %v", err)
	}
	again, _, err := d.CreateClient(t.Context(), a.UID, "c1", "", nil)
	if err != nil || again.UID == c.UID {
		t.Fatalf("created again: %+v, %v", again, err)
	}
	if jails, clients := size(t, d); jails != 1 || clients != 2 {
		t.Fatalf("%d jails, %d clients", jails, clients)
	}
}

func TestUnknownJailsAndClients(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "c")
	_, _ = newJail(t, d, "b", "of-b")
	ctx := t.Context()
	for _, id := range []string{"nobody", "of-b", "", "../c"} {
		_, err := d.Client(a.UID, id)
		wantErr(t, err, auth.ErrClientNotFound)
		wantErr(t, second(d.DeleteClient(ctx, a.UID, id)), auth.ErrClientNotFound)
		_, _, err = d.RotateSecret(ctx, a.UID, id)
		wantErr(t, err, auth.ErrClientNotFound)
		_, err = d.SetPublicKey(ctx, a.UID, id, pemOf(0))
		wantErr(t, err, auth.ErrClientNotFound)
	}
	for _, uid := range []string{"", "a", "nowhere"} {
		_, err := d.Client(uid, "c")
		wantErr(t, err, auth.ErrJailNotFound)
		wantErr(t, second(d.DeleteClient(ctx, uid, "c")), auth.ErrJailNotFound)
		_, _, err = d.CreateClient(ctx, uid, "d", "", nil)
		wantErr(t, err, auth.ErrJailNotFound)
		_, _, err = d.RotateSecret(ctx, uid, "c")
		wantErr(t, err, auth.ErrJailNotFound)
		_, err = d.SetPublicKey(ctx, uid, "c", "")
		wantErr(t, err, auth.ErrJailNotFound)
		_, _, err = d.Clients(uid, "", 10)
		wantErr(t, err, auth.ErrJailNotFound)
	}
	_, err := d.DeleteJail(ctx, "nowhere")
	wantErr(t, err, auth.ErrJailNotFound)
}

func TestLifeOfAJail(t *testing.T) {
	d := openNew(t, unlimited)
	authtest.NewRoot(t, d, "ops")
	a, secret := newJail(t, d, "a", "c")
	if a.ID != "a" || a.Name != "jail a" || a.UID == "" || time.Since(a.CreatedAt) > time.Minute {
		t.Fatalf("%+v", a)
	}
	for _, id := range []string{"a", auth.RootJailID} {
		_, _, err := d.CreateJail(t.Context(), id, "", "c")
		wantErr(t, err, auth.ErrJailExists)
	}
	_, err := d.DeleteJail(t.Context(), auth.RootJailID)
	wantErr(t, err, auth.ErrRootJail)
	if gone, err := d.DeleteJail(t.Context(), "a"); err != nil || !reflect.DeepEqual(gone, a) {
		t.Fatalf("%+v, %v", gone, err)
	}
	if _, err := d.Basic("c", secret, home); err == nil {
		t.Fatal("a client of a deleted jail got in")
	}
	again, _ := newJail(t, d, "a", "c")
	if again.UID == a.UID {
		t.Fatal("the new jail has the uid of the deleted one")
	}
	if d.HasJail(a.UID) || !d.HasJail(again.UID) || d.HasJail("a") {
		t.Fatal("HasJail does not tell the new jail from the deleted one")
	}
	if _, err := d.Basic("c", secret, home); err == nil {
		t.Fatal("a client of the deleted jail got into the new one")
	}
}

func TestCreateJailRefusesTheRootJail(t *testing.T) {
	d := openNew(t, unlimited)
	_, _, err := d.CreateJail(t.Context(), auth.RootJailID, "", "c")
	wantErr(t, err, auth.ErrJailExists)
}

func TestLastClientOfTheRootJailStays(t *testing.T) {
	d := openNew(t, unlimited)
	s := authtest.NewRoot(t, d, "ops")
	root := mustBasic(t, d, "ops", s.Reveal()).JailUID
	wantErr(t, second(d.DeleteClient(t.Context(), root, "ops")), auth.ErrLastClient)
	newClient(t, d, root, "ops2")
	if _, err := d.DeleteClient(t.Context(), root, "ops"); err != nil {
		t.Fatal(err)
	}
	wantErr(t, second(d.DeleteClient(t.Context(), root, "ops2")), auth.ErrLastClient)
	a, _ := newJail(t, d, "a", "c")
	if _, err := d.DeleteClient(t.Context(), a.UID, "c"); err != nil {
		t.Fatalf("the last client of another jail: %v", err)
	}
}

func TestLimitsOfJailsAndClients(t *testing.T) {
	opts := authtest.Options()
	opts.MaxJails, opts.MaxClientsPerJail = 2, 3
	d := openNew(t, opts)
	a, _ := newJail(t, d, "a", "c0")
	newJail(t, d, "b", "c0")
	_, _, err := d.CreateJail(t.Context(), "c", "", "c0")
	wantErr(t, err, auth.ErrTooManyJails)
	newClient(t, d, a.UID, "c1")
	newClient(t, d, a.UID, "c2")
	_, _, err = d.CreateClient(t.Context(), a.UID, "c3", "", nil)
	wantErr(t, err, auth.ErrTooManyClients)
	_, _, err = d.CreateClient(t.Context(), a.UID, "c2", "", nil)
	wantErr(t, err, auth.ErrClientExists)
	if _, err := d.DeleteClient(t.Context(), a.UID, "c1"); err != nil {
		t.Fatal(err)
	}
	newClient(t, d, a.UID, "c3")
	if _, err := d.DeleteJail(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	newJail(t, d, "c", "c0")
}

func TestIDsAndDescriptions(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "of-a", "c")
	for id, ok := range map[string]bool{
		"a": true, "0": true, "A.b_c~d@e+f-9": true, strings.Repeat("x", auth.MaxID): true,
		"ü": true, "-a": true,
		"": false, "a/b": false, "a:b": false, "a\xff": false, "a\x00": false, "a\n": false, "a\u0085": false,
		strings.Repeat("x", auth.MaxID+1): false,
	} {
		_, _, errClient := d.CreateClient(t.Context(), a.UID, id, "", nil)
		_, _, errJail := d.CreateJail(t.Context(), id, "", "c")
		for _, err := range []error{errClient, errJail} {
			if (err == nil) != ok || err != nil && !errors.Is(err, auth.ErrInvalidName) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
	_, _, err := d.CreateClient(t.Context(), a.UID, "a/b", "", nil)
	wantErr(t, err, auth.ErrInvalidName)
	_, _, err = d.CreateJail(t.Context(), "a/b", "", "c")
	wantErr(t, err, auth.ErrInvalidName)
	_, _, err = d.CreateJail(t.Context(), "b", "", "a/b")
	wantErr(t, err, auth.ErrInvalidName)
	for _, text := range []string{strings.Repeat("x", auth.MaxDescription+1), "\xff"} {
		_, _, err = d.CreateClient(t.Context(), a.UID, "d", text, nil)
		wantErr(t, err, auth.ErrInvalidDescription)
		_, _, err = d.CreateJail(t.Context(), "b", text, "c")
		wantErr(t, err, auth.ErrInvalidDescription)
	}
	if _, _, err := d.CreateClient(t.Context(), a.UID, "d", strings.Repeat("x", auth.MaxDescription), nil); err != nil {
		t.Fatal(err)
	}
}

func TestPages(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "c00")
	newJail(t, d, "b", "of-b")
	for i := 1; i < 25; i++ {
		newClient(t, d, a.UID, fmt.Sprintf("c%02d", i))
	}
	var ids []string
	pages := 0
	for after, more := "", true; more; pages++ {
		var page []auth.Client
		var err error
		if page, more, err = d.Clients(a.UID, after, 10); err != nil {
			t.Fatal(err)
		}
		for _, c := range page {
			ids = append(ids, c.ID)
		}
		after = ids[len(ids)-1]
	}
	if pages != 3 || len(ids) != 25 || ids[0] != "c00" || ids[24] != "c24" {
		t.Fatalf("%d pages: %v", pages, ids)
	}
	if page, more, _ := d.Clients(a.UID, "c14", 10); len(page) != 10 || more {
		t.Fatalf("the last full page: %d, more %v", len(page), more)
	}
	if page, more, _ := d.Clients(a.UID, "", -1); len(page) != 0 || !more {
		t.Fatalf("a page of nothing: %d, more %v", len(page), more)
	}
	if jails, more := d.Jails("", 1); len(jails) != 1 || jails[0].ID != "a" || !more {
		t.Fatalf("%v, more %v", jails, more)
	}
	if jails, more := d.Jails("a", 1); len(jails) != 1 || jails[0].ID != "b" || more {
		t.Fatalf("%v, more %v", jails, more)
	}
}

// A change that hangs in storage delays other changes until their contexts end, and nothing else.
func TestHangingStorage(t *testing.T) {
	s := &hangingStore{Records: newEngine(), entered: make(chan struct{}), release: make(chan struct{})}
	d := open(t, s, unlimited)
	a, secret := newJail(t, d, "a", "c")
	s.hang.Store(true)
	done := make(chan error)
	go func() { done <- second(d.SetPublicKey(context.Background(), a.UID, "c", pemOf(0))) }()
	<-s.entered
	mustBasic(t, d, "c", secret)
	if _, _, err := d.Clients(a.UID, "", 10); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, _, err := d.CreateClient(ctx, a.UID, "d", "", nil)
	wantErr(t, err, context.DeadlineExceeded)
	close(s.release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
