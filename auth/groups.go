package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A GroupGrant is the groups that the bearer of a token may join. The zero value is none.
type GroupGrant struct {
	Any bool
	IDs []string // in lower case; if Any is not set

	// Acknowledge allows it to acknowledge message by message, and to return messages. It is a
	// permission of its own, because a message that is returned often becomes a dead letter.
	Acknowledge bool
}

// MayJoin reports whether p may be a member of the group. A bearer may if its token allows it.
func (p *Principal) MayJoin(group string) bool {
	return p.Method != MethodToken || !p.MustFanout && (p.Groups.Any || slices.Contains(p.Groups.IDs, group))
}

// MayAcknowledge reports whether p may acknowledge the messages of a group one by one, and return
// them.
func (p *Principal) MayAcknowledge() bool { return p.Method != MethodToken || p.Groups.Acknowledge }

// maxGroups bounds the groups claim.
const maxGroups = 100

// readGroups reads a groups claim: true, or a list of the ids of groups. Without the claim, a token
// that says "mustFanout":false may join groups, which is what that meant before this claim existed.
func readGroups(raw, mustFanout jsontext.Value) (GroupGrant, error) {
	switch string(raw) {
	case "":
		return GroupGrant{Any: string(mustFanout) == "false"}, nil
	case "true":
		return GroupGrant{Any: true, Acknowledge: true}, nil
	case "false":
		return GroupGrant{}, nil
	}
	var ids []string
	if err := json.Unmarshal(raw, &ids); err != nil || raw.Kind() != '[' {
		return GroupGrant{}, errors.New("groups is neither true or false nor a list of ids of groups")
	}
	if len(ids) > maxGroups {
		return GroupGrant{}, fmt.Errorf("groups has more than %d ids", maxGroups)
	}
	for i, id := range ids {
		ids[i] = strings.ToLower(id)
	}
	return GroupGrant{IDs: ids, Acknowledge: true}, nil
}

// filterID returns the same text for the same filter.
func filterID(filter jsontext.Value) string {
	if filter == nil {
		return ""
	}
	sum := sha256.Sum256(filter)
	return hex.EncodeToString(sum[:16])
}
