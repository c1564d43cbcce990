package groups

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// changed is what waits for the keeper. Its lock is taken last.
type changed struct {
	mu        sync.Mutex // guards what follows
	dirty     []*group   // the record is to be written
	condemned []*group   // the topic was deleted, or they could not begin
}

func (r *Registry) note(g *group) {
	r.changed.mu.Lock()
	defer r.changed.mu.Unlock()
	r.changed.dirty = append(r.changed.dirty, g)
}

func (r *Registry) condemn(g *group) {
	r.changed.mu.Lock()
	defer r.changed.mu.Unlock()
	r.changed.condemned = append(r.changed.condemned, g)
}

func (r *Registry) takeChanged() (dirty, condemned []*group) {
	r.changed.mu.Lock()
	defer r.changed.mu.Unlock()
	dirty, condemned = r.changed.dirty, r.changed.condemned
	r.changed.dirty, r.changed.condemned = nil, nil
	return dirty, condemned
}

// sweepInterval is how often the keeper looks for idle groups.
const sweepInterval = time.Minute

// keep writes what changed, and deletes groups that were idle for too long,
// until life ends.
func (r *Registry) keep(life context.Context) {
	checkpoint := time.NewTicker(r.opts.Checkpoint)
	defer checkpoint.Stop()
	sweep := time.NewTicker(min(sweepInterval, r.opts.IdleTimeout))
	defer sweep.Stop()
	for {
		select {
		case <-life.Done():
			return
		case <-checkpoint.C:
			_ = r.checkpoint(r.writing) // OnError has been told
		case <-sweep.C:
			r.sweep()
		}
	}
}

// checkpoint writes the groups that changed and deletes those that ended. What
// fails is tried again by the next one.
func (r *Registry) checkpoint(ctx context.Context) error {
	dirty, condemned := r.takeChanged()
	return errors.Join(
		r.each(dirty, func(g *group) error { return g.save(ctx) }),
		r.each(condemned, func(g *group) error { return g.removeCondemned() }),
	)
}

// returnTime is how long members have to come back after the registry was
// opened, however long it was closed before.
const returnTime = 10 * time.Minute

// sweep deletes the groups that nobody has been a member of for too long.
func (r *Registry) sweep() {
	if time.Since(r.began) < min(r.opts.IdleTimeout, returnTime) {
		return
	}
	cutoff := time.Now().Add(-r.opts.IdleTimeout)
	var idle []*group
	for _, g := range r.all(nil) {
		if g.ask(func() bool { return g.isIdleLocked(cutoff) }) {
			idle = append(idle, g)
		}
	}
	_ = r.each(idle, func(g *group) error { return g.expire(cutoff) })
}

// writers is how many records are written at a time. An engine that makes many
// writes durable with one sync is slow with fewer.
const writers = 64

// each calls f for all groups, some at a time, and returns and reports the
// errors.
func (r *Registry) each(groups []*group, f func(*group) error) error {
	var next atomic.Int64
	var all sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for range min(writers, len(groups)) {
		all.Go(func() {
			for i := next.Add(1); i <= int64(len(groups)); i = next.Add(1) {
				g := groups[i-1]
				if err := f(g); err != nil {
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

// save writes the record, unless nothing changed since the last time.
func (g *group) save(ctx context.Context) error {
	g.recordMu.Lock()
	defer g.recordMu.Unlock()
	r, changed := g.snapshot()
	if !changed {
		return nil
	}
	err := g.put(ctx, r)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.markLocked()
		return err
	}
	g.shrinkLocked()
	return nil
}

// snapshot returns the record to be written, if it is.
func (g *group) snapshot() (record, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.dirty || g.gone || g.ended || g.unstored {
		return record{}, false
	}
	g.dirty = false
	return g.recordLocked(), true
}

// expire deletes a group that is still idle.
func (g *group) expire(cutoff time.Time) error {
	return g.eraseIf(func() bool { return g.isIdleLocked(cutoff) })
}

// eraseIf deletes a group if that still is to be done.
func (g *group) eraseIf(isLocked func() bool) error {
	g.recordMu.Lock()
	defer g.recordMu.Unlock()
	if !g.ask(isLocked) {
		return nil
	}
	return g.erase()
}

// ask answers a question about what g.mu guards.
func (g *group) ask(isLocked func() bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return isLocked()
}

// restsLocked says whether the group is there, and has no members.
func (g *group) restsLocked() bool { return g.in == nil && !g.gone && !g.unstored }

func (g *group) isIdleLocked(cutoff time.Time) bool {
	return g.restsLocked() && g.lastActive.Before(cutoff)
}

func (g *group) isGone() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gone
}
