package gateway_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"seagate/auth"
	"seagate/auth/authtest"
	"seagate/gateway"
	"seagate/gateway/gatewaytest"
	"seagate/groups"
	"seagate/internal/secret"
	"seagate/protocol"
	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/peer"
)

var home = netip.MustParseAddr("192.0.2.1")

// parts is a gateway over records, with what tests reach behind it for.
type parts struct {
	*gatewaytest.Gateway
	t   testing.TB
	who *auth.Principal // of publishOnce
}

func build(t testing.TB, records storage.Records, change func(*gateway.Settings)) *parts {
	t.Helper()
	return &parts{t: t, Gateway: gatewaytest.New(t, func(o *gatewaytest.Options) {
		o.Records = records
		if change != nil {
			change(&o.Settings)
		}
	})}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bare is a gateway that turns errors into refusals, and has no parts.
var bare = &gateway.Gateway{Parts: gateway.Parts{Log: slog.New(slog.DiscardHandler)}}

// code returns the code that a client is told of an error, "" for nil.
func code(err error) protocol.Code {
	if e := bare.Refusal(err); e != nil {
		return e.Code
	}
	return ""
}

func (p *parts) ok(e error) {
	p.t.Helper()
	if e != nil {
		p.t.Fatal(e)
	}
}

func (p *parts) root() *auth.Principal {
	p.t.Helper()
	root, _ := p.Root("root")
	return root
}

func (p *parts) login(id string, s secret.Text) *auth.Principal {
	p.t.Helper()
	return authtest.LogIn(p.t, p.Directory, id, s)
}

var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// bearer returns who comes with a token of the client, with these claims
// besides exp.
func (p *parts) bearer(of *auth.Principal, claims string) *auth.Principal {
	p.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(signingKey().Public())
	must(p.t, err)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	_, e := p.SetPublicKey(context.Background(), of, of.ClientID, string(public))
	p.ok(e)
	token := signed(p.t, fmt.Sprintf(`{"exp":%d%s}`, time.Now().Add(time.Hour).Unix(), claims))
	principal, err := p.Directory.Token(of.ClientID, token, "", home)
	must(p.t, err)
	return principal
}

func signed(t testing.TB, claims string) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	head := encode([]byte(`{"alg":"RS512","typ":"JWT"}`)) + "." + encode([]byte(claims))
	signature, err := jwt.SigningMethodRS512.Sign(head, signingKey())
	must(t, err)
	return head + "." + encode(signature)
}

const pressures = `{"version":1,"fields":[{"name":"p","type":"integer"}]}`

func (p *parts) define(who *auth.Principal, stream string) {
	p.t.Helper()
	_, e := p.Define(context.Background(), who, stream, []byte(pressures))
	p.ok(e)
}

func (p *parts) publish(who *auth.Principal, stream string, payloads ...string) error {
	p.t.Helper()
	values := make([]jsontext.Value, len(payloads))
	for i, payload := range payloads {
		values[i] = jsontext.Value(payload)
	}
	return p.publishWith(who, gateway.Publication{Stream: stream, Payloads: values, Batch: len(values) != 1})
}

func (p *parts) publishWith(who *auth.Principal, pub gateway.Publication) (e error) {
	p.t.Helper()
	done := 0
	p.Publish(who, pub, func(_ protocol.Published, refused error) { e, done = refused, done+1 })
	if done != 1 {
		p.t.Fatalf("publish called done %d times", done)
	}
	return e
}

// sink takes everything and writes it down.
type sink struct {
	mu    sync.Mutex
	got   []string
	ended []string
	tag   uint64
}

func (s *sink) Deliver(b *streams.Batch, share []groups.Share) (taken int, tag uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	picked := b.Messages
	if share != nil {
		picked = nil
		for _, handed := range share {
			picked = append(picked, b.Messages[handed.Index])
		}
	}
	for _, m := range picked {
		s.got = append(s.got, string(m.Payload))
		s.tag++
	}
	return len(picked), s.tag
}

func (s *sink) Gap(first, last uint64) (tag uint64, told bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, fmt.Sprintf("gap %d-%d", first, last))
	s.tag++
	return s.tag, true
}

func (s *sink) End(reason *protocol.Error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, string(reason.Code))
	return true
}

