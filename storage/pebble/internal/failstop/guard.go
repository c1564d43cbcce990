// Package failstop ends an engine for good when the disk fails.
//
// After a failed write or sync the operating system may have dropped the pages
// it could not write, and a later sync that succeeds says nothing about them.
// So a Guard that has failed never recovers: every call reports the first
// error, until a new process opens the folder and looks at what is on disk.
//
// A Guard learns of failures from three sides: as the Logger of Pebble, which
// reports a failed commit by a fatal message; from Pebble's events, for work in
// the background; and from FS, which watches the write-ahead log.
package failstop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"seagate/storage"
	"seagate/storage/pebble/integrity"
)

// A Guard knows whether an engine may be used, and if not, why. It is safe for
// concurrent use.
type Guard struct {
	log      *slog.Logger
	onFatal  func(error)
	started  atomic.Bool
	failure  atomic.Pointer[error]
	failing  sync.Once
	failed   chan struct{}
	stopping chan struct{}
	stop     func() // closes stopping
}

var _ pebble.Logger = (*Guard)(nil)

// New returns the Guard of an engine that is being opened. onFatal is called
// once, with the reason, when the engine has failed.
func New(log *slog.Logger, onFatal func(error)) *Guard {
	stopping := make(chan struct{})
	return &Guard{
		log:      log,
		onFatal:  onFatal,
		failed:   make(chan struct{}),
		stopping: stopping,
		stop:     sync.OnceFunc(func() { close(stopping) }),
	}
}

// Start declares the engine open. Before, a failure of the write-ahead log is
// an error of opening; from here on it ends the engine.
func (g *Guard) Start() { g.started.Store(true) }

// Stop begins the closing of the engine.
func (g *Guard) Stop() { g.stop() }

// Failed is closed when the engine has failed.
func (g *Guard) Failed() <-chan struct{} { return g.failed }

// Stopping is closed when the engine fails or begins to close.
func (g *Guard) Stopping() <-chan struct{} { return g.stopping }

// Failure returns why the engine has failed, nil if it has not.
func (g *Guard) Failure() error {
	if err := g.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Err returns why the engine may not be used, nil if it may: Failure, or
// storage.ErrClosed. It is never nil once Failed or Stopping is closed.
func (g *Guard) Err() error {
	select {
	case <-g.stopping:
	default:
		return g.Failure()
	}
	if err := g.Failure(); err != nil { // set before stopping is closed
		return err
	}
	return storage.ErrClosed
}

// Fail ends the engine, also while it closes: its last writes may be waiting
// for a sync.
//
// Fail does not return. Pebble calls it from any of its goroutines, with locks
// held, and would go on to panic or to try again.
func (g *Guard) Fail(err error) {
	g.failing.Do(func() {
		g.failure.Store(&err)
		close(g.failed)
		g.stop()
		g.log.Error("storage cannot go on", "error", err)
		g.onFatal(err)
	})
	select {}
}

// Infof implements pebble.Logger.
func (g *Guard) Infof(format string, args ...any) {
	g.logf(slog.LevelDebug, format, args...)
}

// Errorf implements pebble.Logger.
func (g *Guard) Errorf(format string, args ...any) {
	g.logf(slog.LevelError, format, args...)
}

// Fatalf implements pebble.Logger.
func (g *Guard) Fatalf(format string, args ...any) {
	g.Fail(fmt.Errorf("storage: "+format, args...))
}

func (g *Guard) logf(level slog.Level, format string, args ...any) {
	if g.log.Enabled(context.Background(), level) {
		g.log.Log(context.Background(), level, fmt.Sprintf(format, args...))
	}
}

// Events returns the listener that ends the engine or informs the operator.
// Damage that a read finds does not end it, as it would by default: a restart
// repairs nothing, and everything else can still be served.
func (g *Guard) Events() *pebble.EventListener {
	return &pebble.EventListener{
		FlushEnd:      func(info pebble.FlushInfo) { g.checkBackground("flush", info.Err) },
		CompactionEnd: func(info pebble.CompactionInfo) { g.checkBackground(compaction, info.Err) },
		BackgroundError: func(err error) {
			g.log.Error("storage met an error in the background", "error", err)
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			g.log.Error("storage found damage", "file", info.Path, "error", info.Details)
		},
		DiskSlow: func(info pebble.DiskSlowInfo) {
			g.log.Warn("disk is slow", "file", info.Path, "operation", info.OpType.String(), "duration", info.Duration)
		},
		LowDiskSpace: func(info pebble.LowDiskSpaceInfo) {
			g.log.Warn("disk is almost full", "free_bytes", info.AvailBytes, "total_bytes", info.TotalBytes)
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			g.log.Warn("writes wait for the disk", "reason", info.Reason)
		},
		WriteStallEnd: func() { g.log.Info("writes go on") },
	}
}

const compaction = "compaction"

// checkBackground ends the engine when it can no longer read or write tables.
// Pebble retries at once and for ever: it wrote 28 MB a second to the log while
// every writer waited and none got an error.
func (g *Guard) checkBackground(what string, err error) {
	switch {
	case what == compaction && errors.Is(err, syscall.ENOSPC): // it is tried again: see package reserve
		g.log.Error("a compaction met a full disk, and is tried again", "error", err)
	case pebble.IsCorruptionError(err): // a restart meets it again
		g.Fail(fmt.Errorf("storage: %s: %w%s: %s", what, err, integrity.Detail(err), integrity.AdviceRestore))
	case integrity.IsRefusal(err):
		g.Fail(fmt.Errorf("storage: %s: %w", what, err))
	}
}
