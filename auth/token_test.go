package auth_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"seagate/auth"
)

// tokenDirectory has one jail "a" with two clients: "backend" has the key of pair 0, and "keyless"
// has none.
func tokenDirectory(t testing.TB, opts auth.Options) (*auth.Directory, auth.Jail) {
	t.Helper()
	d := openNew(t, opts)
	a, _ := newJail(t, d, "a", "backend")
	newClient(t, d, a.UID, "keyless")
	setKey(t, d, a.UID, "backend", pemOf(0))
	return d, a
}

func TestTokensThatAreAccepted(t *testing.T) {
	d, a := tokenDirectory(t, unlimited)
	exp := time.Now().Add(time.Hour).Unix()
	for _, c := range []struct {
		name, header, claims string
		mustFanout, filter   bool
	}{
		{"plain", rs512, `{"exp":%d}`, false, false},
		{"no typ", `{"alg":"RS512"}`, `{"exp":%d}`, false, false},
		{"exp with a fraction", rs512, `{"exp":%d.25}`, false, false},
		{"typ in another case, unknown header", `{"typ":"jwt","alg":"RS512","kid":"1","x":{}}`, `{"exp":%d}`, false, false},
		{"mustFanout", rs512, `{"exp":%d,"mustFanout":true}`, true, false},
		{"mustFanout false", rs512, `{"exp":%d,"mustFanout":false}`, false, false},
		{"nbf now", rs512, `{"exp":%d,"nbf":1}`, false, false},
		{"unknown claims", rs512, `{"exp":%d,"sub":1,"iat":"x","aud":null,"MUSTFANOUT":3,"Filter":4}`, false, false},
		{"filter", rs512, `{"exp":%d,"filter":{"t":"bool","e":false}}`, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := mustToken(t, d, "backend", sign(keyPair(0), c.header, fmt.Sprintf(c.claims, exp)))
			if p.JailUID != a.UID || p.ClientID != "backend" || p.Method != auth.MethodToken || p.Expires.Unix() != exp ||
				p.MustFanout != c.mustFanout || (p.Filter != nil) != c.filter || !p.Current() {
				t.Fatalf("principal %+v", p)
			}
			if c.filter && p.Filter.Match(map[string]any{}, "s") {
				t.Fatal("the filter passes a message that it must not pass")
			}
		})
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	d, _ := tokenDirectory(t, unlimited)
	key := keyPair(0)
	exp := time.Now().Add(time.Hour).Unix()
	good := fmt.Sprintf(`{"exp":%d}`, exp)
	with := func(more string) string { return fmt.Sprintf(`{"exp":%d,%s}`, exp, more) }
	token := goodToken(0)
	parts := strings.Split(token, ".")

	const malformed, signature = auth.ReasonTokenMalformed, auth.ReasonTokenSignature
	cases := map[string]struct {
		token  string
		reason auth.Reason
	}{
		"empty":                     {"", malformed},
		"one segment":               {"x", malformed},
		"two segments":              {parts[0] + "." + parts[1], malformed},
		"four segments":             {token + ".x", malformed},
		"no signature":              {parts[0] + "." + parts[1] + ".", signature},
		"padded":                    {token + "==", malformed},
		"stray bits in signature":   {token[:len(token)-1] + nextBase64(token[len(token)-1]), malformed},
		"line end":                  {token + "\n", malformed},
		"line end in header":        {parts[0] + "\r\n." + parts[1] + "." + parts[2], malformed},
		"space":                     {" " + token, malformed},
		"too long":                  {sign(key, rs512, with(`"x":"`+strings.Repeat("x", auth.MaxToken)+`"`)), malformed},
		"claims exchanged":          {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(good[:1]+" "+good[1:])) + "." + parts[2], signature},
		"another's key":             {sign(keyPair(1), rs512, good), signature},
		"none":                      {unsigned(`{"alg":"none","typ":"JWT"}`, good), malformed},
		"None":                      {unsigned(`{"alg":"None"}`, good), malformed},
		"none, signed":              {sign(key, `{"alg":"none"}`, good), malformed},
		"HS256 with the PEM":        {hmacSigned("HS256", good, pemOf(0)), malformed},
		"HS512 with the PEM":        {hmacSigned("HS512", good, pemOf(0)), malformed},
		"RS256":                     {rs256(key, good), malformed},
		"RS256 said to be RS512":    {relabeled(rs256(key, good)), signature},
		"PS512":                     {ps512(key, `{"alg":"PS512"}`, good), malformed},
		"PS512 said to be RS512":    {ps512(key, rs512, good), signature},
		"RS512 unknown to be rs512": {sign(key, `{"alg":"rs512"}`, good), malformed},
		"alg missing":               {sign(key, `{"typ":"JWT"}`, good), malformed},
		"alg twice":                 {sign(key, `{"alg":"none","alg":"RS512"}`, good), malformed},
		"alg not a string":          {sign(key, `{"alg":["RS512"]}`, good), malformed},
		"ALG":                       {sign(key, `{"ALG":"RS512"}`, good), malformed},
		"typ of another kind":       {sign(key, `{"alg":"RS512","typ":"at+jwt"}`, good), malformed},
		"typ not a string":          {sign(key, `{"alg":"RS512","typ":1}`, good), malformed},
		"crit":                      {sign(key, `{"alg":"RS512","crit":["exp"]}`, good), malformed},
		"crit empty":                {sign(key, `{"alg":"RS512","crit":[]}`, good), malformed},
		"crit null":                 {sign(key, `{"alg":"RS512","crit":null}`, good), malformed},
		"b64":                       {sign(key, `{"alg":"RS512","b64":false,"crit":["b64"]}`, good), malformed},
		"header null":               {sign(key, `null`, good), malformed},
		"header array":              {sign(key, `[]`, good), malformed},
		"header and more":           {sign(key, rs512+"{}", good), malformed},
		"header not UTF-8":          {sign(key, "{\"alg\":\"RS512\",\"x\":\"\xff\"}", good), malformed},

		"claims null":            {sign(key, rs512, `null`), auth.ReasonTokenTime},
		"claims array":           {sign(key, rs512, `[]`), malformed},
		"claims and more":        {sign(key, rs512, good+"x"), malformed},
		"claims not UTF-8":       {sign(key, rs512, with("\"x\":\"\xff\"")), malformed},
		"lone surrogate":         {sign(key, rs512, with(`"x":"\ud800"`)), malformed},
		"deep":                   {sign(key, rs512, with(`"x":`+strings.Repeat("[", 11000))), malformed},
		"exp missing":            {sign(key, rs512, `{}`), auth.ReasonTokenTime},
		"exp null":               {sign(key, rs512, `{"exp":null}`), malformed},
		"exp string":             {sign(key, rs512, fmt.Sprintf(`{"exp":"%d"}`, exp)), malformed},
		"exp fraction past":      {sign(key, rs512, fmt.Sprintf(`{"exp":%d.5}`, exp-7200)), auth.ReasonTokenExpired},
		"exp 1e1000001":          {sign(key, rs512, `{"exp":1e1000001}`), malformed},
		"exp beyond 9999":        {sign(key, rs512, `{"exp":253402300800}`), malformed},
		"exp beyond int64":       {sign(key, rs512, `{"exp":9223372036854775808}`), malformed},
		"exp many digits":        {sign(key, rs512, `{"exp":`+strings.Repeat("9", 5000)+`}`), malformed},
		"exp NaN":                {sign(key, rs512, `{"exp":NaN}`), malformed},
		"exp negative":           {sign(key, rs512, `{"exp":-1}`), malformed},
		"exp bool":               {sign(key, rs512, `{"exp":true}`), malformed},
		"exp 0":                  {sign(key, rs512, `{"exp":0}`), auth.ReasonTokenExpired},
		"exp twice":              {sign(key, rs512, with(fmt.Sprintf(`"exp":%d`, exp+1))), malformed},
		"exp twice, escaped":     {sign(key, rs512, with(`"\u0065xp":1`)), malformed},
		"expired":                {sign(key, rs512, expiring(-time.Hour)), auth.ReasonTokenExpired},
		"expired, another's key": {sign(keyPair(1), rs512, expiring(-time.Hour)), signature},
		"EXP":                    {sign(key, rs512, fmt.Sprintf(`{"EXP":%d}`, exp)), auth.ReasonTokenTime},
		"nbf in the future":      {sign(key, rs512, with(fmt.Sprintf(`"nbf":%d`, exp-60))), auth.ReasonTokenTime},
		"nbf string":             {sign(key, rs512, with(`"nbf":"1"`)), malformed},
		"nbf null":               {sign(key, rs512, with(`"nbf":null`)), malformed},
		"fetch of no list":       {sign(key, rs512, with(`"fetch":{}`)), malformed},
		"fetch without name":     {sign(key, rs512, with(`"fetch":[{"procedures":["quote"]}]`)), malformed},
		"fetch misspelled":       {sign(key, rs512, with(`"fetch":[{"service":"a","procedure":["quote"]}]`)), malformed},
		"mustFanout string":      {sign(key, rs512, with(`"mustFanout":"true"`)), malformed},
		"mustFanout null":        {sign(key, rs512, with(`"mustFanout":null`)), malformed},
		"mustFanout 1":           {sign(key, rs512, with(`"mustFanout":1`)), malformed},
		"mustFanout twice":       {sign(key, rs512, with(`"mustFanout":true,"mustFanout":false`)), malformed},
		"duplicate unknown":      {sign(key, rs512, with(`"x":1,"x":2`)), malformed},
		"duplicate deep":         {sign(key, rs512, with(`"x":{"y":1,"y":2}`)), malformed},
		"filter null":            {sign(key, rs512, with(`"filter":null`)), auth.ReasonTokenFilter},
		"filter string":          {sign(key, rs512, with(`"filter":"true"`)), auth.ReasonTokenFilter},
		"filter true":            {sign(key, rs512, with(`"filter":true`)), auth.ReasonTokenFilter},
		"filter unknown type":    {sign(key, rs512, with(`"filter":{"t":"js","e":"1"}`)), auth.ReasonTokenFilter},
		"filter bad path":        {sign(key, rs512, with(`"filter":{"t":"path","e":"$..a"}`)), auth.ReasonTokenFilter},
		"filter twice":           {sign(key, rs512, with(`"filter":{"t":"bool","e":true},"filter":{"t":"bool","e":true}`)), malformed},
		"filter key twice":       {sign(key, rs512, with(`"filter":{"t":"bool","e":true,"e":true}`)), malformed},
		"another signed first":   {sign(key, rs512, good) + "." + parts[2], malformed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := d.Token("backend", c.token, "", home)
			want := auth.ErrInvalidCredentials
			if c.reason == auth.ReasonTokenExpired {
				want = auth.ErrTokenExpired
			}
			wantRefusal(t, p, err, want, c.reason)
			if err.Error() != want.Error() {
				t.Fatalf("the peer reads %q", err)
			}
			// Neither the log nor whoever tries a token reads what the library calls it.
			if refusal, _ := errors.AsType[*auth.Refusal](err); refusal.Cause != nil &&
				(errors.Is(refusal.Cause, jwt.ErrTokenInvalidClaims) || errors.Is(refusal.Cause, jwt.ErrTokenSignatureInvalid)) {
				t.Errorf("the cause is the library's: %v", refusal.Cause)
			}
		})
	}
	for id, reason := range map[string]auth.Reason{"nobody": auth.ReasonUnknownClient, "keyless": auth.ReasonNoKey, "": auth.ReasonUnknownClient} {
		p, err := d.Token(id, token, "", home)
		wantRefusal(t, p, err, auth.ErrInvalidCredentials, reason)
	}
}

