package auth_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seagate/auth"
	"seagate/storage"
)

const hs = `{"alg":"RS512","typ":"JWT","kid":%q}`

// tokenOf is a good token with more claims, and a kid unless that is "".
func tokenOf(n int, kid, claims string) string {
	header := rs512
	if kid != "" {
		header = fmt.Sprintf(hs, kid)
	}
	return sign(keyPair(n), header, strings.TrimSuffix(expiring(time.Hour), "}")+claims+"}")
}

func setKeys(t testing.TB, d *auth.Directory, jailUID string, keep time.Duration, keys ...auth.NewKey) auth.Client {
	t.Helper()
	c, err := d.SetKeys(t.Context(), jailUID, "backend", keys, keep)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Two keys are valid at a time, and a token with a kid is checked with the key of that name alone.
func TestSeveralKeysOfAClient(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "backend")
	setKeys(t, d, a.UID, 0, auth.NewKey{PEM: pemOf(0), KID: "old"}, auth.NewKey{PEM: pemOf(1), KID: "new"})
	for _, c := range []struct {
		key    int
		kid    string
		reason auth.Reason
	}{
		{0, "old", ""}, {1, "new", ""}, {0, "", ""}, {1, "", ""},
		{0, "new", auth.ReasonTokenSignature}, {1, "old", auth.ReasonTokenSignature},
		{0, "other", auth.ReasonTokenKey}, {2, "", auth.ReasonTokenSignature},
	} {
		p, err := d.Token("backend", tokenOf(c.key, c.kid, ""), "", home)
		if (p != nil) != (c.reason == "") || reasonOf(err) != c.reason {
			t.Errorf("key %d with kid %q: %v (%s), want %q", c.key, c.kid, err, reasonOf(err), c.reason)
		}
	}

	// A key without a kid takes every token whose kid no other key of the client has.
	if _, err := d.AddKey(t.Context(), a.UID, "backend", auth.NewKey{PEM: pemOf(2)}); err != nil {
		t.Fatal(err)
	}
	mustToken(t, d, "backend", tokenOf(2, "whatever", ""))
	mustToken(t, d, "backend", tokenOf(2, "", ""))
	if p, err := d.Token("backend", tokenOf(2, "new", ""), "", home); p != nil || reasonOf(err) != auth.ReasonTokenSignature {
		t.Fatalf("a key without kid took the kid of another: %v", err)
	}
}

// What one jail registers does not decide about the tokens of another: it could claim their kids.
func TestKIDsOfAnotherJail(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "backend")
	b, _ := newJail(t, d, "b", "backend")
	setKey(t, d, a.UID, "backend", pemOf(0))
	setKeys(t, d, b.UID, 0, auth.NewKey{PEM: pemOf(1), KID: "k"})
	if p := mustToken(t, d, "backend", tokenOf(0, "k", "")); p.JailID != "a" {
		t.Fatalf("entered %s", p.JailID)
	}
	if p := mustToken(t, d, "backend", tokenOf(1, "k", "")); p.JailID != "b" {
		t.Fatalf("entered %s", p.JailID)
	}
}

