package streams_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"seagate/storage/pebble"
	"seagate/streams"
)

// counter is a consumer with room for everything.
type counter struct{ n int }

func (c *counter) Deliver(b *streams.Batch) int { c.n += len(b.Messages); return len(b.Messages) }
func (*counter) State(streams.State) bool       { return true }
func (*counter) Gap(uint64, uint64)             {}
func (*counter) Resumed() bool                  { return true }
func (*counter) End(error)                      {}

func BenchmarkFanOut(b *testing.B) {
	for _, subscribers := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(subscribers), func(b *testing.B) {
			n := open(b, streams.Options{})
			out := provide(b, n)
			for i := range subscribers {
				in, _, _ := out.Topic().In(context.Background(), &counter{}, uint32(i), streams.Latest())
				in.Start()
			}
			payload := [][]byte{make([]byte, 256)}
			b.ReportAllocs()
			for b.Loop() {
				out.Send(payload, func(streams.Sent, error) {})
			}
		})
	}
}

// replayed is a consumer that works on each message as a subscription does
// that encodes it, or not at all, and is full after some messages.
type replayed struct {
	counter
	in    *streams.InTopic
	work  bool
	room  int // messages that it takes until it has to be resumed; 0: all
	taken int
	sum   [sha256.Size]byte
	last  int
	done  chan struct{}
}

func (r *replayed) Deliver(b *streams.Batch) int {
	n := len(b.Messages)
	if r.room > 0 {
		n = min(n, r.room-r.taken)
	}
	for _, m := range b.Messages[:n] {
		if r.work {
			r.sum = sha256.Sum256(m.Payload)
		}
	}
	r.n += n
	r.taken += n
	if n < len(b.Messages) {
		r.taken = 0
		go r.in.Resume()
	}
	if r.n == r.last {
		close(r.done)
	}
	return n
}

// BenchmarkReplay measures how fast one consumer reads 200,000 messages from a
// log on disk.
func BenchmarkReplay(b *testing.B) {
	const total, batch = 200_000, 1000
	engine, err := pebble.Open(b.TempDir(), pebble.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	n := openOn(b, engine, streams.Options{})
	defer n.Close()
	out := provide(b, n)
	payloads := make([][]byte, batch)
	for i := range payloads {
		payloads[i] = make([]byte, 256)
	}
	for range total / batch {
		sent := make(chan error, 1)
		out.Send(payloads, func(_ streams.Sent, err error) { sent <- err })
		if err := <-sent; err != nil {
			b.Fatal(err)
		}
	}
	for name, consumer := range map[string]replayed{"counts": {}, "works": {work: true}, "fills": {work: true, room: 640}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := consumer
				r.last, r.done = total, make(chan struct{})
				in, _, err := out.Topic().In(b.Context(), &r, 0, streams.Earliest())
				if err != nil {
					b.Fatal(err)
				}
				r.in = in
				in.Start()
				<-r.done
				in.Close()
			}
			b.ReportMetric(float64(total*b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}
