package streams_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seagate/internal/clock"
	"seagate/internal/clock/clocktest"
	"seagate/storage"
	"seagate/storage/memory"
	"seagate/storage/storagetest"
	"seagate/streams"
)

// A topic is trimmed at every interval, and at once when it has grown by more
// than an eighth of what it may keep since it was trimmed last.
func TestGrowthCountsFromTheLastTrim(t *testing.T) {
	const interval = 10 * time.Second
	tests := []struct {
		name string
		keep storage.Retention // 80 messages of 2 bytes
	}{
		{"messages", storage.Retention{Messages: 80}},
		{"bytes", storage.Retention{Bytes: 160}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := open(t, streams.Options{RetentionInterval: interval, Policy: streams.Policy{Retention: test.keep}})
				out := provide(t, n)
				grow := func(messages int, first uint64) {
					t.Helper()
					for range messages {
						send(t, out, "xx")
					}
					synctest.Wait()
					if b := out.Topic().Bounds(); b.First != first {
						t.Errorf("after message %d the first is %d, want %d", b.Next-1, b.First, first)
					}
				}
				grow(80, 1)
				time.Sleep(interval)
				grow(0, 1)
				grow(10, 1)
				grow(1, 12)
				grow(10, 12)
				time.Sleep(interval)
				grow(0, 22)
				grow(10, 22)
				n.Close()
			})
		})
	}
}

// The tail keeps what readers that keep up have not had, also in a topic that
// may keep next to nothing.
func TestRetentionTakesNothingFromLiveReaders(t *testing.T) {
	policy := streams.Policy{Retention: storage.Retention{Messages: 1}}
	n := open(t, streams.Options{Policy: policy})
	out := provide(t, n)
	r, _ := join(t, out.Topic(), -1, 0)
	r.in.Start()
	for i := range 20000 {
		sendNumbers(t, out, i, i)
	}
	n.Close()
	gaps := 0
	for _, e := range r.events {
		if e[0] == 'g' {
			gaps++
		}
	}
	if gaps > 0 {
		t.Errorf("a live reader with room for everything was told of %d gaps in 20000 messages", gaps)
	}
}

func TestRetentionTellsReadersWhatTheyMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := streams.Policy{Retention: storage.Retention{Messages: 10}}
		n := open(t, streams.Options{TailMessages: 4, Policy: policy})
		out := provide(t, n)
		r, _ := join(t, out.Topic(), 1, 0)
		r.in.Start()
		for i := range 100 {
			sendNumbers(t, out, i+1, i+1)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		if b := out.Topic().Bounds(); b.First != 91 || b.Next != 101 {
			t.Fatalf("kept from %d to before %d, want 91 to before 101", b.First, b.Next)
		}
		r.giveRoom(-1)
		fresh, _ := joinFrom(t, out.Topic(), -1, 1, streams.At(50))
		fresh.in.Start()
		synctest.Wait()
		r.want(t, append([]string{"1:1", "gap 2-90"}, numbers(91, 100)...)...)
		fresh.want(t, append([]string{"gap 50-90"}, numbers(91, 100)...)...)
		n.Close()
	})
}

// Retention may trim a log before the topic has shown what was appended. What it removed then
// was shown to every later reader.
func TestRetentionThatIsFasterThanTheTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := streams.Policy{Retention: storage.Retention{Messages: 1}}
		logs := storagetest.SlowAppends{Engine: memory.New(), Gate: make(chan struct{})}
		n := openOn(t, logs, streams.Options{Policy: policy})
		out := provide(t, n)
		out.Send([][]byte{[]byte("1"), []byte("2"), []byte("3")}, func(streams.Sent, error) {})
		time.Sleep(time.Minute) // the log is trimmed
		close(logs.Gate)
		synctest.Wait()
		fresh, _ := joinFrom(t, out.Topic(), -1, 1, streams.At(1))
		fresh.in.Start()
		synctest.Wait()
		fresh.want(t, "gap 1-2", "3:3")
		n.Close()
	})
}

// The tail keeps messages that the log has dropped as long as a reader that
// keeps up needs them. Others get them too, and In says so.
func TestWhereReadersBeginCountsTheTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := streams.Policy{Retention: storage.Retention{Messages: 1}}
		n := open(t, streams.Options{Policy: policy})
		out := provide(t, n)
		slow, _ := join(t, out.Topic(), -1, 0)
		sendNumbers(t, out, 1, 9)
		time.Sleep(time.Minute)
		r, joined := joinFrom(t, out.Topic(), -1, 1, streams.At(3))
		if log := out.Topic().Bounds(); log.First != 9 || joined.Next != 3 || joined.Bounds.First != 1 || out.Topic().Readable().First != 1 {
			t.Errorf("the log begins with %d, the reader with %d of what begins with %d", log.First, joined.Next, joined.Bounds.First)
		}
		r.in.Start()
		slow.in.Start()
		synctest.Wait()
		r.want(t, numbers(3, 9)...)
		slow.want(t, numbers(1, 9)...)
		n.Close()
	})
}

func TestRetentionByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{Policy: streams.Policy{Retention: storage.Retention{Age: time.Hour}}})
		out := provide(t, n)
		sendNumbers(t, out, 1, 3)
		time.Sleep(59 * time.Minute)
		if b := out.Topic().Bounds(); b.First != 1 {
			t.Errorf("message %d is the first after 59 minutes, want 1", b.First)
		}
		time.Sleep(3 * time.Minute)
		if b := out.Topic().Bounds(); b.First != 4 || b.Bytes != 0 {
			t.Errorf("message %d is the first after 62 minutes, and %d bytes are kept; want 4 and none", b.First, b.Bytes)
		}
		r, _ := joinFrom(t, out.Topic(), -1, 0, streams.Earliest())
		r.in.Start()
		sendNumbers(t, out, 4, 4)
		synctest.Wait()
		r.want(t, "4:4")
		n.Close()
	})
}

