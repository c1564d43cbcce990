package client_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"seagate/client"
)

func TestMessageStream(t *testing.T) {
	s := client.NewMessageStream(0)
	defer s.Close()
	ctx := t.Context()
	must(t, s.Put(ctx, "job", "nobody listens"))
	must(t, s.SetHeader(ctx, "job", "h0"))
	first, second, other := newCollector(), newCollector(), newCollector()
	must(t, s.Listen("job", first))
	first.want(t, "header h0")
	must(t, s.PutWithHeader(ctx, "job", 1, "h1"))
	must(t, s.Listen("job", second))
	must(t, s.Listen("other", other))
	second.want(t, "header h1")
	must(t, s.Put(ctx, "job", steps{2}))
	first.want(t, 1, steps{2})
	second.want(t, steps{2})
	s.Hangup("job", first)
	must(t, s.Put(ctx, "job", 3))
	second.want(t, 3)
	must(t, s.Delete(ctx, "job"))
	second.want(t, "closed")
	must(t, s.Listen("job", first)) // another stream, without a header
	must(t, s.Put(ctx, "job", 4))
	first.want(t, 4)
	must(t, s.Put(ctx, "other", 5))
	other.want(t, 5)
	s.Hangup("", other)
	s.Close()
	if err := s.Listen("job", first); err != client.ErrClosed {
		t.Errorf("after Close: %v", err)
	}
	if err := s.Put(ctx, "job", 6); err != client.ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

// A putter whose queue is full is told what it misses, and delays nobody.
func TestAMessageStreamTellsWhatASlowPutterMisses(t *testing.T) {
	const queue, n = 4, 100
	s := client.NewMessageStream(queue)
	defer s.Close()
	slow := newCollector()
	must(t, s.Listen("job", slow))
	for i := range n {
		must(t, s.Put(t.Context(), "job", uint64(i+1))) // nobody takes them meanwhile
	}
	next := uint64(1)
	for next <= n {
		m := slow.next(t)
		if m.Missing != (client.Missing{}) {
			if m.Missing.From != next || m.Missing.To < next || m.Missing.To > n {
				t.Fatalf("missing %+v at %d", m.Missing, next)
			}
			next = m.Missing.To + 1
			continue
		}
		if m.Seq != next || m.Value != next {
			t.Fatalf("%+v at %d", m, next)
		}
		next++
	}
	must(t, s.Put(t.Context(), "job", "on"))
	slow.want(t, "on")
}

// Everybody joins and leaves while messages come, each with the header that holds after
// it: whoever has seen header n sees messages n+1, n+2, ….
func TestListeningToAMessageStreamWhileOthersPut(t *testing.T) {
	s := client.NewMessageStream(0)
	must(t, s.SetHeader(t.Context(), "job", 0))
	stop := make(chan struct{})
	var firing, listening sync.WaitGroup
	firing.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
				s.PutWithHeader(context.Background(), "job", i, i)
			}
		}
	})
	for range 20 {
		listening.Go(func() {
			for range 20 {
				last, seen := -1, make(chan struct{})
				p := client.NewPutter(func(m client.StreamMessage) {
					switch {
					case last < 0 && m.Header:
					case m.Missing != (client.Missing{}):
						last = int(m.Missing.To)
						return
					case m.Header || m.Value != last+1:
						t.Errorf("%+v behind %d", m, last)
					}
					if last = m.Value.(int); m.Seq%50 == 49 {
						select {
						case <-seen:
						default:
							close(seen)
						}
					}
				})
				must(t, s.Listen("job", p))
				<-seen
				s.Hangup("job", p)
			}
		})
	}
	listening.Wait()
	close(stop)
	firing.Wait()
	s.Close()
}

// A computation reports to whoever listens, in this process. A RemoteStream has the same
// methods for a gateway.
func ExampleMessageStream() {
	streams := client.NewMessageStream(0)
	ctx := context.Background()
	streams.SetHeader(ctx, "job-17", "0 of 2")

	done := make(chan struct{})
	streams.Listen("job-17", client.NewPutter(func(m client.StreamMessage) {
		switch {
		case m.Closed:
			close(done)
		case m.Header:
			fmt.Println("so far:", m.Value)
		default:
			fmt.Println("then:", m.Value)
		}
	}))
	streams.PutWithHeader(ctx, "job-17", "1 of 2", "1 of 2")
	streams.PutWithHeader(ctx, "job-17", "2 of 2", "2 of 2")
	streams.Delete(ctx, "job-17")
	<-done
	streams.Close()
	// Output:
	// so far: 0 of 2
	// then: 1 of 2
	// then: 2 of 2
}
