package main_test

import (
	"fmt"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/client"
	peers "seagate/streams/peer"
	"seagate/streams/peer/peertest"
)

// Links over a WebSocket do what links inside the process do. Each test of the suite has a jail
// of its own.
func TestLinksOverAWebSocket(t *testing.T) {
	t.Parallel()
	g := start(t)
	number := 0
	peertest.Run(t, func(t testing.TB) peertest.Network {
		number++
		jail := g.linkJail(t, fmt.Sprint("links", number))
		clients := map[string]*client.Client{}
		return peertest.Network{
			Groups: true,
			Join: func(t testing.TB, id string) peers.Link {
				if clients[id] == nil {
					made, err := jail.CreateClient(t.Context(), id, "")
					if err != nil {
						t.Fatal(err)
					}
					clients[id] = g.client(t, client.Basic(id, made.Secret.Reveal()), 20_000)
				}
				l, err := clients[id].Link(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return l
			},
			Define: func(t testing.TB, topic string) {
				definition := jsontext.Value(`{"version":1,"fields":[{"name":"n","type":"integer"}]}`)
				if _, err := jail.Define(t.Context(), topic, definition); err != nil {
					t.Fatal(err)
				}
			},
			Delete: func(t testing.TB, topic string) {
				if err := jail.DeleteStream(t.Context(), topic); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

// linkJail returns the first client of a new jail.
func (g *gateway) linkJail(t testing.TB, id string) *client.Client {
	t.Helper()
	made, err := g.client(t, client.Basic(root.id, root.secret), 0).CreateJail(t.Context(), id, "", id+"-admin")
	if err != nil {
		t.Fatal(err)
	}
	return g.client(t, client.Basic(made.ClientID, made.Secret.Reveal()), 0)
}

// client returns a client whose subscriptions queue so many bytes.
func (g *gateway) client(t testing.TB, as client.Credentials, queueBytes int) *client.Client {
	t.Helper()
	c, err := client.New("http://"+g.listen, as, client.Options{QueueBytes: queueBytes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}
