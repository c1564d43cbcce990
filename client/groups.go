package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"

	"seagate/protocol"
)

// Groups lists the groups of the stream, of all clients of the jail. An error ends
// the list.
func (c *Client) Groups(ctx context.Context, stream string) iter.Seq2[GroupInfo, error] {
	r, err := streamCall("list groups of", http.MethodGet, stream, "groups")
	if err != nil {
		return func(yield func(GroupInfo, error) bool) { yield(GroupInfo{}, err) }
	}
	return list[GroupInfo](ctx, c, r, "groups")
}

// Group returns the state of a client's group. The group "" is that of
// subscriptions without a group. The code to expect is group_not_found.
func (c *Client) Group(ctx context.Context, stream, clientID, group string) (GroupInfo, error) {
	r, err := groupCall("look at", http.MethodGet, stream, clientID, group)
	if err != nil {
		return GroupInfo{}, err
	}
	var info GroupInfo
	err = c.do(ctx, r, &info)
	return info, err
}

// DeleteGroup deletes a group with its position, and ends the subscriptions of its
// members.
func (c *Client) DeleteGroup(ctx context.Context, stream, clientID, group string) error {
	r, err := groupCall("delete", http.MethodDelete, stream, clientID, group)
	if err != nil {
		return err
	}
	return c.do(ctx, r, nil)
}

// MoveGroup moves a group to another position. Its members receive the messages
// from there on, including those that they have acknowledged before. The epoch is
// the one of the position, or "". The code to expect is position_lost.
func (c *Client) MoveGroup(ctx context.Context, stream, clientID, group string, to Position, epoch string) (GroupMove, error) {
	return c.moveGroup(ctx, "move", stream, clientID, group, move{To: to, Epoch: epoch})
}

// PlanMoveGroup returns what MoveGroup would return, and does nothing.
func (c *Client) PlanMoveGroup(ctx context.Context, stream, clientID, group string, to Position, epoch string) (GroupMove, error) {
	return c.moveGroup(ctx, "plan to move", stream, clientID, group, move{To: to, Epoch: epoch, DryRun: true})
}

type move struct {
	To     Position `json:"to"`
	Epoch  string   `json:"epoch,omitzero"`
	DryRun bool     `json:"dryRun,omitzero"`
}

func (c *Client) moveGroup(ctx context.Context, doing, stream, clientID, group string, body move) (GroupMove, error) {
	r, err := groupCall(doing, http.MethodPost, stream, clientID, group)
	if err != nil {
		return GroupMove{}, err
	}
	r.path = append(r.path, "move")
	r.body = body
	var answer GroupMove
	err = c.do(ctx, r, &answer)
	return answer, err
}

// groupCall returns a request about one group.
func groupCall(doing, method, stream, clientID, group string) (request, error) {
	what := fmt.Sprintf("%s group %q of client %q of", doing, group, clientID)
	element := protocol.Ungrouped
	err := protocol.CheckClientID(clientID)
	if err == nil && group != "" {
		element, err = protocol.ParseGroupName(group)
	}
	r, wrongStream := streamCall(what, method, stream, "groups", clientID, element)
	switch {
	case wrongStream != nil:
		return r, wrongStream
	case err != nil:
		return r, fmt.Errorf("client: %s: %w", r.doing, named(err))
	}
	return r, nil
}
