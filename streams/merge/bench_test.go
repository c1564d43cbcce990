package merge_test

import (
	"fmt"
	"testing"

	"seagate/streams"
	"seagate/streams/merge"
)

// tally is a sink with room for everything.
type tally struct {
	n, last int
	done    chan struct{}
}

func (s *tally) Deliver(items []merge.Item) int {
	if s.n += len(items); s.n == s.last {
		close(s.done)
	}
	return len(items)
}
func (*tally) Dropped(int, merge.Reason, int) {}
func (*tally) Gap(int, uint64, uint64)        {}
func (*tally) End(int, error)                 {}

// BenchmarkMerge measures what a message costs that is read from a recorded
// topic and merged with those of others.
func BenchmarkMerge(b *testing.B) {
	const total, batch = 100_000, 1000
	for _, topics := range []int{2, 16} {
		n := open(b, streams.Options{})
		var sources []merge.Source
		for k := range topics {
			topic := topicOf(b, n, fmt.Sprint(k))
			for i := 0; i < total/topics; i += batch {
				var payloads []string
				for j := range min(batch, total/topics-i) {
					payloads = append(payloads, fmt.Sprintf(`{"pressure":3001,"t":%d,"unit":"%0200d"}`, (i+j)*topics+k, 0))
				}
				if err := sendTo(topic, payloads...); err != nil {
					b.Fatal(err)
				}
			}
			sources = append(sources, merge.Source{Topic: topic, From: streams.Earliest()})
		}
		path, _ := merge.Path("$.t")
		for name, by := range map[string]merge.By{"path": path, "accepted": merge.Accepted()} {
			b.Run(fmt.Sprintf("%d/%s", topics, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s := &tally{last: total, done: make(chan struct{})}
					m, err := merge.Open(b.Context(), sources, merge.Options{By: by}, s)
					if err != nil {
						b.Fatal(err)
					}
					m.Start()
					<-s.done
					m.Close()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(total*b.N), "ns/message")
			})
		}
	}
}
