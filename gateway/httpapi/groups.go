package httpapi

import (
	"github.com/go-json-experiment/json"

	"seagate/gateway"
	"seagate/protocol"
)

func groupView(g gateway.GroupInfo) protocol.GroupInfo {
	return protocol.GroupInfo{
		StreamName:   g.Key.Topic.Name,
		ClientID:     g.Client,
		GroupID:      protocol.Nullable(g.Key.Group),
		Members:      g.Members,
		Position:     g.Position,
		Lag:          g.Lag,
		LagSeconds:   g.LagTime.Seconds(),
		InFlight:     g.InFlight,
		Redelivered:  g.Redelivered,
		DeadLettered: g.DeadLettered,
		Lost:         g.Lost,
		CreatedAt:    g.CreatedAt.UTC(),
		LastActive:   g.LastActive.UTC(),
	}
}

// listGroups is GET /streams/{stream}/groups?after=&limit=. What follows a page
// is its "next", which means nothing else.
func (q *request) listGroups(stream string) ([]byte, error) {
	after, limit, err := q.page()
	if err != nil {
		return nil, err
	}
	list, next, err := q.gateway.ListGroups(q.r.Context(), q.principal, stream, after, limit)
	if err != nil {
		return nil, err
	}
	views := make([]protocol.GroupInfo, len(list))
	for i, g := range list {
		views[i] = groupView(g)
	}
	return q.encode(struct {
		Groups []protocol.GroupInfo `json:"groups"`
		Next   *string              `json:"next"`
	}{views, textOrNull(next)})
}

// A groupPath is what the path of a group names.
type groupPath struct {
	stream, client string
	group          string // "" for the one without an id
}

// onGroup refuses names that nothing can have, as onStream does.
func onGroup(do func(*request, groupPath) ([]byte, error)) operation {
	return onStream(func(q *request, stream string) ([]byte, error) {
		return onClient(func(q *request, client string) ([]byte, error) {
			group, err := readGroupID(q.r.PathValue("group"))
			if err != nil {
				return nil, err
			}
			return do(q, groupPath{stream, client, group})
		})(q)
	})
}

// readGroupID reads the last part of a group's path. A group has one spelling
// here, as it has in a subscribe request.
func readGroupID(text string) (string, error) {
	if text == protocol.Ungrouped {
		return "", nil
	}
	id, err := protocol.ParseGroupID(text)
	if err != nil {
		return "", invalidRequest("group", "must be a UUID, or "+protocol.Ungrouped)
	}
	return id, nil
}

// group is GET /streams/{stream}/groups/{client}/{group}.
func (q *request) group(at groupPath) ([]byte, error) {
	g, err := q.gateway.Group(q.r.Context(), q.principal, at.stream, at.client, at.group)
	if err != nil {
		return nil, err
	}
	return q.encode(groupView(g))
}

// deleteGroup is DELETE /streams/{stream}/groups/{client}/{group}.
func (q *request) deleteGroup(at groupPath) ([]byte, error) {
	if err := q.gateway.DeleteGroup(q.r.Context(), q.principal, at.stream, at.client, at.group); err != nil {
		return nil, err
	}
	return q.encode(struct {
		Stream string            `json:"streamName"`
		Client string            `json:"clientId"`
		Group  protocol.Nullable `json:"groupId"`
	}{at.stream, at.client, protocol.Nullable(at.group)})
}

// moveGroup is POST /streams/{stream}/groups/{client}/{group}/move. The body is
// {"to":...,"epoch":...,"dryRun":...}; with dryRun nothing is moved.
func (q *request) moveGroup(at groupPath) ([]byte, error) {
	form, err := q.form()
	if err != nil {
		return nil, err
	}
	form.only("to", "epoch", "dryRun")
	to := gateway.Position{Position: form.position("to"), Epoch: form.epoch("epoch")}
	dryRun := form.truth("dryRun")
	if err := form.err(); err != nil {
		return nil, err
	}
	moved, err := q.gateway.MoveGroup(q.r.Context(), q.principal, at.stream, at.client, at.group, to, dryRun)
	if err != nil {
		return nil, err
	}
	return q.encode(protocol.GroupMove{Position: moved.Position, Was: moved.Was, Lag: moved.Lag})
}

// position returns the member, which must be there.
func (f *form) position(name string) (p protocol.Position) {
	raw, err := json.Marshal(f.members[name]) // null if it is not there
	if err == nil {
		err = p.UnmarshalJSON(raw)
	}
	if err != nil {
		f.Add(name, protocol.MustBePosition)
	}
	return p
}

// epoch returns the member, or "" if it is not there or null.
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
