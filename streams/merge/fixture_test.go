package merge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/merge"
	"seagate/streams/streamstest"
)

func open(t testing.TB, opts streams.Options) *streams.Network {
	t.Helper()
	disk := memory.New()
	n, err := streams.Open(context.Background(), streams.Stores{Records: disk, Disk: disk, Memory: memory.New()}, streamstest.Options(opts))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func topicOf(t testing.TB, n *streams.Network, name string) *streams.Topic {
	t.Helper()
	topic, err := n.Topic(streams.ID{Space: "jail", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

// sendTo sends messages and waits until they are accepted.
func sendTo(topic *streams.Topic, payloads ...string) error {
	raw := make([][]byte, len(payloads))
	for i, p := range payloads {
		raw[i] = []byte(p)
	}
	done := make(chan error, 1)
	topic.Send(raw, func(_ streams.Sent, err error) { done <- err })
	return <-done
}

// visible hides the messages that say so.
func visible(b *streams.Batch) []int {
	index := []int{}
	for i, m := range b.Messages {
		if !strings.Contains(string(m.Payload), `"hidden":true`) {
			index = append(index, i)
		}
	}
	return index
}

// sink writes down what a merge hands out.
type sink struct {
	mu     sync.Mutex
	merge  *merge.Merge
	room   int
	out    []string // source/number@timestamp time
	drops  []string
	other  []string // gaps and ends
	stamps []float64
	most   int // messages in one call
}

func (s *sink) Deliver(items []merge.Item) (taken int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = max(s.most, len(items))
	for i, item := range items {
		if s.room == 0 {
			return i
		}
		s.room--
		at := stampIn(item.Message.Payload)
		s.stamps = append(s.stamps, at)
		s.out = append(s.out, fmt.Sprintf("%d/%d@%v %v", item.Source, item.Message.Seq, at, time.Now().UnixNano()))
	}
	return len(items)
}

func stampIn(payload []byte) float64 {
	if digits, _, ok := strings.Cut(strings.TrimPrefix(string(payload), `{"t":`), ","); ok {
		if at, err := strconv.ParseFloat(digits, 64); err == nil {
			return at
		}
	}
	var m struct{ T any }
	json.Unmarshal(payload, &m)
	if text, ok := m.T.(string); ok {
		at, _ := time.Parse(time.RFC3339, text)
		return float64(at.Unix())
	}
	at, _ := m.T.(float64)
	return at
}

func (s *sink) Dropped(source int, why merge.Reason, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.drops = append(s.drops, fmt.Sprintf("%d %v", source, why))
	}
}

func (s *sink) Gap(source int, first, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.other = append(s.other, fmt.Sprintf("%d gap %d-%d behind %d", source, first, last, len(s.out)))
}

func (s *sink) End(source int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.other = append(s.other, fmt.Sprintf("%d %v behind %d", source, err, len(s.out)))
}

func (s *sink) setRoom(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room = n
}

func (s *sink) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.out)
}

// order returns what came out, without numbers of messages and times.
func (s *sink) order() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, o := range s.out {
		source, rest, _ := strings.Cut(o, "/")
		_, rest, _ = strings.Cut(rest, "@")
		at, _, _ := strings.Cut(rest, " ")
		k, _ := strconv.Atoi(source)
		out = append(out, fmt.Sprintf("%d@%s", k+1, at))
	}
	return strings.Join(out, " ")
}
