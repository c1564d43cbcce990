package streams_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
)

func TestRepeatsAreSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		n := open(t, streams.Options{RepeatWindow: time.Minute})
		out := provide(t, n)
		r, _ := join(t, out.Topic(), -1, 0)
		r.in.Start()
		once := func(key, payload string) (first uint64, err error) {
			out.Topic().SendOnce(key, [][]byte{[]byte(payload)}, func(sent streams.Sent, e error) { first, err = sent.First, e })
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
		if err := out.Topic().Hold(ctx, true); err != nil {
			t.Fatal(err)
		}
		if first, err := once("a", "x"); first != 1 || err != nil {
			t.Errorf("a repeat while paused: %d, %v", first, err)
		}
		if _, err := once("b", "x"); err != streams.ErrHeld {
			t.Errorf("a new message while paused: %v, want ErrHeld", err)
		}
		if err := out.Topic().Hold(ctx, false); err != nil {
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
		out.Send([][]byte{[]byte("a")}, func(sent streams.Sent, err error) { answered = sent.First == 1 && err == nil })
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

// Publishers that outrun the workers are held, not served with gaps to those
// who keep up.
func TestSendersWaitForTheWorkersNotForTheSlow(t *testing.T) {
	n := open(t, streams.Options{TailMessages: 16, Workers: 2})
	out := provide(t, n)
	var consumers []*recorder
	for i := range 8 {
		r, _ := join(t, out.Topic(), -1, uint32(i))
		r.in.Start()
		consumers = append(consumers, r)
	}
	stuck, _ := join(t, out.Topic(), 0, 0)
	stuck.in.Start()
	const total = 20_000
	done := make(chan struct{})
	ended := &waiter{done: done, last: total}
	in, _, _ := out.Topic().In(context.Background(), ended, 1, streams.Latest())
	in.Start()
	for range total {
		send(t, out, "x")
	}
	<-done
	n.Close()
	for _, r := range consumers {
		for _, e := range r.events {
			if strings.HasPrefix(e, "gap") {
				t.Fatalf("a consumer that always has room was told of a %s", e)
			}
		}
	}
}

// waiter closes done when it has seen the message numbered last.
type waiter struct {
	recorder
	done chan struct{}
	last uint64
}

func (w *waiter) Deliver(p *streams.Batch) int {
	if p.Messages[len(p.Messages)-1].Seq == w.last {
		close(w.done)
	}
	return len(p.Messages)
}
