package auth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"seagate/auth"
	"seagate/internal/secret"
)

const ownWords = "correct horse battery"

func TestBasicTellsNobodyWhichHalfWasWrong(t *testing.T) {
	d := openNew(t, unlimited)
	_, secret := newJail(t, d, "a", "backend")
	_, other := newJail(t, d, "b", "frontend")
	if p := mustBasic(t, d, "backend", secret); p.JailID != "a" || p.ClientID != "backend" ||
		p.Method != auth.MethodBasic || p.Root || p.Filter != nil || !p.Expires.IsZero() || !d.Current(p) {
		t.Fatalf("principal %+v", p)
	}
	wrongProof := secret[:len(secret)-3] + flipped(secret[len(secret)-3:])
	for _, c := range []struct {
		name, id, secret string
		reason           auth.Reason
	}{
		{"unknown client", "nobody", secret, auth.ReasonUnknownClient},
		{"unknown client and secret", "nobody", auth.NewSecret().Reveal(), auth.ReasonUnknownClient},
		{"unknown selector", "backend", auth.NewSecret().Reveal(), auth.ReasonWrongSecret},
		{"known selector, wrong proof", "backend", wrongProof, auth.ReasonWrongSecret},
		{"secret of another client", "backend", other, auth.ReasonWrongSecret},
		{"empty secret", "backend", "", auth.ReasonWrongSecret},
		{"empty id", "", secret, auth.ReasonUnknownClient},
		{"another case", "Backend", secret, auth.ReasonUnknownClient},
		{"shortened", "backend", secret[:len(secret)-1], auth.ReasonWrongSecret},
		{"lengthened", "backend", secret + "A", auth.ReasonWrongSecret},
		{"line end instead of the last character", "backend", secret[:len(secret)-1] + "\n", auth.ReasonWrongSecret},
		{"long secret", "backend", strings.Repeat("x", 1<<20), auth.ReasonWrongSecret},
		{"long id", strings.Repeat("x", 1<<20), secret, auth.ReasonUnknownClient},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := d.Basic(c.id, c.secret, home)
			wantRefusal(t, p, err, auth.ErrInvalidCredentials, c.reason)
			if err.Error() != auth.ErrInvalidCredentials.Error() {
				t.Fatalf("the peer reads %q", err)
			}
		})
	}
}