func (s *sink) want(t *testing.T, payloads ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.got, payloads) {
		t.Errorf("received %q, want %q", s.got, payloads)
	}
}

func (p *parts) subscribe(who *auth.Principal, stream, group string) *sink {
	p.t.Helper()
	return p.subscribeTo(who, gateway.Request{Stream: stream, Group: group})
}

func (p *parts) subscribeTo(who *auth.Principal, r gateway.Request) *sink {
	p.t.Helper()
	s := &sink{}
	sub, e := p.Subscribe(context.Background(), who, r, s)
	p.ok(e)
	if h := sub.Header(); h != nil {
		s.got = append(s.got, "header "+string(h))
	}
	sub.Start()
	p.t.Cleanup(sub.Close)
	return s
}

const (
	groupA = "4d0b7e5a-91a3-4ac5-a0d9-2b1b0a4d7a52"
	groupB = "4d0b7e5a-91a3-4ac5-a0d9-2b1b0a4d7a53"
	groupC = "4d0b7e5a-91a3-4ac5-a0d9-2b1b0a4d7a54"
)

// operations calls every operation, as a principal, on a stream and a client
// of which nothing need be true.
func operations(g *parts, who *auth.Principal) map[string]error {
	ctx := context.Background()
	refusals := map[string]error{}
	note := func(name string, e error) { refusals[name] = e }
	note("publish", g.publish(who, "s", `{}`))
	_, e := g.Subscribe(context.Background(), who, gateway.Request{Stream: "s"}, &sink{})
	note("subscribe", e)
	_, e = g.Define(ctx, who, "s", []byte(pressures))
	note("define", e)
	_, e = g.Compare(ctx, who, "s", "1", "1")
	note("compare", e)
	_, e = g.PlanDefine(ctx, who, "s", []byte(pressures))
	note("plan", e)
	_, e = g.Describe(who, "s")
	note("describe", e)
	_, e = g.Versions(who, "s")
	note("versions", e)
	_, e = g.Version(who, "s", "1")
	note("version", e)
	_, e = g.VersionsVector(who, []string{"s"})
	note("vector", e)
	_, _, e = g.Streams(who, "", 10)
	note("streams", e)
	_, e = g.Stream(who, "s")
	note("stream", e)
	note("delete stream", g.DeleteStream(ctx, who, "s"))
	note("set header", g.SetHeader(ctx, who, "s", jsontext.Value(`{}`)))
	note("clear header", g.ClearHeader(ctx, who, "s"))
	_, e = g.Header(who, "s")
	note("header", e)
	note("pause", g.Hold(ctx, who, "s", true))
	_, e = g.Messages(ctx, who, "s", gateway.Position{}, 10)
	note("messages", e)
	_, e = g.Search(ctx, who, "s", gateway.Position{}, 10, nil)
	note("search", e)
	_, e = g.Policy(who, "s")
	note("policy", e)
	_, e = g.SetPolicy(ctx, who, "s", streams.Overrides{})
	note("set policy", e)
	_, _, e = g.ListGroups(ctx, who, "s", "", 10)
	note("groups", e)
	_, e = g.Group(ctx, who, "s", "c", groupA)
	note("group", e)
	_, e = g.MoveGroup(ctx, who, "s", "c", groupA, gateway.Position{}, false)
	note("move group", e)
	note("delete group", g.DeleteGroup(ctx, who, "s", "c", groupA))
	note("open job", g.OpenJob(who, "s"))
	_, _, e = g.EndStream(ctx, who, "s")
	note("end stream", e)
	services := g.JoinServices(who)
	defer services.Close()
	_, e = services.Serve(peer.Offer{Service: "s", Procedures: []string{"p"}}, nil)
	note("serve", e)
	_, e = services.Fetch(peer.Request{Service: "s", Procedure: "none"}, nil)
	note("fetch", e)
	_, e = services.Signal(peer.Signal{Service: "s", Procedure: "none"})
	note("signal", e)
	_, _, e = g.ListServices(who, "", 10)
	note("services", e)
	_, e = g.Service(who, "s")
	note("service", e)
	_, e = g.DefineService(ctx, who, "defined", []byte(`{"version":1,"procedures":[]}`))
	note("define service", e)
	_, e = g.PlanDefineService(ctx, who, "defined", []byte(`{"version":1,"procedures":[]}`))
	note("plan service", e)
	_, e = g.ServiceVersion(who, "defined", "1")
	note("service version", e)
	note("delete service", g.DeleteServiceDefinition(ctx, who, "defined"))
	_, _, e = g.Provide(who, "s", &producer{})
	note("provide", e)
	_, e = g.SubscribeMerged(ctx, who, gateway.MergedRequest{Streams: []gateway.MergedStream{{Name: "s"}, {Name: "s"}}}, nil)
	note("subscribe merged", e)
	note("publish with header", g.publishWith(who, gateway.Publication{Stream: "s", Payloads: []jsontext.Value{jsontext.Value(`{"p":1}`)}, Header: jsontext.Value(`{"p":1}`)}))
	note("backup", g.Backup(ctx, who, g.t.TempDir()))
	_, _, e = g.Clients(who, "", 10)
	note("clients", e)
	_, _, e = g.CreateClient(ctx, who, "c", "", nil)
	note("create client", e)
	note("delete client", g.DeleteClient(ctx, who, "c"))
	_, _, e = g.RotateSecret(ctx, who, "c", 0)
	note("rotate", e)
	_, e = g.SetPublicKey(ctx, who, "c", "")
	note("key", e)
	_, e = g.Keys(who, "c")
	note("keys", e)
	_, e = g.SetKeys(ctx, who, "c", nil, 0)
	note("set keys", e)
	_, e = g.AddKey(ctx, who, "c", auth.NewKey{})
	note("add key", e)
	_, e = g.EndKey(ctx, who, "c", "k", 0)
	note("end key", e)
	_, e = g.SetKeysURL(ctx, who, "c", "https://keys.example.com", 0)
	note("keys at a URL", e)
	_, e = g.SetTokenRules(ctx, who, "c", nil)
	note("token rules", e)
	_, e = g.RevokeToken(ctx, who, "c", "t", time.Now().Add(time.Hour))
	note("revoke token", e)
	_, _, e = g.ReadToken(who, "c", "t")
	note("read token", e)
	_, e = g.SetRights(ctx, who, "c", nil)
	note("rights", e)
	_, _, e = g.Jails(who, "", 10)
	note("jails", e)
	_, _, e = g.CreateJail(ctx, who, "j", "", "c")
	note("create jail", e)
	note("delete jail", g.DeleteJail(ctx, who, "j"))
	_, e = g.Quotas(who, "another")
	note("quotas of another jail", e)
	_, e = g.SetQuotas(ctx, who, "j", nil)
	note("set quotas of a jail", e)
	_, e = g.Import(ctx, who, nil, auth.ImportOptions{})
	note("import jails", e)
	_, e = g.PlanPublish(who, gateway.Publication{Stream: "s", Payloads: []jsontext.Value{jsontext.Value(`{"p":1}`)}})
	note("plan publish", e)
	_, e = g.TrySchema(ctx, who, "s", []byte(pressures), 10)
	note("try schema", e)
	again := make(chan error, 1)
	g.PublishAgain(ctx, who, "s.dead", 1, "", func(_ protocol.Published, err error) { again <- err })
	note("publish again", <-again)
	_, _, e = g.Connections(ctx, who, gateway.ConnectionsQuery{Limit: 10})
	note("connections", e)
	_, e = g.Connection(ctx, who, "x", 10)
	note("connection", e)
	note("end connection", g.EndConnection(who, "x"))
	_, _, e = g.StreamUsers(who, "", 10)
	note("network", e)
	_, e = g.Configuration(who)
	note("configuration of the server", e)
	_, e = g.RecentLog(who, nil, slog.LevelInfo, 10)
	note("log of the server", e)
	_, _, e = g.StreamsNamed(who, "s", "", 10)
	note("streams named", e)
	_, e = g.Compare(ctx, who, "s", "1", "current")
	note("compare versions", e)
	_, e = g.EvaluateFilter(ctx, who, gateway.FilterQuestion{Filter: jsontext.Value(`{"t":"null"}`)})
	note("evaluate filter", e)
	_, e = g.Explain(ctx, who, gateway.ExplainQuery{Stream: "s", Seq: 1, Client: "another"})
	note("explain to another client", e)
	_, e = g.ExplainPublish(ctx, who, gateway.ExplainQuery{Stream: "s", Client: "another"}, jsontext.Value(`{"p":1}`), 10)
	note("explain publish to another client", e)
	return refusals
}

