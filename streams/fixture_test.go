package streams_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/streamstest"
)

var topicID = streams.ID{Space: "jail", Name: "boiler"}

func open(t testing.TB, opts streams.Options) *streams.Network {
	t.Helper()
	return openOn(t, memory.New(), opts)
}

// openOn returns a network whose disk is the given engine.
func openOn(t testing.TB, disk storage.Engine, opts streams.Options) *streams.Network {
	t.Helper()
	n, err := streams.Open(context.Background(), streams.Stores{Records: disk, Disk: disk, Memory: memory.New()}, streamstest.Options(opts))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func provide(t testing.TB, n *streams.Network) *streams.OutTopic {
	t.Helper()
	topic, err := n.Topic(topicID)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := topic.Out(nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func send(t testing.TB, out *streams.OutTopic, payloads ...string) {
	t.Helper()
	raw := make([][]byte, len(payloads))
	for i, p := range payloads {
		raw[i] = []byte(p)
	}
	out.Send(raw, func(_ streams.Sent, err error) {
		if err != nil {
			t.Errorf("Send: %v", err)
		}
	})
}

// recorder is a consumer that writes down what it is told, as text.
type recorder struct {
	mu     sync.Mutex
	in     *streams.InTopic
	room   int // messages it takes until given more; -1: all
	events []string

	resumed int  // calls of Resumed
	busy    bool // Resumed reports that it has no room
	deaf    bool // it does not take changes of state
}

func (r *recorder) note(format string, args ...any) {
	r.events = append(r.events, fmt.Sprintf(format, args...))
}

func (r *recorder) Deliver(p *streams.Batch) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, m := range p.Messages {
		if r.room == 0 {
			return i
		}
		if r.room > 0 {
			r.room--
		}
		r.note("%d:%s", m.Seq, m.Payload)
	}
	return len(p.Messages)
}

func (r *recorder) State(s streams.State) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deaf {
		return false
	}
	r.note("registered=%v paused=%v", s.Registered, s.Paused)
	return true
}

func (r *recorder) Gap(first, last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note("gap %d-%d", first, last)
}

func (r *recorder) Resumed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resumed++
	return !r.busy
}

func (r *recorder) End(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == streams.ErrDeleted {
		r.note("end")
	} else {
		r.note("failed: %v", err)
	}
}

func (r *recorder) giveRoom(n int) {
	r.mu.Lock()
	r.room = n
	r.mu.Unlock()
	r.in.Resume()
}

func (r *recorder) want(t *testing.T, events ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if got, want := strings.Join(r.events, ", "), strings.Join(events, ", "); got != want {
		t.Errorf("consumer was told\n %s\nwant\n %s", got, want)
	}
}

func join(t testing.TB, topic *streams.Topic, room int, shard uint32) (*recorder, streams.Joined) {
	t.Helper()
	return joinFrom(t, topic, room, shard, streams.Latest())
}

func joinFrom(t testing.TB, topic *streams.Topic, room int, shard uint32, from streams.StartAt) (*recorder, streams.Joined) {
	t.Helper()
	r := &recorder{room: room}
	in, joined, err := topic.In(t.Context(), r, shard, from)
	if err != nil {
		t.Fatal(err)
	}
	r.in = in
	return r, joined
}
