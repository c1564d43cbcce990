package auth_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seagate/auth"
)

func proofOf(t testing.TB, n int, jail, client string) string {
	t.Helper()
	proof, err := auth.ProveKey(keyPair(n), jail, client)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// twins are two jails with a client of the same id.
func twins(t testing.TB, d *auth.Directory) (victim, thief auth.Jail) {
	t.Helper()
	victim, _ = newJail(t, d, "victim", "backend")
	thief, _ = newJail(t, d, "thief", "backend")
	return victim, thief
}

func register(t testing.TB, d *auth.Directory, jail auth.Jail, n int, proven bool) error {
	t.Helper()
	key := auth.NewKey{PEM: pemOf(n)}
	if proven {
		key.Proof = proofOf(t, n, jail.ID, "backend")
	}
	_, err := d.SetKeys(t.Context(), jail.UID, "backend", []auth.NewKey{key}, 0)
	return err
}

// A jail that registers the public key of another jail's client first gets its bearers no longer than
// until the owner proves the key. Nobody registers a key in vain without being told.
func TestAProvenKeyDisplacesAnUnprovenHolder(t *testing.T) {
	engine := newEngine()
	d := open(t, engine, unlimited)
	victim, thief := twins(t, d)
	var displaced []string
	d.OnDisplaced(func(lost auth.Displacement) { displaced = append(displaced, lost.JailID+"/"+lost.ClientID) })
	if err := register(t, d, thief, 0, false); err != nil {
		t.Fatal(err)
	}
	stolen := mustToken(t, d, "backend", goodToken(0))
	if stolen.JailID != "thief" {
		t.Fatalf("entered %s", stolen.JailID)
	}
	wantErr(t, register(t, d, victim, 0, false), auth.ErrKeyTaken)
	if !stolen.Current() {
		t.Fatal("a key that nobody has proven was taken away")
	}
	if err := register(t, d, victim, 0, true); err != nil {
		t.Fatal(err)
	}
	if stolen.Current() || fmt.Sprint(displaced) != "[thief/backend]" {
		t.Fatalf("current %t, displaced %v", stolen.Current(), displaced)
	}
	wantErr(t, register(t, d, thief, 0, false), auth.ErrKeyTaken)
	for _, d := range []*auth.Directory{d, open(t, engine, unlimited)} {
		if p := mustToken(t, d, "backend", goodToken(0)); p.JailID != "victim" {
			t.Fatalf("entered %s", p.JailID)
		}
		if c, _ := d.Client(thief.UID, "backend"); len(c.Keys) != 0 {
			t.Fatalf("the thief has %+v", c.Keys)
		}
		if c, _ := d.Client(victim.UID, "backend"); len(c.Keys) != 1 || !c.Keys[0].Proven {
			t.Fatalf("the victim has %+v", c.Keys)
		}
	}
	// Registering it again without a proof, as an old client does, loses nothing.
	if err := register(t, d, victim, 0, false); err != nil {
		t.Fatal(err)
	}
	wantErr(t, register(t, d, thief, 0, false), auth.ErrKeyTaken)
}

// Two that have both proven a key share it; tokens say which jail they enter.
func TestTwoProvenHolders(t *testing.T) {
	d := openNew(t, unlimited)
	first, second := twins(t, d)
	if err := errors.Join(register(t, d, first, 0, true), register(t, d, second, 0, true)); err != nil {
		t.Fatal(err)
	}
	if c, _ := d.Client(second.UID, "backend"); !c.Keys[0].NeedsJailID {
		t.Fatalf("the second is not told: %+v", c.Keys)
	}
	if p := mustToken(t, d, "backend", goodToken(0)); p.JailID != first.ID {
		t.Fatalf("a token without a jail entered %s", p.JailID)
	}
	for _, j := range []auth.Jail{first, second} {
		named := sign(keyPair(0), rs512, strings.TrimSuffix(expiring(time.Hour), "}")+`,"jailId":"`+j.ID+`"}`)
		if p := mustToken(t, d, "backend", named); p.JailID != j.ID {
			t.Fatalf("a token for %s entered %s", j.ID, p.JailID)
		}
	}
	for _, claim := range []string{`"nowhere"`, `""`, `null`, `7`} {
		p, err := d.Token("backend", sign(keyPair(0), rs512, strings.TrimSuffix(expiring(time.Hour), "}")+`,"jailId":`+claim+`}`), "", home)
		if p != nil || !errors.Is(err, auth.ErrInvalidCredentials) {
			t.Fatalf("jailId of %s: %v", claim, err)
		}
	}
}

func TestProofsThatAreRefused(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "backend")
	claims := func(jail, client string, at time.Time) string {
		return fmt.Sprintf(`{"jailId":%q,"clientId":%q,"iat":%d}`, jail, client, at.Unix())
	}
	header := `{"alg":"RS512","typ":"` + auth.ProofType + `"}`
	good, now := claims("a", "backend", time.Now()), time.Now()
	for name, proof := range map[string]string{
		"another key":     sign(keyPair(1), header, good),
		"another jail":    sign(keyPair(0), header, claims("b", "backend", now)),
		"another client":  sign(keyPair(0), header, claims("a", "other", now)),
		"old":             sign(keyPair(0), header, claims("a", "backend", now.Add(-6*time.Minute))),
		"of the future":   sign(keyPair(0), header, claims("a", "backend", now.Add(6*time.Minute))),
		"a token":         sign(keyPair(0), rs512, good),
		"without a typ":   sign(keyPair(0), `{"alg":"RS512"}`, good),
		"another alg":     sign(keyPair(0), `{"alg":"none","typ":"`+auth.ProofType+`"}`, good),
		"HMAC of the key": hmacSigned("HS512", good, pemOf(0)),
		"crit":            sign(keyPair(0), `{"alg":"RS512","crit":["x"],"typ":"`+auth.ProofType+`"}`, good),
		"claims twice":    sign(keyPair(0), header, strings.TrimSuffix(good, "}")+`,"jailId":"a"}`),
		"no JWS":          "x",
		"line ends":       sign(keyPair(0), header, good) + "\n",
		"large":           sign(keyPair(0), header, strings.TrimSuffix(good, "}")+`,"nonce":"`+strings.Repeat("x", 5000)+`"}`),
	} {
		_, err := d.SetKeys(t.Context(), a.UID, "backend", []auth.NewKey{{PEM: pemOf(0), Proof: proof}}, 0)
		if !errors.Is(err, auth.ErrInvalidProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c, _ := d.Client(a.UID, "backend"); len(c.Keys) != 0 {
		t.Fatal("a key with a wrong proof was registered")
	}
	proof := sign(keyPair(0), header, good)
	if _, err := d.SetKeys(t.Context(), a.UID, "backend", []auth.NewKey{{PEM: pemOf(0), Proof: proof}}, 0); err != nil {
		t.Fatal(err)
	}
	if p, err := d.Token("backend", proof, "", home); p != nil || reasonOf(err) != auth.ReasonTokenMalformed {
		t.Fatalf("a proof passed for a token: %v", err)
	}
}

// A proof is good for some minutes only.
func TestAProofGetsOld(t *testing.T) {
	keyPair(0)
	synctest.Test(t, func(t *testing.T) {
		d := openNew(t, unlimited)
		a, _ := newJail(t, d, "a", "backend")
		key := []auth.NewKey{{PEM: pemOf(0), Proof: proofOf(t, 0, "a", "backend")}}
		time.Sleep(5*time.Minute + time.Second)
		_, err := d.SetKeys(t.Context(), a.UID, "backend", key, 0)
		wantErr(t, err, auth.ErrInvalidProof)
	})
}

func FuzzProof(f *testing.F) {
	f.Add(sign(keyPair(0), `{"alg":"RS512","typ":"`+auth.ProofType+`"}`, `{"jailId":"a","clientId":"backend","iat":1}`))
	f.Add("..")
	d := openNew(f, unlimited)
	a, _ := newJail(f, d, "a", "backend")
	f.Fuzz(func(t *testing.T, proof string) {
		_, err := d.SetKeys(t.Context(), a.UID, "backend", []auth.NewKey{{PEM: pemOf(0), Proof: proof}}, 0)
		if proof != "" && !errors.Is(err, auth.ErrInvalidProof) {
			t.Fatalf("%q: %v", proof, err)
		}
	})
}

// A change that is refused displaces nobody: another of its keys is taken, there are too many, or the
// change cannot be stored.
func TestARefusedChangeDisplacesNobody(t *testing.T) {
	engine := newEngine()
	d := open(t, engine, unlimited)
	victim, thief := twins(t, d)
	setKeys(t, d, thief.UID, 0, auth.NewKey{PEM: pemOf(0)}, auth.NewKey{PEM: pemOf(1)})
	proven := auth.NewKey{PEM: pemOf(0), Proof: proofOf(t, 0, "victim", "backend")}
	held := func(d *auth.Directory) int {
		c, err := d.Client(thief.UID, "backend")
		if err != nil {
			t.Fatal(err)
		}
		return len(c.Keys)
	}

	_, err := d.SetKeys(t.Context(), victim.UID, "backend", []auth.NewKey{proven, {PEM: pemOf(1)}}, 0)
	wantErr(t, err, auth.ErrKeyTaken)
	var full []auth.NewKey
	for i := range auth.MaxKeysPerClient {
		full = append(full, auth.NewKey{PEM: pemOf(2), KID: fmt.Sprint(i)})
	}
	setKeys(t, d, victim.UID, 0, full...)
	_, err = d.AddKey(t.Context(), victim.UID, "backend", proven)
	wantErr(t, err, auth.ErrTooManyKeys)
	store := failingAt(engine, 1, false)
	broken := open(t, store, unlimited)
	_, err = broken.SetKeys(t.Context(), victim.UID, "backend", []auth.NewKey{proven}, 0)
	wantErr(t, err, errDisk)
	for _, d := range []*auth.Directory{d, broken, open(t, engine, unlimited)} {
		if n := held(d); n != 2 {
			t.Fatalf("the holder has %d keys of 2", n)
		}
	}
}

// If taking a key from its holder fails, its tokens enter the jail of who has proven it all the same,
// and registering it again, even without a proof, takes it.
func TestADisplacementThatFailedIsMadeUpFor(t *testing.T) {
	engine := newEngine()
	d := open(t, engine, unlimited)
	victim, thief := twins(t, d)
	if err := register(t, d, thief, 0, false); err != nil {
		t.Fatal(err)
	}
	store := failingAt(engine, 2, false)
	d = open(t, store, unlimited)
	wantErr(t, register(t, d, victim, 0, true), errDisk)
	store.heal()
	for _, d := range []*auth.Directory{d, open(t, engine, unlimited)} {
		if p := mustToken(t, d, "backend", goodToken(0)); p.JailID != "victim" {
			t.Fatalf("entered %s", p.JailID)
		}
	}
	var displaced []string
	d.OnDisplaced(func(lost auth.Displacement) { displaced = append(displaced, lost.JailID+"/"+lost.ClientID) })
	if err := register(t, d, victim, 0, false); err != nil {
		t.Fatal(err)
	}
	if c, _ := d.Client(thief.UID, "backend"); len(c.Keys) != 0 || fmt.Sprint(displaced) != "[thief/backend]" {
		t.Fatalf("the holder has %+v, displaced %v", c.Keys, displaced)
	}
}

// Who asks about a token learns nothing about other jails: the answer is the same whatever key a client
// of the same id has there.
func TestInspectingATokenTellsNothingOfOtherJails(t *testing.T) {
	named := func(n int, more string) string {
		return sign(keyPair(n), rs512, strings.TrimSuffix(expiring(time.Hour), "}")+`,"jailId":"other"`+more+`}`)
	}
	expired := sign(keyPair(1), rs512, strings.TrimSuffix(expiring(-time.Hour), "}")+`}`)
	for name, token := range map[string]string{
		"for the other jail":          named(1, ""),
		"revoked there":               named(1, `,"jti":"gone"`),
		"a filter that is none":       named(1, `,"filter":{"t":"nothing"}`),
		"signed with the other's key": goodToken(1),
		"expired":                     expired,
		"without a jail, revoked":     tokenOf(1, "", `,"jti":"gone"`),
		"a kid":                       tokenOf(1, "k", ""),
	} {
		var reasons []auth.Reason
		for _, keys := range [][]auth.NewKey{nil, {{PEM: pemOf(1)}}, {{PEM: pemOf(2)}}, {{PEM: pemOf(1), KID: "k"}}} {
			d := openNew(t, unlimited)
			own, _ := newJail(t, d, "own", "backend")
			setKeys(t, d, own.UID, 0, auth.NewKey{PEM: pemOf(0)})
			other, _ := newJail(t, d, "other", "backend")
			setKeys(t, d, other.UID, 0, keys...)
			if _, err := d.RevokeToken(t.Context(), other.UID, "backend", "gone", time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			_, _, refusal := d.ExplainToken("backend", token, "own")
			if refusal == nil {
				t.Fatalf("%s: accepted", name)
			}
			_, inspected := d.InspectToken("backend", token, "own")
			reasons = append(reasons, refusal.Reason, inspected.Reason)
		}
		for _, r := range reasons {
			if r != reasons[0] {
				t.Errorf("%s: %q", name, reasons)
				break
			}
		}
	}
}
