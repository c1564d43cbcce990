package gateway_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seagate/gateway"
	"seagate/protocol"
	"seagate/storage/memory"
	"seagate/streams/merge"
)

// mergedSink writes down what a merged subscription hands out.
type mergedSink struct {
	mu   sync.Mutex
	told []string
}

func (s *mergedSink) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, fmt.Sprintf(format, args...))
}

func (s *mergedSink) Deliver(items []merge.Item) int {
	for _, item := range items {
		s.note("%d %s", item.Source, item.Message.Payload)
	}
	return len(items)
}
func (s *mergedSink) Dropped(stream int, why merge.Reason, n int) { s.note("%d %v %d", stream, why, n) }
func (s *mergedSink) Gap(stream int, first, last uint64)          { s.note("%d gap %d-%d", stream, first, last) }
func (s *mergedSink) Ended(stream int, reason *protocol.Error)    { s.note("%d %s", stream, reason.Code) }
func (s *mergedSink) End(reason *protocol.Error) bool {
	s.note("end %s", reason.Code)
	return true
}

func (s *mergedSink) want(t *testing.T, told ...string) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.told, told) {
		t.Errorf("told %q, want %q", s.told, told)
	}
}

// A token's filter applies to every stream of a merge. A stream that it hides as a
// whole, by its name or by its messages, holds nobody up, however long the wait.
func TestFiltersOfMergedSubscriptions(t *testing.T) {
	for name, filter := range map[string]string{
		"by name":    `,"filter":{"t":"eq","e":[{"t":"meta","e":"streamName"},{"t":"string","e":"a"}]}`,
		"by message": `,"filter":{"t":"not","e":{"t":"eq","e":[{"t":"path","e":"p"},{"t":"number","e":7}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := build(t, memory.New(), nil)
				root := g.root()
				g.define(root, "a")
				g.define(root, "b")
				g.ok(g.SetHeader(t.Context(), root, "a", []byte(`{"p":1}`)))
				g.ok(g.SetHeader(t.Context(), root, "b", []byte(`{"p":7}`)))
				if name == "by name" { // that nothing will come is known before the first message
					provision, _, err := g.Provide(root, "b", &producer{})
					g.ok(err)
					defer provision.Close()
				} else {
					g.ok(g.publish(root, "b", `{"p":7}`))
				}
				bearer := g.bearer(root, filter)
				s := &mergedSink{}
				sub, err := g.SubscribeMerged(t.Context(), bearer, gateway.MergedRequest{
					Streams: []gateway.MergedStream{{Name: "a"}, {Name: "b"}}, By: "$.p", Wait: time.Hour}, s)
				g.ok(err)
				defer sub.Close()
				if a, b := sub.Header(0), sub.Header(1); string(a) != `{"p":1}` || b != nil {
					t.Errorf("the headers are %s and %s", a, b)
				}
				sub.Start()
				g.ok(g.publish(root, "a", `{"p":1}`, `{"p":2}`))
				s.want(t, `0 {"p":1}`, `0 {"p":2}`)
				g.ok(g.publish(root, "b", `{"p":7}`))
				s.want(t, `0 {"p":1}`, `0 {"p":2}`)
			})
		})
	}
}

// A jail reads its own streams alone, and a deleted stream ends a merge, or itself.
func TestMergedSubscriptionsEnd(t *testing.T) {
	for _, tell := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			g := build(t, memory.New(), nil)
			root := g.root()
			g.define(root, "a")
			g.define(root, "b")
			s := &mergedSink{}
			sub, err := g.SubscribeMerged(t.Context(), root, gateway.MergedRequest{
				Streams: []gateway.MergedStream{{Name: "a"}, {Name: "b"}}, TellEnds: tell}, s)
			g.ok(err)
			defer sub.Close()
			sub.Start()
			g.ok(g.DeleteStream(t.Context(), root, "b"))
			if tell {
				s.want(t, "1 stream_deleted")
			} else {
				s.want(t, "end stream_deleted")
			}
		})
	}
}
