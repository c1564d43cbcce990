package client_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seagate/client"
	"seagate/protocol"
)

func TestServerEndsTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.expect(`{"id":3,"action":"publish","streamName":"s","payload":1}`)
			p.send(delivery(`1`))
			p.close(1001, "server_shutdown: back in a moment")
		})
		conn := f.dialed(client.Options{})
		sub := mustSubscribe(t, conn)
		wantRefusal(t, errOf(conn.Publish(t.Context(), "s", 1)), protocol.CodeServerShutdown)
		wantNext(t, sub, `1`)
		_, err := sub.Next(t.Context())
		e := wantRefusal(t, err, protocol.CodeServerShutdown)
		if e.Close != 1001 || e.Message != "back in a moment" || !e.Temporary() {
			t.Errorf("the reason is %+v, temporary %v", e, e.Temporary())
		}
		<-conn.Done()
		wantRefusal(t, conn.Err(), protocol.CodeServerShutdown)
		wantRefusal(t, errOf(conn.Publish(t.Context(), "s", 1)), protocol.CodeServerShutdown)
		if err := sub.Unsubscribe(t.Context()); err != nil {
			t.Errorf("Unsubscribe from what has ended: %v", err)
		}
	})
}

func TestAnAnswerBeforeTheEndIsReturned(t *testing.T) {
	for range 20 { // which of the two is seen first is chance
		bubble(t, func(t *testing.T) {
			f := newFake(t, func(p *peer) {
				p.enter()
				p.expect(`{"id":2,"action":"publish","streamName":"s","payload":1}`)
				p.send(`{"id":2,"action":"publish","success":true}`)
				p.close(1001, "")
			})
			receipt, err := f.dialed(client.Options{}).Send(t.Context(), "s", 1)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // until the answer and the end are there
			if _, err := receipt.Wait(t.Context()); err != nil {
				t.Errorf("Wait: %v", err)
			}
		})
	}
}

func TestTheGatewaysReasonIsReportedWhenWritingFails(t *testing.T) {
	for range 20 { // which of the two is seen first is chance
		bubble(t, func(t *testing.T) {
			over := make(chan struct{})
			f := newFake(t, func(p *peer) {
				p.enter()
				time.Sleep(time.Second) // while the client writes
				reason := "\x03\xf0credentials_revoked: rotated"
				p.raw.Write(append([]byte{0x88, byte(len(reason))}, reason...))
				<-over
			})
			_, err := f.dialed(client.Options{}).Publish(t.Context(), "s", 1)
			wantRefusal(t, err, protocol.CodeCredentialsRevoked)
			close(over)
		})
	}
}

func TestCloseWaitsForThePeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enter()
			frame := make([]byte, 8)
			if _, err := io.ReadFull(p.raw, frame); err != nil || frame[0] != 0x88 || frame[1] != 0x82 {
				t.Errorf("the client sent %x (%v), want a close frame with a mask", frame, err)
			}
			time.Sleep(time.Second)
			if _, err := p.raw.Write([]byte{0x89, 0}); err != nil { // a ping
				t.Error("the client did not wait for the other close frame:", err)
			}
			p.raw.Write([]byte{0x88, 2, 0x03, 0xe8})
			if rest, _ := io.ReadAll(p.raw); len(rest) > 0 {
				t.Errorf("after its close frame, the client sent %x", rest)
			}
		})
		conn := f.dialed(client.Options{})
		start := time.Now()
		conn.Close()
		if took := time.Since(start); took != time.Second {
			t.Errorf("Close took %v, want 1s", took)
		}
	})
}

func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.expect(`{"id":3,"action":"publish","streamName":"s","payload":1}`)
			p.send(delivery(`1`))
			p.expectEnd()
		})
		conn := f.dialed(client.Options{})
		sub := mustSubscribe(t, conn)
		receipt, err := conn.Send(t.Context(), "s", 1)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		within(t, 0, func() { conn.Close() })
		if _, err := receipt.Wait(t.Context()); !errors.Is(err, client.ErrClosed) {
			t.Errorf("Wait: %v, want ErrClosed", err)
		}
		wantNext(t, sub, `1`)
		if _, err := sub.Next(t.Context()); !errors.Is(err, client.ErrClosed) {
			t.Errorf("Next: %v, want ErrClosed", err)
		}
		if err := conn.Close(); err != nil {
			t.Errorf("Close again: %v", err)
		}
	})
}

