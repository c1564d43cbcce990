package gateway_test

import (
	"testing"

	"seagate/auth"
	"seagate/gateway"
	"seagate/groups"
	"seagate/protocol"
	"seagate/storage/memory"
	"seagate/streams"
)

// A client that subscribed while it was deleted left a group behind for ever, and the
// metrics of such groups failed for everybody.
func TestASubscriptionDuringTheDeletionOfItsClientLeavesNoGroup(t *testing.T) {
	wantNoGroupAfter(t, func(g *parts, root *auth.Principal) error { return g.DeleteClient(t.Context(), root, "c") })
}

// A rotated secret makes no group any more.
func TestASubscriptionDuringARotationMakesNoGroup(t *testing.T) {
	wantNoGroupAfter(t, func(g *parts, root *auth.Principal) error {
		_, _, err := g.RotateSecret(t.Context(), root, "c", 0)
		return err
	})
}

// wantNoGroupAfter lets a client subscribe that was authorized before revoke ended its credential.
func wantNoGroupAfter(t *testing.T, revoke func(g *parts, root *auth.Principal) error) {
	t.Helper()
	g := build(t, memory.New(), nil)
	root := g.root()
	_, s, err := g.CreateClient(t.Context(), root, "c", "", nil)
	g.ok(err)
	client := g.login("c", s)
	g.define(root, "s")
	g.ok(revoke(g, root))
	_, err = gateway.SubscribeAuthorized(t.Context(), g.Gateway.Gateway, client, gateway.Request{Stream: "s", Group: groupA}, &sink{})
	if code(err) != protocol.CodeInvalidCredentials {
		t.Errorf("a revoked credential subscribed: %v", err)
	}
	if o := g.Catalog.Groups.Overview(10); o.Groups != 0 || o.Members != 0 {
		t.Errorf("it left %d groups with %d members", o.Groups, o.Members)
	}
}

// A crash between the deletion of a client and that of its groups leaves them until the
// next start.
func TestTheStartDeletesGroupsOfDeletedClients(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	g.subscribe(root, "s", groupA)
	topic, _ := g.Network.Lookup(streams.ID{Space: root.JailUID, Name: "s"})
	for _, client := range []string{"deleted1", "deleted2"} {
		_, err := g.Catalog.Groups.Topic(topic.ID()).Join(t.Context(), topic, groups.Name{Client: client}, groups.JoinOptions{}, nobody{})
		g.ok(err)
	}
	again, err := gateway.New(t.Context(), g.Parts, g.Settings())
	g.ok(err)
	defer again.Close()
	if o := g.Catalog.Groups.Overview(10); o.Groups != 1 {
		t.Errorf("%d groups are left, want that of the root client alone", o.Groups)
	}
}

// nobody is a member that takes nothing.
type nobody struct{}

func (nobody) Visible(*streams.Batch) []int                         { return nil }
func (nobody) Deliver(*streams.Batch, []groups.Share) (int, uint64) { return 0, 0 }
func (nobody) Gap(_, _ uint64) (uint64, bool)                       { return 0, true }
func (nobody) End(error)                                            {}