// exported counts the operations, so that a new one cannot be forgotten above.
func TestEveryOperationIsTried(t *testing.T) {
	helpers := []string{"Authenticate", "LogIn", "Attend", "Refusal", "Refused", "Settings", "SetRates", "Probe", "Close", "Field", "DeadLetter", "Trust", "JobStreams", "EndIdleJobs", "ConnectionEnded", "RefuseOrigin", "NewOwner", "SuppressedLines",
		"AuditStart", "AuditEarlier", "AuditSettings", "KeysState",
		"Reserve", "UnfinishedBytes", "QueueShare", "ApplyQuotas",
		"Link", "QuotasOf", "JoinServices", "Answer", "CallFailure", "CallFailed", "ServiceTotals"} // the operations of Services are tried too
	typ := reflect.TypeFor[*gateway.Gateway]()
	operations := 0
	for i := range typ.NumMethod() {
		if !slices.Contains(helpers, typ.Method(i).Name) {
			operations++
		}
	}
	if operations != 68 {
		t.Errorf("the gateway has %d operations; the tests below try 68: add the others to operations", operations)
	}
}

func TestABearerMayOnlySubscribe(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	for name, e := range operations(g, g.bearer(root, "")) {
		if name == "subscribe" || name == "subscribe merged" || name == "messages" || name == "search" {
			if e != nil {
				t.Errorf("%s: %v", name, e)
			}
		} else if name == "publish again" { // it may read dead letters, of which there are none
			if code(e) != protocol.CodeStreamNotFound {
				t.Errorf("%s: %v", name, e)
			}
		} else if code(e) != protocol.CodeForbidden {
			t.Errorf("%s: %v, want forbidden", name, e)
		}
	}
}

