package gatewaytest

import (
	"testing"

	"seagate/auth/authtest"
	"seagate/internal/secret"
	"seagate/streams/peer"
	"seagate/streams/peer/peertest"
)

// Links returns the root jail for the suite of links, whose clients join as the function does.
// It makes the root client.
func (g *Gateway) Links(join func(t testing.TB, clientID string, s secret.Text) peer.Link) peertest.Network {
	root, _ := g.Root("root")
	secrets := map[string]secret.Text{}
	return peertest.Network{
		Groups: true,
		Join: func(t testing.TB, client string) peer.Link {
			t.Helper()
			if _, made := secrets[client]; !made {
				_, s, err := g.CreateClient(t.Context(), root, client, "", nil)
				if err != nil {
					t.Fatal(err)
				}
				secrets[client] = s
			}
			return join(t, client, secrets[client])
		},
		Define: func(t testing.TB, topic string) {
			t.Helper()
			definition := []byte(`{"version":1,"fields":[{"name":"n","type":"integer"}]}`)
			if _, err := g.Define(t.Context(), root, topic, definition); err != nil {
				t.Fatal(err)
			}
		},
		Delete: func(t testing.TB, topic string) {
			t.Helper()
			if err := g.DeleteStream(t.Context(), root, topic); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// InProcess joins clients of g with links in this process, for Links.
func (g *Gateway) InProcess(t testing.TB, clientID string, s secret.Text) peer.Link {
	t.Helper()
	l, err := g.Link(authtest.LogIn(t, g.Directory, clientID, s))
	if err != nil {
		t.Fatal(err)
	}
	return l
}