// A rotation of keys without an outage: both are valid, and the old one ends when it was said, also
// after a restart, with what is open with its tokens.
func TestAnOldKeyEnds(t *testing.T) {
	pems := []string{pemOf(0), pemOf(1)}
	old, next := keyPair(0), keyPair(1)
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine()
		d := open(t, engine, unlimited)
		a, _ := newJail(t, d, "a", "backend")
		setKey(t, d, a.UID, "backend", pems[0])
		var mu sync.Mutex // guards revoked
		var revoked []auth.Revocation
		d.OnRevoke(func(r auth.Revocation) {
			mu.Lock()
			defer mu.Unlock()
			revoked = append(revoked, r)
		})
		told := func() []auth.Revocation {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(revoked)
		}
		long := fmt.Sprintf(`{"exp":%d}`, time.Now().Add(100*time.Hour).Unix())
		bearer := mustToken(t, d, "backend", sign(old, rs512, long))

		c := setKeys(t, d, a.UID, time.Hour, auth.NewKey{PEM: pems[1], KID: "new"})
		if len(told()) != 0 || !bearer.Current() || c.PublicKey != pems[1] || len(c.Keys) != 2 || time.Until(c.Keys[0].Until) != time.Hour {
			t.Fatalf("the rotation revoked %v; %+v", told(), c)
		}
		mustToken(t, d, "backend", sign(old, rs512, long))
		mustToken(t, d, "backend", sign(next, rs512, long))
		restarted := open(t, engine, unlimited)
		mustToken(t, restarted, "backend", sign(old, rs512, long))

		time.Sleep(time.Hour)
		synctest.Wait()
		if got := told(); len(got) != 1 || !got[0].Covers(bearer) || bearer.Current() {
			t.Fatalf("after the hour: %v, current %t", got, bearer.Current())
		}
		for _, d := range []*auth.Directory{d, restarted, open(t, engine, unlimited)} {
			if p, _ := d.Token("backend", sign(old, rs512, long), "", home); p != nil {
				t.Fatal("the old key is valid after its end")
			}
			mustToken(t, d, "backend", sign(next, rs512, long))
		}
		if c, _ := d.Client(a.UID, "backend"); len(c.Keys) != 1 {
			t.Fatalf("it shows %+v", c.Keys)
		}
		// A client that is deleted, and a key that is ended earlier, leave no timer that does harm.
		if _, err := d.EndKey(t.Context(), a.UID, "backend", "new", time.Hour); err != nil {
			t.Fatal(err)
		}
		if _, err := d.EndKey(t.Context(), a.UID, "backend", "new", 0); err != nil {
			t.Fatal(err)
		}
		_, err := d.EndKey(t.Context(), a.UID, "backend", "new", 0)
		wantErr(t, err, auth.ErrKeyNotFound)
		if _, err := d.DeleteClient(t.Context(), a.UID, "backend"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
	})
}

func TestKeysThatCannotBeSet(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "backend")
	many := make([]auth.NewKey, auth.MaxKeysPerClient+1)
	for i := range many {
		many[i] = auth.NewKey{PEM: publicPEM(fakeKey(2048)), KID: fmt.Sprint(i)}
	}
	for name, c := range map[string]struct {
		keys []auth.NewKey
		want error
	}{
		"too many":       {many, auth.ErrTooManyKeys},
		"a kid twice":    {[]auth.NewKey{{PEM: pemOf(0), KID: "k"}, {PEM: pemOf(1), KID: "k"}}, auth.ErrInvalidKey},
		"a key twice":    {[]auth.NewKey{{PEM: pemOf(0)}, {PEM: pemOf(0)}}, auth.ErrInvalidKey},
		"a long kid":     {[]auth.NewKey{{PEM: pemOf(0), KID: strings.Repeat("k", auth.MaxKID+1)}}, auth.ErrInvalidKey},
		"a control char": {[]auth.NewKey{{PEM: pemOf(0), KID: "a\nb"}}, auth.ErrInvalidKey},
		"a weak key":     {[]auth.NewKey{{PEM: publicPEM(fakeKey(1024)), KID: "k"}}, auth.ErrInvalidKey},
	} {
		_, err := d.SetKeys(t.Context(), a.UID, "backend", c.keys, 0)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	setKeys(t, d, a.UID, 0, many[:auth.MaxKeysPerClient]...)
	_, err := d.AddKey(t.Context(), a.UID, "backend", many[auth.MaxKeysPerClient])
	wantErr(t, err, auth.ErrTooManyKeys)
	if _, err := d.AddKey(t.Context(), a.UID, "backend", auth.NewKey{PEM: pemOf(0), KID: "3"}); err != nil {
		t.Fatalf("replacing one: %v", err)
	}
	mustToken(t, d, "backend", tokenOf(0, "3", ""))
}

