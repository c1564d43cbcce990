package client

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// An Explanation says what happened to a message on its way to a recipient, or what would happen.
type Explanation = protocol.Explanation

// A Recipient is who an explanation is about.
type Recipient struct {
	Client string // "" for the client itself
	Token  string // the recipient is the bearer of this token of the client; "" for none
	Group  string // a UUID, or "ungrouped"; "" for all groups of the recipient
}

// explainBody is the body of the requests.
type explainBody struct {
	Payload jsontext.Value `json:"payload,omitzero"`
	Client  string         `json:"clientId,omitzero"`
	Token   string         `json:"token,omitzero"`
	Group   string         `json:"groupId,omitzero"`
	Epoch   string         `json:"epoch,omitzero"`
	Limit   int            `json:"limit,omitzero"`
}

func (r Recipient) body() explainBody {
	return explainBody{Client: r.Client, Token: r.Token, Group: r.Group}
}

// Explain says what happened to a message on its way to a recipient, step by step. The epoch is
// that of the number, or "". Without the right to administer the jail a client may ask about itself
// alone. The codes to expect are forbidden and position_lost.
func (c *Client) Explain(ctx context.Context, stream string, seq uint64, to Recipient, epoch string) (Explanation, error) {
	r, err := streamCall(fmt.Sprintf("explain message %d of", seq), http.MethodPost, stream, "messages", strconv.FormatUint(seq, 10), "explain")
	if err != nil {
		return Explanation{}, err
	}
	body := to.body()
	body.Epoch = epoch
	r.body = body
	var answer Explanation
	err = c.do(ctx, r, &answer)
	return answer, err
}

// ExplainPublish says what would happen if the client published a message: to the recipient, or
// with the zero Recipient to all who read the stream, of whom it lists as many as limit, up to 100,
// or the gateway's default if that is 0. Nothing is stored.
func (c *Client) ExplainPublish(ctx context.Context, stream string, payload any, to Recipient, limit int) (Explanation, error) {
	r, err := streamCall("explain a publish to", http.MethodPost, stream, "explain")
	if err != nil {
		return Explanation{}, err
	}
	body := to.body()
	if body.Payload, err = marshal(payload); err != nil {
		return Explanation{}, fmt.Errorf("client: %s: %w", r.doing, err)
	}
	body.Limit = limit
	r.body = body
	var answer Explanation
	err = c.do(ctx, r, &answer)
	return answer, err
}
