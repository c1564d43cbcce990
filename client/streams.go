package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// streamCall returns a request about one stream.
func streamCall(doing, method, stream string, rest ...string) (request, error) {
	return callAbout(doing, method, "streams", stream, protocol.CheckStreamName, rest...)
}

// callAbout returns a request about one thing of a collection, whose name it checks.
func callAbout(doing, method, collection, name string, check func(string) error, rest ...string) (request, error) {
	r := request{
		doing:  fmt.Sprintf("%s %q", doing, name),
		method: method,
		path:   append([]string{collection, name}, rest...),
	}
	if err := check(name); err != nil {
		return r, fmt.Errorf("client: %s: %w", r.doing, named(err))
	}
	return r, nil
}

// onStream makes a call about one stream.
func (c *Client) onStream(ctx context.Context, doing, method, stream, what string, body, answer any) error {
	var rest []string
	if what != "" {
		rest = []string{what}
	}
	r, err := streamCall(doing, method, stream, rest...)
	if err != nil {
		return err
	}
	r.body = body
	return c.do(ctx, r, answer)
}

type payload struct {
	Payload any `json:"payload"`
}

// Published is where the messages of one publish stand in their stream. It is zero if
// the gateway does not say. AtSeq(LastSeq+1) with the Epoch begins after them.
type Published = protocol.Published

// Publish publishes a message. Without an error the gateway has accepted the
// message. The codes to expect are invalid_payload, stream_not_found and
// stream_paused.
func (c *Client) Publish(ctx context.Context, stream string, message any) (Published, error) {
	return c.publish(ctx, stream, "", payload{message})
}

// PublishWithHeader is Publish with the header that holds after the message, in one
// step: see Conn.SendWithHeader. A code to expect is also forbidden.
func (c *Client) PublishWithHeader(ctx context.Context, stream string, message, header any) (Published, error) {
	return c.publish(ctx, stream, "", struct {
		Payload any `json:"payload"`
		Header  any `json:"header"`
	}{message, header})
}

// PublishOnce is Publish with an id. The gateway accepts a message once under its
// id. If the answer is lost, publish the message again with the same id: that
// adds nothing, and returns where the first one stands. The gateway remembers ids for
// some time. Over HTTP an id must neither begin nor end with a space. Codes to expect are
// also idempotency_key_reused, for another message with the same id, and
// too_many_message_ids.
func (c *Client) PublishOnce(ctx context.Context, stream, id string, message any) (Published, error) {
	return c.publishOnce(ctx, stream, id, payload{message})
}

func (c *Client) publishOnce(ctx context.Context, stream, id string, body any) (Published, error) {
	if err := checkIdempotencyKey(id); err != nil {
		return Published{}, publishError(stream, named(err))
	}
	return c.publish(ctx, stream, id, body)
}

// publish publishes what the body has. An id of "" is none.
func (c *Client) publish(ctx context.Context, stream, id string, body any) (Published, error) {
	r, err := streamCall("publish to", http.MethodPost, stream, "publish")
	if err != nil {
		return Published{}, err
	}
	r.body, r.once = body, id
	var at Published
	err = c.do(ctx, r, &at)
	at.LastSeq = max(at.LastSeq, at.Seq) // the answer to a single message has one number
	return at, err
}

// checkIdempotencyKey refuses ids that HTTP would change (RFC 9110 §5.5).
func checkIdempotencyKey(id string) error {
	if strings.Trim(id, " ") != id {
		return protocol.Errorf(protocol.CodeInvalidRequest, "A message id must neither begin nor end with a space over HTTP.")
	}
	return protocol.CheckMessageID(id)
}

