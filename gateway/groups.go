package gateway

import (
	"cmp"
	"context"
	"strings"

	"seagate/auth"
	"seagate/groups"
	"seagate/protocol"
)

// GroupInfo is a group's state and the id of its client.
type GroupInfo struct {
	groups.Stat
	Client string
}

// ListGroups returns at most limit groups of a stream. after is what the previous
// call returned as next, or "" for the first call. next is "" after the last
// group.
func (g *Gateway) ListGroups(ctx context.Context, p *auth.Principal, stream, after string, limit int) (list []GroupInfo, next string, err error) {
	if _, err := g.Stream(p, stream); err != nil {
		return nil, "", err
	}
	if err := g.spendRead(p); err != nil {
		return nil, "", err
	}
	stats, more, err := g.Catalog.Groups.Topic(streamID(p, stream)).List(ctx, cursorOf(after), limit)
	if err != nil {
		return nil, "", attempted("list the groups", err)
	}
	ids := g.Directory.ClientIDs(p.JailUID)
	for _, s := range stats {
		list = append(list, GroupInfo{s, ids[s.Key.Client]})
	}
	if more {
		last := stats[len(stats)-1].Key
		next = last.Client + "/" + last.Group
	}
	return list, next, nil
}

func cursorOf(after string) *groups.Name {
	if after == "" {
		return nil
	}
	client, group, _ := strings.Cut(after, "/")
	return &groups.Name{Client: client, Group: group}
}

// Group returns one group of a stream. "" is the group of subscriptions that name
// none.
func (g *Gateway) Group(ctx context.Context, p *auth.Principal, stream, client, group string) (GroupInfo, error) {
	if err := g.authorize(p, auth.Describe, stream); err != nil {
		return GroupInfo{}, err
	}
	key, err := g.groupKey(p, stream, client, group)
	if err != nil {
		return GroupInfo{}, err
	}
	stat, err := g.Catalog.Groups.Topic(key.Topic).Get(ctx, key.Name())
	if err != nil {
		return GroupInfo{}, attempted("read the group", err)
	}
	return GroupInfo{stat, client}, nil
}

// MoveGroup moves a group's position, durably. With dryRun it only returns what
// that would mean. Messages in flight are forgotten.
func (g *Gateway) MoveGroup(ctx context.Context, p *auth.Principal, stream, client, group string, to Position, dryRun bool) (groups.MoveResult, error) {
	if err := g.manage(p, auth.AdministerStreams, stream); err != nil {
		return groups.MoveResult{}, err
	}
	key, err := g.groupKey(p, stream, client, group)
	if err != nil {
		return groups.MoveResult{}, err
	}
	topic, err := g.topic(p, stream)
	if err != nil {
		return groups.MoveResult{}, err
	}
	var result groups.MoveResult
	err = change(p, func() (err error) {
		result, err = g.Catalog.Groups.Topic(key.Topic).Move(ctx, topic, key.Name(), to.from(), dryRun)
		return err
	})
	if err != nil {
		return groups.MoveResult{}, attempted("move the group", err)
	}
	if !dryRun {
		g.Log.Info("group moved", "jail", p.JailID, "client", p.ClientID, "address", p.Address, "stream", stream, "group_client", client,
			"group", group, "was", result.Was, "position", result.Position)
		g.noteChange(p, "group moved", groupSubject(stream, client, group),
			auditDetail{map[string]uint64{"position": result.Was}, map[string]uint64{"position": result.Position}})
	}
	return result, nil
}

// DeleteGroup deletes a group with its position, durably. The subscriptions of its
// members end.
func (g *Gateway) DeleteGroup(_ context.Context, p *auth.Principal, stream, client, group string) error {
	if err := g.manage(p, auth.AdministerStreams, stream); err != nil {
		return err
	}
	key, err := g.groupKey(p, stream, client, group)
	if err != nil {
		return err
	}
	if err := change(p, func() error { return g.Catalog.Groups.Topic(key.Topic).Delete(key.Name()) }); err != nil {
		return attempted("delete the group", err)
	}
	g.Log.Info("group deleted", "jail", p.JailID, "client", p.ClientID, "address", p.Address, "stream", stream, "group_client", client, "group", group)
	g.noteChange(p, "group deleted", groupSubject(stream, client, group))
	return nil
}

// groupSubject names a group as the paths of the HTTP API do.
func groupSubject(stream, client, group string) string {
	return stream + "/" + client + "/" + cmp.Or(group, protocol.Ungrouped)
}

func (g *Gateway) groupKey(p *auth.Principal, stream, client, group string) (groups.Key, error) {
	if err := checkReadable(p, stream); err != nil {
		return groups.Key{}, err
	}
	owner, err := g.Directory.Client(p.JailUID, client)
	if err != nil {
		return groups.Key{}, attempted("find the group", err)
	}
	return groups.Key{Topic: streamID(p, stream), Client: owner.UID, Group: group}, nil
}
