package client_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"seagate/client"
	"seagate/protocol"
)

// A diary records what happens while a stream is followed.
type diary struct {
	payloads []string
	gaps     []client.Gap // zero ones too
	causes   []error
	waits    []time.Duration
}

func (d *diary) options() client.FollowOptions {
	return client.FollowOptions{
		OnSubscribed: func(gap client.Gap) { d.gaps = append(d.gaps, gap) },
		OnLost: func(cause error, wait time.Duration) {
			d.causes = append(d.causes, cause)
			d.waits = append(d.waits, wait)
		},
	}
}

var errEnough = errors.New("enough")

// until returns a handler that records messages and ends after so many.
func (d *diary) until(n int) func(client.Message) error {
	return func(m client.Message) error {
		d.payloads = append(d.payloads, string(m.Payload))
		if len(d.payloads) == n {
			return errEnough
		}
		return nil
	}
}

// wantWait expects a first wait for another connection.
func wantWait(t *testing.T, cause error, wait time.Duration) {
	t.Helper()
	about := time.Second
	if client.CodeOf(cause) == protocol.CodeServerShutdown { // it takes longer to come back
		about = 3 * time.Second
	}
	if wait < about/2 || wait >= about*3/2 {
		t.Errorf("waited %v after %v, want about %v", wait, cause, about)
	}
}

func TestFollowReconnects(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t,
			func(p *peer) {
				p.subscribeAs(subscribeMeta, subscribed)
				p.send(delivery(`1`), delivery(`2`))
				p.raw.Close()
			},
			func(p *peer) {
				p.subscribeAs(subscribeMeta, subscribed)
				p.send(delivery(`3`))
				p.close(1001, "server_shutdown: back in a moment")
			},
			func(p *peer) {
				p.subscribeAs(subscribeMeta, subscribed)
				p.send(delivery(`4`))
				p.expectEnd()
			},
		)
		start := time.Now()
		var d diary
		err := f.client(client.Options{}).Follow(t.Context(), "boiler_data", d.options(), d.until(4))
		if err != errEnough {
			t.Errorf("Follow returned %v, want what its function did", err)
		}
		if want := []string{"1", "2", "3", "4"}; !slices.Equal(d.payloads, want) {
			t.Errorf("messages %q, want %q", d.payloads, want)
		}
		if len(d.gaps) != 3 || d.gaps[0] != (client.Gap{}) {
			t.Fatalf("gaps %v, want three, the first zero", d.gaps)
		}
		for i, wait := range d.waits {
			wantWait(t, d.causes[i], wait)
			gap := d.gaps[i+1]
			if took := gap.To.Sub(gap.From); took != wait || gap.Cause == nil {
				t.Errorf("the gap is %v because of %v, want %v", took, gap.Cause, wait)
			}
		}
		if !errors.Is(d.causes[0], client.ErrConnection) || client.CodeOf(d.causes[1]) != protocol.CodeServerShutdown {
			t.Errorf("causes %v", d.causes)
		}
		if d.gaps[1].From.Before(start) {
			t.Errorf("the gap begins %v before the start", start.Sub(d.gaps[1].From))
		}
	})
}

func TestFollowReportsAGapWhenItIsTooSlow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t,
			func(p *peer) {
				p.subscribeAs(subscribeMeta, subscribed)
				p.send(delivery(`1`), delivery(`2`), delivery(`3`))
				p.expect(`{"id":3,"action":"unsubscribe","payload":2}`)
				p.expectEnd()
			},
			func(p *peer) {
				p.subscribeAs(subscribeMeta, subscribed)
				p.send(delivery(`4`))
				p.expectEnd()
			},
		)
		start := time.Now()
		var d diary
		note := d.until(3)
		f.client(queueOf(1)).Follow(t.Context(), "boiler_data", d.options(), func(m client.Message) error {
			time.Sleep(10 * time.Second)
			return note(m)
		})
		if want := []string{"1", "2", "4"}; !slices.Equal(d.payloads, want) {
			t.Errorf("messages %q, want %q", d.payloads, want)
		}
		if len(d.gaps) != 2 || !errors.Is(d.gaps[1].Cause, client.ErrSlow) {
			t.Fatalf("gaps %v, want one because of ErrSlow", d.gaps)
		}
		// The first message is taken at once; the third is dropped 8 s later.
		if after := d.gaps[1].From.Sub(start); after != 8*time.Second {
			t.Errorf("the gap begins after %v, want 8s", after)
		}
	})
}

