package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/client"
	"seagate/protocol"
)

// bubble runs a test with fake time.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

func TestWorkedExchange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.send(delivery(`{"temperature":92,"pressure":3002}`), delivery(`{"temperature":9.30e1,"note":"\u00e9"}`))
			p.expectEnd()
		})
		conn := f.dialed(client.Options{})
		if conn.Jail() != "some_jail" {
			t.Errorf("Jail: %q", conn.Jail())
		}
		sub := mustSubscribe(t, conn)
		wantNext(t, sub, `{"temperature":92,"pressure":3002}`)
		wantNext(t, sub, `{"temperature":9.30e1,"note":"\u00e9"}`)
	})
}

func TestRequestBytes(t *testing.T) {
	const success = `{"id":2,"action":"x","success":true,"payload":{"version":1}}`
	tests := []struct {
		name string
		want string
		send func(context.Context, *client.Conn) error
	}{
		{"subscribe", `{"id":2,"action":"subscribe","payload":"größe:1"}`,
			func(ctx context.Context, c *client.Conn) error {
				_, err := c.Subscribe(ctx, "größe:1", client.SubscribeOptions{})
				return err
			}},
		{"subscribe to a group", `{"id":2,"action":"subscribe","payload":"s","groupId":"0a0e0000-0000-4000-8000-000000000001"}`,
			func(ctx context.Context, c *client.Conn) error {
				_, err := c.Subscribe(ctx, "s", client.SubscribeOptions{Group: "0a0e0000-0000-4000-8000-000000000001"})
				return err
			}},
		{"subscribe from a number", `{"id":2,"action":"subscribe","payload":"s","from":17,"epoch":"8f14e45f","meta":true}`,
			func(ctx context.Context, c *client.Conn) error {
				_, err := c.Subscribe(ctx, "s", client.SubscribeOptions{From: client.AtSeq(17), Epoch: "8f14e45f", Meta: true})
				return err
			}},
		{"subscribe from a time", `{"id":2,"action":"subscribe","payload":"s","from":"2026-11-21T10:00:00.5Z"}`,
			func(ctx context.Context, c *client.Conn) error {
				at := time.Date(2026, 11, 21, 11, 0, 0, 500_000_000, time.FixedZone("", 3600))
				_, err := c.Subscribe(ctx, "s", client.SubscribeOptions{From: client.Since(at)})
				return err
			}},
		{"subscribe and acknowledge", `{"id":2,"action":"subscribe","payload":"s","groupId":"g","from":"earliest","ack":"explicit","credit":10}`,
			func(ctx context.Context, c *client.Conn) error {
				_, err := c.Subscribe(ctx, "s", client.SubscribeOptions{Group: "g", From: client.Earliest(), Explicit: true, Credit: 10})
				return err
			}},
		{"publish once", `{"id":2,"action":"publish","streamName":"s","payload":1,"messageId":"é \"42\""}`,
			func(ctx context.Context, c *client.Conn) error {
				return errOf(c.PublishOnce(ctx, "s", `é "42"`, 1))
			}},
		{"publish a value", `{"id":2,"action":"publish","streamName":"s","payload":{"a":1,"b":[]}}`,
			func(ctx context.Context, c *client.Conn) error {
				return errOf(c.Publish(ctx, "s", struct {
					A int      `json:"a"`
					B []string `json:"b"`
				}{A: 1}))
			}},
		{"publish raw", `{"id":2,"action":"publish","streamName":"s","payload":{"a":1.50,"b":"\u00e9\/"}}`,
			func(ctx context.Context, c *client.Conn) error {
				return errOf(c.Publish(ctx, "s", jsontext.Value(" {\"a\": 1.50,\n\"b\":\"\\u00e9\\/\"}")))
			}},
		{"define", `{"id":2,"action":"define","streamName":"s","payload":{"version":1,"fields":[]}}`,
			func(ctx context.Context, c *client.Conn) error {
				inForce, err := c.Define(ctx, "s", jsontext.Value(`{"version":1,"fields":[]}`))
				return answered(inForce, err)
			}},
		{"describe", `{"id":2,"action":"describe","payload":"s"}`,
			func(ctx context.Context, c *client.Conn) error {
				return answered(c.Describe(ctx, "s"))
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFake(t, func(p *peer) {
					p.enter()
					p.expect(test.want)
					p.send(success)
					p.expectEnd()
				})
				if err := test.send(t.Context(), f.dialed(client.Options{})); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// answered checks the payload of TestRequestBytes' answer.
func answered(payload jsontext.Value, err error) error {
	if err == nil && string(payload) != `{"version":1}` {
		return fmt.Errorf("the answer is %s", payload)
	}
	return err
}

func TestAuthenticateBytes(t *testing.T) {
	inJail := client.Basic("abc", `"s\`)
	inJail.JailID = "j1"
	tests := []struct {
		name        string
		credentials client.Credentials
		want        string
	}{
		{"token", client.JWT("abc", "a.b.c"), `{"id":1,"action":"authenticate","payload":{"type":"jwt","clientId":"abc","jwt":"a.b.c"}}`},
		{"jail", inJail, `{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"abc","jailId":"j1","clientSecret":"\"s\\"}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFake(t, func(p *peer) {
					p.expect(test.want)
					p.send(authenticated)
					p.expectEnd()
				})
				conn, err := f.clientAs(test.credentials, client.Options{}).Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				conn.Close()
			})
		})
	}
}

