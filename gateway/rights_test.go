package gateway_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/gateway"
	"seagate/protocol"
	"seagate/storage/memory"
	"seagate/streams"
)

// client creates a client with the rights in the jail of root, and logs it in.
func (p *parts) client(root *auth.Principal, id string, rights *auth.Rights) *auth.Principal {
	p.t.Helper()
	_, s, e := p.CreateClient(p.t.Context(), root, id, "", rights)
	p.ok(e)
	return p.login(id, s)
}

func TestAClientWithoutRightsMayNothing(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	who := g.client(root, "nobody", &auth.Rights{Publish: []string{"other.*"}, Fetch: []string{"other.*"}})
	for name, e := range operations(g, who) {
		if name == "connection" && code(e) == protocol.CodeConnectionNotFound {
			continue // it sees its own, and this is none
		}
		list := name == "streams" || name == "streams named" || name == "services" || name == "vector" || name == "connections" || name == "network" || name == "evaluate filter"
		if list && e != nil || !list && code(e) != protocol.CodeForbidden {
			t.Errorf("%s: %v", name, e)
		}
	}
}

func TestListsShowWhatTheRightsAreFor(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	var all []string
	for _, group := range []string{"a", "b", "c"} {
		for i := range 7 {
			all = append(all, fmt.Sprintf("%s%d", group, i))
			g.define(root, all[len(all)-1])
			_, e := g.DefineService(t.Context(), root, all[len(all)-1], []byte(`{"version":1,"procedures":[]}`))
			g.ok(e)
		}
	}
	who := g.client(root, "reader", &auth.Rights{Subscribe: []string{"a*", "c3"}, Fetch: []string{"b*"}})
	names := func(limit int) (streams, services []string) {
		for after, more := "", true; more; {
			list, next, e := g.Streams(who, after, limit)
			g.ok(e)
			if len(list) > limit || next && len(list) < limit {
				t.Fatalf("a page of %d has %d", limit, len(list))
			}
			for _, s := range list {
				streams, after = append(streams, s.Name), s.Name
			}
			more = next
		}
		for after, more := "", true; more; {
			list, next, e := g.ListServices(who, after, limit)
			g.ok(e)
			if len(list) > limit {
				t.Fatalf("a page of %d has %d", limit, len(list))
			}
			for _, s := range list {
				services, after = append(services, s.Name), s.Name
			}
			more = next && len(list) > 0
		}
		return streams, services
	}
	for limit := 1; limit < 30; limit++ {
		streams, services := names(limit)
		if want := append(slices.Clone(all[:7]), "c3"); !slices.Equal(streams, want) {
			t.Errorf("pages of %d: streams %v", limit, streams)
		}
		if !slices.Equal(services, all[7:14]) {
			t.Errorf("pages of %d: services %v", limit, services)
		}
	}
	vector, e := g.VersionsVector(who, []string{"a1", "b1"})
	g.ok(e)
	if vector[0] == nil || vector[1] != nil {
		t.Errorf("the vector is %v", vector)
	}
}

func TestABearerPublishesWhatItsTokenLists(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	for _, stream := range []string{"chat.a", "chat.b", "news"} {
		g.define(root, stream)
	}
	bearer := g.bearer(root, `,"publish":["chat.*"],"streams":["chat.*","news"]`)
	g.ok(g.publish(bearer, "chat.a", `{"p":1}`))
	for name, e := range map[string]error{
		"publish":  g.publish(bearer, "news", `{"p":1}`),
		"header":   g.publishWith(bearer, gateway.Publication{Stream: "chat.a", Payloads: payloads(`{"p":1}`), Header: payloads(`{"p":1}`)[0]}),
		"job":      g.OpenJob(bearer, "fresh"),
		"describe": second(g.Describe(bearer, "chat.a")),
	} {
		if code(e) != protocol.CodeForbidden {
			t.Errorf("%s: %v", name, e)
		}
	}
	if _, e := g.Messages(t.Context(), bearer, "chat.b", gateway.Position{}, 10); e != nil {
		t.Error(e)
	}
	if _, e := g.Messages(t.Context(), bearer, "other", gateway.Position{}, 10); code(e) != protocol.CodeForbidden {
		t.Errorf("read another stream: %v", e)
	}
}