// nextBase64 returns c with its lowest bit set. If c is a last character with unused bits, lenient
// decoders take the two for the same.
func nextBase64(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)|1])
}

func unsigned(header, claims string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(claims)) + "."
}

func hmacSigned(alg, claims, key string) string {
	text := strings.TrimSuffix(unsigned(`{"alg":"`+alg+`","typ":"JWT"}`, claims), ".")
	mac := hmac.New(sha256.New, []byte(key))
	if alg == "HS512" {
		mac = hmac.New(sha512.New, []byte(key))
	}
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func rs256(key *rsa.PrivateKey, claims string) string {
	text := strings.TrimSuffix(unsigned(`{"alg":"RS256","typ":"JWT"}`, claims), ".")
	digest := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func relabeled(token string) string {
	_, rest, _ := strings.Cut(token, ".")
	return base64.RawURLEncoding.EncodeToString([]byte(rs512)) + "." + rest
}

func ps512(key *rsa.PrivateKey, header, claims string) string {
	text := strings.TrimSuffix(unsigned(header, claims), ".")
	digest := sha512.Sum512([]byte(text))
	sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA512, digest[:], nil)
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestTokenTimes(t *testing.T) {
	pem, key := pemOf(0), keyPair(0)
	synctest.Test(t, func(t *testing.T) {
		d := openNew(t, unlimited)
		a, _ := newJail(t, d, "a", "backend")
		setKey(t, d, a.UID, "backend", pem)
		now := time.Now().Unix()
		token := sign(key, rs512, fmt.Sprintf(`{"exp":%d,"nbf":%d}`, now+10, now+5))
		if _, err := d.Token("backend", token, "", home); reasonOf(err) != auth.ReasonTokenTime {
			t.Fatalf("5 s early: %v", err)
		}
		time.Sleep(5 * time.Second)
		p := mustToken(t, d, "backend", token)
		time.Sleep(5*time.Second - time.Nanosecond)
		if !p.Current() {
			t.Fatal("expired early")
		}
		mustToken(t, d, "backend", token)
		time.Sleep(time.Nanosecond)
		if p.Current() || !errors.Is(p.InForce(), auth.ErrTokenExpired) {
			t.Fatalf("after it expired: current %v, %v", p.Current(), p.InForce())
		}
		if _, err := d.Token("backend", token, "", home); reasonOf(err) != auth.ReasonTokenExpired {
			t.Fatalf("accepted after it expired: %v", err)
		}
	})
}

func TestTokensOfOneClientIDInSeveralJails(t *testing.T) {
	d := openNew(t, unlimited)
	jails := make([]auth.Jail, 3)
	for i := range jails {
		jails[i], _ = newJail(t, d, fmt.Sprintf("jail%d", i), "backend")
		setKey(t, d, jails[i].UID, "backend", pemOf(i))
	}
	for i := range jails {
		if p := mustToken(t, d, "backend", goodToken(i)); p.JailUID != jails[i].UID {
			t.Fatalf("the token of jail %d entered %s", i, p.JailID)
		}
		if p, err := d.Token("backend", goodToken(i), jails[i].ID, home); err != nil || p.JailUID != jails[i].UID {
			t.Fatalf("its jail named: %v", err)
		}
		other := jails[(i+1)%len(jails)].ID
		if p, err := d.Token("backend", goodToken(i), other, home); p != nil || reasonOf(err) != auth.ReasonTokenSignature {
			t.Fatalf("another jail named: %v", err)
		}
	}
	if p, err := d.Token("backend", goodToken(0), "nowhere", home); p != nil || err == nil {
		t.Fatal("an unknown jail named, and the token was accepted")
	}
}

func TestLimitOfKeysPerClientID(t *testing.T) {
	d := openNew(t, unlimited)
	var last auth.Jail
	for i := range auth.MaxKeysPerID + 1 {
		last, _ = newJail(t, d, fmt.Sprintf("jail%d", i), "backend")
		key := pemOf(0)
		if i < auth.MaxKeysPerID-1 {
			key = publicPEM(fakeKey(2048))
		}
		_, err := d.SetPublicKey(t.Context(), last.UID, "backend", key)
		if i < auth.MaxKeysPerID && err != nil {
			t.Fatalf("key %d: %v", i, err)
		}
	}
	_, err := d.SetPublicKey(t.Context(), last.UID, "backend", pemOf(1))
	wantErr(t, err, auth.ErrTooManyKeys)
	if p := mustToken(t, d, "backend", goodToken(0)); p.JailID != fmt.Sprintf("jail%d", auth.MaxKeysPerID-1) {
		t.Fatalf("entered %s", p.JailID)
	}
	if _, err := d.DeleteJail(t.Context(), "jail0"); err != nil {
		t.Fatal(err)
	}
	setKey(t, d, last.UID, "backend", pemOf(1))
	mustToken(t, d, "backend", goodToken(1))
}

// fakeKey returns a public key that has no private half.
func fakeKey(bits int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	r, err := rand.Int(rand.Reader, n)
	if err != nil {
		panic(err)
	}
	n.Or(n, r)
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
}
