package streams_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
)

// observedLogs notes where its logs are read, and lets reads wait for the gate.
type observedLogs struct {
	storage.Engine
	gate chan struct{} // a read takes one element; nil: reads do not wait

	mu    sync.Mutex
	reads []uint64
}

type observedLog struct {
	storage.Log
	logs *observedLogs
}

func (o *observedLogs) OpenLog(ctx context.Context, name string) (storage.Log, error) {
	log, err := o.Engine.OpenLog(ctx, name)
	return observedLog{log, o}, err
}

func (l observedLog) Read(ctx context.Context, from uint64, maxMessages, maxBytes int) ([]storage.Entry, error) {
	l.logs.mu.Lock()
	l.logs.reads = append(l.logs.reads, from)
	l.logs.mu.Unlock()
	if l.logs.gate != nil {
		<-l.logs.gate
	}
	return l.Log.Read(ctx, from, maxMessages, maxBytes)
}

// wantReads checks where the logs were read, after all has come to rest.
func (o *observedLogs) wantReads(t *testing.T, from ...uint64) {
	t.Helper()
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(o.reads, from) {
		t.Errorf("the log was read from %d, want %d", o.reads, from)
	}
}

// held is a consumer that takes each batch when the gate lets it.
type held struct {
	recorder
	gate chan struct{}
}

func (h *held) Deliver(b *streams.Batch) int {
	<-h.gate
	return h.recorder.Deliver(b)
}

// recorded opens a network on logs, whose topic has so many messages, nearly
// all of them in the log alone.
func recorded(t *testing.T, logs storage.Engine, messages int) (*streams.Network, *streams.OutTopic) {
	t.Helper()
	n := openOn(t, logs, streams.Options{Workers: 1, TailMessages: 1})
	out := provide(t, n)
	sendNumbers(t, out, 1, messages)
	return n, out
}

func holdAt(t *testing.T, out *streams.OutTopic, from streams.StartAt) *held {
	t.Helper()
	h := &held{recorder{room: -1}, make(chan struct{})}
	in, _, err := out.Topic().In(t.Context(), h, 0, from)
	if err != nil {
		t.Fatal(err)
	}
	h.in = in
	in.Start()
	return h
}

func TestTheLogIsReadOneSegmentAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs := &observedLogs{Engine: memory.New()}
		n, out := recorded(t, logs, 4000)
		h := holdAt(t, out, streams.Earliest())
		for range 4 {
			h.gate <- struct{}{}
		}
		logs.wantReads(t, 1, 257, 513, 769, 1025, 1281) // while the segment at 1025 is delivered
		h.gate <- struct{}{}
		logs.wantReads(t, 1, 257, 513, 769, 1025, 1281, 2305) // what is read ahead is larger
		close(h.gate)
		logs.wantReads(t, 1, 257, 513, 769, 1025, 1281, 2305, 3329)
		h.want(t, numbers(1, 4000)...)
		n.Close()
	})
}

// A batch that was read for one consumer says so.
func TestABatchOfTheLogSaysWhetherItIsForOneConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for consumers := 1; consumers <= 2; consumers++ {
			logs := &observedLogs{Engine: memory.New(), gate: make(chan struct{})}
			n, out := recorded(t, logs, 100)
			var all []*loner
			for range consumers {
				l := &loner{recorder: recorder{room: -1}}
				in, _, err := out.Topic().In(t.Context(), l, 0, streams.Earliest())
				if err != nil {
					t.Fatal(err)
				}
				l.in = in
				in.Start()
				all = append(all, l)
			}
			synctest.Wait() // all wait for the same read
			close(logs.gate)
			synctest.Wait()
			for _, l := range all {
				if l.want(t, numbers(1, 100)...); l.alone != (consumers == 1) {
					t.Errorf("with %d consumers a batch of the log is for one alone: %t", consumers, l.alone)
				}
			}
			n.Close()
		}
	})
}

// A loner notes whether its first batch was for it alone.
type loner struct {
	recorder
	offered, alone bool
}

func (l *loner) Deliver(b *streams.Batch) int {
	if !l.offered {
		l.offered, l.alone = true, b.Alone
	}
	return l.recorder.Deliver(b)
}

