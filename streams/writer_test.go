package streams_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"seagate/streams"
)

// A slip is a Writer that a consumer leaves notes with.
type slip struct {
	mu     sync.Mutex
	left   []string
	events []string
}

func (s *slip) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, s.left...)
	s.left = nil
}

func (s *slip) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, "closed")
}

// leaver leaves what it is offered with the writer.
type leaver struct{ ignore }

func (leaver) Deliver(b *streams.Batch) int {
	s := b.Writer.(*slip)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range b.Messages {
		s.left = append(s.left, string(m.Payload))
	}
	return len(b.Messages)
}

// What consumers leave with the writer of their worker goes out before the worker rests: what is
// live, from the tail, and from the log. The writer is closed with the network.
func TestTheWriterOfAWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slip{}
		n := open(t, streams.Options{Workers: 1, TailMessages: 1, NewWriter: func() streams.Writer { return s }})
		out := provide(t, n)
		want := func(want ...string) {
			t.Helper()
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			if got := fmt.Sprint(s.events); got != fmt.Sprint(want) || len(s.left) > 0 {
				t.Errorf("written %s, left %v, want %v and nothing left", got, s.left, want)
			}
			s.events = nil
		}
		join := func(at streams.StartAt) *streams.InTopic {
			t.Helper()
			in, _, err := out.Topic().In(t.Context(), leaver{}, 0, at)
			if err != nil {
				t.Fatal(err)
			}
			in.Start()
			return in
		}
		in := join(streams.Latest())
		send(t, out, "one")
		want("one")
		send(t, out, "two")
		want("two")
		in.Close()
		synctest.Wait()
		join(streams.Earliest())
		want("one", "two")
		n.Close()
		want("closed")
	})
}
