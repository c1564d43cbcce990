package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seagate/client"
	"seagate/protocol"
)

// queueOf returns options whose queues hold n messages of one digit.
func queueOf(n int) client.Options {
	const overhead = 128
	return client.Options{QueueBytes: n * (overhead + 1)}
}

func TestBackPressure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const queued, n = 3, 9
		sent := 0
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			for ; sent < n; sent++ {
				p.send(delivery(fmt.Sprint(sent)))
			}
			p.expectEnd()
		})
		sub := mustSubscribe(t, f.dialed(queueOf(queued)))
		synctest.Wait()
		if sent != queued+1 { // and one is in the reader's hand
			t.Errorf("the gateway got rid of %d messages that nobody read, want %d", sent, queued+1)
		}
		for i := range n {
			time.Sleep(7 * time.Second) // slow, but not too slow
			wantNext(t, sub, fmt.Sprint(i))
		}
	})
}

func TestBackPressureOfALargeMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.send(delivery(`1`), delivery(`2`), delivery(`3`), delivery(long(100)))
			p.expectEnd()
		})
		sub := mustSubscribe(t, f.dialed(queueOf(3)))
		for _, want := range []string{`1`, `2`, `3`, long(100)} {
			time.Sleep(7 * time.Second) // each time a little room
			wantNext(t, sub, want)
		}
	})
}

func TestSubscriptionThatIsNotRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.send(delivery(`0`), delivery(`1`), delivery(`2`), delivery(`3`))
			p.expect(`{"id":3,"action":"unsubscribe","payload":2}`)
			p.send(delivery(`4`), `{"id":3,"action":"unsubscribe","success":true}`)
			p.expect(`{"id":4,"action":"publish","streamName":"s","payload":1}`)
			p.send(`{"id":4,"action":"publish","success":true}`)
			p.expectEnd()
		})
		conn := f.dialed(queueOf(2))
		sub := mustSubscribe(t, conn)
		time.Sleep(8*time.Second - 1)
		wantNext(t, sub, `0`) // which gives it 8 s more
		time.Sleep(8 * time.Second)
		synctest.Wait()
		if _, err := conn.Publish(t.Context(), "s", 1); err != nil {
			t.Errorf("the connection should go on: %v", err)
		}
		wantNext(t, sub, `1`)
		wantNext(t, sub, `2`)
		if _, err := sub.Next(t.Context()); !errors.Is(err, client.ErrSlow) {
			t.Errorf("got %v, want ErrSlow", err)
		}
	})
}

// A pong would acknowledge the messages that were dropped, and nobody would get them.
func TestTheConnectionOfASlowGroupMemberEnds(t *testing.T) {
	for name, test := range map[string]struct {
		explicit bool
		end      func(*testing.T, *client.Conn, *client.Subscription)
		why      error // why the connection ended
	}{
		"a full queue":           {false, func(*testing.T, *client.Conn, *client.Subscription) { time.Sleep(9 * time.Second) }, client.ErrConnection},
		"a full queue, explicit": {true, func(*testing.T, *client.Conn, *client.Subscription) { time.Sleep(9 * time.Second) }, client.ErrConnection},
		"closed":                 {false, func(_ *testing.T, conn *client.Conn, _ *client.Subscription) { conn.Close() }, client.ErrClosed},
		"an unsubscribe that is cut short": {false, func(t *testing.T, _ *client.Conn, sub *client.Subscription) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := sub.Unsubscribe(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Unsubscribe: %v", err)
			}
		}, client.ErrConnection},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ack := ""
				if test.explicit {
					ack = `,"ack":"explicit"`
				}
				ponged := false
				f := newFake(t, func(p *peer) {
					p.subscribeAs(`{"id":2,"action":"subscribe","payload":"boiler_data","groupId":"g"`+ack+`}`, subscribed)
					p.send(delivery(`1`))
					go func() {
						gap := `{"id":2,"action":"subscription","streamName":"boiler_data","gap":{"from":5,"to":9}}`
						p.raw.Write(slices.Concat(textFrame(delivery(`2`)), textFrame(gap), []byte{0x89, 0})) // and a ping
					}()
					var got bytes.Buffer
					got.ReadFrom(p.raw)
					for frame := got.Bytes(); len(frame) >= 6; frame = frame[6+frame[1]&0x7f:] {
						ponged = ponged || frame[0] == 0x8a
					}
				})
				conn := f.dialed(queueOf(1))
				sub, err := conn.Subscribe(t.Context(), "boiler_data", client.SubscribeOptions{Group: "g", Explicit: test.explicit})
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				test.end(t, conn, sub)
				<-conn.Done()
				wantNext(t, sub, `1`)
				got := 0
				for ; err == nil; got++ {
					_, err = sub.Next(t.Context())
				}
				synctest.Wait()
				// Unsubscribe takes what was on its way until the context ends.
				if ponged && got < 2 {
					t.Error("a pong was sent, and the message before it dropped")
				}
				if !errors.Is(conn.Err(), test.why) {
					t.Errorf("the connection ended with %v, want %v", conn.Err(), test.why)
				}
			})
		})
	}
}