func TestHostileCloses(t *testing.T) {
	tests := []struct {
		name string
		do   func(*peer)
	}{
		{"no answer to the close frame", func(p *peer) {}},
		{"a frame of 2^40 bytes that never comes", func(p *peer) {
			p.raw.Write([]byte{0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0})
		}},
		{"messages without end", func(p *peer) {
			for p.offer(delivery(`0`)) {
				time.Sleep(time.Millisecond)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				over := make(chan struct{})
				f := newFake(t, func(p *peer) {
					p.enterAndSubscribe()
					go func() { // net.Pipe passes nothing on that is not read
						buf := make([]byte, 64)
						for {
							if _, err := p.raw.Read(buf); err != nil {
								return
							}
						}
					}()
					test.do(p)
					<-over
				})
				conn := f.dialed(client.Options{})
				mustSubscribe(t, conn)
				within(t, 3*time.Second, func() { conn.Close() })
				close(over)
			})
		})
	}
}

func TestCloseWhileTheGatewayReadsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		over := make(chan struct{})
		f := newFake(t, func(p *peer) {
			p.enter()
			<-over
		})
		conn := f.dialed(client.Options{})
		go conn.Send(t.Context(), "s", 1)
		synctest.Wait() // until the writer is stuck
		within(t, 30*time.Second, func() { conn.Close() })
		close(over)
	})
}

func TestGatewayThatReadsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		over := make(chan struct{})
		f := newFake(t, func(p *peer) {
			p.enter()
			<-over
		})
		conn := f.dialed(client.Options{})
		within(t, 34*time.Second, func() {
			if _, err := conn.Publish(t.Context(), "s", 1); !errors.Is(err, client.ErrConnection) || !strings.Contains(err.Error(), "read nothing for 30s") {
				t.Errorf("got %v, want ErrConnection because nothing was read", err)
			}
		})
		close(over)
	})
}

func TestSilentGateway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		over := make(chan struct{})
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			go p.skip() // pongs
			for range 5 {
				time.Sleep(60 * time.Second)
				p.ping()
			}
			p.send(delivery(`1`))
			<-over
		})
		sub := mustSubscribe(t, f.dialed(client.Options{}))
		wantNext(t, sub, `1`) // pings had kept it alive
		start := time.Now()
		_, err := sub.Next(t.Context())
		if !errors.Is(err, client.ErrConnection) || !strings.Contains(err.Error(), "silent for 1m10s") {
			t.Errorf("got %v, want ErrConnection because of the silence", err)
		}
		if took := time.Since(start); took != 70*time.Second {
			t.Errorf("noticed after %v", took)
		}
		close(over)
	})
}

func TestMessagesThatAreNotStreamSeaEndTheConnection(t *testing.T) {
	const limit = 1000
	fits := delivery(long(limit - len(delivery(``))))
	tests := []struct {
		name string
		data string
	}{
		{"no JSON", `hello`},
		{"cut short", `{"id":2,"act`},
		{"no object", `[]`},
		{"a fractional id", `{"id":1.5,"action":"publish","success":true}`},
		{"a duplicate key", `{"id":2,"id":3,"success":true}`},
		{"a duplicate key in a payload", delivery(`{"a":1,"a":2}`)},
		{"invalid UTF-8", delivery("\"\xff\"")},
		{"a lone surrogate", delivery(`"\ud800"`)},
		{"two objects", `{"id":9}{"id":9}`},
		{"a binary message", ""},
		{"a message that is too long", delivery(long(limit - len(delivery(``)) + 1))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFake(t, func(p *peer) {
					p.enterAndSubscribe()
					p.send(fits)
					if test.data == "" {
						p.offerBinary(delivery(`1`))
					} else {
						p.offer(test.data)
					}
					p.skip()
				})
				sub := mustSubscribe(t, f.dialed(client.Options{MessageBytes: limit}))
				if _, err := sub.Next(t.Context()); err != nil {
					t.Fatal("a message of the largest size:", err)
				}
				if _, err := sub.Next(t.Context()); !errors.Is(err, client.ErrConnection) {
					t.Errorf("got %v, want ErrConnection", err)
				}
			})
		})
	}
}