func payloads(texts ...string) (values []jsontext.Value) {
	for _, text := range texts {
		values = append(values, jsontext.Value(text))
	}
	return values
}

func second[T any](_ T, err error) error { return err }

// The message ids of bearers are not those of the client: a bearer cannot make the client's
// publication a repeat.
func TestBearersHaveMessageIDsOfTheirOwn(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	bearer := g.bearer(root, `,"publish":["s"]`)
	g.ok(g.publishWith(bearer, gateway.Publication{Stream: "s", Payloads: payloads(`{"p":1}`), ID: "order-17"}))
	g.ok(g.publishWith(root, gateway.Publication{Stream: "s", Payloads: payloads(`{"p":2}`), ID: "order-17"}))
}

// Publishers race with the end of their credentials, in each way that there is. After the answer
// nothing is appended, and nothing is delivered.
func TestNothingIsPublishedOrReadAfterARevocation(t *testing.T) {
	for name, revoke := range map[string]func(g *parts, root *auth.Principal) error{
		"rotated": func(g *parts, root *auth.Principal) error {
			_, _, e := g.RotateSecret(g.t.Context(), root, "app", 0)
			return e
		},
		"deleted": func(g *parts, root *auth.Principal) error { return g.DeleteClient(g.t.Context(), root, "app") },
		"narrowed": func(g *parts, root *auth.Principal) error {
			return second(g.SetRights(g.t.Context(), root, "app", &auth.Rights{Define: []string{"*"}}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				g := build(t, memory.New(), nil)
				root := g.root()
				g.define(root, "s")
				app := g.client(root, "app", nil)
				reader := g.subscribe(app, "s", "")
				member := g.subscribe(app, "s", groupA)
				var stop atomic.Bool
				var accepted atomic.Int64
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() {
						for !stop.Load() {
							switch e := g.publish(app, "s", `{"p":1}`); code(e) {
							case "":
								accepted.Add(1)
							case protocol.CodeInvalidCredentials:
							default:
								t.Error(e)
							}
						}
					})
				}
				for accepted.Load() < 50 { // they are at it
				}
				g.ok(revoke(g, root))
				topic, _ := g.Network.Lookup(streams.ID{Space: root.JailUID, Name: "s"})
				next := topic.Bounds().Next
				g.ok(g.publish(root, "s", `{"p":7}`))
				for range 100 {
					_ = g.publish(app, "s", `{"p":2}`)
				}
				stop.Store(true)
				wg.Wait()
				if after := topic.Bounds().Next; after != next+1 {
					t.Fatalf("%d messages were appended after the answer", after-next-1)
				}
				if count := uint64(accepted.Load()); count != next-1 {
					t.Errorf("%d messages were accepted, and %d are there", count, next-1)
				}
				for what, s := range map[string]*sink{"subscription": reader, "member": member} {
					s.mu.Lock()
					if slices.Contains(s.got, `{"p":7}`) {
						t.Errorf("the %s got what was published after the answer", what)
					}
					s.mu.Unlock()
				}
			}
		})
	}
}

// A revocation waits for the answer of the store, and for nothing else.
func TestRevocationOfAWaitingSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), func(s *gateway.Settings) { s.AwaitUndefined = true })
		root := g.root()
		app := g.client(root, "app", nil)
		s := &sink{}
		sub, e := g.Subscribe(t.Context(), app, gateway.Request{Stream: "s", Begun: func() { t.Error("it has begun") }}, s)
		g.ok(e)
		defer sub.Close()
		sub.Start()
		g.ok(g.DeleteClient(t.Context(), root, "app"))
		g.define(root, "s")
		synctest.Wait()
	})
}