const tokenExpired = `{"id":1,"action":"authenticate","success":false,"error":{"code":"token_expired","message":"no"}}`

func withToken(text string) string {
	return `{"id":1,"action":"authenticate","payload":{"type":"jwt","clientId":"abc","jwt":"` + text + `"}}`
}

// numberedTokens returns a source of the tokens t1, t2 and so on.
func numberedTokens() func(context.Context) (string, error) {
	n := 0
	return func(context.Context) (string, error) {
		n++
		return fmt.Sprintf("t%d", n), nil
	}
}

func refuseExpired(token string) func(*peer) {
	return func(p *peer) {
		p.expect(withToken(token))
		p.send(tokenExpired)
		p.expectEnd()
	}
}

func TestDialRenewsAnExpiredTokenOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, refuseExpired("t1"), func(p *peer) {
			p.expect(withToken("t2"))
			p.send(authenticated)
			p.expectEnd()
		})
		conn, err := f.clientAs(client.JWT("abc", ""), client.Options{Token: numberedTokens()}).Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	})
	bubble(t, func(t *testing.T) {
		f := newFake(t, refuseExpired("t1"), refuseExpired("t2"))
		_, err := f.clientAs(client.JWT("abc", ""), client.Options{Token: numberedTokens()}).Dial(t.Context())
		wantRefusal(t, err, protocol.CodeTokenExpired)
	})
	bubble(t, func(t *testing.T) {
		_, err := newFake(t).clientAs(client.JWT("abc", ""), client.Options{
			Token: func(context.Context) (string, error) { return "", io.ErrUnexpectedEOF },
		}).Dial(t.Context())
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("got %v, want the error of Token", err)
		}
	})
}

func TestTokenIsForJWTAlone(t *testing.T) {
	_, err := client.New("http://gateway.test", client.Basic("abc", "x"), client.Options{Token: numberedTokens()})
	if err == nil {
		t.Fatal("Basic credentials were taken with Options.Token")
	}
}

func TestAuthenticateRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.expect(authenticate)
			p.send(`{"id":1,"action":"authenticate","success":false,"error":{"code":"invalid_credentials","message":"no"}}`)
			p.expectEnd()
		})
		_, err := f.client(client.Options{}).Dial(t.Context())
		if e := wantRefusal(t, err, protocol.CodeInvalidCredentials); e.Message != "no" || e.Temporary() {
			t.Errorf("the refusal is %+v, temporary %v", e, e.Temporary())
		}
	})
}

