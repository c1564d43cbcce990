package auth

import (
	"context"
	"sync/atomic"
)

// inFlight counts the changes that are under way for a credential. settle waits for those that
// began before it was called, and does not delay later ones. There are two counters: one counts
// the changes that begin, and settle switches to the other one before it waits. The zero value is
// not usable: see newInFlight.
type inFlight struct {
	turn     atomic.Uint32 // the lowest bit says which counter counts
	counters [2]atomic.Int64

	settling chan struct{} // holds a value while a call of settle runs
	waiting  atomic.Bool   // set while a call of settle waits
	idle     chan struct{} // gets a value when a counter drops to 0 meanwhile
}

func newInFlight() inFlight {
	return inFlight{settling: make(chan struct{}, 1), idle: make(chan struct{}, 1)}
}

// A Change is a change that Principal.Begin has allowed. The zero value is
// none.
type Change struct {
	of      *inFlight
	counter uint32
}

func (f *inFlight) begin() Change {
	c := Change{f, f.turn.Load() & 1}
	f.counters[c.counter].Add(1)
	return c
}

// End says that the change is made, or has failed. It must be called once, by any goroutine.
func (c Change) End() {
	if c.of == nil || c.of.counters[c.counter].Add(-1) > 0 || !c.of.waiting.Load() {
		return
	}
	select {
	case c.of.idle <- struct{}{}:
	default:
	}
}

// settle waits until the changes that have begun have ended. The caller must forbid new changes
// before it calls settle: a change that begins at the same time may not be waited for, but is then
// refused.
func (f *inFlight) settle(ctx context.Context) error {
	select {
	case f.settling <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-f.settling }()
	f.waiting.Store(true)
	defer f.waiting.Store(false)
	old := f.turn.Add(1)&1 ^ 1
	for f.counters[old].Load() > 0 {
		select {
		case <-f.idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
