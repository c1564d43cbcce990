package pebble

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"seagate/storage"
	"seagate/storage/internal/dedup"
	"seagate/storage/pebble/integrity"
	"seagate/storage/pebble/internal/failstop"
	"seagate/storage/pebble/internal/format"
)

// An Engine is a storage.Engine in a folder. It is safe for concurrent use.
type Engine struct {
	dir         string
	opts        Options
	db          *pebble.DB
	lock        *pebble.Lock
	guard       *failstop.Guard
	space       *freeSpace
	incarnation format.ID
	close       func() error
	queue       *queue
	finished    chan []operation // batches that are durable, or rejected
	notified    chan struct{}    // closed when the notifier has ended

	commits   atomic.Uint64 // batches that were synced
	committed atomic.Uint64 // operations in them

	// The committer owns what follows.

	state   format.State
	marker  *integrity.DurableMarker
	records map[string]uint64 // see batch
	dedup   *dedup.Table[*log]
	flushed time.Time // see flushSoon

	// reading is held by readers that use the database without mu, so that
	// Close waits for them. Lock it before mu.
	reading sync.RWMutex

	mu       sync.RWMutex // guards what follows, and keeps readers from a closed database
	durable  *pebble.Snapshot
	listings map[*listing]struct{} // those that have not ended
	logs     map[string]*log
}

var _ storage.Engine = (*Engine)(nil)

// Close waits for the batch that is becoming durable, rejects the operations
// that wait after it with ErrClosed, and releases the folder. A Done must not
// call it.
func (e *Engine) Close() error { return e.close() }

func (e *Engine) release() error {
	e.guard.Stop()
	select {
	case <-e.notified:
	case <-e.guard.Failed():
	}
	if err := e.guard.Failure(); err != nil {
		return err // the database is in no state to be closed
	}
	e.reading.Lock()
	defer e.reading.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	for l := range e.listings {
		_ = l.it.Close() // nobody is left to ask for its error
	}
	clear(e.listings)
	return errors.Join(
		e.marker.Move(e.state.Revision),
		e.marker.Close(),
		e.durable.Close(),
		e.db.Close(),
		e.lock.Close(),
	)
}

// usable returns why a call must fail: the engine has failed or was closed, or
// ctx has ended.
func (e *Engine) usable(ctx context.Context) error {
	if err := e.guard.Err(); err != nil {
		return err
	}
	return ctx.Err()
}

func (e *Engine) readError(err error) error { return integrity.Explain("read from", e.dir, err) }
