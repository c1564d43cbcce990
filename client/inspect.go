package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"seagate/protocol"
)

// What the gateway shows of itself and of the network, in the form of its JSON.
type (
	// SettingInfo is a setting of the gateway that is in force.
	SettingInfo = protocol.SettingInfo
	// LogLines are lines of the gateway's log.
	LogLines = protocol.LogLines
	// NetworkInfo is a stream with those who provide and read it.
	NetworkInfo = protocol.NetworkInfo
	// PublishPlan is what publishing would do.
	PublishPlan = protocol.PublishPlan
	// SchemaTrial is the result of checking the latest messages of a stream against a definition.
	SchemaTrial = protocol.SchemaTrial
	// PublishedAgain says where the message of a dead letter stands once it was published again.
	PublishedAgain = protocol.PublishedAgain
)

// Configuration returns the settings of the gateway that are in force, with where each comes from.
// It is for administrators of the root jail.
func (c *Client) Configuration(ctx context.Context) ([]SettingInfo, error) {
	var answer struct {
		Settings []SettingInfo `json:"settings"`
	}
	err := c.do(ctx, request{doing: "read the configuration", method: http.MethodGet, path: []string{"config"}}, &answer)
	return answer.Settings, err
}

// Log returns lines of the gateway's log of at least the level, which is debug, info, warn or error,
// "" for all: at most limit, 0 for as many as the gateway likes. after is the Next of the lines
// before, or "" for the newest lines. It is for administrators of the root jail.
func (c *Client) Log(ctx context.Context, level, after string, limit int) (LogLines, error) {
	r := request{doing: "read the log", method: http.MethodGet, path: []string{"logs"}, query: url.Values{}}
	for name, value := range map[string]string{"level": level, "after": after} {
		if value != "" {
			r.query.Set(name, value)
		}
	}
	if limit > 0 {
		r.query.Set("limit", strconv.Itoa(limit))
	}
	var answer LogLines
	err := c.do(ctx, r, &answer)
	return answer, err
}

// Network lists the streams with those who provide and read them, ordered by name, as far as the
// client may list their connections. An error ends the list.
func (c *Client) Network(ctx context.Context) iter.Seq2[NetworkInfo, error] {
	return list[NetworkInfo](ctx, c, request{doing: "look at the network", method: http.MethodGet, path: []string{"network"}}, "streams")
}

// PlanPublish says what Publish would do, and publishes nothing. It fails as Publish would.
func (c *Client) PlanPublish(ctx context.Context, stream string, message any) (PublishPlan, error) {
	r, err := streamCall("plan to publish to", http.MethodPost, stream, "publish")
	if err != nil {
		return PublishPlan{}, err
	}
	r.query = url.Values{"dryRun": {"true"}}
	r.body = struct {
		Payload any `json:"payload"`
	}{message}
	var plan PublishPlan
	err = c.do(ctx, r, &plan)
	return plan, err
}

// TrySchema checks the latest messages of a stream, at most last of them, against a definition, and
// says what Define would do. It changes nothing.
func (c *Client) TrySchema(ctx context.Context, stream string, definition any, last int) (SchemaTrial, error) {
	r, err := streamCall("try a definition of", http.MethodPost, stream, "schemas", "trial")
	if err != nil {
		return SchemaTrial{}, err
	}
	r.query = url.Values{"last": {strconv.Itoa(last)}}
	r.body = definition
	var trial SchemaTrial
	err = c.do(ctx, r, &trial)
	return trial, err
}

// PublishAgain publishes the message of a dead letter to its stream again. letters is the stream of
// dead letters and seq the number of the letter in it. A repeat with the same id, which may be "",
// publishes nothing.
func (c *Client) PublishAgain(ctx context.Context, letters string, seq uint64, id string) (PublishedAgain, error) {
	r, err := streamCall(fmt.Sprintf("publish again message %d of", seq), http.MethodPost, letters, "messages", strconv.FormatUint(seq, 10), "publish")
	if err != nil {
		return PublishedAgain{}, err
	}
	r.once = id
	var at PublishedAgain
	err = c.do(ctx, r, &at)
	return at, err
}
