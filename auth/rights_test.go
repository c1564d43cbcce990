package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"seagate/auth"
	"seagate/storage/memory"
)

func only(right auth.Right, patterns ...string) *auth.Rights {
	r := &auth.Rights{}
	r.Set(right, patterns)
	return r
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"boiler", "boiler", true},
		{"boiler", "boiler2", false},
		{"boiler.*", "boiler.a", true},
		{"boiler.*", "boiler.a.b", true},
		{"boiler.*", "boiler.", true},
		{"boiler.*", "boiler", false},
		{"boiler.*", "boilerx", false},
		{"*", "", true},
		{"*.dead", "a.dead", true},
		{"*.dead", "dead", false},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"a*a", "aba", true},
		{"a*a", "abab", false},
	} {
		p := principalWith(t, only(auth.RightPublish, c.pattern))
		if err := p.May(auth.Publish, c.name); (err == nil) != c.want {
			t.Errorf("%s matches %q: %v, want %t", c.pattern, c.name, err, c.want)
		}
	}
}

// principalWith returns a client that has the rights.
func principalWith(t *testing.T, rights *auth.Rights) *auth.Principal {
	t.Helper()
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "admin")
	_, s, err := d.CreateClient(t.Context(), a.UID, "c", "", rights)
	if err != nil {
		t.Fatal(err)
	}
	return mustBasic(t, d, "c", s.Reveal())
}

