package httpapi

import (
	"github.com/go-json-experiment/json"

	"seagate/gateway"
	"seagate/groups"
	"seagate/protocol"
)

func groupView(g gateway.GroupInfo) protocol.GroupInfo {
	var trend []uint64
	if g.Trend != (groups.Trend{}) {
		trend = g.Trend[:]
	}
	return protocol.GroupInfo{
		StreamName:   g.Key.Topic.Name,
		ClientID:     g.Client,
		GroupID:      protocol.Nullable(g.Key.Group),
		Members:      g.Members,
		Abandoned:    g.Abandoned,
		Position:     g.Position,
		Lag:          g.Lag,
		LagSeconds:   g.LagTime.Seconds(),
		Trend:        trend,
		InFlight:     g.InFlight,
		Redelivered:  g.Redelivered,
		DeadLettered: g.DeadLettered,
		Lost:         g.Lost,
		CreatedAt:    g.CreatedAt.UTC(),
		LastActive:   g.LastActive.UTC(),
	}
}

// listGroups is GET /streams/{stream}/groups?after=&limit=.
func (q *request) listGroups() (any, error) {
	after, limit, err := q.page()
	if err != nil {
		return nil, err
	}
	list, next, err := q.gateway.ListGroups(q.r.Context(), q.principal, q.stream(), after, limit)
	views := make([]protocol.GroupInfo, len(list))
	for i, g := range list {
		views[i] = groupView(g)
	}
	return struct {
		Groups []protocol.GroupInfo `json:"groups"`
		Next   protocol.Nullable    `json:"next"`
	}{views, encodeCursor(next)}, err
}

// getGroup is GET /streams/{stream}/groups/{client}/{group}.
func (q *request) getGroup() (any, error) {
	g, err := q.gateway.Group(q.r.Context(), q.principal, q.stream(), q.client(), q.group())
	return groupView(g), err
}

// deleteGroup is DELETE /streams/{stream}/groups/{client}/{group}.
func (q *request) deleteGroup() (any, error) {
	return struct {
			Stream string            `json:"streamName"`
			Client string            `json:"clientId"`
			Group  protocol.Nullable `json:"groupId"`
		}{q.stream(), q.client(), protocol.Nullable(q.group())},
		q.gateway.DeleteGroup(q.r.Context(), q.principal, q.stream(), q.client(), q.group())
}

// moveGroup is POST /streams/{stream}/groups/{client}/{group}/move. The body is
// {"to":...,"epoch":...,"dryRun":...}; with dryRun nothing is moved.
func (q *request) moveGroup() (any, error) {
	var to gateway.Position
	var dryRun bool
	err := q.readForm(func(f *form) {
		f.only("to", "epoch", "dryRun")
		to = gateway.Position{Position: f.position("to"), Epoch: f.epoch("epoch")}
		dryRun = f.truth("dryRun")
	})
	if err != nil {
		return nil, err
	}
	moved, err := q.gateway.MoveGroup(q.r.Context(), q.principal, q.stream(), q.client(), q.group(), to, dryRun)
	return protocol.GroupMove{Position: moved.Position, Was: moved.Was, Lag: moved.Lag, Again: moved.Again, Skipped: moved.Skipped}, err
}

// position returns the member, a position.
func (f *form) position(name string) (p protocol.Position) {
	raw, err := json.Marshal(f.members[name]) // null if it is missing
	if err == nil {
		err = p.UnmarshalJSON(raw)
	}
	if err != nil {
		f.Add(name, protocol.MustBePosition)
	}
	return p
}

// epoch returns the member, or "" if it is missing or null.
func (f *form) epoch(name string) string {
	value := f.members[name]
	if value == nil {
		return ""
	}
	epoch, _ := value.(string)
	if problem := epochProblem(epoch); problem != "" {
		f.Add(name, problem)
	}
	return epoch
}
