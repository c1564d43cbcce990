package auth

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"time"
)

// MaxTokenID is the length of the longest claim jti by which a token can be revoked, in bytes.
const MaxTokenID = 255

// revokedIDs are the ids (jti) of tokens that are revoked, and when each expires. A value is
// immutable.
type revokedIDs map[string]time.Time

// current returns the ids whose tokens have not expired, nil for none.
func (ids revokedIDs) current() revokedIDs {
	now := time.Now()
	var left revokedIDs
	for id, until := range ids {
		if !now.Before(until) {
			continue
		}
		if left == nil {
			left = make(revokedIDs, len(ids))
		}
		left[id] = until
	}
	return left
}

func (ids revokedIDs) hasMoreThan(other revokedIDs) bool {
	for id := range ids {
		if _, there := other[id]; !there {
			return true
		}
	}
	return false
}

func (ids revokedIDs) table() *revokedIDs { return &ids }

// tokenIDs are the revoked ids of a client's tokens. All its keys share them.
type tokenIDs struct{ atomic.Pointer[revokedIDs] }

func (t *tokenIDs) has(id string) bool {
	ids := t.Load()
	if ids == nil {
		return false
	}
	_, revoked := (*ids)[id]
	return revoked
}

// RevokeToken revokes the client's tokens whose claim jti is tokenID, and what is open with them, until
// the given time, which is when they expire. It fails with ErrClientNotFound, ErrInvalidTokenID or
// ErrTooManyRevoked.
func (d *Directory) RevokeToken(ctx context.Context, jailUID, id, tokenID string, until time.Time) (Client, error) {
	switch {
	case tokenID == "" || len(tokenID) > MaxTokenID || !printable(tokenID):
		return Client{}, fmt.Errorf("%w: it must be UTF-8 without control characters, 1 to %d bytes", ErrInvalidTokenID, MaxTokenID)
	case !time.Now().Before(until):
		return Client{}, fmt.Errorf("%w: the token has expired already, at %s", ErrInvalidTokenID, until.UTC().Format(time.RFC3339))
	}
	return d.rewrite(ctx, jailUID, id, func(r *clientRecord) error {
		last, there := r.Revoked[tokenID]
		if !there && len(r.Revoked) >= d.opts.MaxRevokedTokens {
			return fmt.Errorf("%w: it has %d that have not expired; replace the key, which revokes all of its tokens",
				ErrTooManyRevoked, len(r.Revoked))
		}
		next := maps.Clone(r.Revoked)
		if next == nil {
			next = revokedIDs{}
		}
		if next[tokenID] = until.UTC(); last.After(until) {
			next[tokenID] = last
		}
		r.Revoked = next
		return nil
	})
}
