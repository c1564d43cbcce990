package streams_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
)

// storage says "If ctx ends the wait, it may still happen".
type hastyLogs struct {
	storage.Engine
	cancel *context.CancelFunc
}

func (h hastyLogs) DeleteLog(ctx context.Context, name string) error {
	if err := h.Engine.DeleteLog(context.WithoutCancel(ctx), name); err != nil {
		return err
	}
	(*h.cancel)() // the client of DELETE hangs up during the sync
	return ctx.Err()
}

func TestDeletionCutShortLeavesAZombie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		n := openOn(t, hastyLogs{memory.New(), &cancel}, streams.Options{})
		out := provide(t, n)
		sendNumbers(t, out, 1, 3)
		r, _ := join(t, out.Topic(), -1, 0)
		r.in.Start()
		err := n.Delete(ctx, topicID)
		t.Log("Delete:", err)
		synctest.Wait()
		// either the topic works, or it is gone and everybody knows
		topic, _ := n.Topic(topicID)
		o2, err := topic.Out()
		t.Log("Out:", err)
		o2.Send([][]byte{[]byte("4")}, func(_ uint64, e error) { err = e })
		synctest.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil && len(r.events) == 0 {
			t.Errorf("publishing to it: %v (for ever), and its subscriber was never told: %q", err, r.events)
		}
		n.Close()
	})
}

// pause never ends while somebody publishes with ids.
type delayedLogs struct{ storage.Engine }

func (s delayedLogs) OpenLog(ctx context.Context, name string) (storage.Log, error) {
	log, err := s.Engine.OpenLog(ctx, name)
	return delayedLog{log}, err
}

type delayedLog struct{ storage.Log }

func (l delayedLog) Append(a storage.Append) {
	go func() { // a sync of 5 ms
		time.Sleep(5 * time.Millisecond)
		l.Log.Append(a)
	}()
}

func TestPauseIsStarvedByPublishesWithIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := openOn(t, delayedLogs{memory.New()}, streams.Options{})
		out := provide(t, n)
		var stop atomic.Bool
		var refused atomic.Int64
		for i := range 2 { // two clients, each one publish at a time
			go func() {
				time.Sleep(time.Duration(i) * 2 * time.Millisecond)
				for k := 0; !stop.Load(); k++ {
					done := make(chan error, 1)
					out.SendOnce(string(rune('a'+i))+time.Now().String(), [][]byte{[]byte("x")}, func(_ uint64, err error) { done <- err })
					if errors.Is(<-done, streams.ErrPaused) {
						refused.Add(1)
					}
				}
			}()
		}
		time.Sleep(20 * time.Millisecond)
		paused := make(chan error, 1)
		go func() { paused <- out.Topic().SetPaused(t.Context(), true) }()
		time.Sleep(time.Minute)
		select {
		case <-paused:
		default:
			t.Errorf("SetPaused has not returned in a minute; %d publishes were refused meanwhile", refused.Load())
		}
		stop.Store(true)
		time.Sleep(time.Second)
		n.Close()
	})
}

// live readers that keep up lose messages in a topic that keeps few.
func TestLiveReadersLoseWhatTheTailStillOwesThem(t *testing.T) {
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

// deletion between the log's ErrTrimmed and Bounds.
type trimmedLogs struct {
	storage.Engine
	hook func()
}

func (s *trimmedLogs) OpenLog(ctx context.Context, name string) (storage.Log, error) {
	log, err := s.Engine.OpenLog(ctx, name)
	return trimmedLog{log, s}, err
}

type trimmedLog struct {
	storage.Log
	s *trimmedLogs
}

func (l trimmedLog) Read(ctx context.Context, from uint64, m, b int) ([]storage.Entry, error) {
	run, err := l.Log.Read(ctx, from, m, b)
	if errors.Is(err, storage.ErrTrimmed) && l.s.hook != nil {
		l.s.hook()
	}
	return run, err
}

func TestDeletionWhileAGapIsFoundTellsOfANegativeGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs := &trimmedLogs{Engine: memory.New()}
		n := openOn(t, logs, streams.Options{TailMessages: 1, Policy: streams.Policy{Retention: storage.Retention{Messages: 2}}})
		out := provide(t, n)
		r, _ := join(t, out.Topic(), 1, 0)
		r.in.Start()
		sendNumbers(t, out, 1, 50)
		synctest.Wait()
		time.Sleep(time.Minute)
		logs.hook = func() { logs.hook = nil; n.Delete(context.Background(), topicID) }
		r.giveRoom(-1)
		synctest.Wait()
		r.mu.Lock()
		for _, e := range r.events {
			t.Log(e)
		}
		r.mu.Unlock()
		r.want(t, "1:1", "end")
		n.Close()
	})
}

// settings that do not speak of durability are refused with ErrDurabilityFixed.
func TestRetentionCannotBeSetOnceTheDefaultDurabilityChanged(t *testing.T) {
	disk := memory.New()
	n := openOn(t, disk, streams.Options{})
	send(t, provide(t, n), "1")
	n.Close()
	n = openOn(t, disk, streams.Options{Policy: streams.Policy{Durability: streams.InMemory}})
	age := time.Hour
	if err := provide(t, n).Topic().SetOverrides(t.Context(), streams.Overrides{Age: &age}); err != nil {
		t.Errorf("retention alone: %v", err)
	}
}

// a fetch that waits does not know of a later change of state.
type gatedLogs struct {
	storage.Engine
	mu   sync.Mutex
	gate chan struct{}
}

func (s *gatedLogs) OpenLog(ctx context.Context, name string) (storage.Log, error) {
	log, err := s.Engine.OpenLog(ctx, name)
	return gatedLog{log, s}, err
}

type gatedLog struct {
	storage.Log
	s *gatedLogs
}

func (l gatedLog) Read(ctx context.Context, from uint64, m, b int) ([]storage.Entry, error) {
	l.s.mu.Lock()
	gate := l.s.gate
	l.s.mu.Unlock()
	if gate != nil {
		<-gate
	}
	return l.Log.Read(ctx, from, m, b)
}

func TestStateTravelsInOrderThroughTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs := &gatedLogs{Engine: memory.New(), gate: make(chan struct{})}
		n := openOn(t, logs, streams.Options{TailMessages: 1})
		out := provide(t, n)
		sendNumbers(t, out, 1, 3)
		r, _ := joinFrom(t, out.Topic(), -1, 0, streams.Earliest())
		r.in.Start()
		synctest.Wait() // the fetch is under way
		if err := out.Topic().SetPaused(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if err := out.Topic().SetPaused(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		sendNumbers(t, out, 4, 5)
		synctest.Wait()
		close(logs.gate)
		synctest.Wait()
		r.want(t, "1:1", "2:2", "3:3", "registered=true paused=true", "registered=true paused=false", "4:4", "5:5")
		n.Close()
	})
}

// a change of registration while a pause waits tells of the pause too early.
func TestPauseIsToldTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := openOn(t, delayedLogs{memory.New()}, streams.Options{})
		out := provide(t, n)
		r, _ := join(t, out.Topic(), -1, 0)
		r.in.Start()
		send(t, out, "a")
		go out.Topic().SetPaused(t.Context(), true)
		synctest.Wait()
		out.Close()
		time.Sleep(time.Second)
		r.want(t, "1:a", "registered=true paused=true", "registered=false paused=true")
		n.Close()
	})
}