// Each right allows its actions on the names of its patterns, and nothing else.
func TestWhatEachRightAllows(t *testing.T) {
	for right, want := range map[auth.Right]string{
		auth.RightPublish:    "publish,provide streams,read schemas,list streams,list services",
		auth.RightSubscribe:  "subscribe,read schemas,list streams,list services",
		auth.RightDefine:     "define schemas,read schemas,list streams,describe services,list services,define services",
		auth.RightAdminister: "read schemas,list streams,administer streams,describe services,list services",
		auth.RightServe:      "list streams,serve,describe services,list services",
		auth.RightFetch:      "list streams,fetch,signal,describe services,list services",
	} {
		p := principalWith(t, only(right, "boiler.*"))
		var may []string
		for a := auth.Subscribe; a <= auth.ImportAll; a++ {
			if p.May(a, "boiler.x") == nil {
				may = append(may, a.String())
			}
			err := p.May(a, "weather")
			if err == nil && a != auth.ListStreams && a != auth.ListServices {
				t.Errorf("%s for boiler.*: may %s weather", right, a)
			}
			if err != nil && (!errors.Is(err, auth.ErrForbidden) || strings.Contains(err.Error(), "client  ")) {
				t.Errorf("%s: %v", a, err)
			}
		}
		if got := strings.Join(may, ","); got != want {
			t.Errorf("%s: may\n%s, want\n%s", right, got, want)
		}
	}
	p := principalWith(t, only(auth.RightSubscribe, "boiler.*", "steam"))
	want := `not allowed to subscribe: client c needs the right subscribe for "weather"; it has subscribe for boiler.*, steam`
	if err := p.May(auth.Subscribe, "weather"); err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	want = `not allowed to publish: client c needs the right publish for "steam"; it has none of that right`
	if err := p.May(auth.Publish, "steam"); err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

func TestAdministratorOfAllNamesManagesClients(t *testing.T) {
	if err := principalWith(t, only(auth.RightAdminister, "*")).May(auth.ManageClients, ""); err != nil {
		t.Error(err)
	}
	if principalWith(t, only(auth.RightAdminister, "a*")).May(auth.ManageClients, "") == nil {
		t.Error("an administrator of some streams manages clients")
	}
}

func TestIncludes(t *testing.T) {
	all, some := (*auth.Rights)(nil), only(auth.RightPublish, "a.*", "b")
	for _, c := range []struct {
		r, other *auth.Rights
		want     bool
	}{
		{all, all, true},
		{all, some, true},
		{some, all, false},
		{some, some, true},
		{some, &auth.Rights{}, true},
		{some, only(auth.RightPublish, "a.x*", "a.*y", "b"), true},
		{some, only(auth.RightPublish, "a*"), false},
		{some, only(auth.RightPublish, "*"), false},
		{some, only(auth.RightPublish, "b*"), false},
		{some, only(auth.RightSubscribe, "b"), false},
	} {
		if got := c.r.Includes(c.other); got != c.want {
			t.Errorf("%s includes %s: %t", c.r, c.other, got)
		}
	}
}

func TestRightsAreRefusedWithAllProblems(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "admin")
	_, _, err := d.CreateClient(t.Context(), a.UID, "c", "", &auth.Rights{Publish: []string{"a*b*", "ok"}, Serve: []string{"", "a\nb"}})
	wantErr(t, err, auth.ErrInvalidRights)
	for _, place := range []string{"publish[0]", "serve[0]", "serve[1]"} {
		if !strings.Contains(err.Error(), place) {
			t.Errorf("%v does not name %s", err, place)
		}
	}
	many := make([]string, auth.MaxPatterns+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	_, err = d.SetRights(t.Context(), a.UID, "admin", only(auth.RightPublish, many...))
	wantErr(t, err, auth.ErrInvalidRights)
	if _, err = d.SetRights(t.Context(), a.UID, "admin", only(auth.RightPublish, many[1:]...)); err != nil {
		t.Error(err)
	}
}

func TestRightsAreDurable(t *testing.T) {
	records := memory.New()
	d := open(t, records, unlimited)
	a, _ := newJail(t, d, "a", "c")
	if _, err := d.SetRights(t.Context(), a.UID, "c", only(auth.RightDefine, "x.*")); err != nil {
		t.Fatal(err)
	}
	c, err := open(t, records, unlimited).Client(a.UID, "c")
	if err != nil || c.Rights.String() != "define x.*" {
		t.Fatalf("after a restart: %s, %v", c.Rights, err)
	}
}

// More rights hold at once, for whoever is connected. Fewer end what is open, and leave the secret.
func TestChangedRights(t *testing.T) {
	d := openNew(t, unlimited)
	a, secret := newJail(t, d, "a", "c")
	setKey(t, d, a.UID, "c", pemOf(0))
	set := func(r *auth.Rights) {
		t.Helper()
		if _, err := d.SetRights(t.Context(), a.UID, "c", r); err != nil {
			t.Fatal(err)
		}
	}
	before, bearer := mustBasic(t, d, "c", secret), mustToken(t, d, "c", goodToken(0))
	set(only(auth.RightSubscribe, "a.*"))
	if before.Current() || bearer.Current() {
		t.Fatal("a principal with more rights than its client is current")
	}
	p, bearer := mustBasic(t, d, "c", secret), mustToken(t, d, "c", goodToken(0))
	if p.May(auth.Subscribe, "b") == nil || bearer.May(auth.Subscribe, "b") == nil {
		t.Fatal("rights are not narrowed")
	}
	told := 0
	d.OnRevoke(func(auth.Revocation) { told++ })
	set(&auth.Rights{Subscribe: []string{"a.*", "b"}})
	if told != 0 || !p.Current() || p.May(auth.Subscribe, "b") != nil || bearer.May(auth.Subscribe, "b") != nil {
		t.Fatalf("%d revocations; wider rights do not hold at once", told)
	}
}

func TestClaimsOfStreams(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "admin")
	_, _, err := d.CreateClient(t.Context(), a.UID, "c", "", &auth.Rights{Subscribe: []string{"boiler.*"}, Publish: []string{"boiler.*"}})
	if err != nil {
		t.Fatal(err)
	}
	setKey(t, d, a.UID, "c", pemOf(0))
	token := func(claims string) string {
		return sign(keyPair(0), rs512, strings.TrimSuffix(expiring(1e12), "}")+claims+"}")
	}
	p := mustToken(t, d, "c", token(`,"streams":["boiler.a","weather"],"publish":["boiler.b*"]`))
	for action, names := range map[auth.Action]map[string]bool{
		auth.Subscribe: {"boiler.a": true, "boiler.b": false, "weather": false}, // weather: not a right of the client
		auth.Publish:   {"boiler.b2": true, "boiler.a": false},
		auth.Provide:   {"boiler.b2": false},
		auth.Describe:  {"boiler.b2": false},
	} {
		for name, want := range names {
			if err := p.May(action, name); (err == nil) != want {
				t.Errorf("%s %s: %v, want %t", action, name, err, want)
			}
		}
	}
	if p := mustToken(t, d, "c", token(`,"streams":[],"publish":[]`)); p.May(auth.Subscribe, "boiler.a") == nil || p.May(auth.Publish, "boiler.a") == nil {
		t.Error("an empty list allows something")
	}
	for _, claims := range []string{`,"streams":null`, `,"streams":"boiler.*"`, `,"streams":["a*b*c"]`, `,"streams":[1]`, `,"publish":{}`, `,"publish":[""]`, `,"publish":[null]`} {
		p, err := d.Token("c", token(claims), "", home)
		wantRefusal(t, p, err, auth.ErrInvalidCredentials, auth.ReasonTokenMalformed)
	}
}

