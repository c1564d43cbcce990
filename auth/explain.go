package auth

import (
	"strings"

	"github.com/go-json-experiment/json"

	"seagate/auth/fdsl"
)

// ParseFilter is fdsl.Parse with the limits of the filters of tokens.
func (d *Directory) ParseFilter(tree []byte) (*fdsl.Tree, error) {
	return fdsl.Parse(tree, d.opts.FilterLimits)
}

// ExplainToken is InspectToken that also returns the filter as it was signed, or nil if there is
// none. The Refusal may be shown.
func (d *Directory) ExplainToken(clientID, token, jailID string) (p *Principal, tree *fdsl.Tree, refusal *Refusal) {
	if p, refusal = d.InspectToken(clientID, token, jailID); refusal != nil || p.Filter == nil {
		return p, nil, refusal
	}
	_, rest, _ := strings.Cut(token, ".")
	segment, _, _ := strings.Cut(rest, ".")
	var said claims
	raw, err := strictBase64.DecodeString(segment)
	if err == nil {
		err = json.Unmarshal(raw, &said)
	}
	if err == nil {
		tree, err = d.ParseFilter(said.filter)
	}
	if err != nil { // it was read before, so this does not happen
		return nil, nil, invalid(ReasonTokenMalformed, err)
	}
	return p, tree, nil
}
