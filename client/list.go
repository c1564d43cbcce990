package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// pageLimit is how many entries of a list are asked for at a time.
const pageLimit = 100

// A page is a part of a list: the member that is named for what is listed, and
// where the next one begins.
//
//	{"streams":[...],"next":"boiler"}
type page[T any] struct {
	entries []T
	next    string // "" on the last one
}

// list returns the entries at /api/v1/<member>, one page after the other.
func list[T any](ctx context.Context, c *Client, doing, member string) iter.Seq2[T, error] {
	return listAt[T](ctx, c, request{doing: doing, method: http.MethodGet, path: []string{member}}, member)
}

// listAt returns the entries that a request is answered with, under the name of
// a member.
func listAt[T any](ctx context.Context, c *Client, r request, member string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		for after := ""; ; {
			p, err := readPage[T](ctx, c, r, member, after)
			if err != nil {
				yield(zero, err)
				return
			}
			for _, entry := range p.entries {
				if !yield(entry, nil) {
					return
				}
			}
			if p.next == "" {
				return
			}
			after = p.next
		}
	}
}

func readPage[T any](ctx context.Context, c *Client, r request, member, after string) (page[T], error) {
	r.query = url.Values{"limit": {strconv.Itoa(pageLimit)}}
	if after != "" {
		r.query.Set("after", after)
	}
	var answer map[string]jsontext.Value
	if err := c.do(ctx, r, &answer); err != nil {
		return page[T]{}, err
	}
	var p page[T]
	err := json.Unmarshal(answer[member], &p.entries)
	if next := answer["next"]; err == nil && next != nil {
		err = json.Unmarshal(next, &p.next)
	}
	// A page that is followed by itself would be read for ever.
	if err == nil && p.next != "" && p.next == after {
		err = fmt.Errorf("the page after %q is followed by itself", after)
	}
	if err != nil {
		return page[T]{}, fmt.Errorf("client: %s: %w", r.doing, notOurs(err))
	}
	return p, nil
}
