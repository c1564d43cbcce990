package httpapi

import (
	"seagate/auth"
	"seagate/gateway"
	"seagate/protocol"
)

// Subscriptions that are shown of each connection: in the list, and if it is asked for alone.
const (
	listedSubscriptions = 10
	shownSubscriptions  = 1000
)

// listConnections is GET /connections?client=&allJails=&after=&limit=.
func (q *request) listConnections() (any, error) {
	query := q.query("after", "limit", "client", "allJails")
	after, ok := decodeCursor(query.values["after"])
	if !ok {
		query.Add("query", badCursor)
	}
	wanted := gateway.ConnectionsQuery{
		AllJails: query.truth("allJails"), Client: query.values["client"], After: after, Limit: query.limit(), Reads: listedSubscriptions,
	}
	if err := query.err(); err != nil {
		return nil, err
	}
	list, next, err := q.gateway.Connections(q.r.Context(), q.principal, wanted)
	views := make([]protocol.ConnectionInfo, len(list))
	for i := range list {
		views[i] = connectionView(&list[i])
	}
	return struct {
		Connections []protocol.ConnectionInfo `json:"connections"`
		Next        protocol.Nullable         `json:"next"`
	}{views, encodeCursor(next)}, err
}

// getConnection is GET /connections/{connection}.
func (q *request) getConnection() (any, error) {
	info, err := q.gateway.Connection(q.r.Context(), q.principal, q.r.PathValue("connection"), shownSubscriptions)
	if err != nil {
		return nil, err
	}
	return connectionView(&info), nil
}

// endConnection is DELETE /connections/{connection}.
func (q *request) endConnection() (any, error) {
	id := q.r.PathValue("connection")
	return deleted{id}, q.gateway.EndConnection(q.principal, id)
}

func connectionView(c *gateway.ConnectionInfo) protocol.ConnectionInfo {
	p := c.Principal
	v := protocol.ConnectionInfo{
		ID:                c.ID,
		JailID:            p.JailID,
		ClientID:          p.ClientID,
		Kind:              c.Transport,
		Since:             c.Since.UTC(),
		Authenticated:     protocol.BySecret,
		QueuedBytes:       c.QueuedBytes,
		Slow:              c.Slow,
		SubscriptionCount: c.Total,
		Behind:            c.Behind,
		Subscriptions:     make([]protocol.SubscriptionInfo, len(c.Reads)),
		Provides:          make([]protocol.ProvidedInfo, len(c.Provisions)),
		Serves:            c.Services,
	}
	if c.Address.IsValid() {
		v.Address = protocol.Nullable(c.Address.String())
	}
	switch {
	case c.Trusted:
		v.Authenticated = protocol.ByListener
	case p.Method == auth.MethodToken:
		v.Authenticated = protocol.ByToken
		expires := p.Expires.UTC()
		v.Expires = &expires
	}
	if last := c.LastRefusal; last != nil {
		v.LastError = &protocol.ConnectionError{Code: last.Refusal.Code, Message: last.Refusal.Message, At: last.At.UTC()}
	}
	for i, r := range c.Reads {
		v.Subscriptions[i] = readView(r)
	}
	for i, held := range c.Provisions {
		v.Provides[i] = protocol.ProvidedInfo{ID: held.ID, StreamName: held.What.Stream(), Paused: held.What.IsPaused()}
	}
	return v
}

func readView(r gateway.ReadInfo) protocol.SubscriptionInfo {
	v := protocol.SubscriptionInfo{ID: r.ID, StreamName: r.Stream, Kind: r.Kind, GroupID: protocol.Nullable(r.Group), InFlight: r.InFlight}
	if r.Position > 0 {
		v.Position, v.Behind = &r.Position, &r.Behind
	}
	return v
}