// Whoever manages clients without having all rights cannot get more of them through a client.
func TestNobodyGivesMoreThanItHas(t *testing.T) {
	ctx := context.Background()
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "owner")
	_, s, err := d.CreateClient(ctx, a.UID, "manager", "", &auth.Rights{Administer: []string{"*"}, Publish: []string{"a.*"}})
	if err != nil {
		t.Fatal(err)
	}
	manager := mustBasic(t, d, "manager", s.Reveal())
	by := d.By(manager, auth.ManageClients)
	for name, do := range map[string]func() error{
		"create with all rights": func() error { return second2(by.CreateClient(ctx, a.UID, "x", "", nil)) },
		"create with another right": func() error {
			return second2(by.CreateClient(ctx, a.UID, "x", "", only(auth.RightSubscribe, "a.b")))
		},
		"widen itself": func() error { return second(by.SetRights(ctx, a.UID, "manager", nil)) },
		"rotate":       func() error { return second2(by.RotateSecret(ctx, a.UID, "owner")) },
		"set key":      func() error { return second(by.SetPublicKey(ctx, a.UID, "owner", pemOf(0))) },
		"narrow":       func() error { return second(by.SetRights(ctx, a.UID, "owner", &auth.Rights{})) },
		"delete":       func() error { return second(by.DeleteClient(ctx, a.UID, "owner")) },
	} {
		if err := do(); !errors.Is(err, auth.ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := second2(by.CreateClient(ctx, a.UID, "x", "", only(auth.RightPublish, "a.b"))); err != nil {
		t.Error(err)
	}
	if err := second2(by.RotateSecret(ctx, a.UID, "x")); err != nil {
		t.Error(err)
	}
}

func TestRootKeepsAClientWithAllRights(t *testing.T) {
	ctx := t.Context()
	d := openNew(t, unlimited)
	s := auth.NewSecret()
	if _, err := d.EnsureRoot(ctx, "root", s.Reveal()); err != nil {
		t.Fatal(err)
	}
	uid := d.JailUID(auth.RootJailID)
	if err := second2(d.CreateClient(ctx, uid, "backup", "", only(auth.RightAdminister, "*"))); err != nil {
		t.Fatal(err)
	}
	wantErr(t, second(d.DeleteClient(ctx, uid, "root")), auth.ErrLastClient)
	wantErr(t, second(d.SetRights(ctx, uid, "root", &auth.Rights{})), auth.ErrLastClient)
	if err := second2(d.CreateClient(ctx, uid, "second", "", nil)); err != nil {
		t.Fatal(err)
	}
	if err := second(d.SetRights(ctx, uid, "root", &auth.Rights{})); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ResetRoot(ctx, "root", s.Reveal()); err != nil {
		t.Fatal(err)
	}
	if c, err := d.Client(uid, "root"); err != nil || c.Rights != nil {
		t.Fatalf("a root client that was reset has %s, %v", c.Rights, err)
	}
}

// Clients that race with the rotation of their own secret make nothing after its answer.
func TestNothingIsMadeAfterARotation(t *testing.T) {
	for round := range 6 {
		d := openNew(t, unlimited)
		a, _ := newJail(t, d, "a", "owner")
		p := mustBasic(t, d, "maker", newClient(t, d, a.UID, "maker"))
		var stop atomic.Bool
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				by := d.By(p, auth.ManageClients)
				for n := 0; !stop.Load(); n++ {
					err := second2(by.CreateClient(t.Context(), a.UID, fmt.Sprintf("c%d-%d", i, n), "", nil))
					if err != nil && !errors.Is(err, auth.ErrInvalidCredentials) {
						t.Error(err)
					}
				}
			})
		}
		if round%2 == 0 {
			if err := second2(d.RotateSecret(t.Context(), a.UID, "maker")); err != nil {
				t.Fatal(err)
			}
		} else if err := second(d.SetRights(t.Context(), a.UID, "maker", only(auth.RightPublish, "*"))); err != nil {
			t.Fatal(err)
		}
		_, before := size(t, d)
		for range 100 { // changes that come after it
			_, _, _ = d.By(p, auth.ManageClients).CreateClient(t.Context(), a.UID, "late", "", nil)
		}
		stop.Store(true)
		wg.Wait()
		if _, after := size(t, d); after != before {
			t.Fatalf("%d clients were made after the answer", after-before)
		}
	}
}

// A revocation is answered after what has begun, and what begins later is refused.
func TestRevocationWaitsForWhatHasBegun(t *testing.T) {
	d := openNew(t, unlimited)
	a, secret := newJail(t, d, "a", "c")
	p := mustBasic(t, d, "c", secret)
	begun, err := p.Begin()
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error)
	revoked := make(chan struct{})
	d.OnRevoke(func(auth.Revocation) { close(revoked) })
	go func() { answered <- second2(d.RotateSecret(t.Context(), a.UID, "c")) }()
	<-revoked
	if _, err := p.Begin(); !errors.Is(err, auth.ErrInvalidCredentials) {
		t.Fatalf("begun after the revocation: %v", err)
	}
	select {
	case err := <-answered:
		t.Fatalf("answered (%v) before what had begun ended", err)
	default:
	}
	begun.End()
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
}
