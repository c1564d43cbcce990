package auth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seagate/auth"
	"seagate/auth/authtest"
	"seagate/storage/memory"
)

// chosen is a secret that the operator chose.
const chosen = "correct horse battery"

func TestBasicDoesNotSayWhichHalfWasWrong(t *testing.T) {
	d := openNew(t, unlimited)
	_, secret := newJail(t, d, "a", "backend")
	_, other := newJail(t, d, "b", "frontend")
	if p := mustBasic(t, d, "backend", secret); p.JailID != "a" || p.ClientID != "backend" ||
		p.Method != auth.MethodBasic || p.Root || p.Filter != nil || !p.Expires.IsZero() || !p.Current() {
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

// flipped replaces the first character of s by another one of base64url.
func flipped(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

func TestGeneratedSecretHasOneText(t *testing.T) {
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

func TestSecretsOfOneClientIDInTwoJails(t *testing.T) {
	d := openNew(t, unlimited)
	a, secretA := newJail(t, d, "a", "backend")
	b, secretB := newJail(t, d, "b", "backend")
	if p := mustBasic(t, d, "backend", secretA); p.JailUID != a.UID {
		t.Fatalf("entered %s with a's secret", p.JailID)
	}
	if p := mustBasic(t, d, "backend", secretB); p.JailUID != b.UID {
		t.Fatalf("entered %s with b's secret", p.JailID)
	}
	if _, _, err := d.CreateClient(t.Context(), b.UID, "frontend", "", nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.CreateClient(t.Context(), a.UID, "frontend", "", nil); err != nil {
		t.Fatalf("jail a learns that jail b has a frontend: %v", err)
	}
	if _, err := d.DeleteClient(t.Context(), a.UID, "backend"); err != nil {
		t.Fatal(err)
	}
	mustBasic(t, d, "backend", secretB)
}

func TestChosenSecretIsStretchedUntilVerified(t *testing.T) {
	d := openNew(t, unlimited)
	stretched := auth.CountStretched(d)
	if _, err := d.Basic("nobody", chosen, home); err == nil || stretched.Load() != 0 {
		t.Fatalf("%d secrets stretched, and none is chosen", stretched.Load())
	}
	created, err := d.EnsureRoot(t.Context(), "ops", chosen)
	if err != nil || !created {
		t.Fatal(created, err)
	}
	base := stretched.Load()
	for range 1000 {
		if p := mustBasic(t, d, "ops", chosen); !p.Root || p.JailID != auth.RootJailID {
			t.Fatalf("principal %+v", p)
		}
	}
	if got := stretched.Load() - base; got != 0 {
		t.Fatalf("a verified secret was stretched %d times", got)
	}
	for i, c := range []struct {
		id, secret string
		reason     auth.Reason
	}{
		{"ops", chosen + "!", auth.ReasonWrongSecret},
		{"nobody", chosen, auth.ReasonUnknownClient},
		{"nobody", "x", auth.ReasonUnknownClient},
	} {
		p, err := d.Basic(c.id, c.secret, home)
		wantRefusal(t, p, err, auth.ErrInvalidCredentials, c.reason)
		if got := stretched.Load() - base; got != int64(i+1) {
			t.Fatalf("%d secrets stretched after %d wrong ones: known and unknown clients differ", got, i+1)
		}
	}
}

// TestChosenSecretsAreStretchedWell looks at a directory as a gateway opens it. Other tests stretch
// less.
func TestChosenSecretsAreStretchedWell(t *testing.T) {
	d := authtest.Open(t, memory.New(), unlimited)
	if _, err := d.EnsureRoot(t.Context(), "ops", chosen); err != nil {
		t.Fatal(err)
	}
	const want = 200_000
	if stored, decoy := auth.Iterations(d, "ops"); stored != want || decoy != want {
		t.Errorf("%d iterations for the secret and %d for an unknown client, want %d", stored, decoy, want)
	}
	if _, err := d.Basic("ops", chosen+"!", home); err == nil {
		t.Error("a wrong secret is accepted")
	}
	mustBasic(t, d, "ops", chosen)
}

func TestChosenSecretAfterRestart(t *testing.T) {
	engine := newEngine()
	if _, err := open(t, engine, unlimited).EnsureRoot(t.Context(), "ops", chosen); err != nil {
		t.Fatal(err)
	}
	d := open(t, engine, unlimited)
	stretched := auth.CountStretched(d)
	mustBasic(t, d, "ops", chosen)
	mustBasic(t, d, "ops", chosen)
	if got := stretched.Load(); got != 1 {
		t.Fatalf("stretched %d times, want once at the first request", got)
	}
	d = open(t, engine, unlimited)
	if created, err := d.EnsureRoot(t.Context(), "ops", chosen); created || err != nil {
		t.Fatal(created, err)
	}
	stretched = auth.CountStretched(d)
	mustBasic(t, d, "ops", chosen)
	if stretched.Load() != 0 {
		t.Fatal("EnsureRoot did not verify the secret")
	}
	if created, err := d.EnsureRoot(t.Context(), "ops", "some other words here"); created || err != nil {
		t.Fatal(created, err)
	}
	mustBasic(t, d, "ops", chosen)
	if _, err := d.Basic("ops", "some other words here", home); err == nil {
		t.Fatal("EnsureRoot changed the secret of an existing root client")
	}
}

func TestRotatingAChosenSecret(t *testing.T) {
	d := openNew(t, unlimited)
	if _, err := d.EnsureRoot(t.Context(), "ops", chosen); err != nil {
		t.Fatal(err)
	}
	p := mustBasic(t, d, "ops", chosen)
	_, s, err := d.RotateSecret(t.Context(), p.JailUID, "ops")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Basic("ops", chosen, home); err == nil || p.Current() {
		t.Fatal("the old secret is still valid")
	}
	mustBasic(t, d, "ops", s.Reveal())
	stretched := auth.CountStretched(d)
	if _, err := d.Basic("ops", chosen, home); err == nil || stretched.Load() != 0 {
		t.Fatal("secrets are stretched, and none is chosen any more")
	}
}

func TestManyChosenSecretsAtOnce(t *testing.T) { synctest.Test(t, testManyChosenSecretsAtOnce) }

func testManyChosenSecretsAtOnce(t *testing.T) {
	d := openNew(t, failuresPerMinute(noLimit, 3))
	if _, err := d.EnsureRoot(t.Context(), "ops", chosen); err != nil {
		t.Fatal(err)
	}
	const took = 30 * time.Millisecond
	busy := auth.SlowStretching(d, took, chosen)
	const peers = 300 // one is served, 128 wait
	refusals := make([]error, peers)
	var wg sync.WaitGroup
	for i := range peers {
		wg.Go(func() {
			_, refusals[i] = d.Basic("ops", fmt.Sprintf("a wrong secret %d", i), home)
		})
	}
	wg.Wait()
	refused := 0
	for _, err := range refusals {
		if reasonOf(err) == auth.ReasonBusy {
			wantErr(t, err, auth.ErrTooManyAttempts)
			refused++
		}
	}
	if refused != peers-129 {
		t.Fatalf("%d of %d were refused because too many waited", refused, peers)
	}
	// The limit holds for attempts that waited while others failed. One may be verified while the
	// failure of another is being counted.
	if got := busy.Load() / int64(took); got > 2*3 {
		t.Fatalf("%d guesses were verified, and 3 are allowed", got)
	}
	mustBasic(t, d, "ops", chosen)
	time.Sleep(time.Minute) // the gate's last rest
}

// The operator logs in for the first time since the start while many addresses guess, each from
// several connections. The secret has its turn at once, whenever the flood began.
func TestAFirstLoginDuringAFlood(t *testing.T) { synctest.Test(t, testAFirstLoginDuringAFlood) }

func testAFirstLoginDuringAFlood(t *testing.T) {
	engine := newEngine()
	if _, err := open(t, engine, unlimited).EnsureRoot(t.Context(), "ops", chosen); err != nil {
		t.Fatal(err)
	}
	d := open(t, engine, unlimited)
	auth.SlowStretching(d, 30*time.Millisecond, chosen)
	ctx, stop := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	for i := range 2 * 180 {
		flood.Go(func() {
			for ctx.Err() == nil {
				d.Basic("ops", "some other words here", netip.AddrFrom4([4]byte{198, 51, 100, byte(i % 180)}))
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	time.Sleep(3 * time.Second)
	begun := time.Now()
	if _, err := d.Basic("ops", chosen, home); err != nil {
		t.Errorf("the right secret: %v, %v", err, reasonOf(err))
	}
	if took := time.Since(begun); took > 200*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	stop()
	flood.Wait()
	time.Sleep(time.Minute) // the gate's last rest
}

func TestEnsureRootRefusesWeakSecrets(t *testing.T) {
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
	if _, err := d.EnsureRoot(t.Context(), "a:b", chosen); !errors.Is(err, auth.ErrInvalidName) {
		t.Errorf("an id with a colon: %v", err)
	}
	if created, err := d.EnsureRoot(t.Context(), "ops", strings.Repeat("ü", 16)); !created || err != nil {
		t.Fatalf("16 characters: %v", err)
	}
	mustBasic(t, d, "ops", strings.Repeat("ü", 16))
}

func TestEnsureRootCreatesOneClient(t *testing.T) {
	engine := newEngine()
	d := open(t, engine, unlimited)
	stretched := auth.CountStretched(d)
	s := authtest.NewRoot(t, d, "dev").Reveal()
	if p := mustBasic(t, d, "dev", s); !p.Root {
		t.Fatal("not root")
	}
	if created, err := d.EnsureRoot(t.Context(), "dev", auth.NewSecret().Reveal()); created || err != nil {
		t.Fatal("a second root", created, err)
	}
	mustBasic(t, d, "dev", s)
	if stretched.Load() != 0 {
		t.Fatal("a generated secret was stretched")
	}
	d = open(t, engine, unlimited)
	stretched = auth.CountStretched(d)
	mustBasic(t, d, "dev", s)
	if stretched.Load() != 0 {
		t.Fatal("a generated secret was stretched after a restart")
	}
}

func TestLogSaysWhyCredentialsWereRefused(t *testing.T) {
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