func TestAGapBeginsWhenTheGatewayWasLastHeard(t *testing.T) {
	bubble(t, func(t *testing.T) {
		over := make(chan struct{})
		f := newFake(t,
			func(p *peer) {
				p.subscribeAs(subscribeMeta, subscribed)
				p.send(delivery(`1`))
				<-over // a cable was pulled, say
			},
			func(p *peer) {
				p.subscribeAs(subscribeMeta, subscribed)
				p.send(delivery(`2`))
				p.expectEnd()
			},
		)
		var d diary
		f.client(client.Options{}).Follow(t.Context(), "boiler_data", d.options(), d.until(2))
		close(over)
		if len(d.gaps) != 2 {
			t.Fatalf("gaps %v, want one", d.gaps)
		}
		if took := d.gaps[1].To.Sub(d.gaps[1].From); took != 70*time.Second+d.waits[0] {
			t.Errorf("the gap is %v, want 70 s of silence and %v", took, d.waits[0])
		}
	})
}

func TestFollowWaitsLongerEachTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t)
		f.refuse = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
		ctx, cancel := context.WithCancelCause(t.Context())
		var d diary
		options := d.options()
		noteLost := options.OnLost
		options.OnLost = func(cause error, wait time.Duration) {
			if noteLost(cause, wait); len(d.waits) == 20 {
				cancel(errEnough)
			}
		}
		if err := f.client(client.Options{}).Follow(ctx, "boiler_data", options, nil); !errors.Is(err, errEnough) || !errors.Is(err, context.Canceled) {
			t.Errorf("Follow returned %v, want Canceled and the context's cause", err)
		}
		base := time.Second
		for i, wait := range d.waits {
			if wait < base/2 || wait >= base*3/2 {
				t.Errorf("wait %d is %v, want %v give or take half", i, wait, base)
			}
			base = min(2*base, 30*time.Second)
		}
		slices.Sort(d.waits)
		if len(slices.Compact(d.waits)) < 10 {
			t.Errorf("the waits are much alike: %v", d.waits)
		}
	})
}

func TestFollowEndsAnAttemptThatTakesTooLong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t,
			func(p *peer) {
				p.enter()
				p.expect(subscribeMeta) // and no answer
				p.skip()                // an unsubscribe, perhaps
			},
			func(p *peer) {
				p.subscribeAs(subscribeMeta, subscribed)
				p.send(delivery(`1`))
				p.expectEnd()
			},
		)
		start := time.Now()
		var d diary
		f.client(client.Options{}).Follow(t.Context(), "boiler_data", d.options(), d.until(1))
		if len(d.causes) != 1 || !errors.Is(d.causes[0], client.ErrConnection) {
			t.Fatalf("causes %v, want ErrConnection", d.causes)
		}
		if took := time.Since(start); took < 15*time.Second || took > 20*time.Second {
			t.Errorf("took %v, want 15 s and a wait", took)
		}
	})
}

