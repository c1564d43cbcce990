package streams_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
)

// numbers are the events of messages whose payloads are their numbers.
func numbers(first, last int) []string {
	var events []string
	for n := first; n <= last; n++ {
		events = append(events, fmt.Sprintf("%d:%d", n, n))
	}
	return events
}

func sendNumbers(t testing.TB, out *streams.OutTopic, first, last int) {
	t.Helper()
	for n := first; n <= last; n++ {
		send(t, out, fmt.Sprint(n))
	}
}

func TestWhoFallsBehindTheTailReadsTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{TailMessages: 2})
		out := provide(t, n)
		r, _ := join(t, out.Topic(), 1, 0)
		r.in.Start()
		for i := range 2000 {
			sendNumbers(t, out, i+1, i+1)
			synctest.Wait()
		}
		r.giveRoom(-1)
		synctest.Wait()
		r.want(t, numbers(1, 2000)...)
		sendNumbers(t, out, 2001, 2002)
		synctest.Wait()
		r.want(t, numbers(1, 2002)...)
		n.Close()
	})
}

func TestReplayBeginsWhereItIsAskedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{TailMessages: 2})
		out := provide(t, n)
		sendNumbers(t, out, 1, 5)
		time.Sleep(time.Minute)
		since := time.Now()
		sendNumbers(t, out, 6, 9)
		epoch := out.Topic().Bounds().Epoch
		tests := []struct {
			name  string
			from  streams.StartAt
			first int
		}{
			{"latest", streams.Latest(), 10},
			{"earliest", streams.Earliest(), 1},
			{"number in the log", streams.At(3), 3},
			{"number in the tail", streams.At(9), 9},
			{"the next number", streams.At(10), 10},
			{"with its epoch", streams.At(4).In(epoch), 4},
			{"time", streams.Since(since), 6},
			{"time before everything", streams.Since(time.Time{}), 1},
			{"time to come", streams.Since(time.Now().Add(time.Hour)), 10},
		}
		recorders := make([]*recorder, len(tests))
		for i, test := range tests {
			r, joined := joinFrom(t, out.Topic(), -1, uint32(i), test.from)
			if joined.Next != uint64(test.first) || joined.Bounds.Epoch != epoch {
				t.Errorf("%s: joined at %d of %q, want %d of %q", test.name, joined.Next, joined.Bounds.Epoch, test.first, epoch)
			}
			r.in.Start()
			recorders[i] = r
		}
		sendNumbers(t, out, 10, 12)
		synctest.Wait()
		for i, test := range tests {
			t.Logf("from %s", test.name)
			recorders[i].want(t, numbers(test.first, 12)...)
		}
		n.Close()
	})
}

func TestPositionsThatAreNone(t *testing.T) {
	n := open(t, streams.Options{})
	out := provide(t, n)
	sendNumbers(t, out, 1, 3)
	tests := map[string]streams.StartAt{
		"beyond the end":            streams.At(5),
		"zero":                      streams.At(0),
		"another epoch":             streams.At(2).In("other"),
		"earliest of another epoch": streams.Earliest().In("other"),
	}
	for name, from := range tests {
		_, _, err := out.Topic().In(t.Context(), &recorder{}, 0, from)
		var position *streams.PositionError
		if !errors.Is(err, streams.ErrPosition) || !errors.As(err, &position) || position.Bounds.Next != 4 {
			t.Errorf("%s: %v, want a PositionError at 4", name, err)
		}
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

// The tail owes to those that keep up what the log has dropped, and so do all
// others get it. Where they begin says so.
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

func TestMessagesOutliveTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := memory.New()
		n := openOn(t, disk, streams.Options{})
		sendNumbers(t, provide(t, n), 1, 5)
		n.Close()

		n = openOn(t, disk, streams.Options{Policy: streams.Policy{Durability: streams.InMemory}})
		if names := n.Names(topicID.Space); len(names) != 1 {
			t.Fatalf("topics after reopening: %v", names)
		}
		out := provide(t, n)
		if _, holds := out.Topic().Policy(); holds.Durability != streams.OnDisk {
			t.Errorf("durability %s, want disk as the topic began", holds.Durability)
		}
		r, _ := joinFrom(t, out.Topic(), -1, 0, streams.At(3))
		r.in.Start()
		sendNumbers(t, out, 6, 6)
		synctest.Wait()
		r.want(t, numbers(3, 6)...)
		n.Close()
	})
}

