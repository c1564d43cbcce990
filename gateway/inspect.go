package gateway

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"

	"seagate/auth"
	"seagate/internal/recentlog"
	"seagate/protocol"
)

// Configuration returns the settings in force, with where each comes from.
func (g *Gateway) Configuration(p *auth.Principal) ([]protocol.SettingInfo, error) {
	if err := g.look(p, auth.InspectServer, ""); err != nil {
		return nil, err
	}
	if g.Parts.Configuration == nil {
		return []protocol.SettingInfo{}, nil
	}
	return g.Parts.Configuration(), nil
}

// A LogPage is lines of the gateway's log, the oldest first.
type LogPage struct {
	Lines  []recentlog.Line
	Next   uint64 // where the next page begins
	Missed uint64 // lines that are not kept any more
}

// RecentLog returns at most limit lines of at least the level: the newest if after is nil,
// otherwise those that follow it.
func (g *Gateway) RecentLog(p *auth.Principal, after *uint64, level slog.Level, limit int) (page LogPage, err error) {
	if err := g.look(p, auth.InspectServer, ""); err != nil {
		return page, err
	}
	switch {
	case g.Recent == nil:
	case after == nil:
		page.Lines, page.Next = g.Recent.Newest(level, limit)
	default:
		page.Lines, page.Next, page.Missed = g.Recent.After(*after, level, limit)
	}
	return page, nil
}

// A NetworkInfo is a stream with those who provide and read it.
type NetworkInfo struct {
	StreamInfo
	Providers   []NetworkClient
	Subscribers []NetworkClient
	More        int // clients that are left out, since there are more than maxNetworkClients
}

// A NetworkClient is a client that provides or reads a stream.
type NetworkClient struct {
	ClientID      string
	Kind          string // of the subscriptions, as in ReadInfo; "" for a provider
	Group         string
	Connections   int
	Subscriptions int // or provisions
	Paused        int // of the provisions
}

// maxNetworkClients bounds the clients that are named for each stream.
const maxNetworkClients = 100

// StreamUsers lists streams as Streams does, with the clients that provide and read them. It shows
// the streams that the principal may describe, and the connections that it may list. Like
// Connections, it takes one read from the budget of the jail.
func (g *Gateway) StreamUsers(p *auth.Principal, after string, limit int) (list []NetworkInfo, more bool, err error) {
	sees, err := g.looksAtConnections(p, false)
	if err != nil {
		return nil, false, err
	}
	if err := g.authorize(p, auth.ListStreams, ""); err != nil {
		return nil, false, err
	}
	page, more := g.streamsNamed(p, "", after, limit)
	roles := map[string]*networkRoles{}
	for _, s := range page {
		roles[s.Name] = &networkRoles{providers: map[networkRole]*NetworkClient{}, subscribers: map[networkRole]*NetworkClient{}}
	}
	for _, l := range g.connections(func(l *Login) bool { return sees(l.principal) && l.principal.JailUID == p.JailUID }) {
		noteRoles(roles, l)
	}
	for _, s := range page {
		of := roles[s.Name]
		info := NetworkInfo{StreamInfo: s, Providers: sortedRoles(of.providers), Subscribers: sortedRoles(of.subscribers)}
		info.Providers, info.More = bounded(info.Providers, info.More)
		info.Subscribers, info.More = bounded(info.Subscribers, info.More)
		list = append(list, info)
	}
	return list, more, nil
}

// networkRoles are those who provide and read one stream.
type networkRoles struct {
	providers, subscribers map[networkRole]*NetworkClient
}

// A networkRole is what connections of a client have in common if they are counted
// together.
type networkRole struct{ client, kind, group string }

// noteRoles notes what a connection provides and reads of the streams.
func noteRoles(of map[string]*networkRoles, l *Login) {
	c, ok := l.connection.(Inspectable)
	if !ok {
		return
	}
	in := c.Inspect()
	counted := map[*NetworkClient]bool{}
	note := func(roles map[networkRole]*NetworkClient, r networkRole) *NetworkClient {
		n := roles[r]
		if n == nil {
			n = &NetworkClient{ClientID: r.client, Kind: r.kind, Group: r.group}
			roles[r] = n
		}
		if !counted[n] {
			counted[n] = true
			n.Connections++
		}
		n.Subscriptions++
		return n
	}
	for _, held := range in.Provisions {
		if roles := of[held.What.stream]; roles != nil {
			n := note(roles.providers, networkRole{client: l.principal.ClientID})
			if held.What.IsPaused() {
				n.Paused++
			}
		}
	}
	for _, held := range in.Subscriptions {
		for _, r := range held.roles() {
			if roles := of[r.Stream]; roles != nil {
				note(roles.subscribers, networkRole{l.principal.ClientID, r.Kind, r.Group})
			}
		}
	}
}

func sortedRoles(roles map[networkRole]*NetworkClient) []NetworkClient {
	all := make([]NetworkClient, 0, len(roles))
	for n := range maps.Values(roles) {
		all = append(all, *n)
	}
	slices.SortFunc(all, func(a, b NetworkClient) int {
		return cmp.Or(cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Group, b.Group))
	})
	return all
}

// bounded cuts a list, and adds what it left out to more.
func bounded(list []NetworkClient, more int) ([]NetworkClient, int) {
	if len(list) <= maxNetworkClients {
		return list, more
	}
	return list[:maxNetworkClients], more + len(list) - maxNetworkClients
}