func TestFollowEndsIfTryingAgainDoesNotHelp(t *testing.T) {
	tests := []struct {
		name   string
		code   protocol.Code
		script func(*peer)
	}{
		{"wrong credentials", protocol.CodeInvalidCredentials, func(p *peer) {
			p.expect(authenticate)
			p.send(`{"id":1,"action":"authenticate","success":false,"error":{"code":"invalid_credentials","message":"no"}}`)
			p.expectEnd()
		}},
		{"no such stream", protocol.CodeStreamNotFound, func(p *peer) {
			p.enter()
			p.expect(subscribeMeta)
			p.send(`{"id":2,"action":"subscribe","success":false,"error":{"code":"stream_not_found","message":"no"}}`)
			p.expectEnd()
		}},
		{"an expired token", protocol.CodeTokenExpired, func(p *peer) {
			p.subscribeAs(subscribeMeta, subscribed)
			p.close(1008, "token_expired: it has")
		}},
		{"a deleted stream", protocol.CodeStreamDeleted, func(p *peer) {
			p.subscribeAs(subscribeMeta, subscribed)
			p.send(`{"id":2,"action":"subscribe","success":false,"error":{"code":"stream_deleted","message":"gone"}}`)
			p.expectEnd()
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFake(t, test.script)
				err := f.client(client.Options{}).Follow(t.Context(), "boiler_data", client.FollowOptions{}, nil)
				wantRefusal(t, err, test.code)
			})
		})
	}
}

func TestFollowGoesOnWithAFreshToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.expect(withToken("t1"))
			p.send(authenticated)
			p.expect(subscribeMeta)
			p.send(subscribed)
			p.close(1008, "token_expired: it has")
		}, func(p *peer) {
			p.expect(withToken("t2"))
			p.send(authenticated)
			p.skip()
			p.send(subscribed, delivery(`1`))
			p.expectEnd()
		})
		var d diary
		c := f.clientAs(client.JWT("abc", ""), client.Options{Token: numberedTokens()})
		c.Follow(t.Context(), "boiler_data", d.options(), d.until(1))
		if len(d.causes) != 1 || client.CodeOf(d.causes[0]) != protocol.CodeTokenExpired {
			t.Fatalf("causes %v, want token_expired", d.causes)
		}
	})
}

func TestFollowEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.expect(authenticate)
			p.send(authenticated)
			p.expect(`{"id":2,"action":"subscribe","payload":"boiler_data","groupId":"g","meta":true}`)
			p.send(subscribed)
			p.expectEnd()
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- f.client(client.Options{}).Follow(ctx, "boiler_data", client.FollowOptions{Group: "g"}, nil)
		}()
		synctest.Wait()
		within(t, 0, func() {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("Follow returned %v, want Canceled", err)
			}
		})
	})
}

func TestTemporary(t *testing.T) {
	tests := []struct {
		err  client.Error
		want bool
	}{
		{client.Error{Code: protocol.CodeInvalidPayload}, false},
		{client.Error{Code: protocol.CodeForbidden}, false},
		{client.Error{Code: protocol.CodeStreamPaused}, false},
		{client.Error{Code: protocol.CodeTooManyAttempts}, true},
		{client.Error{Code: protocol.CodeTooManyConnections, Close: 1008}, true},
		{client.Error{Code: protocol.CodeInternal}, true},
		{client.Error{Code: protocol.CodeStorageUnavailable}, true},
		{client.Error{Code: protocol.CodeServerShutdown, Close: 1001}, true},
		{client.Error{Code: protocol.CodeMessagesLost, Close: 4008}, true},
		{client.Error{Code: protocol.CodePeerGone}, true},
		{client.Error{Code: protocol.CodeTokenExpired, Close: 1008}, false},
		{client.Error{Code: protocol.CodeCredentialsRevoked, Close: 1008}, false},
		{client.Error{Code: protocol.CodeProtocolViolation, Close: 1008}, false},
		{client.Error{Code: protocol.CodeStreamDeleted}, false},
		{client.Error{Code: "from_a_newer_gateway", Close: 1008}, false},
		{client.Error{Code: "from_a_newer_gateway", Close: 4999}, true},
		{client.Error{Code: "from_a_newer_gateway", Status: 422}, false},
		{client.Error{Code: "from_a_newer_gateway", Status: 503}, true},
		{client.Error{Status: 408}, true},
		{client.Error{Close: 1006}, true},
	}
	for _, test := range tests {
		if got := test.err.Temporary(); got != test.want {
			t.Errorf("%+v: %v, want %v", test.err, got, test.want)
		}
	}
}
