package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// maxAnswer bounds the answer to an HTTP call, unpacked. The longest that a
// gateway gives is a page of a list or the history of a schema.
const maxAnswer = 32 << 20

// A request is one HTTP call.
type request struct {
	doing  string // what is being attempted, for errors
	method string
	path   []string // under /api/v1, not escaped
	query  url.Values
	body   any    // marshalled, unless it is nil
	once   string // the Idempotency-Key; "" for none
}

// do makes the call. It unmarshals the body of an answer of 200 into answer,
// unless that is nil.
func (c *Client) do(ctx context.Context, r request, answer any) error {
	if err := c.try(ctx, r, answer); err != nil {
		return fmt.Errorf("client: %s: %w", r.doing, err)
	}
	return nil
}

func (c *Client) try(ctx context.Context, r request, answer any) error {
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := readAnswer(ctx, resp)
	if err != nil {
		return err
	}
	return unmarshalAnswer(body, answer)
}

// send makes the call and returns an answer of 200, whose body is to be read
// and closed.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	req, err := c.newRequest(ctx, r)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, connectionError(ctx, withoutURL(err))
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	body, err := readAnswer(ctx, resp)
	if err != nil {
		return nil, err
	}
	return nil, problemError(resp.StatusCode, body)
}

func readAnswer(ctx context.Context, resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, connectionError(ctx, err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("%w: the answer has more than %d bytes", ErrConnection, maxAnswer)
	}
	return body, nil
}

func (c *Client) newRequest(ctx context.Context, r request) (*http.Request, error) {
	if c.credentials.Type != protocol.BasicCredentials {
		return nil, ErrTokenReads
	}
	var body io.Reader
	if r.body != nil {
		raw, err := marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.url(r.path, r.query), body)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(c.credentials.ClientID, c.credentials.Secret.Reveal())
	req.Header.Set("User-Agent", userAgent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.once != "" {
		req.Header.Set("Idempotency-Key", r.once)
	}
	return req, nil
}

const userAgent = "seagate-go"

// url returns the address of a path under /api/v1. Its elements have been
// checked to be names, so none is "..".
func (c *Client) url(path []string, query url.Values) string {
	elements := []string{"api", "v1"}
	for _, element := range path {
		elements = append(elements, url.PathEscape(element))
	}
	u := c.base.JoinPath(elements...)
	u.RawQuery = query.Encode()
	return u.String()
}

// withoutURL drops the URL that net/http puts before its errors: what was
// attempted is said already.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func unmarshalAnswer(body []byte, answer any) error {
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return notOurs(err)
	}
	return nil
}

// notOurs marks an answer that cannot be read.
func notOurs(err error) error {
	return fmt.Errorf("%w: the answer is not of a gateway's making: %w", ErrConnection, err)
}

// marshal returns v as JSON. Raw JSON keeps its strings and numbers as they
// are spelled.
func marshal(v any) (jsontext.Value, error) {
	raw, err := json.Marshal(v, jsontext.PreserveRawStrings(true))
	if err != nil {
		return nil, fmt.Errorf("what is to be sent is not JSON: %w", err)
	}
	return raw, nil
}
