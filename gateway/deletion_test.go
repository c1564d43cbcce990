package gateway_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/groups"
	"seagate/protocol"
	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
)

// slowSchemas stops the deletion of a schema in the middle.
type slowSchemas struct {
	storage.Records
	armed            bool
	mu               sync.Mutex
	entered, proceed chan struct{}
}

func (s *slowSchemas) stop(table string) {
	s.mu.Lock()
	armed := s.armed && table != "topics"
	s.armed = s.armed && !armed
	s.mu.Unlock()
	if armed {
		close(s.entered)
		<-s.proceed
	}
}

func (s *slowSchemas) arm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = true
}

func (s *slowSchemas) Delete(ctx context.Context, table, key string, c storage.Condition) error {
	s.stop(table)
	return s.Records.Delete(ctx, table, key, c)
}

func (s *slowSchemas) Put(ctx context.Context, table, key string, value []byte, c storage.Condition) (uint64, error) {
	s.stop(table)
	return s.Records.Put(ctx, table, key, value, c)
}

// Between the deletion of a stream's topic and that of its schema, whoever
// subscribed, or set a header, did so to a new topic: the subscription outlived
// its stream, and the header became that of the next stream of the name.
func TestNothingOutlivesADeletedStream(t *testing.T) {
	records := &slowSchemas{Records: memory.New(), entered: make(chan struct{}), proceed: make(chan struct{})}
	p := build(t, records, nil)
	root := p.root()
	p.define(root, "s")
	records.arm()
	deleted := make(chan error, 1)
	go func() { deleted <- p.DeleteStream(context.Background(), root, "s") }()
	<-records.entered
	if sub, e := p.Subscribe(t.Context(), root, gateway.Request{Stream: "s"}, &sink{}); e == nil {
		t.Error("subscribed to a stream that is being deleted")
		sub.Close()
	}
	if e := p.SetHeader(t.Context(), root, "s", jsontext.Value(`{"p":0}`)); e == nil {
		t.Error("gave a header to a stream that is being deleted")
	}
	close(records.proceed)
	p.ok(<-deleted)
	p.define(root, "s")
	if header, e := p.Header(root, "s"); e == nil {
		t.Errorf("the new stream has the header %s", header)
	}
}

// panickySink fails at every message that it shares.
type panickySink struct{ sink }

func (*panickySink) Deliver(*streams.Batch, []groups.Share) (int, uint64) { panic("deliver") }

// A subscription whose delivery panicked was not told, and its group fell
// silent.
func TestASubscriptionThatPanicsEndsAndItsGroupGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, memory.New(), nil)
		root := p.root()
		p.define(root, "s")
		bad := &panickySink{}
		sub, e := p.Subscribe(t.Context(), root, gateway.Request{Stream: "s", Group: groupA}, bad)
		p.ok(e)
		sub.Start()
		healthy := p.subscribe(root, "s", groupA)
		for _, payload := range []string{`{"p":1}`, `{"p":2}`, `{"p":3}`} {
			p.ok(p.publish(root, "s", payload))
		}
		synctest.Wait()
		slices.Sort(healthy.got) // what the other was to have may come late
		healthy.want(t, `{"p":1}`, `{"p":2}`, `{"p":3}`)
		if want := []string{string(protocol.CodeInternal)}; !slices.Equal(bad.ended, want) {
			t.Errorf("the subscription ended with %q, want %q", bad.ended, want)
		}
		sub.Close()
	})
}