// PublishBatch publishes several messages in order: all of them or none. messages
// must marshal to a JSON array. The Errors of a refusal begin with the index of the
// message that they are about, as in "[2] ...".
//
// Do not use it for messages that have only the member "payload", on a stream whose
// schema has no such field: the gateway takes such a message for an envelope.
func (c *Client) PublishBatch(ctx context.Context, stream string, messages any) (Published, error) {
	raw, err := marshalBatch(messages)
	if err != nil {
		return Published{}, publishError(stream, err)
	}
	return c.publish(ctx, stream, "", raw)
}

// PublishBatchOnce is PublishBatch with an id for the whole batch: see PublishOnce.
func (c *Client) PublishBatchOnce(ctx context.Context, stream, id string, messages any) (Published, error) {
	raw, err := marshalBatch(messages)
	if err != nil {
		return Published{}, publishError(stream, err)
	}
	return c.publishOnce(ctx, stream, id, raw)
}

func marshalBatch(messages any) (jsontext.Value, error) {
	raw, err := marshal(messages)
	if err == nil && raw.Kind() != '[' {
		err = errors.New("a batch must be a JSON array")
	}
	return raw, err
}

// Define gives the stream a definition, {"version", "fields"}. It returns the
// definition that is in force afterwards. The codes to expect are
// invalid_definition, version_conflict and version_too_old.
func (c *Client) Define(ctx context.Context, stream string, definition any) (jsontext.Value, error) {
	var inForce jsontext.Value
	err := c.onStream(ctx, "define", http.MethodPost, stream, "define", definition, &inForce)
	return inForce, err
}

// PlanDefine returns what Define would change, with the same errors, and does
// nothing.
func (c *Client) PlanDefine(ctx context.Context, stream string, definition any) (Plan, error) {
	r, err := streamCall("plan to define", http.MethodPost, stream, "define")
	if err != nil {
		return Plan{}, err
	}
	r.query = url.Values{"dryRun": {"true"}}
	r.body = definition
	var plan Plan
	err = c.do(ctx, r, &plan)
	return plan, err
}

// Schema returns the stream's definition, {"name", "version", "fields"} and the
// extensions that it uses.
func (c *Client) Schema(ctx context.Context, stream string) (jsontext.Value, error) {
	r, err := streamCall("describe", http.MethodGet, stream, "schemas", "current")
	if err != nil {
		return nil, err
	}
	var definition jsontext.Value
	err = c.do(ctx, r, &definition)
	return definition, err
}

// SchemaVersions returns all definitions that the stream has had, lowest version
// first.
func (c *Client) SchemaVersions(ctx context.Context, stream string) ([]jsontext.Value, error) {
	var answer struct {
		Schemas []jsontext.Value `json:"schemas"`
	}
	err := c.onStream(ctx, "list the versions of", http.MethodGet, stream, "schemas", nil, &answer)
	return answer.Schemas, err
}

// SchemaVersion returns one of the definitions that the stream has had. Versions are
// compared part by part, so 1 finds "1.0.0".
func (c *Client) SchemaVersion(ctx context.Context, stream, version string) (jsontext.Value, error) {
	r, err := streamCall("describe a version of", http.MethodGet, stream, "schemas", version)
	if err == nil {
		err = checkVersion(r, version)
	}
	if err != nil {
		return nil, err
	}
	var definition jsontext.Value
	err = c.do(ctx, r, &definition)
	return definition, err
}

// SchemaChanges is what differs between two versions of a definition.
type SchemaChanges struct {
	Since       jsontext.Value `json:"since"`
	Version     jsontext.Value `json:"version"`
	Compatible  bool           `json:"compatible"` // messages that match Since match Version too
	Differences []string       `json:"differences"`
	Breaking    []string       `json:"breaking"` // those of Differences that make it incompatible
}

// SchemaChanges compares two versions that the stream has had. An empty version is the
// current one; since may be the higher of the two.
func (c *Client) SchemaChanges(ctx context.Context, stream, since, version string) (SchemaChanges, error) {
	r, err := streamCall("compare versions of", http.MethodGet, stream, "schemas", cmp.Or(version, "current"), "changes")
	if err == nil && version != "" {
		err = checkVersion(r, version)
	}
	if err == nil {
		err = checkVersion(r, since)
	}
	if err != nil {
		return SchemaChanges{}, err
	}
	r.query = url.Values{"since": {since}}
	var changes SchemaChanges
	err = c.do(ctx, r, &changes)
	return changes, err
}