func TestOnlyTheRootJailManagesJailsAndBacksUp(t *testing.T) {
	g := build(t, memory.New(), nil)
	_, secret, e := g.CreateJail(t.Context(), g.root(), "tenant", "", "boss")
	g.ok(e)
	for name, e := range operations(g, g.login("boss", secret)) {
		isRoots := strings.Contains(name, "jail") || name == "backup" || strings.Contains(name, "server")
		if forbidden := code(e) == protocol.CodeForbidden; forbidden != isRoots {
			t.Errorf("%s: %v", name, e)
		}
	}
}

func TestARevokedPrincipalMayNothing(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	_, secret, e := g.CreateClient(t.Context(), root, "app", "", nil)
	g.ok(e)
	app := g.login("app", secret)
	_, _, e = g.RotateSecret(t.Context(), root, "app", 0)
	g.ok(e)
	for name, e := range operations(g, app) {
		if code(e) != protocol.CodeInvalidCredentials {
			t.Errorf("%s: %v, want invalid_credentials", name, e)
		}
	}
}

func TestJailsNeverSeeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		g := build(t, memory.New(), nil)
		root := g.root()
		tenants := map[string]*auth.Principal{}
		for _, jail := range []string{"a", "b"} {
			_, secret, e := g.CreateJail(ctx, root, jail, "", "boss") // the same client id in both
			g.ok(e)
			tenants[jail] = g.login("boss", secret)
		}
		a, b := tenants["a"], tenants["b"]
		g.define(a, "boiler")
		if _, e := g.Describe(b, "boiler"); code(e) != protocol.CodeStreamNotFound {
			t.Errorf("b describes a's stream: %v", e)
		}
		g.define(b, "boiler")
		g.ok(g.SetHeader(ctx, b, "boiler", jsontext.Value(`{"p":-1}`)))
		alone, shared := g.subscribe(a, "boiler", ""), g.subscribe(a, "boiler", groupA)
		others := g.subscribe(b, "boiler", groupA)
		g.ok(g.publish(a, "boiler", `{"p":1}`))
		g.ok(g.publish(b, "boiler", `{"p":2}`))
		synctest.Wait()
		alone.want(t, `{"p":1}`)
		shared.want(t, `{"p":1}`)
		others.want(t, `header {"p":-1}`, `{"p":2}`)

		if list, _, _ := g.Clients(a, "", 10); len(list) != 1 {
			t.Errorf("a sees clients %v", list)
		}
		_, _, e := g.CreateClient(ctx, a, "app", "", nil)
		g.ok(e)
		if e := g.DeleteClient(ctx, b, "app"); code(e) != protocol.CodeClientNotFound {
			t.Errorf("b deletes a's client: %v", e)
		}
		g.ok(g.DeleteStream(ctx, b, "boiler"))
		if _, e := g.Describe(a, "boiler"); e != nil {
			t.Errorf("a's stream went with b's: %v", e)
		}
		g.ok(g.DeleteJail(ctx, root, "b"))
		if e := g.publish(a, "boiler", `{"p":3}`); e != nil {
			t.Errorf("a after b was deleted: %v", e)
		}
		_, secret, e := g.CreateJail(ctx, root, "b", "", "boss")
		g.ok(e)
		if list, _, _ := g.Streams(g.login("boss", secret), "", 10); len(list) != 0 {
			t.Errorf("a new jail has the old one's streams: %v", list)
		}
		g.Network.Close()
	})
}

