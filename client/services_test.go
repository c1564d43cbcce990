package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/client"
	"seagate/protocol"
)

const (
	serveRequest = `{"id":2,"action":"serve","payload":{"service":"pricing","procedures":["quote"],"credit":2}}`
	serveAnswer  = `{"id":2,"action":"serve","success":true}`
	fetchRequest = `{"id":2,"action":"fetch","payload":{"service":"pricing","procedure":"quote","body":{"sku":7},"timeout":30}}`
	fetchAnswer  = `{"id":2,"action":"fetch","success":true}`
)

func callOf(n int, body string) string {
	return fmt.Sprintf(`{"id":2,"action":"serve","call":%d,"procedure":"quote","payload":%s,"caller":{"clientId":"web"},"timeout":30}`, n, body)
}

// quoting answers calls of quote in the ways that their bodies ask for.
var quoting = map[string]client.Handler{"quote": func(ctx context.Context, c *client.Call) (any, error) {
	switch string(c.Body) {
	case `"wait"`:
		<-ctx.Done()
		return nil, context.Cause(ctx)
	case `"own"`:
		return nil, &client.Error{Code: "out_of_stock", Message: "none left", Details: jsontext.Value(`[7]`)}
	case `"part"`:
		return "end", c.Part("part")
	case `"panic"`:
		panic("oh")
	}
	return []any{c.ClientID, c.Signal()}, nil
}}

