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

// delayedLogs takes 5 ms for each append, as for a sync.
type delayedLogs struct{ storage.Engine }

func (s delayedLogs) OpenLog(ctx context.Context, name string) (storage.Log, error) {
	log, err := s.Engine.OpenLog(ctx, name)
	return delayedLog{log}, err
}

type delayedLog struct{ storage.Log }

func (l delayedLog) Append(a storage.Append) {
	go func() {
		time.Sleep(5 * time.Millisecond)
		l.Log.Append(a)
	}()
}

func TestPauseIsNotDelayedByPublishesWithKeys(t *testing.T) {
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
					out.Topic().SendOnce(string(rune('a'+i))+time.Now().String(), [][]byte{[]byte("x")}, func(_ streams.Sent, err error) { done <- err })
					if errors.Is(<-done, streams.ErrHeld) {
						refused.Add(1)
					}
				}
			}()
		}
		time.Sleep(20 * time.Millisecond)
		paused := make(chan error, 1)
		go func() { paused <- out.Topic().Hold(t.Context(), true) }()
		time.Sleep(time.Minute)
		select {
		case <-paused:
		default:
			t.Errorf("Hold has not returned in a minute; %d publishes were refused meanwhile", refused.Load())
		}
		stop.Store(true)
		time.Sleep(time.Second)
		n.Close()
	})
}

// gatedLogs lets reads wait until the gate is closed.
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
		synctest.Wait() // the read is under way
		if err := out.Topic().Hold(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if err := out.Topic().Hold(t.Context(), false); err != nil {
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

// A change of registration does not bring forward a pause that is not due yet.
func TestPauseAndRegistrationAreToldInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := openOn(t, delayedLogs{memory.New()}, streams.Options{})
		out := provide(t, n)
		r, _ := join(t, out.Topic(), -1, 0)
		r.in.Start()
		send(t, out, "a")
		go out.Topic().Hold(t.Context(), true)
		synctest.Wait()
		out.Close()
		time.Sleep(time.Second)
		r.want(t, "1:a", "registered=true paused=true", "registered=false paused=true")
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
		go func() { paused <- out.Topic().Hold(t.Context(), true) }()
		synctest.Wait()
		out.Send([][]byte{[]byte("b")}, func(_ streams.Sent, err error) {
			if err != streams.ErrHeld {
				t.Errorf("Send: %v, want ErrHeld", err)
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

func TestStateTravelsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		n := open(t, streams.Options{})
		out := provide(t, n)
		r, joined := join(t, out.Topic(), 1, 0)
		r.in.Start()
		if !joined.Registered || joined.Paused {
			t.Errorf("joined in state %+v, want registered and not paused", joined.State)
		}
		send(t, out, "a", "b")
		if err := out.Topic().Hold(ctx, true); err != nil {
			t.Fatal(err)
		}
		out.Send([][]byte{[]byte("x")}, func(_ streams.Sent, err error) {
			if err != streams.ErrHeld {
				t.Errorf("Send to a paused topic: %v, want ErrHeld", err)
			}
		})
		if err := out.Topic().Hold(ctx, false); err != nil {
			t.Fatal(err)
		}
		send(t, out, "c")
		out.Close()
		synctest.Wait()
		r.want(t, "1:a")
		r.giveRoom(-1)
		synctest.Wait()
		r.want(t, "1:a", "2:b", "registered=true paused=true", "registered=true paused=false", "3:c", "registered=false paused=false")
		n.Close()
	})
}

func TestHeaderAndPauseOutliveTheNetwork(t *testing.T) {
	ctx := t.Context()
	records := memory.New()
	n := openOn(t, records, streams.Options{})
	topic, _ := n.Topic(topicID)
	if err := topic.SetHeader(ctx, []byte(`{"progress":7}`)); err != nil {
		t.Fatal(err)
	}
	if err := topic.Hold(ctx, true); err != nil {
		t.Fatal(err)
	}
	n.Close()

	n = openOn(t, records, streams.Options{})
	topic, _ = n.Topic(topicID)
	if string(topic.Header()) != `{"progress":7}` || !topic.Info().Paused {
		t.Errorf("after reopening: header %s, paused %v", topic.Header(), topic.Info().Paused)
	}
	if err := topic.SetHeader(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if topic.Header() != nil || !topic.Info().Paused {
		t.Error("clearing the header did more or less than that")
	}
}
