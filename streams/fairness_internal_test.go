package streams

import (
	"slices"
	"testing"
)

// A chore is a job of a fixed cost.
type chore struct {
	name string
	in   *lane
	work int
	left int // runs
}

func (c *chore) lane() *lane { return c.in }

func (c *chore) run() (work int, more bool) {
	c.left--
	return c.work, c.left > 0
}

// served returns the order in which a worker runs the jobs that are in its queue.
func served(w *worker, runs int) (order []string) {
	var last done
	for range runs {
		j, _ := w.next(last)
		order = append(order, j.(*chore).name)
		last.job = j
		last.work, last.more = j.run()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accountLocked(last)
	return order
}

// What one space has to do delays the job of another by one run, however much it is.
func TestAQuietSpaceWaitsForOneRun(t *testing.T) {
	w := newWorker()
	busy, quiet := w.join("busy"), w.join("quiet")
	for range 40 {
		w.enqueue(&chore{"busy", busy, passWork, 100})
	}
	served(w, 100)
	for range 5 {
		w.enqueue(&chore{"quiet", quiet, 100, 1})
		if order := served(w, 20); slices.Index(order, "quiet") > 0 {
			t.Fatalf("the quiet space was served after %d runs", slices.Index(order, "quiet"))
		}
	}
}

// Spaces that have much to do get equal work, not equal runs.
func TestSpacesGetEqualWork(t *testing.T) {
	w := newWorker()
	large, small := w.join("large"), w.join("small")
	for range 10 { // more jobs gain nothing
		w.enqueue(&chore{"large", large, 1000, 1000})
	}
	w.enqueue(&chore{"small", small, 100, 10_000})
	runs := map[string]int{}
	for _, name := range served(w, 1100) {
		runs[name]++
	}
	if got := runs["large"]; got < 98 || got > 102 {
		t.Errorf("%d runs of 1,100 are the large ones, want 100", got)
	}
}

// A space that was idle does not get more than its share afterwards.
func TestIdleTimeIsNotSaved(t *testing.T) {
	w := newWorker()
	a, b := w.join("a"), w.join("b")
	w.enqueue(&chore{"a", a, 1000, 1 << 30})
	served(w, 1000)
	w.enqueue(&chore{"b", b, 1000, 1 << 30})
	runs := map[string]int{}
	for _, name := range served(w, 100) {
		runs[name]++
	}
	if runs["b"] > 51 {
		t.Errorf("%d of 100 runs are of the space that rested", runs["b"])
	}
}

func TestLanesEndWithTheirTopics(t *testing.T) {
	w := newWorker()
	a := w.join("a")
	if w.join("a") != a {
		t.Error("a space has two lanes")
	}
	w.leave(a)
	w.leave(a)
	if n := w.jobs.Tenants(); n > 0 {
		t.Errorf("%d lanes are left", n)
	}
}

// Reads of a space that has thousands delay those of another by one, and never take all
// places.
func TestLogReadsServeSpacesInTurn(t *testing.T) {
	l := &logReader{running: maxLogReads} // nobody runs
	read := func(space string) *logRead {
		return &logRead{shard: &shard{topic: &Topic{id: ID{Space: space}}}}
	}
	for range 100 {
		l.add(read("busy"))
	}
	l.add(read("quiet"))
	var order []string
	for range 3 {
		r, _ := l.next(nil)
		order = append(order, r.shard.topic.id.Space)
	}
	if !slices.Equal(order, []string{"busy", "quiet", "busy"}) {
		t.Errorf("served %q", order)
	}
	underWay := 2
	var q *readQueue
	for {
		r, of := l.next(nil)
		if r == nil {
			break
		}
		underWay, q = underWay+1, of
	}
	if underWay != maxSpaceReads {
		t.Errorf("%d reads of one space are under way, want %d", underWay, maxSpaceReads)
	}
	if r, _ := l.next(q); r == nil {
		t.Error("a place of a space that is free again is not used")
	}
}