// Nothing of a deleted jail is left, even if the process died in between.
func TestLeftoversOfADeletedJailAreSwept(t *testing.T) {
	ctx := t.Context()
	records := memory.New()
	g := build(t, records, nil)
	root := g.root()
	_, secret, e := g.CreateJail(ctx, root, "a", "", "boss")
	g.ok(e)
	boss := g.login("boss", secret)
	g.define(boss, "boiler")
	g.ok(g.Hold(ctx, boss, "boiler", true))
	if _, err := g.Directory.DeleteJail(ctx, "a"); err != nil { // and the process dies
		t.Fatal(err)
	}
	build(t, records, nil)
	for _, table := range []string{"schemas", "topics"} {
		for record := range records.List(ctx, table, "") {
			t.Errorf("left in %s: %s", table, record.Key)
		}
	}
}

const filterHigh = `,"filter":{"t":"eq","e":[{"t":"path","e":"$.p"},{"t":"number","e":7}]}`

func TestFiltersHideEverythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), nil)
		root := g.root()
		g.define(root, "boiler")
		filtered := g.bearer(root, filterHigh)
		g.ok(g.SetHeader(t.Context(), root, "boiler", jsontext.Value(`{"p":1}`)))
		first := g.subscribe(filtered, "boiler", "")
		g.ok(g.SetHeader(t.Context(), root, "boiler", jsontext.Value(`{"p":7}`)))
		second := g.subscribe(filtered, "boiler", "")
		full, share := g.subscribe(root, "boiler", groupA), g.subscribe(filtered, "boiler", groupA)
		g.ok(g.publish(root, "boiler", `{"p":1}`, `{"p":7}`, `{"p":8}`))
		synctest.Wait()
		first.want(t, `{"p":7}`)
		second.want(t, `header {"p":7}`, `{"p":7}`)
		full.want(t, `header {"p":7}`, `{"p":1}`, `{"p":7}`, `{"p":8}`)
		share.want(t, `header {"p":7}`, `{"p":7}`)
		g.Network.Close()
	})
}

func TestMustFanoutTakesNothingAway(t *testing.T) {
	for _, share := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			g := build(t, memory.New(), func(s *gateway.Settings) { s.UngroupedShare = share })
			root := g.root()
			g.define(root, "boiler")
			bearer := g.bearer(root, `,"mustFanout":true`)
			grouped, alone := g.subscribe(bearer, "boiler", groupA), g.subscribe(bearer, "boiler", "")
			member := g.subscribe(root, "boiler", groupA)
			g.ok(g.publish(root, "boiler", `{"p":1}`, `{"p":2}`))
			synctest.Wait()
			for _, s := range []*sink{grouped, alone, member} {
				s.want(t, `{"p":1}`, `{"p":2}`)
			}
			g.Network.Close()
		})
	}
}

