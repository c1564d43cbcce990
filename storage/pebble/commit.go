package pebble

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// witnessDelay bounds what the witness costs, one sync of the folder, and what
// it cannot vouch for.
const witnessDelay = time.Second

// maxUnanswered is how many durable groups may wait for the answerer while it
// calls back for another one.
const maxUnanswered = 1

// A batch is what one group writes, and what the group leaves behind. It lives
// with the committer.
type batch struct {
	*pebble.Batch
	engine *Engine
	state  *state
	now    int64 // nanoseconds since 1970, one time for the whole group
	low    bool  // too little space is left to append

	records map[string]uint64 // those written: key to revision, 0 for deleted
	logs    []*log            // those changed
}

func (b *batch) isEmpty() bool { return len(b.records) == 0 && len(b.logs) == 0 }

// commitUntilStopped is the committer.
func (e *Engine) commitUntilStopped() {
	defer close(e.answers)
	due := time.NewTimer(witnessDelay)
	due.Stop()
	defer due.Stop()
	waiting := false // for due
	for e.guard.err() == nil {
		var err error
		select {
		case <-e.queue.some:
			err = e.commit(e.queue.take())
			if !waiting {
				waiting = true
				due.Reset(witnessDelay)
			}
		case <-due.C:
			waiting = false
			err = e.witness.move(e.state.revision)
		case <-e.guard.stopping:
		}
		if err != nil {
			e.guard.fail(err)
		}
	}
	e.refuse(e.queue.close())
}

// answerUntilStopped is the answerer. What it calls takes its time, while the
// committer goes on with the next group.
func (e *Engine) answerUntilStopped() {
	defer close(e.stopped)
	for group := range e.answers {
		for _, c := range group {
			c.answer()
		}
	}
}

// refuse answers the changes that were not begun, behind those that were.
func (e *Engine) refuse(rest []change) {
	for _, c := range rest {
		c.refuse(e.guard.err())
	}
	e.answers <- rest
}

// commit makes the group durable and has it answered. Nobody is answered
// before that, not even who is refused: the record that is in the way may be
// one that is not durable yet. After an error nobody is answered at all.
func (e *Engine) commit(group []change) error {
	clear(e.touched)
	b := &batch{
		Batch:   e.db.NewBatch(),
		engine:  e,
		state:   &e.state,
		now:     time.Now().UnixNano(),
		low:     e.space.isLow(),
		records: e.touched,
	}
	defer b.Close()
	for _, c := range group {
		c.stage(b)
	}
	if !b.isEmpty() {
		if err := e.sync(b); err != nil {
			return err
		}
		e.publish(b)
	}
	e.answers <- group
	return nil
}

// sync returns nil once the batch is durable. If Pebble finds that it is not,
// it panics or ends in guard.fail.
func (e *Engine) sync(b *batch) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("storage: commit: %v\n%s", r, debug.Stack())
		}
	}()
	if err := b.finish(); err != nil {
		return fmt.Errorf("storage: commit: %w", err)
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("storage: commit: %w", err)
	}
	return nil
}

// finish adds what is about the group as a whole.
func (b *batch) finish() error {
	for _, l := range b.logs {
		if err := b.setHead(l); err != nil {
			return err
		}
	}
	if err := b.forgetKeys(); err != nil {
		return err
	}
	return b.Set(stateKey, encodeState(*b.state), nil)
}

// publish lets readers see what is durable now.
func (e *Engine) publish(b *batch) {
	now := e.db.NewSnapshot()
	e.mu.Lock()
	before := e.durable
	e.durable = now
	for _, l := range b.logs {
		l.publishLocked()
	}
	e.mu.Unlock()
	_ = before.Close() // nobody reads from it without the lock; it has no error to return
}
