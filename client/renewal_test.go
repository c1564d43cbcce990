package client_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"seagate/client"
)

// tokenUntil returns an unsigned token that expires then, on a whole second.
func tokenUntil(at time.Time) string {
	return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, at.Unix())) + "."
}

// A follower moves to a connection with a fresh token before the old one expires. A member of a group
// drains first. It asks again for a token that it does not get.
func TestFollowRenewsItsToken(t *testing.T) {
	const asMember = `{"id":2,"action":"subscribe","payload":"boiler_data","groupId":"g","meta":true}`
	const message = `{"id":2,"action":"subscription","streamName":"boiler_data","payload":%d,"seq":%[1]d,"time":"2026-11-21T10:00:00Z","epoch":"e"}`
	const joined = `{"id":2,"action":"subscription","success":true,"streamName":"boiler_data","payload":2,"epoch":"e","firstSeq":1,"nextSeq":1}`
	for name, test := range map[string]struct {
		group         string
		first, second string // how it subscribes
	}{
		"of a group": {"g", asMember, asMember},
		"alone": {"", `{"id":2,"action":"subscribe","payload":"boiler_data","meta":true}`,
			`{"id":2,"action":"subscribe","payload":"boiler_data","from":2,"epoch":"e","meta":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				const life = 40 * time.Second
				first := tokenUntil(time.Now().Add(life))
				second := tokenUntil(time.Now().Add(2 * life))
				var renewedAt time.Duration
				begun := time.Now()
				f := newFake(t, func(p *peer) {
					p.expect(withToken(first))
					p.send(authenticated)
					p.expect(test.first)
					p.send(joined, fmt.Sprintf(message, 1))
					if test.group != "" {
						p.expect(drainRequest)
						p.send(draining)
						time.Sleep(time.Second)
						p.send(drained)
					}
					p.expectEnd()
				}, func(p *peer) {
					renewedAt = time.Since(begun)
					p.expect(withToken(second))
					p.send(authenticated)
					p.expect(test.second)
					p.send(joined, fmt.Sprintf(message, 2))
					p.expectEnd()
				})
				asked := 0
				token := func(context.Context) (string, error) {
					switch asked++; asked {
					case 1:
						return first, nil
					case 2:
						return "", errors.New("not now")
					}
					return second, nil
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var got []string
				var causes []error
				options := client.FollowOptions{Group: test.group, OnSubscribed: func(g client.Gap) { causes = append(causes, g.Cause) },
					OnLost: func(err error, _ time.Duration) { t.Errorf("lost: %v", err) }}
				c := f.clientAs(client.JWT("abc", ""), client.Options{Token: token})
				err := c.Follow(ctx, "boiler_data", options, func(m client.Message) error {
					if got = append(got, string(m.Payload)); len(got) == 2 {
						cancel()
					}
					return nil
				})
				if !errors.Is(err, context.Canceled) || !slices.Equal(got, []string{"1", "2"}) {
					t.Errorf("handled %q, %v", got, err)
				}
				if asked != 3 || renewedAt < life/2 || renewedAt >= life {
					t.Errorf("it asked for %d tokens, and moved after %v", asked, renewedAt)
				}
				if !slices.Equal(causes, []error{nil, client.ErrRenewed}) {
					t.Errorf("it subscribed because of %v", causes)
				}
			})
		})
	}
}
