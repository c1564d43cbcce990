package main_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"seagate/client"
)

// TestTheGoClientRenewsItsTokenInAGroup: a member of a group whose token is renewed loses nothing, and
// nothing comes twice, beside a member that stays.
func TestTheGoClientRenewsItsTokenInAGroup(t *testing.T) {
	t.Parallel()
	const life = 5 * time.Second // it is renewed 1 to 2 s before
	g := sharedGateway(t)
	boss := g.newJail("go-renewal", "boss")
	g.define(boss, "boiler")
	g.newClient(boss, "app")
	g.ok(boss, "PUT", "/client/app/jwt-public-key", `{"jwtPublicKey":"`+strings.ReplaceAll(publicPEM(t, "go-renewal"), "\n", `\n`)+`"}`)
	bearer := func(life time.Duration) *client.Client {
		token := func(context.Context) (string, error) {
			at := float64(time.Now().Add(life).UnixMilli()) / 1000
			return signToken(t, "go-renewal", "RS512", fmt.Sprintf(`{"exp":%.3f,"groups":true}`, at)), nil
		}
		c, err := client.New("http://"+g.listen, client.JWT("app", "go-renewal"), client.Options{Token: token})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.CloseIdleConnections)
		return c
	}
	renews, stays := bearer(life), bearer(time.Hour)
	ctx, stop := context.WithCancel(t.Context())
	var following sync.WaitGroup
	defer following.Wait()
	defer stop()

	var mu sync.Mutex // guards what follows
	handled := [2]map[string]int{{}, {}}
	joined, renewed, redelivered := 0, [2]int{}, 0
	for i, explicit := range []bool{false, true} {
		for _, c := range []*client.Client{renews, stays} {
			options := client.FollowOptions{
				Group:    fmt.Sprintf("3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a1%d", i),
				Explicit: explicit,
				Credit:   10,
				OnSubscribed: func(gap client.Gap) {
					mu.Lock()
					defer mu.Unlock()
					joined++
					if errors.Is(gap.Cause, client.ErrRenewed) {
						renewed[i]++
					}
				},
				OnLost: func(cause error, _ time.Duration) { t.Errorf("lost: %v", cause) },
			}
			following.Go(func() {
				err := c.Follow(ctx, "boiler", options, func(m client.Message) error {
					mu.Lock()
					defer mu.Unlock()
					handled[i][string(m.Payload)]++
					redelivered += m.Redelivered
					return nil
				})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("Follow: %v", err)
				}
			})
		}
	}
	locked := func(is func() bool) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return is()
		}
	}
	eventually(t, "all members", locked(func() bool { return joined == 4 }))
	published := 0
	eventually(t, "a renewal of each", func() bool {
		for range 5 {
			published++
			g.publish(boss, "boiler", fmt.Sprintf(`{"n":%d}`, published))
		}
		return locked(func() bool { return renewed[0] > 0 && renewed[1] > 0 })()
	})
	eventually(t, "the last message", locked(func() bool { return len(handled[0]) == published && len(handled[1]) == published }))
	stop()
	following.Wait()
	for i := range handled {
		for payload, times := range handled[i] {
			if times > 1 {
				t.Errorf("group %d: %s was handled %d times", i, payload, times)
			}
		}
	}
	if redelivered > 0 {
		t.Errorf("%d messages were redelivered", redelivered)
	}
	t.Logf("%d published, each handled once in each group, over %v renewals", published, renewed)
}
