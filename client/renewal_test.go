package client_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
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

// renewing returns a client of f whose first two tokens are these.
func renewing(f *fake, tokens ...string) (c *client.Client, asked *int) {
	asked = new(int)
	token := func(context.Context) (string, error) {
		token := tokens[min(*asked, len(tokens)-1)]
		*asked++
		return token, nil
	}
	return f.clientAs(client.JWT("abc", ""), client.Options{Token: token}), asked
}

// FollowMany moves all streams at once to a connection with a fresh token: it asked for one for
// each stream, and then subscribed again over the old connection. It goes on to look for streams
// when the tokens are shorter than that takes.
func TestFollowManyRenewsItsToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const life = 40 * time.Second
		begun := time.Now()
		first, second, third := tokenUntil(begun.Add(life)), tokenUntil(begun.Add(2*life)), tokenUntil(begun.Add(10*life))
		enter := func(p *peer, token string, streams map[string]int) { // next number by stream
			p.expect(withToken(token))
			p.send(authenticated)
			for range streams {
				var id, next int
				var name string
				text := p.read("a subscribe message")
				from := regexp.MustCompile(`^{"id":(\d+),"action":"subscribe","payload":"(\w+)"(?:,"from":(\d+),"epoch":"e")?,"meta":true}$`)
				found := from.FindSubmatch(text)
				if found == nil {
					p.fail("the client sent %s", text)
				}
				id, _ = strconv.Atoi(string(found[1]))
				name, next = string(found[2]), 1
				if found[3] != nil {
					next, _ = strconv.Atoi(string(found[3]))
				}
				if streams[name] != next {
					p.fail("it begins %s at %d, want %d", name, next, streams[name])
				}
				p.send(fmt.Sprintf(`{"id":%d,"action":"subscription","success":true,"streamName":%q,"payload":%[1]d,"epoch":"e","firstSeq":1,"nextSeq":%[3]d}`, id, name, next),
					fmt.Sprintf(`{"id":%d,"action":"subscription","streamName":%q,"payload":%d,"seq":%[3]d,"time":"2026-11-21T10:00:00Z","epoch":"e"}`, id, name, next))
			}
		}
		f := newFake(t,
			func(p *peer) { enter(p, first, map[string]int{"a": 1, "b": 1}); p.expectEnd() },
			func(p *peer) { enter(p, second, map[string]int{"a": 2, "b": 2, "c": 1}); p.expectEnd() },
			func(p *peer) { enter(p, third, map[string]int{"a": 3, "b": 3, "c": 2}); p.expectEnd() })
		c, asked := renewing(f, first, second, third)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		looks, handled := 0, map[string]int{}
		causes := map[error]int{}
		options := client.FollowManyOptions{
			Every: life * 11 / 10,
			Streams: func(context.Context) ([]client.Followed, error) {
				streams := []client.Followed{{Stream: "a"}, {Stream: "b"}, {Stream: "c"}}
				looks++
				return streams[:min(looks, 2)+1], nil
			},
			OnSubscribed: func(_ string, g client.Gap) { causes[g.Cause]++ },
			OnLost:       func(err error, _ time.Duration) { t.Errorf("lost: %v", err) },
		}
		err := c.FollowMany(ctx, options, func(m client.Message) error {
			handled[fmt.Sprintf("%s%s", m.Stream, m.Payload)]++
			if len(handled) == 8 {
				cancel()
			}
			return nil
		})
		if want := map[string]int{"a1": 1, "a2": 1, "a3": 1, "b1": 1, "b2": 1, "b3": 1, "c1": 1, "c2": 1}; !errors.Is(err, context.Canceled) || !maps.Equal(handled, want) {
			t.Errorf("handled %v, %v", handled, err)
		}
		if want := map[error]int{nil: 3, client.ErrRenewed: 5}; !maps.Equal(causes, want) {
			t.Errorf("it subscribed because of %v", causes)
		}
		if took := time.Since(begun); *asked != 3 || took < life || took > 2*life {
			t.Errorf("it asked for %d tokens, in %v", *asked, took)
		}
	})
}

// FollowMerged goes on behind the last message of each stream that was handled.
func TestFollowMergedRenewsItsToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const life = 40 * time.Second
		begun := time.Now()
		first, second := tokenUntil(begun.Add(life)), tokenUntil(begun.Add(2*life))
		const request = `{"id":2,"action":"subscribe","payload":["a","b"],"sync":{}%s,"meta":true}`
		const answer = `{"id":2,"action":"subscription","success":true,"streamNames":["a","b"],"payload":2,` +
			`"positions":{"a":{"epoch":"e","firstSeq":1,"nextSeq":7},"b":{"epoch":"e","firstSeq":1,"nextSeq":9}}}`
		const message = `{"id":2,"action":"subscription","streamName":"a","payload":%d,"seq":%[1]d,"time":"2026-11-28T10:00:00Z","epoch":"e"}`
		play := func(token, from string, next int) func(*peer) {
			return func(p *peer) {
				p.expect(withToken(token))
				p.send(authenticated)
				p.expect(fmt.Sprintf(request, from))
				p.send(answer, fmt.Sprintf(message, next))
				p.expectEnd()
			}
		}
		f := newFake(t, play(first, "", 7), play(second, `,"from":{"a":8,"b":9},"epoch":{"a":"e","b":"e"}`, 8))
		c, _ := renewing(f, first, second)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var got []string
		var causes []error
		var renewedAt time.Duration
		err := c.FollowMerged(ctx, []string{"a", "b"}, client.FollowMergedOptions{
			OnSubscribed: func(cause error) { causes = append(causes, cause) },
			OnLost:       func(err error, _ time.Duration) { t.Errorf("lost: %v", err) },
		}, func(m client.Message) error {
			if got = append(got, string(m.Payload)); len(got) == 2 {
				renewedAt = time.Since(begun)
				cancel()
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) || !slices.Equal(got, []string{"7", "8"}) {
			t.Errorf("handled %q, %v", got, err)
		}
		if !slices.Equal(causes, []error{nil, client.ErrRenewed}) || renewedAt < life/2 || renewedAt >= life {
			t.Errorf("it subscribed because of %v, the second time after %v", causes, renewedAt)
		}
	})
}