func TestServing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enter()
			p.expect(serveRequest)
			p.send(serveAnswer)
			p.send(callOf(1, `1`))
			p.expect(`{"id":3,"action":"answer","payload":{"serve":2,"call":1,"result":["web",false]}}`)
			p.send(`{"id":3,"action":"answer","success":true}`)
			p.send(callOf(2, `"own"`))
			p.expect(`{"id":4,"action":"answer","payload":{"serve":2,"call":2,"error":{"code":"out_of_stock","message":"none left","details":[7]}}}`)
			p.send(`{"id":4,"action":"answer","success":true}`)
			p.send(callOf(3, `"part"`))
			p.expect(`{"id":5,"action":"answer","payload":{"serve":2,"call":3,"result":"part","more":true}}`)
			p.send(`{"id":5,"action":"answer","success":true}`)
			p.expect(`{"id":6,"action":"answer","payload":{"serve":2,"call":3,"result":"end"}}`)
			p.send(`{"id":6,"action":"answer","success":true}`)
			p.send(callOf(4, `"panic"`))
			p.expect(`{"id":7,"action":"answer","payload":{"serve":2,"call":4,"error":{"code":"panicked","message":"the procedure quote failed"}}}`)
			p.send(`{"id":7,"action":"answer","success":true}`)
			// A call that is given up ends its handler, whose answer is not sent.
			p.send(callOf(5, `"wait"`), `{"id":2,"action":"serve","call":5,"cancelled":"timeout"}`)
			p.send(`{"id":2,"action":"serve","signal":true,"procedure":"quote","payload":1,"caller":{"clientId":"web"}}`)
			synctest.Wait()
			// A server that is stopped takes the calls that the gateway sent before, and
			// answers them.
			p.send(callOf(6, `"wait"`), callOf(7, `"wait"`), callOf(8, `1`))
			p.expect(`{"id":8,"action":"answer","payload":{"serve":2,"call":8,"error":{"code":"server_busy","message":"the server has as many calls as it takes"}}}`)
			p.send(`{"id":8,"action":"answer","success":true}`)
			p.send(`{"id":2,"action":"serve","call":6,"cancelled":"cancelled"}`)
			synctest.Wait()
			p.send(callOf(9, `1`))
			p.expect(`{"id":9,"action":"answer","payload":{"serve":2,"call":9,"result":["web",false]}}`)
			p.send(`{"id":9,"action":"answer","success":true}`)
			p.expect(`{"id":10,"action":"unsubscribe","payload":2}`)
			p.send(`{"id":10,"action":"unsubscribe","success":true}`)
			p.send(`{"id":2,"action":"serve","call":7,"cancelled":"caller_gone"}`)
			p.expectEnd()
		})
		conn := f.dialed(client.Options{})
		s, err := conn.Serve(t.Context(), "pricing", quoting, client.ServeOptions{AtOnce: 2})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := s.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestFetching(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enter()
			p.expect(fetchRequest)
			p.send(fetchAnswer, `{"id":2,"action":"fetch","result":1}`, `{"id":2,"action":"fetch","result":{"price":42},"done":true}`)
			p.expect(`{"id":3,"action":"fetch","payload":{"service":"pricing","procedure":"quote","body":1,"timeout":30}}`)
			p.send(`{"id":3,"action":"fetch","success":true}`, `{"id":3,"action":"fetch","error":{"code":"out_of_stock","message":"none left","details":[7]},"done":true}`)
			p.expect(`{"id":4,"action":"fetch","payload":{"service":"pricing","procedure":"quote","body":2,"timeout":30}}`)
			p.send(`{"id":4,"action":"fetch","success":false,"error":{"code":"server_busy","message":"busy"}}`)
			p.expect(`{"id":5,"action":"fetch","payload":{"service":"pricing","procedure":"quote","body":3,"timeout":2}}`)
			p.send(`{"id":5,"action":"fetch","success":true}`)
			p.expect(`{"id":6,"action":"unsubscribe","payload":5}`)
			p.send(`{"id":5,"action":"fetch","result":"late","done":true}`, `{"id":6,"action":"unsubscribe","success":true}`)
			p.expect(`{"id":7,"action":"signal","payload":{"service":"pricing","procedure":"reload","body":null}}`)
			p.send(`{"id":7,"action":"signal","success":true,"reached":1}`)
			p.expect(`{"id":8,"action":"signal","payload":{"service":"pricing","procedure":"reload","body":null,"all":true}}`)
			p.send(`{"id":8,"action":"signal","success":true,"reached":3}`)
			p.expect(`{"id":9,"action":"fetch","payload":{"service":"pricing","procedure":"quote","body":4,"timeout":30}}`)
			p.send(`{"id":9,"action":"fetch","success":true}`)
			p.close(4999, "enough")
		})
		conn := f.dialed(client.Options{})
		var parts []string
		got, err := conn.FetchParts(t.Context(), "pricing", "quote", map[string]int{"sku": 7}, func(part jsontext.Value) error {
			parts = append(parts, string(part))
			return nil
		})
		if err != nil || string(got) != `{"price":42}` || fmt.Sprint(parts) != "[1]" {
			t.Errorf("got %s after %q, %v", got, parts, err)
		}
		_, err = conn.Fetch(t.Context(), "pricing", "quote", 1)
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != "out_of_stock" || e.Message != "none left" || string(e.Details) != "[7]" {
			t.Errorf("the server's error is %v", err)
		}
		if _, err = conn.Fetch(t.Context(), "pricing", "quote", 2); client.CodeOf(err) != protocol.CodeServerBusy {
			t.Errorf("refused: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err = conn.Fetch(ctx, "pricing", "quote", 3); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("past its deadline: %v", err)
		}
		synctest.Wait() // until the gateway is told
		if err := conn.Signal(t.Context(), "pricing", "reload", nil); err != nil {
			t.Error(err)
		}
		if n, err := conn.SignalAll(t.Context(), "pricing", "reload", nil); n != 3 || err != nil {
			t.Errorf("reached %d, %v", n, err)
		}
		if _, err = conn.Fetch(t.Context(), "pricing", "quote", 4); err == nil || client.CodeOf(err) != "" {
			t.Errorf("the connection ended, and the call: %v", err)
		}
		if _, err = conn.Fetch(t.Context(), "a b", "quote", 4); client.CodeOf(err) != protocol.CodeInvalidName {
			t.Errorf("a name that nothing can have: %v", err)
		}
	})
}

