package streams

import (
	"context"
	"errors"
	"testing"

	"seagate/internal/panics"
)

func wantPanics(t *testing.T, where string, do func()) {
	t.Helper()
	before := panics.Counts()[where]
	do()
	if got := panics.Counts()[where] - before; got != 1 {
		t.Errorf("%d panics counted of %s", got, where)
	}
}

// A panicking job is run by a worker like any other.
type panickingJob struct{}

func (panickingJob) run() bool { panic("injected") }

// A doneJob says that it ran.
type doneJob chan struct{}

func (d doneJob) run() bool { close(d); return false }

func TestAWorkerOutlivesAPanic(t *testing.T) {
	wantPanics(t, "delivery", func() {
		w, ran, ended := newWorker(), make(doneJob), make(chan struct{})
		w.enqueue(panickingJob{})
		w.enqueue(ran)
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
	if s.run() {
		t.Error("the shard has more to do")
	}
	if in.phase != ended || !errors.Is(consumer.err, errPanicked) || panics.Counts()["delivery"] == before {
		t.Errorf("phase %v, %v, %v", in.phase, consumer.err, panics.Counts())
	}
}

func TestARetentionThatPanicsEndsNothing(t *testing.T) {
	wantPanics(t, "retention", func() { (*Topic)(nil).trimOrLog(context.Background()) })
}

func TestAFetcherThatPanicsEndsItsReaders(t *testing.T) {
	r := &logRead{shard: &shard{}} // without a topic
	wantPanics(t, "fetcher", func() { r.read(context.Background()) })
	if r.segment.kind != end || !errors.Is(r.segment.err, errPanicked) {
		t.Errorf("%+v", r.segment)
	}
}
