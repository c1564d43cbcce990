package client

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// pageLimit is the number of entries of a list in one call.
const pageLimit = 100

// list returns the entries of a list, page by page. They are in a member of the
// answer: {"streams":[...],"next":"boiler"}.
func list[T any](ctx context.Context, c *Client, r request, member string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after := ""; ; {
			entries, next, err := readPage[T](ctx, c, r, member, after)
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, entry := range entries {
				if !yield(entry, nil) {
					return
				}
			}
			if after = next; after == "" {
				return
			}
		}
	}
}

// readPage returns a page, and where the next one begins: "" after the last one.
func readPage[T any](ctx context.Context, c *Client, r request, member, after string) (entries []T, next string, err error) {
	query := url.Values{"limit": {strconv.Itoa(pageLimit)}}
	maps.Copy(query, r.query)
	r.query = query
	if after != "" {
		r.query.Set("after", after)
	}
	var answer map[string]jsontext.Value
	if err := c.do(ctx, r, &answer); err != nil {
		return nil, "", err
	}
	err = json.Unmarshal(answer[member], &entries)
	if raw := answer["next"]; err == nil && raw != nil {
		err = json.Unmarshal(raw, &next)
	}
	// Such a page would be read for ever.
	if err == nil && next != "" && next == after {
		err = fmt.Errorf("the page after %q is followed by itself", after)
	}
	if err != nil {
		return nil, "", fmt.Errorf("client: %s: %w", r.doing, unreadable(err))
	}
	return entries, next, nil
}
