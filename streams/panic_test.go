package streams

import (
	"context"
	"errors"
	"testing"

	"seagate/internal/panics"
	"seagate/internal/panics/panicstest"
)

// A panicking job is run by a worker like any other.
type panickingJob struct{ place *lane }

func (panickingJob) run() (int, bool) { panic("injected") }
func (j panickingJob) lane() *lane    { return j.place }

// A doneJob says that it ran.
type doneJob struct {
	place *lane
	ran   chan struct{}
}

func (j doneJob) run() (int, bool) { close(j.ran); return 0, false }
func (j doneJob) lane() *lane      { return j.place }

func TestAWorkerOutlivesAPanic(t *testing.T) {
	panicstest.Want(t, "delivery", 1, func() {
		w, ran, ended := newWorker(), make(chan struct{}), make(chan struct{})
		w.enqueue(panickingJob{w.join("a")})
		w.enqueue(doneJob{w.join("a"), ran})
		go func() { w.run(); close(ended) }()
		<-ran
		w.close()
		<-ended
	})
}

// A toldConsumer notes how it ends.
type toldConsumer struct {
	Consumer
	err error
}

func (c *toldConsumer) End(err error) { c.err = err }

// A panic in a pass ends the in topics of its shard, with an error.
func TestAPassThatPanicsEndsItsInTopics(t *testing.T) {
	topic := &Topic{}
	s := newShard(topic, newWorker())
	consumer := &toldConsumer{}
	in := &InTopic{topic: topic, shard: s, consumer: consumer, phase: catching}
	s.catching = []*InTopic{in, nil} // the nil makes the pass panic
	s.used, s.scheduled = true, true
	before := panics.Counts()["delivery"]
	if _, more := s.run(); more {
		t.Error("the shard has more to do")
	}
	if in.phase != ended || !errors.Is(consumer.err, errPanicked) || panics.Counts()["delivery"] == before {
		t.Errorf("phase %v, %v, %v", in.phase, consumer.err, panics.Counts())
	}
}

func TestARetentionThatPanicsEndsNothing(t *testing.T) {
	panicstest.Want(t, "retention", 1, func() { (*Topic)(nil).trimOrLog(context.Background()) })
}

func TestALogReadThatPanicsEndsItsReaders(t *testing.T) {
	r := &logRead{shard: &shard{}} // without a topic
	panicstest.Want(t, "log reader", 1, func() { r.read(context.Background()) })
	if r.segment.kind != end || !errors.Is(r.segment.err, errPanicked) {
		t.Errorf("%+v", r.segment)
	}
}

func TestAReliefThatPanicsEndsNothing(t *testing.T) {
	panicstest.Want(t, "relief", 1, func() { (&relief{}).relieve() })
}

// A task that panics is told of with its consumer, and runs again when it is posted again.
func TestATaskThatPanicsIsToldOf(t *testing.T) {
	var told []any
	consumer := &toldConsumer{}
	in := &InTopic{topic: &Topic{net: &Network{opts: Options{OnPanic: func(who, _ any) { told = append(told, who) }}}}, consumer: consumer}
	task := in.Task(func() { panic("injected") })
	for range 2 {
		task.posted.Store(true)
		if work, more := task.run(); work != taskWork || more || task.posted.Load() {
			t.Errorf("work %d, more %t, posted %t", work, more, task.posted.Load())
		}
	}
	if len(told) != 2 || told[0] != any(consumer) {
		t.Errorf("told of %v", told)
	}
}