func TestDialRefused(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
		check  func(*testing.T, error)
	}{
		{"with a problem", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			w.Write(protocol.AppendProblem(nil, protocol.NewProblem(protocol.Errorf(protocol.CodeOriginNotAllowed, "no"))))
		}, func(t *testing.T, err error) {
			if e := wantRefusal(t, err, protocol.CodeOriginNotAllowed); e.Status != 403 {
				t.Errorf("Status: %d", e.Status)
			}
		}},
		{"by a proxy", func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "<html>", http.StatusBadGateway)
		}, func(t *testing.T, err error) {
			if e := wantRefusal(t, err, ""); e.Status != 502 || !e.Temporary() {
				t.Errorf("the refusal is %+v, temporary %v", e, e.Temporary())
			}
		}},
		{"by a redirect, which would get the secret", func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "elsewhere") {
				t.Error("the redirect was followed")
			}
			http.Redirect(w, r, "http://gateway.test/elsewhere", http.StatusTemporaryRedirect)
		}, func(t *testing.T, err error) {
			if e := wantRefusal(t, err, ""); e.Status != 307 {
				t.Errorf("Status: %d", e.Status)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFake(t)
				f.refuse = test.answer
				_, err := f.client(client.Options{}).Dial(t.Context())
				test.check(t, err)
			})
		})
	}
}

func TestDialUnreachable(t *testing.T) {
	c, err := client.New("http://127.0.0.1:1", client.Basic("abc", "s"), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Dial(t.Context()); !errors.Is(err, client.ErrConnection) {
		t.Errorf("got %v, want ErrConnection", err)
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		over := make(chan struct{})
		f := newFake(t, func(p *peer) {
			p.expect(authenticate) // and no answer
			<-over
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		within(t, time.Second, func() {
			_, err := f.client(client.Options{}).Dial(ctx)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want DeadlineExceeded", err)
			}
		})
		close(over)
	})
}

func TestRefusalsLeaveTheConnectionOpen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enter()
			p.expect(subscribe)
			p.send(`{"id":2,"action":"subscribe","success":false,"error":{"code":"stream_not_found","message":"no"}}`)
			p.expect(`{"id":3,"action":"publish","streamName":"s","payload":1}`)
			p.send(`{"id":3,"action":"publish","success":false,"error":{"code":"invalid_payload","message":"no","errors":["a: x","b: y"]}}`)
			p.expect(`{"id":4,"action":"subscribe","payload":"boiler_data"}`)
			p.send(`{"id":4,"action":"subscription","success":true,"streamName":"boiler_data","payload":4}`,
				`{"id":4,"action":"subscription","streamName":"boiler_data","payload":{}}`)
			p.expectEnd()
		})
		conn := f.dialed(client.Options{})
		_, err := conn.Subscribe(t.Context(), "boiler_data", client.SubscribeOptions{})
		wantRefusal(t, err, protocol.CodeStreamNotFound)
		e := wantRefusal(t, errOf(conn.Publish(t.Context(), "s", 1)), protocol.CodeInvalidPayload)
		if len(e.Errors) != 2 || e.Error() != "invalid_payload: no [a: x] and 1 more" {
			t.Errorf("the refusal is %v with %q", e, e.Errors)
		}
		wantNext(t, mustSubscribe(t, conn), `{}`)
	})
}

func TestSendPipelines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enter()
			for id := 2; id <= 4; id++ {
				p.expect(fmt.Sprintf(`{"id":%d,"action":"publish","streamName":"s","payload":%d}`, id, id))
			}
			p.send(`{"id":2,"action":"publish","success":true}`,
				`{"id":3,"action":"publish","success":false,"error":{"code":"stream_paused","message":"no"}}`,
				`{"id":4,"action":"publish","success":true,"seq":18,"time":"2026-11-21T10:00:00.5Z","epoch":"e1"}`)
			p.expectEnd()
		})
		conn := f.dialed(client.Options{})
		var receipts []*client.Receipt
		for n := 2; n <= 4; n++ {
			r, err := conn.Send(t.Context(), "s", n)
			if err != nil {
				t.Fatal(err)
			}
			receipts = append(receipts, r)
		}
		accepted := time.Date(2026, 11, 21, 10, 0, 0, 500_000_000, time.UTC)
		for i, want := range []struct {
			code protocol.Code
			at   client.Published
		}{
			{"", client.Published{}}, // of a gateway that does not say
			{protocol.CodeStreamPaused, client.Published{}},
			{"", client.Published{Seq: 18, LastSeq: 18, Time: accepted, Epoch: "e1"}},
		} {
			at, err := receipts[i].Wait(t.Context())
			if client.CodeOf(err) != want.code || (err == nil) != (want.code == "") || at != want.at {
				t.Errorf("message %d: %+v, %v, want %+v", i, at, err, want)
			}
		}
	})
}