func TestUngroupedSubscriptionsOfAClientMayShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), func(s *gateway.Settings) { s.UngroupedShare = true })
		root := g.root()
		g.define(root, "boiler")
		g.ok(g.SetHeader(t.Context(), root, "boiler", jsontext.Value(`{"p":0}`)))
		_, secret, e := g.CreateClient(t.Context(), root, "app", "", nil)
		g.ok(e)
		one, two := g.subscribe(root, "boiler", ""), g.subscribe(root, "boiler", "")
		named := g.subscribe(root, "boiler", groupA)
		other := g.subscribe(g.login("app", secret), "boiler", "")
		g.ok(g.publish(root, "boiler", `{"p":1}`, `{"p":2}`))
		synctest.Wait()
		one.want(t, `header {"p":0}`, `{"p":1}`)
		two.want(t, `header {"p":0}`, `{"p":2}`)
		other.want(t, `header {"p":0}`, `{"p":1}`, `{"p":2}`)
		named.want(t, `header {"p":0}`, `{"p":1}`, `{"p":2}`) // it made the group
		g.Network.Close()
	})
}

// The JavaScript client's fanout sends a fresh id with each subscription, so it is
// alone in its group. Groups that are shared, or that somebody comes back to, get no
// header.
func TestTheHeaderGoesToWhoeverMakesAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), nil)
		root := g.root()
		g.define(root, "boiler")
		g.ok(g.SetHeader(t.Context(), root, "boiler", jsontext.Value(`{"p":0}`)))
		gone, err := g.Subscribe(t.Context(), root, gateway.Request{Stream: "boiler", Group: groupC}, &sink{})
		g.ok(err)
		gone.Close()
		maker, second := g.subscribe(root, "boiler", groupA), g.subscribe(root, "boiler", groupA)
		fanout, back := g.subscribe(root, "boiler", groupB), g.subscribe(root, "boiler", groupC)
		g.ok(g.publish(root, "boiler", `{"p":1}`, `{"p":2}`))
		synctest.Wait()
		maker.want(t, `header {"p":0}`, `{"p":1}`)
		second.want(t, `{"p":2}`)
		fanout.want(t, `header {"p":0}`, `{"p":1}`, `{"p":2}`)
		back.want(t, `{"p":1}`, `{"p":2}`)
		g.Network.Close()
	})
}

// A client that wants everything makes up a group for each subscription, and knows no
// extension. Nobody comes back to such a group.
func TestWhichGroupsAreAbandoned(t *testing.T) {
	tests := map[string]struct {
		request   gateway.Request
		abandoned bool
	}{
		"as deployed clients do": {gateway.Request{}, true},
		"explicit":               {gateway.Request{Explicit: true}, false},
		"meta":                   {gateway.Request{TellGaps: true}, false},
		"credit":                 {gateway.Request{Credit: 1}, false},
		"state":                  {gateway.Request{State: func(streams.State) bool { return true }}, false},
		"from":                   {gateway.Request{From: gateway.Position{Position: protocol.Position{Kind: protocol.PositionEarliest}}}, false},
	}
	g := build(t, memory.New(), func(s *gateway.Settings) { s.UngroupedShare = true })
	root := g.root()
	g.define(root, "boiler")
	abandoned := func(r gateway.Request) bool {
		r.Stream = "boiler"
		s, err := g.Subscribe(t.Context(), root, r, &sink{})
		g.ok(err)
		s.Close()
		info, err := g.Group(t.Context(), root, "boiler", root.ClientID, r.Group)
		g.ok(err)
		return info.Abandoned
	}
	for name, test := range tests {
		test.request.Group = uuid.NewString()
		if got := abandoned(test.request); got != test.abandoned {
			t.Errorf("%s: %v", name, got)
		}
	}
	if abandoned(gateway.Request{}) {
		t.Error("the group of subscriptions without one is abandoned")
	}
}