// A record of the release before has one key and no list.
func TestKeyOfAnEarlierRecord(t *testing.T) {
	engine := newEngine()
	d := open(t, engine, unlimited)
	a, _ := newJail(t, d, "a", "backend")
	key := "a/backend"
	for r, err := range engine.List(t.Context(), "clients", "") {
		if err != nil {
			t.Fatal(err)
		}
		if key = r.Key; strings.HasPrefix(key, a.UID) {
			text := strings.TrimSuffix(string(r.Value), "}") + fmt.Sprintf(`,"key":{"pem":%q}}`, pemOf(0))
			if _, err := engine.Put(t.Context(), "clients", key, []byte(text), storage.Always()); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	d = open(t, engine, unlimited)
	mustToken(t, d, "backend", goodToken(0))
	if _, err := d.AddKey(t.Context(), a.UID, "backend", auth.NewKey{PEM: pemOf(1), KID: "k"}); err != nil {
		t.Fatal(err)
	}
	d = open(t, engine, unlimited)
	mustToken(t, d, "backend", goodToken(0))
	mustToken(t, d, "backend", goodToken(1))
}

func TestRulesForTokens(t *testing.T) {
	now := time.Now()
	at := func(in time.Duration) int64 { return now.Add(in).Unix() }
	hour := auth.TokenRules{MaxLifetime: 3600}
	for _, c := range []struct {
		name   string
		rules  auth.TokenRules
		claims string
		ok     bool
	}{
		{"no rules, odd claims", auth.TokenRules{}, `,"aud":7,"iss":[],"iat":"x","jti":{}`, true},
		{"audience", auth.TokenRules{Audience: "g"}, `,"aud":"g"`, true},
		{"audience in a list", auth.TokenRules{Audience: "g"}, `,"aud":["x","g"]`, true},
		{"audience of another", auth.TokenRules{Audience: "g"}, `,"aud":"G"`, false},
		{"audience in another list", auth.TokenRules{Audience: "g"}, `,"aud":["x"]`, false},
		{"audience missing", auth.TokenRules{Audience: "g"}, ``, false},
		{"audience of a wrong type", auth.TokenRules{Audience: "g"}, `,"aud":{"g":1}`, false},
		{"audience null", auth.TokenRules{Audience: "g"}, `,"aud":null`, false},
		{"issuer", auth.TokenRules{Issuer: "i"}, `,"iss":"i"`, true},
		{"issuer of another", auth.TokenRules{Issuer: "i"}, `,"iss":"j"`, false},
		{"issuer missing", auth.TokenRules{Issuer: "i"}, ``, false},
		{"lifetime", hour, fmt.Sprintf(`,"iat":%d`, at(0)), true},
		{"lifetime too long", hour, fmt.Sprintf(`,"iat":%d`, at(-2*time.Second)), false},
		{"lifetime without iat", hour, ``, false},
		{"iat text", hour, `,"iat":"1"`, false},
		{"iat a little ahead", hour, fmt.Sprintf(`,"iat":%d`, at(30*time.Second)), true},
		{"iat far ahead", hour, fmt.Sprintf(`,"iat":%d`, at(10*time.Minute)), false},
	} {
		token := sign(keyPair(0), rs512, fmt.Sprintf(`{"exp":%d%s}`, at(time.Hour), c.claims))
		opts := unlimited
		opts.Tokens = c.rules
		all, _ := tokenDirectory(t, opts)
		one, a := tokenDirectory(t, unlimited)
		if _, err := one.SetTokenRules(t.Context(), a.UID, "backend", &c.rules); err != nil {
			t.Fatal(err)
		}
		for where, d := range map[string]*auth.Directory{"all": all, "its client": one} {
			p, err := d.Token("backend", token, "", home)
			if (p != nil) != c.ok || !c.ok && reasonOf(err) != auth.ReasonTokenRules {
				t.Errorf("%s, rules for %s: %v (%s)", c.name, where, err, reasonOf(err))
			}
		}
	}
}

// Rules that change end what is open with tokens, and nothing else; they hold after a restart.
func TestChangingRulesForTokens(t *testing.T) {
	engine := newEngine()
	d := open(t, engine, unlimited)
	a, secret := newJail(t, d, "a", "backend")
	setKey(t, d, a.UID, "backend", pemOf(0))
	client, bearer := mustBasic(t, d, "backend", secret), mustToken(t, d, "backend", goodToken(0))
	set := func(r *auth.TokenRules) {
		t.Helper()
		if _, err := d.SetTokenRules(t.Context(), a.UID, "backend", r); err != nil {
			t.Fatal(err)
		}
	}
	set(&auth.TokenRules{Audience: "g"})
	if bearer.Current() || !client.Current() {
		t.Fatalf("bearer %t, client %t", bearer.Current(), client.Current())
	}
	bearer = mustToken(t, d, "backend", tokenOf(0, "", `,"aud":"g"`))
	set(&auth.TokenRules{Audience: "g"})
	if !bearer.Current() {
		t.Fatal("the same rules ended it")
	}
	d = open(t, engine, unlimited)
	if p, _ := d.Token("backend", goodToken(0), "", home); p != nil {
		t.Fatal("the rules are lost in a restart")
	}
	_, err := d.SetTokenRules(t.Context(), a.UID, "backend", &auth.TokenRules{MaxLifetime: -1})
	wantErr(t, err, auth.ErrInvalidTokenRules)
	set(nil)
	mustToken(t, d, "backend", goodToken(0))
}

func TestRevokingSingleTokens(t *testing.T) {
	pem, key := pemOf(0), keyPair(0)
	synctest.Test(t, func(t *testing.T) {
		engine := newEngine()
		opts := unlimited
		opts.MaxRevokedTokens = 2
		d := open(t, engine, opts)
		a, _ := newJail(t, d, "a", "backend")
		b, _ := newJail(t, d, "b", "backend")
		setKey(t, d, a.UID, "backend", pem)
		expires := time.Now().Add(time.Hour)
		named := func(jti string) string {
			return sign(key, rs512, fmt.Sprintf(`{"exp":%d,"jti":%q}`, expires.Unix(), jti))
		}
		one, other := mustToken(t, d, "backend", named("one")), mustToken(t, d, "backend", named("other"))
		var told []auth.Revocation
		d.OnRevoke(func(r auth.Revocation) {
			told = append(told, r)
			if one.Current() {
				t.Error("it was current when the revocation was announced")
			}
		})
		revoke := func(jti string) error {
			_, err := d.RevokeToken(t.Context(), a.UID, "backend", jti, expires)
			return err
		}
		if err := revoke("one"); err != nil {
			t.Fatal(err)
		}
		if len(told) != 1 || !told[0].Covers(one) || told[0].Covers(other) || one.Current() || !other.Current() {
			t.Fatalf("revoked %v; current: %t and %t", told, one.Current(), other.Current())
		}
		if !errors.Is(one.InForce(), auth.ErrInvalidCredentials) {
			t.Fatalf("in force: %v", one.InForce())
		}
		if _, err := one.Begin(); err == nil {
			t.Fatal("it may begin a change")
		}
		for _, d := range []*auth.Directory{d, open(t, engine, opts)} {
			if p, err := d.Token("backend", named("one"), "", home); p != nil || reasonOf(err) != auth.ReasonTokenRevoked {
				t.Fatalf("accepted after its revocation: %v", err)
			}
			mustToken(t, d, "backend", named("other"))
			mustToken(t, d, "backend", sign(key, rs512, fmt.Sprintf(`{"exp":%d}`, expires.Unix())))
		}
		if err := revoke("one"); err != nil || len(told) != 1 {
			t.Fatalf("again: %v, %d revocations", err, len(told))
		}
		if err := revoke("two"); err != nil {
			t.Fatal(err)
		}
		wantErr(t, revoke("three"), auth.ErrTooManyRevoked)
		for _, bad := range []string{"", "a\nb", strings.Repeat("x", auth.MaxTokenID+1)} {
			wantErr(t, revoke(bad), auth.ErrInvalidTokenID)
		}
		_, err := d.RevokeToken(t.Context(), b.UID, "nobody", "one", expires)
		wantErr(t, err, auth.ErrClientNotFound)

		time.Sleep(time.Hour) // both are forgotten with their tokens
		wantErr(t, revoke("three"), auth.ErrInvalidTokenID)
		expires = expires.Add(time.Hour)
		if err := errors.Join(revoke("three"), revoke("four")); err != nil {
			t.Fatal(err)
		}
		if c, _ := d.Client(a.UID, "backend"); len(c.Revoked) != 2 {
			t.Fatalf("it shows %v", c.Revoked)
		}
	})
}

// The answer to a revocation waits for what the token is making, as for any other credential.
func TestRevokingATokenWaitsForWhatItMakes(t *testing.T) {
	keyPair(0)
	synctest.Test(t, func(t *testing.T) {
		d, a := tokenDirectory(t, unlimited)
		p := mustToken(t, d, "backend", tokenOf(0, "", `,"jti":"one"`))
		begun, err := p.Begin()
		if err != nil {
			t.Fatal(err)
		}
		answered := make(chan error, 1)
		go func() {
			_, err := d.RevokeToken(t.Context(), a.UID, "backend", "one", time.Now().Add(time.Hour))
			answered <- err
		}()
		synctest.Wait()
		if p.Current() || len(answered) > 0 {
			t.Fatalf("current %t, answered %d, while a change was being made", p.Current(), len(answered))
		}
		begun.End()
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
	})
}

func jwkOf(n int, more string) string {
	key := keyPair(n).PublicKey
	return fmt.Sprintf(`{"kty":"RSA","n":%q,"e":%q%s}`, base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()), more)
}

func TestJWKSets(t *testing.T) {
	weak := fakeKey(1024)
	small := fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB"}`, base64.RawURLEncoding.EncodeToString(weak.N.Bytes()))
	for _, c := range []struct {
		name, set     string
		keys, skipped int
		want          error
	}{
		{"two", `{"keys":[` + jwkOf(0, `,"kid":"a","use":"sig","alg":"RS512"`) + `,` + jwkOf(1, `,"kid":"b","key_ops":["verify"]`) + `]}`, 2, 0, nil},
		{"without a kid, unknown members", `{"keys":[` + jwkOf(0, `,"x5c":[],"x":1`) + `],"more":1}`, 1, 0, nil},
		{"others are skipped", `{"keys":[{"kty":"EC","crv":"P-256"},` + jwkOf(1, `,"use":"enc"`) + `,` + jwkOf(2, `,"alg":"RS256"`) + `,` + jwkOf(0, "") + `]}`, 1, 3, nil},
		{"none", `{"keys":[]}`, 0, 0, auth.ErrInvalidKey},
		{"none usable", `{"keys":[{"kty":"oct"}]}`, 0, 0, auth.ErrInvalidKey},
		{"a secret", `{"keys":[{"kty":"oct","k":"AAAA"}]}`, 0, 0, auth.ErrInvalidKey},
		{"private", `{"keys":[` + jwkOf(0, `,"d":"AQAB"`) + `]}`, 0, 0, auth.ErrInvalidKey},
		{"weak", `{"keys":[` + small + `]}`, 0, 0, auth.ErrInvalidKey},
		{"a kid twice", `{"keys":[` + jwkOf(0, `,"kid":"a"`) + `,` + jwkOf(1, `,"kid":"a"`) + `]}`, 0, 0, auth.ErrInvalidKey},
		{"no set", `[]`, 0, 0, auth.ErrInvalidKey},
		{"not JSON", `{"keys":`, 0, 0, auth.ErrInvalidKey},
		{"duplicate members", `{"keys":[],"keys":[]}`, 0, 0, auth.ErrInvalidKey},
		{"too large", `{"keys":[],"x":"` + strings.Repeat("x", auth.MaxJWKS) + `"}`, 0, 0, auth.ErrInvalidKey},
		{"too many", `{"keys":[` + strings.TrimSuffix(strings.Repeat(jwkOf(0, "")+",", auth.MaxKeysPerClient+1), ",") + `]}`, 0, 0, auth.ErrTooManyKeys},
	} {
		keys, skipped, err := auth.ParseJWKS([]byte(c.set))
		if !errors.Is(err, c.want) || c.want == nil && err != nil || err == nil && (len(keys) != c.keys || len(skipped) != c.skipped) {
			t.Errorf("%s: %d keys, skipped %q, %v", c.name, len(keys), skipped, err)
		}
		if err != nil && strings.Contains(err.Error(), "AQAB") {
			t.Errorf("%s: the error shows a part of the set", c.name)
		}
	}
	keys, _, err := auth.ParseJWKS([]byte(`{"keys":[` + jwkOf(0, `,"kid":"a"`) + `]}`))
	if err != nil || keys[0].PEM != pemOf(0) || keys[0].KID != "a" {
		t.Fatalf("%+v, %v", keys, err)
	}
}

// The thumbprint names a key without a kid. The vector is that of RFC 7638 §3.1.
func TestThumbprint(t *testing.T) {
	const n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	keys, _, err := auth.ParseJWKS([]byte(`{"keys":[{"kty":"RSA","e":"AQAB","n":"` + n + `"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "backend")
	if c := setKeys(t, d, a.UID, 0, keys...); c.Keys[0].ID != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Fatalf("the id is %s", c.Keys[0].ID)
	}
}

func FuzzJWKS(f *testing.F) {
	f.Add([]byte(`{"keys":[` + jwkOf(0, `,"kid":"a","use":"sig"`) + `]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC"},{"kty":"RSA","n":"AA","e":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, set []byte) {
		keys, _, err := auth.ParseJWKS(set)
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		d := openNew(t, unlimited)
		a, _ := newJail(t, d, "a", "backend")
		if _, setErr := d.SetKeys(t.Context(), a.UID, "backend", keys, 0); err == nil && setErr != nil {
			t.Fatalf("a key of the set cannot be registered: %v", setErr)
		}
	})
}