// checkVersion refuses what is no version. It also keeps ".." out of the request's path.
func checkVersion(r request, version string) error {
	if slices.ContainsFunc([]byte(version), isDigit) && strings.Trim(version, "0123456789.") == "" {
		return nil
	}
	return fmt.Errorf("client: %s: %w", r.doing, &Error{Code: protocol.CodeVersionNotFound,
		Message: fmt.Sprintf("%q is no version: give one like 3 or 1.0.0", version)})
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// VersionsVector returns the current version of each stream: a number or a string,
// as in the definition, or nil if there is no such stream.
func (c *Client) VersionsVector(ctx context.Context, streams []string) ([]jsontext.Value, error) {
	body := struct {
		Names []string `json:"schemaNames"`
	}{streams}
	var answer struct {
		Versions []jsontext.Value `json:"versionsVector"`
	}
	r := request{doing: "read versions", method: http.MethodPost, path: []string{"schema-versions-vector"}, body: body}
	if err := c.do(ctx, r, &answer); err != nil {
		return nil, err
	}
	if len(answer.Versions) != len(streams) {
		return nil, fmt.Errorf("client: read versions: %w: %d answers for %d streams", ErrConnection, len(answer.Versions), len(streams))
	}
	for i, version := range answer.Versions {
		if version.Kind() == 'n' {
			answer.Versions[i] = nil
		}
	}
	return answer.Versions, nil
}

// Streams lists the streams of the client's jail, ordered by name. An error ends
// the list.
func (c *Client) Streams(ctx context.Context) iter.Seq2[StreamInfo, error] {
	return list[StreamInfo](ctx, c, request{doing: "list streams", method: http.MethodGet, path: []string{"streams"}}, "streams")
}

// Stream returns the stream's state.
func (c *Client) Stream(ctx context.Context, stream string) (StreamInfo, error) {
	var info StreamInfo
	err := c.onStream(ctx, "look at", http.MethodGet, stream, "", nil, &info)
	return info, err
}

// DeleteStream deletes a stream with its messages, its header and its schema.
// Its subscriptions end with stream_deleted.
func (c *Client) DeleteStream(ctx context.Context, stream string) error {
	return c.onStream(ctx, "delete", http.MethodDelete, stream, "", nil, nil)
}

// Header returns the stream's header. If there is none, the code is
// header_not_found.
func (c *Client) Header(ctx context.Context, stream string) (jsontext.Value, error) {
	var answer struct {
		Payload jsontext.Value `json:"payload"`
	}
	err := c.onStream(ctx, "read the header of", http.MethodGet, stream, "header", nil, &answer)
	return answer.Payload, err
}

// SetHeader replaces the stream's header, which a new subscription without a
// group receives first. It must match the stream's schema.
func (c *Client) SetHeader(ctx context.Context, stream string, header any) error {
	return c.onStream(ctx, "set the header of", http.MethodPut, stream, "header", payload{header}, nil)
}

// ClearHeader removes the stream's header, if it has one.
func (c *Client) ClearHeader(ctx context.Context, stream string) error {
	return c.onStream(ctx, "clear the header of", http.MethodDelete, stream, "header", nil, nil)
}

// Pause makes the gateway refuse to publish to the stream, until Resume.
func (c *Client) Pause(ctx context.Context, stream string) error {
	return c.onStream(ctx, "pause", http.MethodPost, stream, "pause", nil, nil)
}

// Resume undoes Pause.
func (c *Client) Resume(ctx context.Context, stream string) error {
	return c.onStream(ctx, "resume", http.MethodPost, stream, "resume", nil, nil)
}
