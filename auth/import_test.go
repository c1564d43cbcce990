package auth_test

import (
	"slices"
	"strings"
	"testing"

	"seagate/auth"
	"seagate/internal/problems"
	"seagate/internal/secret"
)

func importJails(t *testing.T, d *auth.Directory, o auth.ImportOptions, jails ...auth.ImportedJail) (auth.Imported, []string) {
	t.Helper()
	var wrong problems.List
	done, err := d.Import(t.Context(), jails, o, &wrong, func() {})
	if err != nil {
		t.Fatal(err)
	}
	return done, problems.Lines(wrong.All())
}

func jailOf(id string, clients ...auth.ImportedClient) auth.ImportedJail {
	return auth.ImportedJail{ID: id, Clients: clients}
}

func clientOf(id, text string) auth.ImportedClient {
	return auth.ImportedClient{ID: id, Secret: secret.New(text)}
}

func TestImportedSecrets(t *testing.T) {
	d := openNew(t, unlimited)
	plant := jailOf("plant", clientOf("sensors", "the secret of the sensors"), clientOf("viewer", auth.NewSecret().Reveal()))
	if done, wrong := importJails(t, d, auth.ImportOptions{DryRun: true}, plant); len(wrong) > 0 || len(done.Changes) != 3 || d.JailUID("plant") != "" {
		t.Fatalf("dry run: %+v, %q", done, wrong)
	}
	if done, wrong := importJails(t, d, auth.ImportOptions{}, plant); len(wrong) > 0 || len(done.Changes) != 3 {
		t.Fatalf("%+v, %q", done, wrong)
	}
	for _, c := range plant.Clients {
		if p := mustBasic(t, d, c.ID, c.Secret.Reveal()); p.JailID != "plant" || p.Root {
			t.Errorf("%+v", p)
		}
	}
	if done, wrong := importJails(t, d, auth.ImportOptions{}, plant); len(wrong) > 0 || len(done.Changes) != 0 || done.Unchanged != 3 {
		t.Errorf("again: %+v, %q", done, wrong)
	}

	plant.Clients[0].Secret = secret.New("another secret of theirs")
	before := mustBasic(t, d, "sensors", "the secret of the sensors")
	if _, wrong := importJails(t, d, auth.ImportOptions{}, plant); len(wrong) != 1 || !strings.HasPrefix(wrong[0], "jails[0].clients[0].secret: it differs") {
		t.Errorf("a difference: %q", wrong)
	}
	if !before.Current() {
		t.Error("a refused import has revoked the secret")
	}
	if _, wrong := importJails(t, d, auth.ImportOptions{Overwrite: true}, plant); len(wrong) > 0 || before.Current() {
		t.Errorf("overwrite: %q", wrong)
	}
	mustBasic(t, d, "sensors", "another secret of theirs")
}

func TestImportTellsAllProblemsAndChangesNothing(t *testing.T) {
	d := openNew(t, unlimited)
	_, wrong := importJails(t, d, auth.ImportOptions{},
		jailOf("a", clientOf("x", "long enough for a secret"), clientOf("x", "long enough for another")),
		jailOf("b", clientOf("x", "long enough for a secret"), clientOf("short", "hunter2"), clientOf("none", "")),
		jailOf("c"), jailOf("a", clientOf("y", "long enough for a third")),
		jailOf("d", auth.ImportedClient{ID: "k", Secret: secret.New("long enough for a fourth"), PublicKey: "no key"}))
	var places []string
	for _, line := range wrong {
		place, _, _ := strings.Cut(line, ": ")
		places = append(places, place)
	}
	want := []string{"jails[0].clients[1].id", "jails[1].clients[0].secret", "jails[1].clients[1].secret", "jails[1].clients[2].secret",
		"jails[2].clients", "jails[3].id", "jails[4].clients[0].jwtPublicKey"}
	if !slices.Equal(places, want) {
		t.Errorf("%q", wrong)
	}
	if strings.Contains(strings.Join(wrong, ""), "hunter2") {
		t.Errorf("a problem shows a secret: %q", wrong)
	}
	if jails, _ := d.Jails("", 10); len(jails) != 0 {
		t.Errorf("it has made %v", jails)
	}
	done, wrong := importJails(t, d, auth.ImportOptions{AllowShortSecrets: true}, jailOf("b", clientOf("short", "hunter2")))
	if len(wrong) > 0 || len(done.Warnings) != 1 {
		t.Errorf("%q, %+v", wrong, done)
	}
	mustBasic(t, d, "short", "hunter2")
}

// The clients of one id may have chosen secrets in several jails, and an attempt costs one
// stretched check for all of them.
func TestChosenSecretsOfNamesakes(t *testing.T) {
	d := openNew(t, unlimited)
	var jails []auth.ImportedJail
	for _, id := range []string{"a", "b", "c", "d"} {
		jails = append(jails, jailOf(id, clientOf("x", "long enough, in jail "+id)))
	}
	if _, wrong := importJails(t, d, auth.ImportOptions{}, jails...); len(wrong) > 0 {
		t.Fatalf("at the bound: %q", wrong)
	}
	stretched := auth.CountStretched(d)
	for i, j := range jails {
		if p := mustBasic(t, d, "x", "long enough, in jail "+j.ID); p.JailID != j.ID {
			t.Errorf("jail %s got %s", j.ID, p.JailID)
		}
		if n := stretched.Load(); n != int64(i)+1 {
			t.Errorf("%d stretched checks for %d attempts", n, i+1)
		}
	}
	if _, wrong := importJails(t, d, auth.ImportOptions{}, jailOf("e", clientOf("x", "long enough, in jail e"))); len(wrong) != 1 ||
		!strings.Contains(wrong[0], "at most 4 clients") {
		t.Errorf("one more: %q", wrong)
	}
	if _, wrong := importJails(t, d, auth.ImportOptions{}, jailOf("e", clientOf("x", "long enough, in jail a"))); len(wrong) != 1 ||
		!strings.Contains(wrong[0], "would not tell them apart") {
		t.Errorf("the secret of another: %q", wrong)
	}
	if _, err := d.DeleteJail(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Basic("x", "long enough, in jail b", home); err == nil {
		t.Error("the secret of a deleted jail is accepted")
	}
	mustBasic(t, d, "x", "long enough, in jail d")
}