// A consumer that is full or closed has one segment read in vain, and none if
// it is full often.
func TestOneSegmentIsReadInVain(t *testing.T) {
	t.Run("by who is full", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			logs := &observedLogs{Engine: memory.New()}
			n, out := recorded(t, logs, 2000)
			r, _ := joinFrom(t, out.Topic(), 1100, 0, streams.Earliest())
			r.in.Start()
			logs.wantReads(t, 1, 257, 513, 769, 1025, 1281)
			r.want(t, numbers(1, 1100)...)
			r.giveRoom(400)
			logs.wantReads(t, 1, 257, 513, 769, 1025, 1281, 1101, 1357)
			r.want(t, numbers(1, 1500)...)
			r.giveRoom(-1)
			synctest.Wait()
			r.want(t, numbers(1, 2000)...)
			n.Close()
		})
	})
	t.Run("by who is closed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			logs := &observedLogs{Engine: memory.New()}
			n, out := recorded(t, logs, 2000)
			h := holdAt(t, out, streams.Earliest())
			for range 4 {
				h.gate <- struct{}{}
			}
			synctest.Wait()
			h.in.Close()
			close(h.gate)
			logs.wantReads(t, 1, 257, 513, 769, 1025, 1281)
			n.Close()
		})
	})
}

// Segments are held in memory until they are delivered.
func TestAtMostEightSegmentsAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs := &observedLogs{Engine: memory.New()}
		n, out := recorded(t, logs, 1000)
		var all []*held
		for i := range 20 {
			all = append(all, holdAt(t, out, streams.At(uint64(i+1))))
		}
		synctest.Wait() // one of them is delivered to
		if len(logs.reads) > 8 {
			t.Errorf("%d segments are held, want at most 8", len(logs.reads))
		}
		for _, h := range all {
			close(h.gate)
		}
		synctest.Wait()
		for i, h := range all {
			h.want(t, numbers(i+1, 1000)...)
		}
		n.Close()
	})
}

// A group that was woken for each acknowledgement, while messages waited to be
// handed out again, had the log read each time for nothing.
func TestAResumeWithoutRoomReadsNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs := &observedLogs{Engine: memory.New()}
		n, out := recorded(t, logs, 100)
		r, _ := joinFrom(t, out.Topic(), 1, 0, streams.Earliest())
		r.in.Start()
		logs.wantReads(t, 1)
		r.busy = true
		for range 5 {
			r.giveRoom(1)
			synctest.Wait()
		}
		logs.wantReads(t, 1)
		if r.want(t, "1:1"); r.resumed != 5 {
			t.Errorf("Resumed was called %d times, want 5", r.resumed)
		}
		r.busy = false
		r.giveRoom(-1)
		synctest.Wait()
		r.want(t, numbers(1, 100)...)
		r.in.Close()
		n.Close()
	})
}

func TestStateTravelsInOrderThroughASegmentReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs := &observedLogs{Engine: memory.New(), gate: make(chan struct{})}
		n, out := recorded(t, logs, 1300)
		r, _ := joinFrom(t, out.Topic(), -1, 0, streams.Earliest())
		r.in.Start()
		for range 5 {
			logs.gate <- struct{}{}
		}
		logs.wantReads(t, 1, 257, 513, 769, 1025, 1281) // the last read waits
		for _, paused := range []bool{true, false} {
			if err := out.Topic().Hold(t.Context(), paused); err != nil {
				t.Fatal(err)
			}
		}
		sendNumbers(t, out, 1301, 1305)
		close(logs.gate)
		synctest.Wait()
		want := append(numbers(1, 1300), "registered=true paused=true", "registered=true paused=false")
		r.want(t, append(want, numbers(1301, 1305)...)...)
		n.Close()
	})
}

func TestGapInASegmentReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs := &observedLogs{Engine: memory.New(), gate: make(chan struct{})}
		n, out := recorded(t, logs, 1300)
		r, _ := joinFrom(t, out.Topic(), -1, 0, streams.Earliest())
		r.in.Start()
		for range 5 {
			logs.gate <- struct{}{}
		}
		logs.wantReads(t, 1, 257, 513, 769, 1025, 1281)
		few := uint64(10)
		if err := out.Topic().SetOverrides(t.Context(), streams.Overrides{Messages: &few}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		close(logs.gate)
		synctest.Wait()
		r.want(t, append(append(numbers(1, 1280), "gap 1281-1290"), numbers(1291, 1300)...)...)
		n.Close()
	})
}
