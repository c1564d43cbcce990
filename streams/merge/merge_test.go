package merge_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seagate/streams"
	"seagate/streams/merge"
)

// A bench is a merge of topics that are named "1", "2", and so on, as the
// topics of the sink's notes are.
type bench struct {
	net    *streams.Network
	topics []*streams.Topic
	sink   *sink
	merge  *merge.Merge
}

type setup struct {
	from       streams.StartAt
	priorities []int
	wait       time.Duration
	room       int // of the sink; 0 is all
	hidden     int // the number of the topic that is hidden; 0 is none
	options    streams.Options
	before     func(*bench)
}

func newBench(t testing.TB, topics int, s setup) *bench {
	t.Helper()
	b := &bench{net: open(t, s.options), sink: &sink{room: 1 << 30}}
	if s.room > 0 {
		b.sink.room = s.room
	}
	for i := range topics {
		b.topics = append(b.topics, topicOf(t, b.net, fmt.Sprint(i+1)))
	}
	if s.before != nil {
		s.before(b)
	}
	var sources []merge.Source
	for i, topic := range b.topics {
		source := merge.Source{Topic: topic, From: s.from, Hidden: i+1 == s.hidden}
		if s.priorities != nil {
			source.Priority = s.priorities[i]
		}
		sources = append(sources, source)
	}
	by, err := merge.Path("$.t")
	if err != nil {
		t.Fatal(err)
	}
	if s.wait == 0 {
		s.wait = time.Second
	}
	b.merge, err = merge.Open(t.Context(), sources, merge.Options{By: by, Wait: s.wait}, b.sink)
	if err != nil {
		t.Fatal(err)
	}
	b.sink.merge = b.merge
	b.merge.Start()
	return b
}

func (b *bench) close() {
	b.merge.Close()
	b.net.Close()
}

// send sends messages, written as topic@timestamp.
func (b *bench) send(t testing.TB, messages ...string) {
	t.Helper()
	for _, m := range messages {
		var topic, at int
		if _, err := fmt.Sscanf(m, "%d@%d", &topic, &at); err != nil {
			t.Fatal(err)
		}
		if err := sendTo(b.topics[topic-1], fmt.Sprintf(`{"t":%d}`, at)); err != nil {
			t.Fatal(err)
		}
	}
}

// provide provides the topics with these numbers.
func (b *bench) provide(t testing.TB, numbers ...int) (outs []*streams.OutTopic) {
	t.Helper()
	for _, n := range numbers {
		out, _, err := b.topics[n-1].Out(nil)
		if err != nil {
			t.Fatal(err)
		}
		outs = append(outs, out)
	}
	return outs
}

func (b *bench) want(t testing.TB, order string) {
	t.Helper()
	synctest.Wait()
	if got := b.sink.order(); got != order {
		t.Errorf("came out\n %s\nwant\n %s", got, order)
	}
}

// The original let out whatever came first: 1@10, then 2@5.
func TestTheFirstMessagesAreInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 3, setup{})
		defer b.close()
		b.provide(t, 1, 2, 3)
		b.send(t, "1@10", "2@5", "3@7")
		b.want(t, "2@5")
		b.send(t, "2@12", "3@11")
		b.want(t, "2@5 3@7 1@10")
		time.Sleep(2 * time.Second)
		b.want(t, "2@5 3@7 1@10 3@11 2@12")
	})
}

// B13 of the original: priorities had no effect, and equal timestamps came out
// by chance, the last arrival first.
func TestEqualTimestampsComeByPriorityThenInTheListedOrder(t *testing.T) {
	for _, test := range []struct {
		priorities []int
		want       string
	}{
		{nil, "1@5 2@5 3@5"},
		{[]int{0, 1, 0}, "2@5 1@5 3@5"},
		{[]int{1, 2, 3}, "3@5 2@5 1@5"},
		{[]int{-1, 0, -1}, "2@5 1@5 3@5"},
	} {
		for _, order := range [][]string{{"1@5", "2@5", "3@5"}, {"3@5", "2@5", "1@5"}, {"2@5", "3@5", "1@5"}} {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 3, setup{priorities: test.priorities})
				defer b.close()
				b.provide(t, 1, 2, 3)
				b.send(t, order...)
				time.Sleep(5 * time.Second)
				b.want(t, test.want)
			})
		}
	}
}

