package streams_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
)

// hastyLogs calls cancel when a log was deleted, as when a client hangs up
// during the sync: "if ctx ends the wait, it may still happen".
type hastyLogs struct {
	storage.Engine
	cancel *context.CancelFunc
}

func (h hastyLogs) DeleteLog(ctx context.Context, name string) error {
	if err := h.Engine.DeleteLog(context.WithoutCancel(ctx), name); err != nil {
		return err
	}
	(*h.cancel)()
	return ctx.Err()
}

// A topic whose deletion was cut short either works, or is gone and everybody
// is told. It can be deleted again.
func TestDeletionCutShort(t *testing.T) {
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
		topic, _ := n.Topic(topicID)
		o2, _, err := topic.Out(nil)
		t.Log("Out:", err)
		if err == nil {
			o2.Send([][]byte{[]byte("4")}, func(_ streams.Sent, e error) { err = e })
		}
		synctest.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil && len(r.events) == 0 {
			t.Errorf("publishing to it: %v (for ever), and its subscriber was never told: %q", err, r.events)
		}
		if err := n.Delete(t.Context(), topicID); err != nil {
			t.Fatal(err)
		}
		if topic, _ := n.Topic(topicID); topic.Info().Next != 1 {
			t.Error("the topic made anew is not empty")
		}
		send(t, provide(t, n), "1")
		n.Close()
	})
}

// trimmedLogs calls hook when a read has found that the log begins later.
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

func TestDeletionWhileAGapIsFound(t *testing.T) {
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

func TestDeleteEndsReadersAndForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		n := open(t, streams.Options{})
		out := provide(t, n)
		if err := out.Topic().SetHeader(ctx, []byte(`1`)); err != nil {
			t.Fatal(err)
		}
		r, _ := join(t, out.Topic(), -1, 0)
		r.in.Start()
		send(t, out, "a")
		if err := n.DeleteSpace(ctx, topicID.Space); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.want(t, "1:a", "end")
		out.Send([][]byte{nil}, func(_ streams.Sent, err error) {
			if err != streams.ErrDeleted {
				t.Errorf("Send: %v, want ErrDeleted", err)
			}
		})
		if _, _, err := out.Topic().In(context.Background(), r, 0, streams.Latest()); err != streams.ErrDeleted {
			t.Errorf("In: %v, want ErrDeleted", err)
		}
		if err := out.Topic().SetHeader(ctx, []byte(`2`)); err != streams.ErrDeleted {
			t.Errorf("SetHeader: %v, want ErrDeleted", err)
		}
		fresh, _ := n.Topic(topicID)
		if fresh.Header() != nil || fresh.Info().Next != 1 {
			t.Error("the topic made anew is not empty")
		}
		n.Close()
	})
}

// stoppedLogs lets the first deletion of a log wait for the gate, and counts
// them all.
type stoppedLogs struct {
	storage.Engine
	begun   chan struct{}
	gate    chan struct{}
	deleted atomic.Int64
}

func (s *stoppedLogs) DeleteLog(ctx context.Context, name string) error {
	if s.deleted.Add(1) == 1 {
		close(s.begun)
		<-s.gate
	}
	return s.Engine.DeleteLog(ctx, name)
}

// A second deletion that waited for the first must not delete the log of a
// topic that was made since under the same name.
func TestConcurrentDeletionsDeleteOneTopic(t *testing.T) {
	logs := &stoppedLogs{Engine: memory.New(), begun: make(chan struct{}), gate: make(chan struct{})}
	n := openOn(t, logs, streams.Options{})
	send(t, provide(t, n), "1")
	var deletions sync.WaitGroup
	del := func() {
		if err := n.Delete(context.Background(), topicID); err != nil {
			t.Error(err)
		}
	}
	deletions.Go(del)
	<-logs.begun
	for range 3 {
		deletions.Go(del)
	}
	runtime.Gosched()
	close(logs.gate)
	deletions.Wait()
	if n := logs.deleted.Load(); n != 1 {
		t.Errorf("the log on disk was deleted %d times, want once", n)
	}
}
