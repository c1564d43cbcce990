package client

import (
	"context"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// ErrRenewed is the Cause of a Gap in which Follow or FollowMany has moved to a connection with a
// fresh token. FollowMergedOptions.OnSubscribed has it too.
var ErrRenewed = errors.New("a fresh token takes the place of one that is about to expire")

// handleUntilExpiry is handleAll as long as the token of the connection is good. If
// Options.Token gives another in time, it returns ErrRenewed. A member of a group drains
// before that.
func (f *follower) handleUntilExpiry(ctx context.Context, conn *Conn, sub *Subscription) error {
	if f.options.Group == "" && !f.resumes {
		return f.handleAll(ctx, sub)
	}
	fresh, err := conn.whileGood(ctx, func(ctx context.Context) error { return f.handleAll(ctx, sub) })
	f.fresh = fresh
	if fresh == nil || f.handlerErr != nil || ctx.Err() != nil {
		return err
	}
	if f.options.Group != "" {
		f.drain(ctx, sub, time.Until(conn.expires))
	}
	return ErrRenewed
}

// whileGood calls use. If Options.Token gives another token before that of the connection
// expires, the context of use ends with the cause ErrRenewed, and that token is returned too.
func (c *Conn) whileGood(ctx context.Context, use func(context.Context) error) (fresh *Credentials, err error) {
	if c.expires.IsZero() {
		return nil, use(ctx)
	}
	renewing, stop := context.WithCancelCause(ctx)
	var work sync.WaitGroup
	work.Go(func() {
		if fresh = c.awaitFresh(renewing); fresh != nil {
			stop(ErrRenewed)
		}
	})
	err = use(renewing)
	stop(nil)
	work.Wait()
	return fresh, err
}

// awaitFresh waits until the token should be replaced, and fetches another. It tries again
// after an error, until the token is about to expire, and returns nil if it gets none.
func (c *Conn) awaitFresh(ctx context.Context) *Credentials {
	for {
		wait, ok := untilRenewal(time.Until(c.expires))
		if !ok || sleep(ctx, wait) != nil {
			return nil
		}
		fresh, err := freshCredentials(ctx, c.client.credentials, c.client.options.Token)
		if err == nil && expiryOf(fresh.Secret.Reveal()).After(c.expires) {
			return &fresh
		}
	}
}

// untilRenewal returns how long to wait before replacing a token that is good for the time
// left. The wait is random, so that many clients do not ask at once. It leaves time to try
// again, and to drain. ok is false if too little time is left.
func untilRenewal(left time.Duration) (wait time.Duration, ok bool) {
	if left < 200*time.Millisecond {
		return 0, false
	}
	spare := min(time.Minute, left/5)
	return max(left-spare-rand.N(spare), min(time.Second, left/2)), true
}

// expiryOf returns when a token expires, or the zero time if that is unknown. The client
// does not verify the token.
func expiryOf(token string) time.Time {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if json.Unmarshal(text, &claims) != nil || claims.Exp <= 0 || claims.Exp > 1<<40 {
		return time.Time{}
	}
	return time.UnixMilli(int64(claims.Exp * 1000))
}