func TestUndefinedStreams(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	for name, e := range map[string]error{
		"publish": g.publish(root, "nobody", `{}`), "pause": g.Hold(t.Context(), root, "nobody", true),
	} {
		if code(e) != protocol.CodeStreamNotFound {
			t.Errorf("%s: %v", name, e)
		}
	}
	if _, e := g.Subscribe(t.Context(), root, gateway.Request{Stream: "nobody"}, &sink{}); code(e) != protocol.CodeStreamNotFound {
		t.Errorf("subscribe: %v", e)
	}

	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), func(s *gateway.Settings) { s.AcceptUndefined = true })
		root := g.root()
		s := g.subscribe(root, "anything", "")
		g.ok(g.publish(root, "anything", `3`))
		g.ok(g.publish(root, "anything", ` [ {"a" : 1} ] `))
		if e := g.publish(root, "anything", `{"a":1,"a":2}`); code(e) != protocol.CodeMalformedJSON {
			t.Errorf("a duplicate key: %v", e)
		}
		if e := g.publish(root, "any/thing", `3`); code(e) != protocol.CodeInvalidName {
			t.Errorf("a bad name: %v", e)
		}
		synctest.Wait()
		s.want(t, `3`, `[{"a":1}]`)
		g.define(root, "defined")
		g.ok(g.publish(root, "zeta", `1`))
		for after, want := range map[string]string{"": "[anything defined] true", "defined": "[zeta] false"} {
			list, more, e := g.Streams(root, after, 2)
			g.ok(e)
			var names []string
			for _, s := range list {
				names = append(names, s.Name)
			}
			if got := fmt.Sprint(names, " ", more); got != want {
				t.Errorf("streams after %q: %s, want %s", after, got, want)
			}
		}
		g.Network.Close()
	})
}

func TestABatchIsAcceptedWholeOrRefusedWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), nil)
		root := g.root()
		g.define(root, "boiler")
		s := g.subscribe(root, "boiler", "")
		e := bare.Refusal(g.publish(root, "boiler", `{"p":1}`, `{"p":"x","q":1}`, `{"p":2}`, `[`))
		if e == nil || e.Code != protocol.CodeInvalidPayload || len(e.Errors) != 3 ||
			!strings.HasPrefix(e.Errors[0], "[1] p: ") || !strings.HasPrefix(e.Errors[1], "[1] q: ") || !strings.HasPrefix(e.Errors[2], "[3] ") {
			t.Errorf("refused with %+v", e)
		}
		g.ok(g.publish(root, "boiler", `{"p":1}`, `{"p":2}`))
		synctest.Wait()
		s.want(t, `{"p":1}`, `{"p":2}`)
		g.Network.Close()
	})
}

// However much is wrong with the first, every bad message of a batch is named.
func TestEveryBadMessageOfABatchIsNamed(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "boiler")
	var many strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&many, `,"x%d":1`, i)
	}
	batch := []string{`{"p":1` + many.String() + `}`}
	for range 1200 {
		batch = append(batch, `{"p":"x","q":1}`)
	}
	e := bare.Refusal(g.publish(root, "boiler", batch...))
	if e == nil {
		t.Fatal("accepted")
	}
	if first, _, _ := strings.Cut(e.Errors[0], " "); first != "[0]" || len(e.Errors) > 1002 {
		t.Errorf("%d lines, the first of %s", len(e.Errors), first)
	}
	if last := e.Errors[len(e.Errors)-1]; last != "and more in [1]-[1200]" {
		t.Errorf("the last line is %s", last)
	}
}

func TestPublishesPerSecondAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), func(s *gateway.Settings) { s.PublishesPerSecond = 2 })
		root := g.root()
		g.define(root, "boiler")
		g.ok(g.publish(root, "boiler", `{"p":1}`, `{"p":2}`))
		if e := g.publish(root, "boiler", `{"p":3}`); code(e) != protocol.CodeRateLimited {
			t.Errorf("the third in a second: %v", e)
		}
		time.Sleep(500 * time.Millisecond)
		g.ok(g.publish(root, "boiler", `{"p":3}`))
		g.Network.Close()
	})
}

func TestPausedStreamsRefuse(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "boiler")
	g.ok(g.Hold(t.Context(), root, "boiler", true))
	if e := g.publish(root, "boiler", `{"p":1}`); code(e) != protocol.CodeStreamPaused {
		t.Errorf("publish: %v", e)
	}
	g.ok(g.Hold(t.Context(), root, "boiler", false))
	g.ok(g.publish(root, "boiler", `{"p":1}`))
}

