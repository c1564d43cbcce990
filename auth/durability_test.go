package auth_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"seagate/auth"
	"seagate/auth/authtest"
	"seagate/storage"
)

func count(t *testing.T, records storage.Records, table string) (n int) {
	t.Helper()
	for _, err := range records.List(t.Context(), table, "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// size returns how many jails and clients the directory has in memory.
func size(t *testing.T, d *auth.Directory) (jails, clients int) {
	t.Helper()
	const all = 1_000_000
	list, _ := d.Jails("", all)
	for _, j := range list {
		of, _, err := d.Clients(j.UID, "", all)
		if err != nil {
			t.Fatal(err)
		}
		clients += len(of)
	}
	return len(list), clients
}

func TestRestart(t *testing.T) {
	engine := newEngine()
	d := open(t, engine, unlimited)
	root := authtest.NewRoot(t, d, "ops")
	a, first := newJail(t, d, "a", "first")
	newClient(t, d, a.UID, "deleted")
	old := newClient(t, d, a.UID, "rotated")
	setKey(t, d, a.UID, "first", pemOf(0))
	setKey(t, d, a.UID, "rotated", pemOf(1))
	setKey(t, d, a.UID, "rotated", "")
	if _, err := d.DeleteClient(t.Context(), a.UID, "deleted"); err != nil {
		t.Fatal(err)
	}
	_, rotated, err := d.RotateSecret(t.Context(), a.UID, "rotated")
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := d.Clients(a.UID, "", 10)
	jails, _ := d.Jails("", 10)

	d = open(t, engine, unlimited)
	after, _, err := d.Clients(a.UID, "", 10)
	if err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Fatalf("clients\n%v\nbefore\n%v", after, before)
	}
	if got, _ := d.Jails("", 10); fmt.Sprint(got) != fmt.Sprint(jails) || len(got) != 2 {
		t.Fatalf("jails %v, before %v", got, jails)
	}
	if p := mustBasic(t, d, "ops", root.Reveal()); !p.Root {
		t.Fatal("the root client is not of the root jail any more")
	}
	mustBasic(t, d, "first", first)
	mustBasic(t, d, "rotated", rotated.Reveal())
	mustToken(t, d, "first", goodToken(0))
	if p, _ := d.Basic("rotated", old, home); p != nil {
		t.Fatal("the rotated secret is valid again")
	}
	if p, _ := d.Token("rotated", goodToken(1), "", home); p != nil {
		t.Fatal("the cleared key is valid again")
	}
}

func TestSecretsAreNotStored(t *testing.T) {
	engine := newEngine()
	d := open(t, engine, unlimited)
	if _, err := d.EnsureRoot(t.Context(), "ops", chosen); err != nil {
		t.Fatal(err)
	}
	_, secret := newJail(t, d, "a", "c")
	for _, table := range []string{"jails", "clients"} {
		for r, err := range engine.List(t.Context(), table, "") {
			if err != nil {
				t.Fatal(err)
			}
			if s := string(r.Value); strings.Contains(s, chosen) || strings.Contains(s, secret) || strings.Contains(s, secret[20:50]) {
				t.Fatalf("record %s: %s", r.Key, s)
			}
		}
	}
}

func TestDeletedJailLeavesNoRecords(t *testing.T) {
	engine := newEngine()
	d := open(t, engine, unlimited)
	a, _ := newJail(t, d, "a", "c0")
	for i := range 10 {
		newClient(t, d, a.UID, fmt.Sprintf("d%d", i))
	}
	if _, err := d.DeleteJail(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, engine, "clients") + count(t, engine, "jails"); n != 0 {
		t.Fatalf("%d records are left", n)
	}
}

func TestRestartRemovesClientsWithoutAJail(t *testing.T) {
	engine := newEngine()
	d := open(t, engine, unlimited)
	a, secret := newJail(t, d, "a", "c")
	newJail(t, d, "b", "c")
	if err := engine.Delete(t.Context(), "jails", "a", storage.Always()); err != nil {
		t.Fatal(err)
	}
	d = open(t, engine, unlimited)
	if p, _ := d.Basic("c", secret, home); p != nil {
		t.Fatal("a client without a jail got in")
	}
	if n := count(t, engine, "clients"); n != 1 {
		t.Fatalf("%d clients are stored, want b's", n)
	}
	again, _ := newJail(t, d, "a", "other")
	if again.UID == a.UID {
		t.Fatal("the new jail has the uid of the deleted one")
	}
	if p, _ := d.Basic("c", secret, home); p != nil {
		t.Fatal("the client got into the new jail")
	}
}

func TestEnsureRootCreatesTheClientThatTheRootJailLacks(t *testing.T) {
	engine := newEngine()
	authtest.NewRoot(t, open(t, engine, unlimited), "ops")
	for r := range engine.List(t.Context(), "clients", "") {
		if err := engine.Delete(t.Context(), "clients", r.Key, storage.Always()); err != nil {
			t.Fatal(err)
		}
	}
	d := open(t, engine, unlimited)
	if created, err := d.EnsureRoot(t.Context(), "ops2", chosen); !created || err != nil {
		t.Fatal(created, err)
	}
	if p := mustBasic(t, d, "ops2", chosen); !p.Root {
		t.Fatal("not root")
	}
	if jails, _ := d.Jails("", 10); len(jails) != 1 {
		t.Fatalf("jails %v", jails)
	}
}

func TestOpenNamesADamagedRecord(t *testing.T) {
	for _, c := range []struct{ table, key, value string }{
		{"jails", "a", `{`},
		{"jails", "a", `{"uid":"u","name":"","createdAt":"2020-01-01T00:00:00Z","newer":1}`},
		{"clients", "u/c", `[]`},
		{"clients", "u/c", `{"uid":"x","secret":{"digest":""}}`},
		{"clients", "u/c", `{"uid":"x","secret":{"selector":"AAAAAAAAAAA=","salt":"AAAA","iterations":1,"digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}`},
		{"clients", "u/c", `{"uid":"x","secret":{"salt":"AAAA","iterations":99999999,"digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}`},
		{"clients", "u/c", `{"uid":"x","secret":{"salt":"AAAA","iterations":1,"digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},"key":{"pem":"x"}}`},
	} {
		engine := newEngine()
		put(t, engine, "jails", "a", `{"uid":"u","name":"","createdAt":"2020-01-01T00:00:00Z"}`)
		put(t, engine, c.table, c.key, c.value)
		_, err := auth.Open(t.Context(), engine, unlimited)
		if err == nil || !strings.Contains(err.Error(), c.table) || !strings.Contains(err.Error(), c.key) {
			t.Errorf("%s %s %s: error %v", c.table, c.key, c.value, err)
		}
	}
}

func put(t *testing.T, records storage.Records, table, key, value string) {
	t.Helper()
	if _, err := records.Put(t.Context(), table, key, []byte(value), storage.Always()); err != nil {
		t.Fatal(err)
	}
}

func TestChangeOfARecordThatWasReplaced(t *testing.T) {
	engine := newEngine()
	d := open(t, engine, unlimited)
	a, secret := newJail(t, d, "a", "c")
	setKey(t, d, a.UID, "c", pemOf(0))
	p, bearer := mustBasic(t, d, "c", secret), mustToken(t, d, "c", goodToken(0))
	key := a.UID + "/c"
	r, err := engine.Get(t.Context(), "clients", key)
	if err != nil {
		t.Fatal(err)
	}
	put(t, engine, "clients", key, strings.Replace(string(r.Value), p.ClientUID, "another-incarnation", 1))

	_, s, err := d.RotateSecret(t.Context(), a.UID, "c")
	if err != nil {
		t.Fatal(err)
	}
	if p.Current() || bearer.Current() {
		t.Fatal("principals of the replaced client are still current")
	}
	if p := mustBasic(t, d, "c", s.Reveal()); p.ClientUID != "another-incarnation" {
		t.Fatalf("uid %s", p.ClientUID)
	}
	if p := mustToken(t, d, "c", goodToken(0)); p.ClientUID != "another-incarnation" {
		t.Fatalf("uid %s", p.ClientUID)
	}

	if err := engine.Delete(t.Context(), "clients", key, storage.Always()); err != nil {
		t.Fatal(err)
	}
	_, _, err = d.RotateSecret(t.Context(), a.UID, "c")
	wantErr(t, err, auth.ErrClientNotFound)
	if p, _ := d.Basic("c", s.Reveal(), home); p != nil {
		t.Fatal("a client that is not stored got in")
	}
}

// Each write of each change fails in turn, and is stored or not. The change returns the error and
// changes nothing else, it can be repeated once the storage works, and a restart finds a sound
// directory.
func TestFailedWrites(t *testing.T) {
	ctx := context.Background()
	changes := map[string]struct {
		do   func(d *auth.Directory, jailUID string) error
		done error // what repeating the change may return, if it was stored
	}{
		"create client": {func(d *auth.Directory, uid string) error {
			_, _, err := d.CreateClient(ctx, uid, "new", "", nil)
			return err
		}, auth.ErrClientExists},
		"delete client": {func(d *auth.Directory, uid string) error { return second(d.DeleteClient(ctx, uid, "c")) }, nil},
		"rotate secret": {func(d *auth.Directory, uid string) error {
			_, _, err := d.RotateSecret(ctx, uid, "c")
			return err
		}, nil},
		"set key": {func(d *auth.Directory, uid string) error {
			_, err := d.SetPublicKey(ctx, uid, "c", pemOf(1))
			return err
		}, nil},
		"create jail": {func(d *auth.Directory, _ string) error {
			_, _, err := d.CreateJail(ctx, "new", "", "c")
			return err
		}, auth.ErrJailExists},
		"delete jail": {func(d *auth.Directory, _ string) error {
			_, err := d.DeleteJail(ctx, "a")
			return err
		}, nil},
		"create root": {func(d *auth.Directory, _ string) error {
			_, err := d.EnsureRoot(ctx, "ops", auth.NewSecret().Reveal())
			return err
		}, auth.ErrJailExists},
	}
	for name, change := range changes {
		for writes := 1; writes <= 2; writes++ {
			for _, stored := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/write %d/stored %v", name, writes, stored), func(t *testing.T) {
					testFailingWrite(t, change.do, change.done, writes, stored)
				})
			}
		}
	}
}