// flipped changes the first character of s to another of the same alphabet.
func flipped(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

func TestASecretHasOneText(t *testing.T) {
	d := openNew(t, unlimited)
	_, secret := newJail(t, d, "a", "backend")
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	accepted := 0
	for _, last := range alphabet {
		if _, err := d.Basic("backend", secret[:len(secret)-1]+string(last), home); err == nil {
			accepted++
		}
	}
	if accepted != 1 {
		t.Fatalf("%d texts of one secret were accepted", accepted)
	}
}

func TestSameClientIDInTwoJails(t *testing.T) {
	d := openNew(t, unlimited)
	a, secretA := newJail(t, d, "a", "backend")
	b, secretB := newJail(t, d, "b", "backend")
	if p := mustBasic(t, d, "backend", secretA); p.JailUID != a.UID {
		t.Fatalf("entered %s with a's secret", p.JailID)
	}
	if p := mustBasic(t, d, "backend", secretB); p.JailUID != b.UID {
		t.Fatalf("entered %s with b's secret", p.JailID)
	}
	if _, _, err := d.CreateClient(t.Context(), b.UID, "frontend", ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.CreateClient(t.Context(), a.UID, "frontend", ""); err != nil {
		t.Fatalf("a learns that b has a frontend: %v", err)
	}
	if err := d.DeleteClient(t.Context(), a.UID, "backend"); err != nil {
		t.Fatal(err)
	}
	mustBasic(t, d, "backend", secretB)
}

func TestOperatorSecretIsStretchedOnceAndDecoysAsOften(t *testing.T) {
	d := openNew(t, unlimited)
	if _, err := d.Basic("nobody", ownWords, home); err == nil || d.Stats().SlowChecks != 0 {
		t.Fatalf("%d slow checks while there is nothing to check", d.Stats().SlowChecks)
	}
	created, err := d.EnsureRoot(t.Context(), "ops", ownWords)
	if err != nil || !created {
		t.Fatal(created, err)
	}
	base := d.Stats().SlowChecks
	for range 1000 {
		if p := mustBasic(t, d, "ops", ownWords); !p.Root || p.JailID != auth.RootJailID {
			t.Fatalf("principal %+v", p)
		}
	}
	if got := d.Stats().SlowChecks - base; got != 0 {
		t.Fatalf("%d slow checks for a secret that has been seen", got)
	}
	for i, c := range []struct {
		id, secret string
		reason     auth.Reason
	}{
		{"ops", ownWords + "!", auth.ReasonWrongSecret},
		{"nobody", ownWords, auth.ReasonUnknownClient},
		{"nobody", "x", auth.ReasonUnknownClient},
	} {
		p, err := d.Basic(c.id, c.secret, home)
		wantRefusal(t, p, err, auth.ErrInvalidCredentials, c.reason)
		if got := d.Stats().SlowChecks - base; got != uint64(i+1) {
			t.Fatalf("%d slow checks after %d wrong secrets: known and unknown clients differ", got, i+1)
		}
	}
}

func TestOperatorSecretAfterRestart(t *testing.T) {
	engine := newEngine()
	if _, err := open(t, engine, unlimited).EnsureRoot(t.Context(), "ops", ownWords); err != nil {
		t.Fatal(err)
	}
	d := open(t, engine, unlimited)
	mustBasic(t, d, "ops", ownWords)
	mustBasic(t, d, "ops", ownWords)
	if got := d.Stats().SlowChecks; got != 1 {
		t.Fatalf("%d slow checks, want 1 at the first request", got)
	}
	d = open(t, engine, unlimited)
	if created, err := d.EnsureRoot(t.Context(), "ops", ownWords); created || err != nil {
		t.Fatal(created, err)
	}
	base := d.Stats().SlowChecks
	mustBasic(t, d, "ops", ownWords)
	if got := d.Stats().SlowChecks; got != base {
		t.Fatal("EnsureRoot did not make the secret known")
	}
	if created, err := d.EnsureRoot(t.Context(), "ops", "some other words here"); created || err != nil {
		t.Fatal(created, err)
	}
	mustBasic(t, d, "ops", ownWords)
	if _, err := d.Basic("ops", "some other words here", home); err == nil {
		t.Fatal("EnsureRoot changed the secret of a root client that was there")
	}
}

func TestRotatingAnOperatorSecret(t *testing.T) {
	d := openNew(t, unlimited)
	if _, err := d.EnsureRoot(t.Context(), "ops", ownWords); err != nil {
		t.Fatal(err)
	}
	p := mustBasic(t, d, "ops", ownWords)
	_, s, err := d.RotateSecret(t.Context(), p.JailUID, "ops")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Basic("ops", ownWords, home); err == nil || d.Current(p) {
		t.Fatal("the old secret is still good")
	}
	mustBasic(t, d, "ops", s.Reveal())
	base := d.Stats().SlowChecks
	if _, err := d.Basic("ops", ownWords, home); err == nil || d.Stats().SlowChecks != base {
		t.Fatal("slow checks go on while there is nothing to check any more")
	}
}

func TestManySlowChecksAtOnce(t *testing.T) {
	d := openNew(t, auth.Options{AddressAttempts: -1, ClientAttempts: 3})
	if _, err := d.EnsureRoot(t.Context(), "ops", ownWords); err != nil {
		t.Fatal(err)
	}
	base := d.Stats().SlowChecks
	const peers = 300 // one is served, 128 wait
	refusals := make([]error, peers)
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range peers {
		wg.Go(func() {
			<-begin
			_, refusals[i] = d.Basic("ops", fmt.Sprintf("a wrong secret %d", i), home)
		})
	}
	close(begin)
	wg.Wait()
	busy := 0
	for _, err := range refusals {
		if reasonOf(err) == auth.ReasonBusy {
			wantErr(t, err, auth.ErrTooManyAttempts)
			busy++
		}
	}
	if busy == 0 || busy == peers {
		t.Fatalf("%d of %d were turned away as too many", busy, peers)
	}
	// Those that waited do not slip past the limit by having asked before it
	// was reached; one may be served while the last is being counted.
	if got := d.Stats().SlowChecks - base; got > 2*3 {
		t.Fatalf("%d guesses were checked, of 3 that are allowed", got)
	}
	mustBasic(t, d, "ops", ownWords)
}

func TestEnsureRootChecksTheSecret(t *testing.T) {
	d := openNew(t, unlimited)
	for name, secret := range map[string]string{
		"empty":              "",
		"15 characters":      strings.Repeat("ü", 15),
		"too long":           strings.Repeat("x", auth.MaxSecret+1),
		"control characters": "with a line end\n in it",
		"not UTF-8":          "not utf-8 at all \xff",
	} {
		if created, err := d.EnsureRoot(t.Context(), "ops", secret); created || !errors.Is(err, auth.ErrWeakSecret) {
			t.Errorf("%s: created %v, error %v", name, created, err)
		}
	}
	if _, err := d.EnsureRoot(t.Context(), "a:b", ownWords); !errors.Is(err, auth.ErrInvalidName) {
		t.Errorf("an id with a colon: %v", err)
	}
	if created, err := d.EnsureRoot(t.Context(), "ops", strings.Repeat("ü", 16)); !created || err != nil {
		t.Fatalf("16 characters: %v", err)
	}
	mustBasic(t, d, "ops", strings.Repeat("ü", 16))
}

func TestCreateRoot(t *testing.T) {
	engine := newEngine()
	d := open(t, engine, unlimited)
	s, created, err := d.CreateRoot(t.Context(), "dev")
	if err != nil || !created {
		t.Fatal(created, err)
	}
	if p := mustBasic(t, d, "dev", s.Reveal()); !p.Root {
		t.Fatal("not root")
	}
	if again, created, err := d.CreateRoot(t.Context(), "dev"); created || err != nil || again.Reveal() != "" {
		t.Fatal("a second root", created, err)
	}
	d = open(t, engine, unlimited)
	mustBasic(t, d, "dev", s.Reveal())
	if d.Stats().SlowChecks != 0 {
		t.Fatal("a generated secret was stretched")
	}
}

func TestEnsureRootTakesAGeneratedSecret(t *testing.T) {
	d := openNew(t, unlimited)
	s := auth.NewSecret().Reveal()
	if created, err := d.EnsureRoot(t.Context(), "dev", s); !created || err != nil {
		t.Fatal(created, err)
	}
	mustBasic(t, d, "dev", s)
	if d.Stats().SlowChecks != 0 {
		t.Fatal("a generated secret was stretched")
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := auth.NewSecret()
	text := s.Reveal()
	type holder struct{ hidden secret.Text }
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("made", "secret", s, "holder", holder{s}, "list", []secret.Text{s})
	slog.New(slog.NewTextHandler(&log, nil)).Info("made", "secret", s, "holder", &holder{s})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		fmt.Fprintf(&log, verb, s)
		fmt.Fprintf(&log, verb, holder{s})
		fmt.Fprintf(&log, verb, &s)
	}
	if strings.Contains(log.String(), text) || strings.Contains(log.String(), fmt.Sprintf("%x", text)) {
		t.Fatalf("the secret is in\n%s", log.String())
	}
	if !strings.Contains(log.String(), "(hidden)") {
		t.Fatal("nothing says that there was a secret")
	}
}

func TestRefusalsInTheLog(t *testing.T) {
	d := openNew(t, unlimited)
	_, secret := newJail(t, d, "a", "backend")
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	for _, err := range []error{
		second(d.Basic("nobody", secret, home)),
		second(d.Token("backend", strings.Repeat("x", 1000)+".e30.", "", home)),
	} {
		logger.LogAttrs(context.Background(), slog.LevelWarn, "refused", slog.Any("refusal", err))
	}
	out := log.String()
	if !strings.Contains(out, string(auth.ReasonUnknownClient)) || !strings.Contains(out, string(auth.ReasonTokenMalformed)) {
		t.Fatalf("the log does not say why:\n%s", out)
	}
	if strings.Contains(out, secret) || len(out) > 1500 {
		t.Fatalf("the log says too much:\n%s", out)
	}
}

func second[T any](_ T, err error) error { return err }