func TestHeadersAreCheckedAndBounded(t *testing.T) {
	g := build(t, memory.New(), func(s *gateway.Settings) { s.HeaderBytes = 20 })
	root := g.root()
	g.define(root, "boiler")
	for header, want := range map[string]protocol.Code{
		`{"p":"x"}`:                             protocol.CodeInvalidPayload,
		`{"p":` + strings.Repeat("1", 14) + `}`: "",
		`{"p":` + strings.Repeat("1", 15) + `}`: protocol.CodeHeaderTooLarge,
	} {
		e := g.SetHeader(t.Context(), root, "boiler", jsontext.Value(header))
		if code(e) != want {
			t.Errorf("%s: %v, want %q", header, e, want)
		}
	}
	g.ok(g.ClearHeader(t.Context(), root, "boiler"))
	if _, e := g.Header(root, "boiler"); code(e) != protocol.CodeHeaderNotFound {
		t.Errorf("a cleared header: %v", e)
	}
}

// connection is a session's end that notes why it was closed.
type connection chan protocol.Code

func (c connection) End(reason *protocol.Error) { c <- reason.Code }

func TestSessionsEndWithTheirCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		g := build(t, memory.New(), func(s *gateway.Settings) { s.ConnectionsPerClient = 1 })
		root := g.root()
		enter := func(p *auth.Principal) connection {
			c := make(connection, 1)
			if _, e := g.LogIn(p, c); e != nil {
				t.Fatal(e)
			}
			return c
		}
		bearer := g.bearer(root, "")
		byToken, bySecret := enter(bearer), enter(root)
		if _, e := g.LogIn(root, make(connection)); code(e) != protocol.CodeTooManyConnections {
			t.Errorf("a second connection: %v", e)
		}
		_, e := g.SetPublicKey(ctx, root, "root", "")
		g.ok(e)
		if got := <-byToken; got != protocol.CodeCredentialsRevoked {
			t.Errorf("after the key was cleared: %v", got)
		}
		if len(bySecret) != 0 {
			t.Error("clearing the key ended a connection that relied on the secret")
		}
		if _, e := g.LogIn(bearer, make(connection)); e == nil {
			t.Error("a revoked token enters")
		}

		_, secret, e := g.CreateJail(ctx, root, "tenant", "", "boss")
		g.ok(e)
		boss := g.login("boss", secret)
		expiring := enter(g.bearer(boss, ""))
		time.Sleep(time.Hour)
		if got := <-expiring; got != protocol.CodeTokenExpired {
			t.Errorf("after exp: %v", got)
		}
		ofJail := enter(boss)
		g.ok(g.DeleteJail(ctx, root, "tenant"))
		if got := <-ofJail; got != protocol.CodeCredentialsRevoked {
			t.Errorf("after the jail was deleted: %v", got)
		}
		g.Network.Close()
	})
}

func TestDeletedStreamsEndSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), nil)
		root := g.root()
		g.define(root, "boiler")
		alone, shared := g.subscribe(root, "boiler", ""), g.subscribe(root, "boiler", groupA)
		g.ok(g.DeleteStream(t.Context(), root, "boiler"))
		synctest.Wait()
		for _, s := range []*sink{alone, shared} {
			if !slices.Equal(s.ended, []string{"stream_deleted"}) {
				t.Errorf("ended with %v", s.ended)
			}
		}
		if e := g.publish(root, "boiler", `{"p":1}`); code(e) != protocol.CodeStreamNotFound {
			t.Errorf("publish: %v", e)
		}
		g.Network.Close()
	})
}

func TestProbe(t *testing.T) {
	g := build(t, memory.New(), nil)
	for range 3 {
		must(t, g.Probe(t.Context()))
	}
	g.Network.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if g.Probe(ctx) == nil {
		t.Error("the probe succeeds though nothing is delivered any more")
	}
}

// Package auth does not know the protocol, and has the bounds of its names and secrets once more.
func TestAuthHasTheBoundsOfTheProtocol(t *testing.T) {
	if auth.MaxID != protocol.MaxNameBytes || auth.MaxSecret != protocol.MaxSecretBytes {
		t.Errorf("auth takes ids of %d and secrets of %d bytes, protocol %d and %d",
			auth.MaxID, auth.MaxSecret, protocol.MaxNameBytes, protocol.MaxSecretBytes)
	}
}
