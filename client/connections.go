package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"

	"seagate/protocol"
)

// What the gateway shows of connections, in the form of its JSON.
type (
	// ConnectionInfo is what the gateway shows of a connection.
	ConnectionInfo = protocol.ConnectionInfo
	// SubscriptionInfo is where a subscription of a connection stands.
	SubscriptionInfo = protocol.SubscriptionInfo
)

// A ConnectionFilter says which connections to list.
type ConnectionFilter struct {
	ClientID string // "" for those of all clients
	AllJails bool   // for an administrator of the root jail
}

// Connections lists connections, the oldest first, each with its first subscriptions: those of the
// jail if the client may manage its clients, or else those of the client itself. An error ends the
// list.
func (c *Client) Connections(ctx context.Context, f ConnectionFilter) iter.Seq2[ConnectionInfo, error] {
	r := request{doing: "list connections", method: http.MethodGet, path: []string{"connections"}, query: url.Values{}}
	if f.ClientID != "" {
		r.query.Set("client", f.ClientID)
	}
	if f.AllJails {
		r.query.Set("allJails", "true")
	}
	return list[ConnectionInfo](ctx, c, r, "connections")
}

// Connection returns one connection with its subscriptions. The code to expect is
// connection_not_found.
func (c *Client) Connection(ctx context.Context, id string) (ConnectionInfo, error) {
	var info ConnectionInfo
	err := c.do(ctx, connectionCall("look at", http.MethodGet, id), &info)
	return info, err
}

// EndConnection ends a connection. Its client is told connection_ended, and may connect again.
func (c *Client) EndConnection(ctx context.Context, id string) error {
	return c.do(ctx, connectionCall("end", http.MethodDelete, id), nil)
}

func connectionCall(doing, method, id string) request {
	return request{doing: fmt.Sprintf("%s connection %q", doing, id), method: method, path: []string{"connections", id}}
}
