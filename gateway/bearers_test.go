package gateway_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"seagate/auth"
	"seagate/gateway"
	"seagate/gateway/gatewaytest"
	"seagate/protocol"
	"seagate/storage/memory"
)

const filterNothing = `,"filter":{"t":"bool","e":false}`

// A bearer that sees nothing joined the group of a service while that was away, and all messages were
// passed over.
func TestABearerTakesNothingFromAGroupOfItsClient(t *testing.T) {
	for name, claims := range map[string]string{
		"no claim":          filterNothing,
		"groups":            filterNothing + `,"groups":true`,
		"a list of groups":  filterNothing + `,"groups":["` + groupA + `"]`,
		"not mustFanout":    filterNothing + `,"mustFanout":false`,
		"without a filter":  `,"groups":true`,
		"nothing but an id": ``,
	} {
		for _, group := range []string{groupA, ""} {
			t.Run(fmt.Sprintf("%s, group %q", name, group), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g := build(t, memory.New(), func(s *gateway.Settings) { s.UngroupedShare = true })
					root := g.root()
					g.define(root, "s")
					bearer := g.bearer(root, claims)
					service, e := g.Subscribe(t.Context(), root, gateway.Request{Stream: "s", Group: group}, &sink{})
					g.ok(e)
					service.Start()
					service.Close()
					g.subscribe(bearer, "s", group)
					for i := range 5 {
						g.ok(g.publish(root, "s", fmt.Sprintf(`{"p":%d}`, i)))
					}
					synctest.Wait()
					again := g.subscribe(root, "s", group)
					synctest.Wait()
					again.want(t, `{"p":0}`, `{"p":1}`, `{"p":2}`, `{"p":3}`, `{"p":4}`)
				})
			})
		}
	}
}

// Bearers share a group if their tokens allow it and they have the same filter.
func TestGroupsOfBearers(t *testing.T) {
	for name, c := range map[string]struct {
		one, two string
		shared   bool
	}{
		"no claim":          {"", "", false},
		"groups":            {`,"groups":true`, `,"groups":true`, true},
		"groups is false":   {`,"groups":false,"mustFanout":false`, `,"groups":false`, false},
		"listed":            {`,"groups":["` + groupA + `"]`, `,"groups":true`, true},
		"another is listed": {`,"groups":["` + groupB + `"]`, `,"groups":true`, false},
		"as tokens said it": {`,"mustFanout":false`, `,"mustFanout":false`, true},
		"mustFanout":        {`,"groups":true,"mustFanout":true`, `,"groups":true`, false},
		"other filters":     {`,"groups":true,"filter":{"t":"bool","e":true}`, `,"groups":true`, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := build(t, memory.New(), nil)
				root := g.root()
				g.define(root, "s")
				one := g.subscribe(g.bearer(root, c.one), "s", groupA)
				two := g.subscribe(g.bearer(root, c.two), "s", groupA)
				for range 10 {
					g.ok(g.publish(root, "s", `{"p":100}`))
				}
				synctest.Wait()
				if n := len(one.got) + len(two.got); (n == 10) != c.shared || !c.shared && n != 20 {
					t.Errorf("they got %d and %d messages", len(one.got), len(two.got))
				}
			})
		})
	}
}

func TestAcknowledgingNeedsAClaim(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	for claims, want := range map[string]protocol.Code{
		``:                    protocol.CodeForbidden,
		`,"mustFanout":false`: protocol.CodeForbidden,
		`,"groups":false`:     protocol.CodeForbidden,
		`,"groups":true`:      "",
		`,"mustFanout":true`:  protocol.CodeInvalidRequest,
	} {
		sub, e := g.Subscribe(t.Context(), g.bearer(root, claims), gateway.Request{Stream: "s", Group: groupA, Explicit: true}, &sink{})
		if code(e) != want {
			t.Errorf("%s: %v, want %q", claims, e, want)
		}
		if e == nil {
			sub.Close()
		}
	}
}

// Bearers use up nothing of their client, and evict none of its groups.
func TestBearersHaveBudgetsOfTheirOwn(t *testing.T) {
	g := withOptions(t, func(o *gatewaytest.Options) {
		o.Groups.PerClient = 2
		o.Settings.ConnectionsPerClient = 2
		o.Settings.PublishesPerSecond = 2
	})
	root := g.root()
	g.define(root, "s")
	g.ok(g.SetHeader(t.Context(), root, "s", payloads(`{"p":0}`)[0]))
	bearer := g.bearer(root, `,"groups":true,"publish":["s"]`)
	for _, group := range []string{groupA, groupB} {
		sub, e := g.Subscribe(t.Context(), root, gateway.Request{Stream: "s", Group: group}, &sink{})
		g.ok(e)
		sub.Close()
	}
	for i := range 10 {
		group := fmt.Sprintf("%s%02d", groupA[:len(groupA)-2], i+60)
		sub, e := g.Subscribe(t.Context(), bearer, gateway.Request{Stream: "s", Group: group}, &sink{})
		g.ok(e)
		sub.Close()
	}
	list, _, e := g.ListGroups(t.Context(), root, "s", "", 100)
	g.ok(e)
	var names []string
	for _, one := range list {
		names = append(names, one.Key.Group)
	}
	if len(names) != 4 || !slices.Contains(names, groupA) || !slices.Contains(names, groupB) {
		t.Errorf("the groups are %v", names)
	}
	for range 2 {
		_, e := g.LogIn(bearer, ender{})
		g.ok(e)
		_, e = g.LogIn(root, ender{})
		g.ok(e)
	}
	for _, who := range []*auth.Principal{bearer, root} {
		if _, e := g.LogIn(who, ender{}); code(e) != protocol.CodeTooManyConnections {
			t.Errorf("a third connection: %v", e)
		}
	}
	g.ok(g.publish(bearer, "s", `{"p":1}`, `{"p":1}`))
	if e := g.publish(bearer, "s", `{"p":1}`); code(e) != protocol.CodeRateLimited {
		t.Errorf("the third message: %v", e)
	}
	g.ok(g.publish(root, "s", `{"p":1}`))
	g.ok(g.DeleteStream(t.Context(), root, "s"))
}

type ender struct{}

func (ender) End(*protocol.Error) {}

func withOptions(t *testing.T, change func(*gatewaytest.Options)) *parts {
	t.Helper()
	return &parts{t: t, Gateway: gatewaytest.New(t, change)}
}
