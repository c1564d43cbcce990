package httpapi

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"seagate/auth"
	"seagate/protocol"
)

// A query is the parameters of a request. Its methods add a problem if a
// parameter is not as it must be.
type query struct {
	values map[string]string
	refusal
}

// query reads the parameters, each at most once. An unknown parameter is
// refused: to ignore a mistyped dryRun would be to define the stream.
func (q *request) query(known ...string) *query {
	parameters := &query{}
	if q.r.URL.RawQuery == "" {
		return parameters
	}
	parsed, err := url.ParseQuery(q.r.URL.RawQuery)
	if err != nil {
		parameters.Add("query", "it is not well formed")
		return parameters
	}
	parameters.values = make(map[string]string, len(parsed))
	for _, name := range slices.Sorted(maps.Keys(parsed)) {
		list := parsed[name]
		switch {
		case !slices.Contains(known, name):
			parameters.Addf("query", "there is no parameter %q here; there is %s", excerpt(name), strings.Join(known, ", "))
		case len(list) > 1:
			parameters.Addf("query", "%s is there more than once", name)
		}
		parameters.values[name] = list[0]
	}
	return parameters
}

// Page sizes of the lists.
const (
	defaultPage = 100
	maxPage     = 1000
)

// limit returns the largest number of items that a page may have.
func (q *query) limit() int { return q.number("limit", defaultPage, 1, maxPage) }

// number returns a parameter that is an integer from least to most.
func (q *query) number(name string, byDefault, least, most int) int {
	text, given := q.values[name]
	if !given {
		return byDefault
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		q.Add("query", fmt.Sprintf("%s must be an integer from %d to %d", name, least, most))
	}
	return n
}

// seconds returns a parameter that is a whole number of seconds from 0 to most, 0 if it is missing.
func (q *query) seconds(name string, most time.Duration) time.Duration {
	text, given := q.values[name]
	if !given {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > int(most/time.Second) {
		q.Add("query", fmt.Sprintf("%s must be a number of seconds from 0 to %d", name, int(most/time.Second)))
		return 0
	}
	return time.Duration(n) * time.Second
}

// truth returns a parameter that is true or false, which it is if it is missing.
func (q *query) truth(name string) bool {
	text, given := q.values[name]
	if given && text != "true" && text != "false" {
		q.Add("query", name+" must be true or false")
	}
	return text == "true"
}

const badCursor = "after is not a position in a list; send the next of the page before, as it is, or leave it out"

// page returns the position behind which a page of a list begins, and its limit. others are
// other parameters that may be there: each is true or false, apart from "contains".
func (q *request) page(others ...string) (after string, limit int, err error) {
	query := q.query(append([]string{"after", "limit"}, others...)...)
	after, ok := decodeCursor(query.values["after"])
	if !ok {
		query.Add("query", badCursor)
	}
	limit = query.limit()
	for _, name := range others {
		if name != "contains" { // any text
			query.truth(name)
		}
	}
	return after, limit, query.err()
}

// readPage returns a page of a list that is in the order of names, and the cursor of
// the next page, "" if there is none. view returns how an item is shown, and its name.
// others are as for page.
func readPage[Item, View any](
	q *request,
	list func(p *auth.Principal, after string, limit int) (items []Item, more bool, err error),
	view func(Item) (v View, name string),
	others ...string,
) (page []View, next protocol.Nullable, err error) {
	after, limit, err := q.page(others...)
	if err != nil {
		return nil, "", err
	}
	items, more, err := list(q.principal, after, limit)
	page = make([]View, len(items))
	last := ""
	for i, item := range items {
		page[i], last = view(item)
	}
	if more {
		next = encodeCursor(last)
	}
	return page, next, err
}
