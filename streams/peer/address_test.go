package peer_test

import (
	"errors"
	"fmt"
	"testing"

	"seagate/protocol"
	"seagate/streams/peer"
)

func inboxAt(a peer.Address) peer.Offer {
	return peer.Offer{Service: string(a), Procedures: []string{"inbox"}}
}

func TestNobodyElseServesAnAddress(t *testing.T) {
	h := peer.NewHub(options())
	owner, thief := join(t, h, "owner"), join(t, h, "thief")
	if _, err := thief.Serve(t.Context(), inboxAt(owner.Address()), newServer(1)); !errors.Is(err, peer.ErrServiceTaken) {
		t.Errorf("a stranger serves the address of another client: %v", err)
	}
	serve(t, owner, inboxAt(owner.Address()), newServer(1))
	if _, err := thief.Serve(t.Context(), inboxAt(owner.Address()), newServer(1)); !errors.Is(err, peer.ErrServiceTaken) {
		t.Errorf("a stranger joins the owner: %v", err)
	}
}

func TestADeadAddressStaysDead(t *testing.T) {
	h := peer.NewHub(options())
	owner, thief := join(t, h, "owner"), join(t, h, "thief")
	dead := owner.Address()
	owner.Close()
	for _, a := range []peer.Address{dead, peer.NewAddress()} {
		if _, err := thief.Serve(t.Context(), inboxAt(a), newServer(1)); !errors.Is(err, peer.ErrServiceTaken) {
			t.Errorf("a stranger serves an address that nobody has: %v", err)
		}
		if err := peer.Post(t.Context(), thief, peer.Endpoint{Address: a, Port: "inbox"}, nil); !errors.Is(err, peer.ErrUnreachable) {
			t.Errorf("a message to a dead address: %v", err)
		}
	}
}

// A service whose name begins with @ has several servers and is listed, as others.
func TestNoNameOfAServiceIsAnAddress(t *testing.T) {
	if a := string(peer.NewAddress()); !peer.IsAddress(a) || protocol.CheckServiceName(a) == nil {
		t.Errorf("the address %s is a name of a service too", a)
	}
	h := peer.NewHub(options())
	for _, c := range []string{"a", "b"} {
		for _, mark := range "-_.~@+:" {
			name := string(mark) + "team"
			if err := protocol.CheckServiceName(name); err != nil {
				t.Fatal(err)
			}
			serve(t, join(t, h, c), peer.Offer{Service: name, Procedures: []string{"q"}}, newServer(1))
		}
	}
	if list, _, err := join(t, h, "web").List(t.Context(), "", 10); err != nil || len(list) != 7 {
		t.Errorf("the list has %d services, want 7: %v", len(list), err)
	}
}

func TestAddressesDoNotCountAsServices(t *testing.T) {
	o := options()
	o.ServicesPerSpace = 2
	h := peer.NewHub(o)
	for i := range 5 {
		l := join(t, h, "client")
		serve(t, l, inboxAt(l.Address()), newServer(1))
		_, err := l.Serve(t.Context(), peer.Offer{Service: fmt.Sprint("s", i), Procedures: []string{"q"}}, newServer(1))
		if i < 2 && err != nil || i >= 2 && !errors.Is(err, peer.ErrTooManyServices) {
			t.Errorf("service %d: %v", i, err)
		}
	}
}