// Client.Serve comes back when its connection is lost, and finishes what runs when
// it is told to end.
func TestServeComesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		f := newFake(t, func(p *peer) {
			p.enter()
			p.expect(serveRequest)
			p.send(serveAnswer, callOf(1, `"wait"`)) // whose handler ends with the connection
			synctest.Wait()
			p.close(1001, "server_shutdown: bye")
		}, func(p *peer) {
			p.enter()
			p.expect(serveRequest)
			p.send(serveAnswer, callOf(1, `1`))
			p.expect(`{"id":3,"action":"answer","payload":{"serve":2,"call":1,"result":["web",false]}}`)
			p.send(`{"id":3,"action":"answer","success":true}`, callOf(2, `"wait"`))
			synctest.Wait()
			cancel(errors.New("enough"))
			p.expect(`{"id":4,"action":"unsubscribe","payload":2}`)
			p.send(`{"id":4,"action":"unsubscribe","success":true}`)
			p.send(`{"id":2,"action":"serve","call":2,"cancelled":"timeout"}`)
			p.expectEnd()
		})
		serving, lost := 0, 0
		err := f.client(client.Options{}).Serve(ctx, "pricing", quoting, client.ServeOptions{
			AtOnce: 2, OnServing: func() { serving++ }, OnLost: func(error) { lost++ },
		})
		if err == nil || err.Error() != "context canceled: enough" || serving != 2 || lost != 1 {
			t.Errorf("Serve: %v, serving %d times, lost %d times", err, serving, lost)
		}
	})
}

func TestServeEndsWhereTryingAgainDoesNotHelp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enter()
			p.expect(serveRequest)
			p.send(`{"id":2,"action":"serve","success":false,"error":{"code":"service_taken","message":"taken"}}`)
			p.expectEnd()
		})
		err := f.client(client.Options{}).Serve(t.Context(), "pricing", quoting, client.ServeOptions{AtOnce: 2})
		if client.CodeOf(err) != protocol.CodeServiceTaken {
			t.Errorf("Serve: %v", err)
		}
	})
}

// Whatever a gateway sends to a connection that serves and calls, the call ends, its result is
// JSON, and the server can be stopped.
func FuzzCallMessage(f *testing.F) {
	for _, seed := range []string{
		callOf(1, `{"sku":7}`), callOf(2, `"wait"`), callOf(3, `"panic"`), `{"id":2,"action":"serve","call":1,"cancelled":"timeout"}`,
		`{"id":2,"action":"serve","signal":true,"procedure":"quote","payload":1,"caller":{"clientId":"web"}}`,
		`{"id":2,"action":"serve","call":1e300,"procedure":7}`, `{"id":2,"action":"serve","call":1,"procedure":"none","timeout":-1}`,
		`{"id":3,"action":"fetch","result":1}`, `{"id":3,"action":"fetch","result":[1],"done":true}`, `{"id":3,"action":"fetch","done":true}`,
		`{"id":3,"action":"fetch","error":{"code":"c","message":"m","details":[7]},"done":true}`, `{"id":3,"action":"fetch","error":null,"done":true}`,
		`{"id":3,"action":"fetch","success":false,"error":{"code":"server_busy"}}`, `{"id":2,"action":"serve","success":false}`, `{}`, `[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fake := newFake(t, func(p *peer) {
			p.enter()
			p.skip()
			p.offer(serveAnswer)
			p.skip()
			p.offer(`{"id":3,"action":"fetch","success":true}`)
			p.offer(string(data))
			p.close(1000, "")
		})
		conn := fake.dialed(client.Options{})
		s, err := conn.Serve(t.Context(), "pricing", quoting, client.ServeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		result, err := conn.FetchParts(t.Context(), "pricing", "quote", 1, func(part jsontext.Value) error {
			if !part.IsValid() {
				t.Fatalf("the part is %q", part)
			}
			return nil
		})
		if err == nil && !result.IsValid() {
			t.Fatalf("the result is %q", result)
		}
		<-conn.Done()
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