// textFrame returns the frame of a short message from the gateway.
func textFrame(message string) []byte { return append([]byte{0x81, byte(len(message))}, message...) }

// One caller's context does not end the connection of the others.
func TestTheConnectionEndsIfAGroupsSubscribeGivesUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.skip()
			p.skip()
		})
		conn := f.dialed(client.Options{})
		sub := mustSubscribe(t, conn)
		ctx, cancel := context.WithCancel(t.Context())
		go conn.Subscribe(ctx, "other", client.SubscribeOptions{Group: "g"})
		synctest.Wait()
		cancel()
		if _, err := sub.Next(t.Context()); !errors.Is(err, client.ErrConnection) || errors.Is(err, context.Canceled) {
			t.Errorf("the other subscription ended with %v", err)
		}
	})
}

// A message that is being written when the connection is closed arrives as a whole.
// Only pongs are held back, not parts of a message that begin like a pong.
func TestCloseDuringALargeMessage(t *testing.T) {
	const size = 4 << 20
	for range 5 {
		bubble(t, func(t *testing.T) {
			var got atomic.Int64
			f := newFake(t, func(p *peer) {
				p.enter()
				buf := make([]byte, 4096)
				for i := 0; ; i++ {
					n, err := p.raw.Read(buf)
					got.Add(int64(n))
					if i == 0 {
						time.Sleep(time.Second) // Close comes meanwhile
					}
					if err != nil {
						return
					}
				}
			})
			conn := f.dialed(client.Options{})
			payload := make([]byte, size)
			for i := range payload {
				payload[i] = 'a' + byte(rand.IntN(26))
			}
			go conn.Publish(t.Context(), "s", string(payload))
			synctest.Wait()
			conn.Close()
			if got.Load() < size {
				t.Errorf("%d bytes arrived of a message of more than %d", got.Load(), size)
			}
		})
	}
}

func TestAMessageMayBeLargerThanTheQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.send(delivery(long(1000)), delivery(`1`))
			p.expectEnd()
		})
		sub := mustSubscribe(t, f.dialed(client.Options{QueueBytes: 1}))
		wantNext(t, sub, long(1000))
		wantNext(t, sub, `1`)
	})
}

func TestNextEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			time.Sleep(2 * time.Second)
			p.send(delivery(`1`))
			p.expectEnd()
		})
		sub := mustSubscribe(t, f.dialed(client.Options{}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := sub.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
		time.Sleep(2 * time.Second)
		if _, err := sub.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a message there: got %v, want DeadlineExceeded", err)
		}
		wantNext(t, sub, `1`)
	})
}

func TestNextByManyGoroutines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const n = 100
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			for i := range n {
				p.send(delivery(fmt.Sprint(i)))
			}
			p.close(1000, "")
		})
		sub := mustSubscribe(t, f.dialed(queueOf(5)))
		var mu sync.Mutex
		seen := map[string]bool{}
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for {
					m, err := sub.Next(t.Context())
					if err != nil {
						return
					}
					mu.Lock()
					seen[string(m.Payload)] = true
					mu.Unlock()
				}
			})
		}
		readers.Wait()
		if len(seen) != n {
			t.Errorf("%d of %d messages arrived", len(seen), n)
		}
	})
}

func TestNextByTwoGoroutinesAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const rounds = 50
		next := make(chan struct{})
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			for range next {
				p.raw.Write(frames(2, delivery(long(100)))) // two in one go
			}
			p.expectEnd()
		})
		sub := mustSubscribe(t, f.dialed(client.Options{}))
		for range rounds {
			var readers sync.WaitGroup
			for range 2 {
				readers.Go(func() {
					if _, err := sub.Next(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			synctest.Wait() // until both wait
			next <- struct{}{}
			readers.Wait()
		}
		close(next)
	})
}

func TestUnsubscribe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.send(delivery(`1`))
			p.expect(`{"id":3,"action":"unsubscribe","payload":2}`)
			p.send(delivery(`2`), `{"id":3,"action":"unsubscribe","success":true}`)
			p.expectEnd()
		})
		conn := f.dialed(client.Options{})
		sub := mustSubscribe(t, conn)
		synctest.Wait()
		for range 2 {
			if err := sub.Unsubscribe(t.Context()); err != nil {
				t.Errorf("Unsubscribe: %v", err)
			}
		}
		wantNext(t, sub, `1`)
		wantNext(t, sub, `2`) // on its way when the gateway was asked
		if _, err := sub.Next(t.Context()); !errors.Is(err, client.ErrUnsubscribed) {
			t.Errorf("got %v, want ErrUnsubscribed", err)
		}
		if n := conn.Subscriptions(); n > 0 {
			t.Errorf("the connection still knows %d subscriptions", n)
		}
	})
}

func TestUnsubscribeWithAFullQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.send(delivery(`1`), delivery(`2`), delivery(`3`))
			p.expect(`{"id":3,"action":"unsubscribe","payload":2}`)
			p.send(`{"id":3,"action":"unsubscribe","success":true}`)
			p.expectEnd()
		})
		sub := mustSubscribe(t, f.dialed(queueOf(1)))
		synctest.Wait()
		within(t, 0, func() {
			if err := sub.Unsubscribe(t.Context()); err != nil {
				t.Errorf("Unsubscribe: %v", err)
			}
		})
	})
}

func TestUnsubscribeWhileTheSubscriptionEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.expect(`{"id":3,"action":"unsubscribe","payload":2}`)
			p.send(`{"id":2,"action":"subscribe","success":false,"streamName":"boiler_data","error":{"code":"stream_deleted","message":"gone"}}`,
				`{"id":3,"action":"unsubscribe","success":false,"error":{"code":"subscription_not_found","message":"no"}}`)
			p.expectEnd()
		})
		if err := mustSubscribe(t, f.dialed(client.Options{})).Unsubscribe(t.Context()); err != nil {
			t.Errorf("Unsubscribe: %v", err)
		}
	})
}

func TestStreamDeleted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.send(delivery(`1`),
				`{"id":2,"action":"subscribe","success":false,"streamName":"boiler_data","error":{"code":"stream_deleted","message":"gone"}}`)
			p.expectEnd()
		})
		sub := mustSubscribe(t, f.dialed(client.Options{}))
		wantNext(t, sub, `1`)
		_, err := sub.Next(t.Context())
		if e := wantRefusal(t, err, protocol.CodeStreamDeleted); e.Temporary() {
			t.Error("a stream that was deleted does not come back by itself")
		}
	})
}

func TestASubscribeThatGivesUpIsUndone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enter()
			p.expect(subscribe)
			time.Sleep(2 * time.Second)
			p.send(subscribed, delivery(`1`))
			p.expect(`{"id":3,"action":"unsubscribe","payload":2}`)
			p.send(`{"id":3,"action":"unsubscribe","success":true}`)
			p.expectEnd()
		})
		conn := f.dialed(client.Options{QueueBytes: 1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := conn.Subscribe(ctx, "boiler_data", client.SubscribeOptions{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
	})
}
