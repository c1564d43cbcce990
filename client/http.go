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

// maxAnswer bounds the answer to an HTTP call, in bytes after decompression. The
// longest answers of a gateway are a page of a list and the history of a schema.
const maxAnswer = 32 << 20

// A request is one HTTP call.
type request struct {
	doing  string // what the call does, for errors
	method string
	path   []string // under /api/v1, not escaped
	query  url.Values
	body   any    // is marshalled, unless it is nil
	once   string // the Idempotency-Key; "" for none
}

// do makes the call. It unmarshals the body of an answer of 200 into answer,
// unless that is nil.
func (c *Client) do(ctx context.Context, r request, answer any) error {
	resp, err := c.send(ctx, r)
	if err == nil {
		defer resp.Body.Close()
		err = readAnswer(ctx, resp, answer)
	}
	if err != nil {
		return fmt.Errorf("client: %s: %w", r.doing, err)
	}
	return nil
}

// send makes the call and returns an answer of 200. The caller must close its
// body.
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
	body, err := readBody(ctx, resp)
	if err != nil {
		return nil, err
	}
	return nil, ResponseError(resp.StatusCode, body)
}

func readAnswer(ctx context.Context, resp *http.Response, answer any) error {
	body, err := readBody(ctx, resp)
	if err != nil || answer == nil {
		return err
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return unreadable(err)
	}
	return nil
}

func readBody(ctx context.Context, resp *http.Response) ([]byte, error) {
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

// url returns the URL of a path under /api/v1. Its elements must be valid names,
// so none is "..".
func (c *Client) url(path []string, query url.Values) string {
	elements := []string{"api", "v1"}
	for _, element := range path {
		elements = append(elements, url.PathEscape(element))
	}
	u := c.base.JoinPath(elements...)
	u.RawQuery = query.Encode()
	return u.String()
}

// withoutURL removes the URL from the errors of net/http. The error that wraps
// them says what was attempted.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// unreadable marks an answer that does not come from a gateway.
func unreadable(err error) error {
	return fmt.Errorf("%w: the answer does not come from a gateway: %w", ErrConnection, err)
}

// marshal returns v as JSON. Raw JSON keeps the spelling of its strings and
// numbers.
func marshal(v any) (jsontext.Value, error) {
	raw, err := json.Marshal(v, jsontext.PreserveRawStrings(true))
	if err != nil {
		if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
			err = syntax.Err // without the names of Go types
		}
		return nil, fmt.Errorf("the payload is not JSON: %w", err)
	}
	return raw, nil
}