// A step of the clock of 8 days forward for 15 s deleted everything that is kept for 7
// days.
func TestRetentionByAgeDoesNotBelieveAJump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var jumped atomic.Int64
		began, o := time.Now(), clocktest.Options()
		o.Read = func() (wall, monotonic time.Duration) {
			monotonic = time.Since(began)
			return monotonic + time.Duration(jumped.Load()), monotonic
		}
		n := open(t, streams.Options{Clock: clock.New(o), Policy: streams.Policy{Retention: storage.Retention{Age: 7 * 24 * time.Hour}}})
		out := provide(t, n)
		sendNumbers(t, out, 1, 3)
		want := func(first uint64, when string) {
			t.Helper()
			synctest.Wait()
			if b := out.Topic().Bounds(); b.First != first {
				t.Errorf("message %d is the first %s, want %d", b.First, when, first)
			}
		}
		const jump = 8 * 24 * time.Hour
		jumped.Store(int64(jump))
		time.Sleep(15 * time.Second)
		want(1, "after 15 s of a jump")
		jumped.Store(0)
		time.Sleep(2 * o.Patience)
		want(1, "after a jump that did not last")
		jumped.Store(int64(jump))
		time.Sleep(o.Patience + time.Minute)
		want(4, "after a jump that lasted")
		n.Close()
	})
}

// A gateway that starts with a wrong clock deletes nothing in the first hour.
func TestRetentionByAgeDoesNotBelieveAStartFarBehindTheNewestMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := streams.Options{Policy: streams.Policy{Retention: storage.Retention{Age: 7 * 24 * time.Hour}}}
		disk := memory.New()
		n := openOn(t, disk, o)
		sendNumbers(t, provide(t, n), 1, 3)
		n.Close()
		time.Sleep(8 * 24 * time.Hour)
		n = openOn(t, disk, o)
		topic, _ := n.Lookup(topicID)
		time.Sleep(30 * time.Minute)
		if b := topic.Bounds(); b.First != 1 {
			t.Errorf("message %d is the first after half an hour, want 1", b.First)
		}
		time.Sleep(time.Hour)
		if b := topic.Bounds(); b.First != 4 {
			t.Errorf("message %d is the first after an hour and a half, want 4", b.First)
		}
		n.Close()
	})
}

// A message that was accepted by a wrong clock does not make the next start believe that clock.
// It is believed after it has been right for as long in one run.
func TestAClockThatIsNotBelievedIsNotBelievedAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const jump = 8 * 24 * time.Hour
		week := streams.Policy{Retention: storage.Retention{Age: 7 * 24 * time.Hour}}
		disk := memory.New()
		var n *streams.Network
		var out *streams.OutTopic
		var machine *clock.Clock
		var stopped atomic.Int64 // how long the monotonic clock of this run has stood still
		restart := func(interval time.Duration) {
			if n != nil {
				n.Close()
			}
			stopped.Store(0)
			o, began := clocktest.Options(), time.Now()
			o.Read = func() (wall, monotonic time.Duration) {
				wall = time.Since(began)
				return wall, wall - time.Duration(stopped.Load())
			}
			machine = clock.New(o)
			n = openOn(t, disk, streams.Options{Clock: machine, RetentionInterval: interval, Policy: week})
			out = provide(t, n)
		}
		want := func(first uint64, when string) {
			t.Helper()
			synctest.Wait()
			if b := out.Topic().Bounds(); b.First != first {
				t.Errorf("message %d is the first %s, want %d", b.First, when, first)
			}
		}
		restart(1000 * time.Hour)
		sendNumbers(t, out, 1, 3)
		time.Sleep(jump)
		stopped.Store(int64(jump))
		sendNumbers(t, out, 4, 4)
		for i := range 3 { // the first time only Close has seen that the clock has jumped
			restart(10 * time.Second)
			sendNumbers(t, out, 5+i, 5+i)
			time.Sleep(50 * time.Minute)
			want(1, fmt.Sprintf("after restart %d", i+1))
		}
		time.Sleep(20 * time.Minute)
		want(4, "when the clock is believed")
		restart(10 * time.Second)
		if machine.Jumps() != 0 {
			t.Error("the clock is not believed after an ordinary restart")
		}
		n.Close()
	})
}

// Retention may drop the oldest message between In and Start. A consumer that
// asked for the oldest is then told of no gap.
func TestTheEarliestIsWhateverIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{TailMessages: 2, Policy: streams.Policy{Retention: storage.Retention{Messages: 10}}})
		out := provide(t, n)
		sendNumbers(t, out, 1, 9)
		asked := map[string]streams.StartAt{"earliest": streams.Earliest()}
		recorders := map[string]*recorder{}
		for name, from := range asked {
			recorders[name], _ = joinFrom(t, out.Topic(), -1, 0, from)
		}
		sendNumbers(t, out, 10, 30)
		time.Sleep(time.Minute)
		for name, r := range recorders {
			t.Log(name)
			r.in.Start()
			synctest.Wait()
			r.want(t, numbers(21, 30)...)
		}
		n.Close()
	})
}
