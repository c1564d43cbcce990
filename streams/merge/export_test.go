package merge

import "time"

// Queued returns how many messages of a source are queued.
func Queued(m *Merge, source int) int {
	n := make(chan int, 1)
	m.sources[source].in.Task(func() { n <- len(m.sources[source].queue) }).Post()
	return <-n
}

// SpoilTimer lets the timer fire soon, and panic.
func (m *Merge) SpoilTimer() {
	m.task = nil
	m.timer.Reset(time.Millisecond)
}