func testFailingWrite(t *testing.T, do func(*auth.Directory, string) error, done error, writes int, stored bool) {
	engine := newEngine()
	setUp := open(t, engine, unlimited)
	a, secret := newJail(t, setUp, "a", "c")
	setKey(t, setUp, a.UID, "c", pemOf(0))

	store := failingAt(engine, writes, stored)
	d := open(t, store, unlimited)
	p, bearer := mustBasic(t, d, "c", secret), mustToken(t, d, "c", goodToken(0))
	revoked := 0
	d.OnRevoke(func(auth.Revocation) { revoked++ })
	if err := do(d, a.UID); err != nil {
		wantErr(t, err, errDisk)
		if !p.Current() || !bearer.Current() || revoked > 0 {
			t.Fatal("a change that failed revoked credentials")
		}
		mustBasic(t, d, "c", secret)
		openSound(t, engine)
		store.heal()
		if err := do(d, a.UID); err != nil {
			wantErr(t, err, done)
			if !stored {
				t.Fatalf("repeated: %v", err)
			}
		}
	}
	openSound(t, engine)
}

// openSound opens the storage and checks that every record is in use.
func openSound(t *testing.T, engine storage.Records) {
	t.Helper()
	d := open(t, engine, unlimited)
	jails, clients := size(t, d)
	if jails != count(t, engine, "jails") || clients != count(t, engine, "clients") {
		t.Fatalf("%d jails and %d clients in memory, %d and %d stored", jails, clients, count(t, engine, "jails"), count(t, engine, "clients"))
	}
}
