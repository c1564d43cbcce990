package main_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"seagate/client"
)

// bearer returns a client of the jail of boss whose tokens are good for so long. key names its key, too.
func (g *gateway) bearer(boss credentials, key string, life time.Duration) *client.Client {
	g.t.Helper()
	if g.call(boss, "GET", "/client/app/keys", "").status != http.StatusOK {
		g.newClient(boss, "app")
		g.ok(boss, "PUT", "/client/app/jwt-public-key", fmt.Sprintf(`{"jwtPublicKey":%q}`, publicPEM(g.t, key)))
	}
	token := func(context.Context) (string, error) {
		at := float64(time.Now().Add(life).UnixMilli()) / 1000
		return signToken(g.t, key, "RS512", fmt.Sprintf(`{"exp":%.3f,"groups":true}`, at)), nil
	}
	c, err := client.New("http://"+g.listen, client.JWT("app", key), client.Options{Token: token})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(c.CloseIdleConnections)
	return c
}

// TestTheGoClientRenewsItsTokenInAGroup: a member of a group whose token is renewed loses nothing, and
// nothing comes twice, beside a member that stays.
func TestTheGoClientRenewsItsTokenInAGroup(t *testing.T) {
	t.Parallel()
	const life = 5 * time.Second // it is renewed 1 to 2 s before
	g := sharedGateway(t)
	boss := g.newJail("go-renewal", "boss")
	g.define(boss, "boiler")
	bearer := func(life time.Duration) *client.Client { return g.bearer(boss, "go-renewal", life) }
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

// TestTheGoClientRenewsItsTokenForSeveralStreams: each message of each stream is handled once, and those of one
// stream in order, while FollowMany and FollowMerged renew their tokens.
func TestTheGoClientRenewsItsTokenForSeveralStreams(t *testing.T) {
	t.Parallel()
	g := sharedGateway(t)
	boss := g.newJail("go-renewal-many", "boss")
	streams := []string{"a", "b", "c"}
	for _, name := range streams {
		g.define(boss, name)
	}
	c := g.bearer(boss, "go-renewal-many", 5*time.Second)
	ctx, stop := context.WithCancel(t.Context())
	var following sync.WaitGroup
	defer following.Wait()
	defer stop()

	var mu sync.Mutex // guards what follows
	handled, renewed := [2]map[string][]uint64{{}, {}}, [2]int{}
	subscribed := func(i int, cause error) {
		mu.Lock()
		defer mu.Unlock()
		if errors.Is(cause, client.ErrRenewed) {
			renewed[i]++
		}
	}
	handle := func(i int) func(client.Message) error {
		return func(m client.Message) error {
			mu.Lock()
			defer mu.Unlock()
			if m.Seq > 0 {
				handled[i][m.Stream] = append(handled[i][m.Stream], m.Seq)
			}
			return nil
		}
	}
	lost := func(cause error, _ time.Duration) { t.Errorf("lost: %v", cause) }
	following.Go(func() {
		options := client.FollowManyOptions{
			Streams: func(context.Context) (all []client.Followed, err error) {
				for _, name := range streams {
					all = append(all, client.Followed{Stream: name, From: client.Earliest()})
				}
				return all, nil
			},
			OnSubscribed: func(_ string, gap client.Gap) { subscribed(0, gap.Cause) },
			OnLost:       lost,
		}
		if err := c.FollowMany(ctx, options, handle(0)); !errors.Is(err, context.Canceled) {
			t.Errorf("FollowMany: %v", err)
		}
	})
	following.Go(func() {
		options := client.FollowMergedOptions{
			From:         client.Earliest(),
			OnSubscribed: func(cause error) { subscribed(1, cause) },
			OnLost:       lost,
		}
		if err := c.FollowMerged(ctx, streams, options, handle(1)); !errors.Is(err, context.Canceled) {
			t.Errorf("FollowMerged: %v", err)
		}
	})
	published := uint64(0)
	eventually(t, "two renewals of each", func() bool {
		published++
		for _, name := range streams {
			g.publish(boss, name, fmt.Sprintf(`{"n":%d}`, published))
		}
		mu.Lock()
		defer mu.Unlock()
		return renewed[0] >= 2*len(streams) && renewed[1] >= 2
	})
	eventually(t, "the last message of each", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, name := range streams {
			for i := range handled {
				if all := handled[i][name]; len(all) == 0 || all[len(all)-1] != published {
					return false
				}
			}
		}
		return true
	})
	stop()
	following.Wait()
	for i, how := range []string{"FollowMany", "FollowMerged"} {
		for _, name := range streams {
			for at, seq := range handled[i][name] {
				if seq != uint64(at)+1 {
					t.Fatalf("%s: message %d of %s was handled as number %d", how, seq, name, at+1)
				}
			}
		}
	}
	t.Logf("%d published to each stream, each handled once, over %v renewals", published, renewed)
}
