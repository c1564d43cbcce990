package auth

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A FetchGrant is an entry of a token's fetch claim: what its bearer may call.
type FetchGrant struct {
	Service    string
	Procedures []string // nil for all
}

// MayFetch is May for calls of one procedure. The bearer of a token may call what
// its fetch claim lists.
func (p *Principal) MayFetch(service, procedure string) error {
	if err := p.May(Fetch, service); err != nil || p.Method != MethodToken {
		return err
	}
	for _, g := range p.Fetches {
		if g.Service == service && (g.Procedures == nil || slices.Contains(g.Procedures, procedure)) {
			return nil
		}
	}
	return &ForbiddenError{Fetch, "the fetch claim of the token does not list this procedure"}
}

// readFetches reads a fetch claim. Members that it does not know are refused: an entry
// whose list of procedures is misspelled would grant all of them.
//
//	[{"service":"pricing","procedures":["quote"]},{"service":"weather"}]
func readFetches(raw jsontext.Value) ([]FetchGrant, error) {
	if raw == nil {
		return nil, nil
	}
	var entries []struct {
		Service    *string        `json:"service"`
		Procedures jsontext.Value `json:"procedures"`
	}
	if raw.Kind() != '[' {
		return nil, errors.New("fetch is not a list")
	}
	if err := json.Unmarshal(raw, &entries, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	grants := make([]FetchGrant, len(entries))
	for i, e := range entries {
		if e.Service == nil || *e.Service == "" {
			return nil, fmt.Errorf("fetch[%d] has no service", i)
		}
		grants[i].Service = *e.Service
		if e.Procedures == nil {
			continue
		}
		if err := json.Unmarshal(e.Procedures, &grants[i].Procedures); err != nil || e.Procedures.Kind() != '[' {
			return nil, fmt.Errorf("fetch[%d]: procedures is not a list of names", i)
		}
	}
	return grants, nil
}
