package groups

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"seagate/internal/panics"
	"seagate/internal/quota"
)

// changes is the groups that the next checkpoint writes or deletes.
type changes struct {
	mu       sync.Mutex // guards what follows; no other lock is taken with it
	dirty    []*group   // write their records
	toDelete []*group   // delete them: see removeUnused
}

func (c *changes) note(g *group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dirty = append(c.dirty, g)
}

func (c *changes) deleteLater(g *group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.toDelete = append(c.toDelete, g)
}

func (c *changes) take() (dirty, toDelete []*group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	dirty, toDelete = c.dirty, c.toDelete
	c.dirty, c.toDelete = nil, nil
	return dirty, toDelete
}

// sweepInterval is how often the keeper looks for idle groups.
const sweepInterval = time.Minute

// keep runs checkpoints, and deletes groups that were idle for too long, until
// life ends.
func (r *Registry) keep(life context.Context) {
	checkpoint := time.NewTicker(r.opts.Checkpoint)
	defer checkpoint.Stop()
	sweep := time.NewTicker(min(sweepInterval, r.opts.IdleTimeout, r.opts.AbandonedTimeout))
	defer sweep.Stop()
	sample := time.NewTicker(TrendInterval)
	defer sample.Stop()
	for {
		select {
		case <-life.Done():
			return
		case <-checkpoint.C:
			r.tick.Store(int64(r.now()))
			func() {
				defer panics.Contain("group records")
				_ = r.checkpoint(r.writing) // OnError was called
			}()
		case <-sweep.C:
			func() {
				defer panics.Contain("group records")
				r.sweep()
				r.retryCrowded()
			}()
		case <-sample.C:
			func() {
				defer panics.Contain("group records")
				r.sampleLags()
			}()
		}
	}
}

// checkpoint writes the groups that changed, and deletes those that wait for it.
// If one fails, the next checkpoint tries again.
func (r *Registry) checkpoint(ctx context.Context) error {
	dirty, toDelete := r.changes.take()
	defer r.press()
	return errors.Join(
		r.each(dirty, func(g *group) error { return g.save(ctx) }),
		r.each(toDelete, (*group).removeUnused),
	)
}

// removeUnused deletes a group whose topic was deleted, or whose first member could
// not join and no other has joined since.
func (g *group) removeUnused() error {
	if s := g.currentState(); s != fresh && s != ended {
		return nil
	}
	return g.remove()
}

// returnTime is how long sweep waits after the registry was opened, so that members
// can return however long it was closed.
const returnTime = 10 * time.Minute

// sweep deletes the groups that were idle for too long.
func (r *Registry) sweep() {
	open, now := time.Since(r.began), r.opts.Clock.Now()
	isIdleLocked := func(g *group) bool {
		timeout := r.opts.IdleTimeout
		if g.isAbandonedLocked() {
			timeout = min(timeout, r.opts.AbandonedTimeout)
		}
		return g.state == resting && open >= min(timeout, returnTime) && now.Sub(g.lastActive) > timeout
	}
	var idle []*group
	for _, g := range r.all(nil) {
		g.mu.Lock()
		if isIdleLocked(g) {
			idle = append(idle, g)
		}
		g.mu.Unlock()
	}
	_ = r.each(idle, func(g *group) error { return g.eraseIf(isIdleLocked) })
}

// writers is how many records are written at a time. An engine makes many waiting
// writes durable with one sync, so fewer writers would be slow.
const writers = 64

// errPanicked reports a panic while the record of a group was written.
var errPanicked = errors.New("groups: a panic")

func contained(g *group, f func(*group) error) (err error) {
	defer panics.Contain("group records", func() { err = errPanicked })
	return f(g)
}

// each calls f for all groups, at most writers at a time. It passes each error to
// Options.OnError, and returns them all.
func (r *Registry) each(groups []*group, f func(*group) error) error {
	var next atomic.Int64
	var all sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for range min(writers, len(groups)) {
		all.Go(func() {
			for i := next.Add(1); i <= int64(len(groups)); i = next.Add(1) {
				g := groups[i-1]
				if err := contained(g, f); err != nil {
					r.opts.OnError(g.key, err)
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// save writes the record if it has changed. If the space may not store more, the record stays as it
// was, and the group takes nothing new until the record fits. Otherwise a crash would redeliver more
// and more messages.
func (g *group) save(ctx context.Context) error {
	g.recordMu.Lock()
	defer g.recordMu.Unlock()
	r, changed := g.takeChange()
	if !changed {
		return nil
	}
	size, err := 0, errPanicked // unless put returns
	defer func() { g.saved(size, err) }()
	size, err = g.put(ctx, r)
	return err
}

// saved notes the end of a save, and the size of the record. After an error the group is saved
// again.
func (g *group) saved(size int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if errors.Is(err, quota.ErrExceeded) {
		g.crowded = true // the next change, or retryCrowded, marks the group to be saved again
		return
	}
	if err != nil {
		g.markLocked()
		return
	}
	if g.crowded {
		g.crowded = false
		g.wakeIfHeldLocked()
	}
	g.shrinkLocked()
	g.settle(size, g.partial)
}

// retryCrowded lets the next checkpoint write the groups whose records could not grow: there may be
// room for them now.
func (r *Registry) retryCrowded() {
	for _, g := range r.all(nil) {
		g.mu.Lock()
		if g.crowded {
			g.markLocked()
		}
		g.mu.Unlock()
	}
}

// takeChange returns the record to write, if it has changed, and clears dirty.
func (g *group) takeChange() (r record, changed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.dirty || !g.existsLocked() {
		return record{}, false
	}
	g.dirty = false
	g.countHeldLocked()
	return g.recordLocked(), true
}
