package client

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// What the gateway says about filters and tokens, in the form of its JSON.
type (
	// FilterTrial is what a token or a filter means for a message.
	FilterTrial = protocol.FilterTrial
	// FilterNode is a node of a filter with its outcome.
	FilterNode = protocol.FilterNode
)

// EvaluateFilter says what a filter, a tree in JSON, is for a message of the stream.
func (c *Client) EvaluateFilter(ctx context.Context, filter jsontext.Value, stream string, message jsontext.Value) (FilterTrial, error) {
	return c.evaluate(ctx, "evaluate the filter", struct {
		Stream  string         `json:"streamName,omitempty"`
		Filter  jsontext.Value `json:"filter"`
		Payload jsontext.Value `json:"payload"`
	}{stream, filter, message})
}

// EvaluateToken says what a token of a client of the jail is worth, and what its filter is for a
// message of the stream. stream may be "" and message nil.
func (c *Client) EvaluateToken(ctx context.Context, clientID string, token Secret, stream string, message jsontext.Value) (FilterTrial, error) {
	return c.evaluate(ctx, "evaluate the token", struct {
		ClientID string         `json:"clientId"`
		Token    string         `json:"token"`
		Stream   string         `json:"streamName,omitempty"`
		Payload  jsontext.Value `json:"payload,omitempty"`
	}{clientID, token.Reveal(), stream, message})
}

func (c *Client) evaluate(ctx context.Context, doing string, body any) (FilterTrial, error) {
	var trial FilterTrial
	err := c.do(ctx, request{doing: doing, method: http.MethodPost, path: []string{"filters", "evaluate"}, body: body}, &trial)
	return trial, err
}