func TestDurabilityIsFixedByTheFirstMessage(t *testing.T) {
	ctx := t.Context()
	n := open(t, streams.Options{})
	out := provide(t, n)
	inMemory, onDisk, age := streams.InMemory, streams.OnDisk, 90*time.Second
	if err := out.Topic().SetOverrides(ctx, streams.Overrides{Durability: &inMemory, Age: &age}); err != nil {
		t.Fatal(err)
	}
	send(t, out, "1")
	set, holds := out.Topic().Policy()
	if holds.Durability != inMemory || holds.Retention.Age != age || holds.Retention.Bytes != 1<<30 || set.Bytes != nil {
		t.Errorf("set %+v, holds %+v", set, holds)
	}
	if err := out.Topic().SetOverrides(ctx, streams.Overrides{Durability: &onDisk}); !errors.Is(err, streams.ErrDurabilityFixed) {
		t.Errorf("another durability after a message: %v, want ErrDurabilityFixed", err)
	}
	if err := out.Topic().SetOverrides(ctx, streams.Overrides{Durability: &inMemory}); err != nil {
		t.Errorf("the same durability: %v", err)
	}
}

func TestOverridesOutliveTheNetwork(t *testing.T) {
	disk := memory.New()
	inMemory, bytes := streams.InMemory, int64(77)
	n := openOn(t, disk, streams.Options{})
	if err := provide(t, n).Topic().SetOverrides(t.Context(), streams.Overrides{Durability: &inMemory, Bytes: &bytes}); err != nil {
		t.Fatal(err)
	}
	send(t, provide(t, n), "1")
	n.Close()
	n = openOn(t, disk, streams.Options{})
	topic := provide(t, n).Topic()
	if set, holds := topic.Policy(); *set.Bytes != 77 || set.Age != nil || holds.Durability != inMemory {
		t.Errorf("after reopening: set %+v, holds %+v", set, holds)
	}
	if b := topic.Bounds(); b.Next != 1 {
		t.Errorf("a topic in memory still has its messages: %+v", b)
	}
}

func TestRepeatsAreSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		n := open(t, streams.Options{RepeatWindow: time.Minute})
		out := provide(t, n)
		r, _ := join(t, out.Topic(), -1, 0)
		r.in.Start()
		once := func(key, payload string) (first uint64, err error) {
			out.SendOnce(key, [][]byte{[]byte(payload)}, func(f uint64, e error) { first, err = f, e })
			synctest.Wait()
			return first, err
		}
		for range 3 {
			if first, err := once("a", "x"); first != 1 || err != nil {
				t.Errorf("a: %d, %v", first, err)
			}
		}
		if _, err := once("a", "y"); !errors.Is(err, storage.ErrKeyReused) {
			t.Errorf("another payload: %v, want ErrKeyReused", err)
		}
		if err := out.Topic().SetPaused(ctx, true); err != nil {
			t.Fatal(err)
		}
		if first, err := once("a", "x"); first != 1 || err != nil {
			t.Errorf("a repeat while paused: %d, %v", first, err)
		}
		if _, err := once("b", "x"); err != streams.ErrPaused {
			t.Errorf("a new message while paused: %v, want ErrPaused", err)
		}
		if err := out.Topic().SetPaused(ctx, false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if first, err := once("a", "x"); first != 2 || err != nil {
			t.Errorf("after the window: %d, %v", first, err)
		}
		r.want(t, "1:x", "registered=true paused=true", "registered=true paused=false", "2:x")
		n.Close()
	})
}

// slowLogs answers appends when it is told to, as a disk does.
type slowLogs struct {
	storage.Engine
	mu      sync.Mutex
	pending []func()
}

type slowLog struct {
	storage.Log
	logs *slowLogs
}

func (s *slowLogs) OpenLog(ctx context.Context, name string) (storage.Log, error) {
	log, err := s.Engine.OpenLog(ctx, name)
	return slowLog{log, s}, err
}

func (l slowLog) Append(a storage.Append) {
	l.logs.mu.Lock()
	defer l.logs.mu.Unlock()
	l.logs.pending = append(l.logs.pending, func() { l.Log.Append(a) })
}

func (s *slowLogs) sync() {
	s.mu.Lock()
	pending := s.pending
	s.pending = nil
	s.mu.Unlock()
	for _, f := range pending {
		f()
	}
}

func TestNobodySeesWhatIsNotDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &slowLogs{Engine: memory.New()}
		n := openOn(t, disk, streams.Options{})
		out := provide(t, n)
		r, _ := join(t, out.Topic(), -1, 0)
		r.in.Start()
		answered := false
		out.Send([][]byte{[]byte("a")}, func(first uint64, err error) { answered = first == 1 && err == nil })
		synctest.Wait()
		late, joined := join(t, out.Topic(), -1, 1)
		late.in.Start()
		synctest.Wait()
		r.want(t)
		if answered || joined.Next != 1 {
			t.Errorf("answered %v, joined at %d before the message was durable", answered, joined.Next)
		}
		disk.sync()
		synctest.Wait()
		r.want(t, "1:a")
		late.want(t, "1:a")
		if !answered {
			t.Error("not answered though it is durable")
		}
		n.Close()
	})
}

func TestPauseIsHeardBehindWhatWasSentBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &slowLogs{Engine: memory.New()}
		n := openOn(t, disk, streams.Options{})
		out := provide(t, n)
		r, _ := join(t, out.Topic(), -1, 0)
		r.in.Start()
		send(t, out, "a")
		paused := make(chan error)
		go func() { paused <- out.Topic().SetPaused(t.Context(), true) }()
		synctest.Wait()
		out.Send([][]byte{[]byte("b")}, func(_ uint64, err error) {
			if err != streams.ErrPaused {
				t.Errorf("Send: %v, want ErrPaused", err)
			}
		})
		disk.sync()
		if err := <-paused; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.want(t, "1:a", "registered=true paused=true")
		n.Close()
	})
}

// brokenLogs cannot be read.
type brokenLogs struct{ storage.Engine }

type brokenLog struct{ storage.Log }

var errBroken = errors.New("damaged")

func (s brokenLogs) OpenLog(ctx context.Context, name string) (storage.Log, error) {
	log, err := s.Engine.OpenLog(ctx, name)
	return brokenLog{log}, err
}

func (brokenLog) Read(context.Context, uint64, int, int) ([]storage.Entry, error) {
	return nil, errBroken
}

func TestWhoMeetsDamageIsToldAndOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := openOn(t, brokenLogs{memory.New()}, streams.Options{TailMessages: 2})
		out := provide(t, n)
		live, _ := join(t, out.Topic(), -1, 0)
		live.in.Start()
		for i := range 5 {
			sendNumbers(t, out, i+1, i+1)
			synctest.Wait()
		}
		behind, _ := joinFrom(t, out.Topic(), -1, 0, streams.Earliest())
		behind.in.Start()
		synctest.Wait()
		behind.want(t, "failed: damaged")
		sendNumbers(t, out, 6, 6)
		synctest.Wait()
		live.want(t, numbers(1, 6)...)
		behind.want(t, "failed: damaged")
		n.Close()
	})
}

// Replays from everywhere, resumed at random, while messages come in faster
// than the tail is long.
func TestReplayMeetsLiveWithoutGapOrRepeat(t *testing.T) {
	const before, total = 2000, 6000
	n := open(t, streams.Options{Workers: 3, TailMessages: 64})
	out := provide(t, n)
	sendNumbers(t, out, 1, before)
	var all []*moody
	var firsts []uint64
	for i := range 30 {
		m := &moody{rng: rand.New(rand.NewPCG(uint64(i), 7)), done: make(chan struct{}), last: total}
		first := uint64(1 + m.rng.IntN(before))
		in, _, err := out.Topic().In(t.Context(), m, uint32(i), streams.At(first))
		if err != nil {
			t.Fatal(err)
		}
		m.in = in
		in.Start()
		all, firsts = append(all, m), append(firsts, first)
	}
	sendNumbers(t, out, before+1, total)
	for i, m := range all {
		<-m.done
		m.mu.Lock()
		for k, seq := range m.seen {
			if seq != firsts[i]+uint64(k) {
				t.Fatalf("consumer %d: message %d where %d was due", i, seq, firsts[i]+uint64(k))
			}
		}
		if gap := strings.Join(m.events, ", "); gap != "" {
			t.Fatalf("consumer %d was told: %s", i, gap)
		}
		m.mu.Unlock()
	}
}

// Retention may pass what is the oldest between its being looked up and its
// being read. Whoever asked for the oldest gets what is the oldest then.
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