// The original stood still for ever behind a topic that was silent, unregistered
// or closed.
func TestWhoHoldsTheOthersUpIsReleased(t *testing.T) {
	for name, release := range map[string]func(*bench, *streams.OutTopic){
		"pause":      func(_ *bench, out *streams.OutTopic) { out.SetPaused(true) },
		"unregister": func(_ *bench, out *streams.OutTopic) { out.Close() },
		"delete":     func(b *bench, _ *streams.OutTopic) { b.net.Delete(context.Background(), b.topics[1].ID()) },
		"remove":     func(b *bench, _ *streams.OutTopic) { b.merge.Remove(1) },
		"hold":       func(b *bench, _ *streams.OutTopic) { b.topics[1].Hold(context.Background(), true) },
		"silence":    func(*bench, *streams.OutTopic) { time.Sleep(time.Nanosecond) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, 2, setup{})
				defer b.close()
				outs := b.provide(t, 1, 2)
				b.send(t, "2@1")
				b.want(t, "")
				b.send(t, "1@1")
				b.want(t, "1@1 2@1")
				b.send(t, "1@2")
				time.Sleep(time.Second - time.Nanosecond)
				b.want(t, "1@1 2@1")
				release(b, outs[1])
				b.want(t, "1@1 2@1 1@2")
			})
		})
	}
}

// A topic that was passed over is waited for again after its next message.
func TestAPassedOverTopicReturnsWithItsNextMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, setup{})
		defer b.close()
		b.provide(t, 1, 2)
		b.send(t, "1@1")
		time.Sleep(time.Second)
		b.want(t, "1@1")
		b.send(t, "1@2")
		b.want(t, "1@1 1@2")
		b.send(t, "2@1", "1@4") // late, but it has spoken
		b.want(t, "1@1 1@2")
		b.send(t, "2@3")
		b.want(t, "1@1 1@2 2@3")
		if got := strings.Join(b.sink.drops, ", "); got != "1 late" {
			t.Errorf("dropped %s, want 1 late", got)
		}
	})
}

// The merge waits for a topic that accepted a message within the wait before the
// merge began, and not for one whose last message is older. Nobody provides the
// topics, as with publishes over HTTP.
func TestMessagesBeforeTheMergeCount(t *testing.T) {
	for silence, want := range map[time.Duration]string{999 * time.Millisecond: "", time.Second: "1@9"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, 2, setup{before: func(b *bench) {
				b.send(t, "2@1")
				time.Sleep(silence)
			}})
			defer b.close()
			b.send(t, "1@9")
			b.want(t, want)
			time.Sleep(time.Millisecond)
			b.want(t, "1@9")
		})
	}
}

func TestAHiddenTopicHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, setup{hidden: 2, wait: time.Hour})
		defer b.close()
		b.provide(t, 1, 2)
		b.send(t, "1@1")
		b.want(t, "1@1")
	})
}

// Two recorded topics come out in order over the seam to live, however long the
// wait is: what a log holds is waited for.
func TestRecordedTopicsAreMergedOverTheSeam(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const recorded, live = 3000, 200
		record := func(b *bench, from, n int) {
			for k, topic := range b.topics {
				var payloads []string
				for i := range n {
					payloads = append(payloads, fmt.Sprintf(`{"t":%d,"pad":"%s"}`, (from+i)*len(b.topics)+k, strings.Repeat("x", 200)))
				}
				if err := sendTo(topic, payloads...); err != nil {
					t.Fatal(err)
				}
			}
		}
		b := newBench(t, 3, setup{from: streams.Earliest(), wait: time.Millisecond, before: func(b *bench) {
			record(b, 0, recorded)
			time.Sleep(time.Hour)
		}})
		defer b.close()
		record(b, recorded, live)
		time.Sleep(time.Second)
		synctest.Wait()
		stamps := b.sink.stamps
		if len(stamps) != 3*(recorded+live) || !slices.IsSorted(stamps) || len(b.sink.drops) > 0 {
			t.Errorf("%d of %d messages came, in order: %t, dropped: %v", len(stamps), 3*(recorded+live), slices.IsSorted(stamps), b.sink.drops)
		}
	})
}

