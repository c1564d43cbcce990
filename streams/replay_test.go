package streams_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
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

func TestPositionsOutsideTheTopic(t *testing.T) {
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