func TestRequestsInFlightAreBounded(t *testing.T) {
	const most = 256
	bubble(t, func(t *testing.T) {
		more := make(chan struct{})
		f := newFake(t, func(p *peer) {
			p.enter()
			for id := 2; id < 2+most; id++ {
				p.expect(fmt.Sprintf(`{"id":%d,"action":"publish","streamName":"s","payload":0}`, id))
			}
			<-more
			p.send(`{"id":2,"action":"publish","success":true}`)
			p.expect(fmt.Sprintf(`{"id":%d,"action":"publish","streamName":"s","payload":0}`, 2+most))
			p.expectEnd()
		})
		conn := f.dialed(client.Options{})
		for range most {
			if _, err := conn.Send(t.Context(), "s", 0); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := conn.Send(ctx, "s", 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("one more than %d: %v, want DeadlineExceeded", most, err)
		}
		close(more)
		if _, err := conn.Send(t.Context(), "s", 0); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPayloadsThatAreNotJSONAreNotSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enter()
			p.expectEnd()
		})
		conn := f.dialed(client.Options{})
		for _, raw := range []string{``, `{`, `{"a":1},"x":2`, `{"a":1,"a":2}`, "\"\xff\"", `"\ud800"`} {
			if _, err := conn.Publish(t.Context(), "s", jsontext.Value(raw)); err == nil {
				t.Errorf("%q was sent", raw)
			}
		}
	})
}

func TestMessagesWithoutASubscriptionAreIgnored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.send(
				`{"id":99,"action":"subscription","streamName":"boiler_data","payload":{}}`,
				`{"id":99,"action":"publish","success":true}`,
				`{"id":0,"action":"","success":false,"error":{}}`,
				`{"id":1,"action":"authenticate","success":true}`, // answered before
				`{"id":2,"action":"subscription","success":true}`,
				`{"id":2,"action":"subscription","streamName":"boiler_data","payload":{},"new":{"member":1}}`,
			)
			p.expectEnd()
		})
		wantNext(t, mustSubscribe(t, f.dialed(client.Options{})), `{}`)
	})
}

func FuzzServerMessage(f *testing.F) {
	for _, seed := range []string{
		subscribed, authenticated, delivery(`{"a":1}`), delivery(`null`), ``, `{}`, `[]`, `{"id":2,"success":null}`,
		`{"id":3,"action":"publish","success":true}`,
		`{"id":2,"action":"subscribe","success":false,"streamName":"boiler_data","error":{"code":"stream_deleted","message":"x","errors":["y"]}}`,
		`{"id":2,"success":false,"error":null}`, `{"id":9223372036854775808}`, `{"id":2,"payload":1e1000001}`,
	} {
		f.Add([]byte(seed))
	}
	// Whatever a gateway sends, the subscription continues or ends with a reason,
	// and all its payloads are JSON.
	f.Fuzz(func(t *testing.T, data []byte) {
		fake := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.offer(string(data))
			p.close(1000, "")
		})
		sub := mustSubscribe(t, fake.dialed(client.Options{}))
		for {
			m, err := sub.Next(t.Context())
			if err != nil {
				return
			}
			if len(m.Payload) > 0 && !m.Payload.IsValid() {
				t.Fatalf("the payload is %q", m.Payload)
			}
		}
	})
}