// A merge whose sink takes nothing holds a queue per topic. The rest stays in the
// logs, and comes out whole.
func TestMemoryIsBoundedWhileTheSinkSleeps(t *testing.T) {
	const messages, batch = 200_000, 1000
	b := newBench(t, 2, setup{from: streams.Earliest(), wait: time.Millisecond, room: 1})
	defer b.close()
	for i := 0; i < messages; i += batch {
		payloads := make([]string, batch)
		for k := range payloads {
			payloads[k] = fmt.Sprintf(`{"t":%d,"pad":"%s"}`, i+k, strings.Repeat("x", 100))
		}
		if err := sendTo(b.topics[i/batch%2], payloads...); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, func() bool { return b.sink.taken() == 1 })
	waitFor(t, func() bool { return merge.Queued(b.merge, 0) >= 200 && merge.Queued(b.merge, 1) >= 200 })
	for i := range b.topics {
		if n := merge.Queued(b.merge, i); n > 256 {
			t.Errorf("topic %d: %d messages are queued, want at most 256", i+1, n)
		}
	}
	b.sink.setRoom(1 << 30)
	b.merge.Resume()
	waitFor(t, func() bool { return b.sink.taken() == messages })
	if !slices.IsSorted(b.sink.stamps) || len(b.sink.drops) > 0 {
		t.Errorf("out of order, or dropped: %d", len(b.sink.drops))
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}

// Large messages are bounded by their bytes.
func TestQueuedBytesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, setup{room: 1})
		defer b.close()
		for i := range 50 {
			if err := sendTo(b.topics[0], fmt.Sprintf(`{"t":%d,"pad":"%s"}`, i, strings.Repeat("x", 100<<10))); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := merge.Queued(b.merge, 0); n != 3 {
			t.Errorf("%d messages of 100 KiB are queued, want 3", n)
		}
	})
}

// The end of a topic, and a gap in it, come behind what the topic had before, and
// a full sink loses neither.
func TestGapsAndEndsKeepTheirPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, setup{room: 1, from: streams.At(1)})
		defer b.close()
		b.send(t, "1@1", "1@2", "1@3", "2@9")
		synctest.Wait()
		if err := b.net.Delete(t.Context(), b.topics[0].ID()); err != nil {
			t.Fatal(err)
		}
		if err := b.net.Delete(t.Context(), b.topics[1].ID()); err != nil {
			t.Fatal(err)
		}
		b.want(t, "1@1")
		b.sink.setRoom(10)
		b.merge.Resume()
		b.want(t, "1@1 1@2 1@3 2@9")
		want := fmt.Sprintf("0 %v behind 4, 1 %v behind 4", streams.ErrDeleted, streams.ErrDeleted)
		if got := strings.Join(b.sink.other, ", "); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

func TestGapsAreToldPerTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, setup{room: 1, from: streams.At(1), options: streams.Options{TailMessages: 1}, before: func(b *bench) {
			age := time.Minute
			if err := b.topics[0].SetOverrides(t.Context(), streams.Overrides{Age: &age}); err != nil {
				t.Fatal(err)
			}
		}})
		defer b.close()
		for i := range 300 {
			b.send(t, fmt.Sprintf("1@%d", i))
		}
		synctest.Wait()
		time.Sleep(time.Hour) // retention takes what is not queued
		b.send(t, "1@1000")
		b.sink.setRoom(1000)
		b.merge.Resume()
		synctest.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := strings.Join(b.sink.other, ", "); got == "" || !strings.HasPrefix(got, "0 gap ") {
			t.Errorf("told %q, want a gap of topic 0", got)
		}
		if n := len(b.sink.stamps); n == 0 || b.sink.stamps[n-1] != 1000 {
			t.Errorf("the message behind the gap did not come: %v", b.sink.stamps)
		}
	})
}

func TestAClosedMergeIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, setup{})
		defer b.net.Close()
		b.provide(t, 1, 2)
		b.send(t, "1@1")
		synctest.Wait()
		b.merge.Close()
		b.merge.Close()
		time.Sleep(time.Minute)
		b.want(t, "")
		for _, topic := range b.topics {
			if n := topic.Info().Readers; n != 0 {
				t.Errorf("topic %s has %d readers after Close", topic.ID().Name, n)
			}
		}
	})
}
