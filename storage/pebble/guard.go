package pebble

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"seagate/storage"
)

// A guard knows whether the engine may be used, and if not, why. It is what
// Pebble logs to, because a fatal message is how Pebble says that it cannot go
// on, from any of its goroutines and with its locks held.
type guard struct {
	log      *slog.Logger
	onFatal  func(error)
	started  atomic.Bool // from here on there is no Open to return an error
	failed   atomic.Pointer[error]
	failing  sync.Once
	broken   chan struct{} // closed when the engine has failed
	stopping chan struct{} // closed when the engine fails or begins to close
	stop     func()        // closes it
}

var _ pebble.Logger = (*guard)(nil)

func newGuard(log *slog.Logger, onFatal func(error)) *guard {
	stopping := make(chan struct{})
	return &guard{
		log:      log,
		onFatal:  onFatal,
		broken:   make(chan struct{}),
		stopping: stopping,
		stop:     sync.OnceFunc(func() { close(stopping) }),
	}
}

// failure returns why the engine has failed, nil if it has not.
func (g *guard) failure() error {
	if err := g.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// err returns why the engine may not be used, nil if it may. It is never nil
// once broken or stopping is closed: whoever was woken by them relies on it.
func (g *guard) err() error {
	if err := g.failure(); err != nil {
		return err
	}
	select {
	case <-g.stopping:
		return storage.ErrClosed
	default:
		return nil
	}
}

// fail stops the engine for good. A failure counts even after the engine began
// to close: its last writes may be waiting for a sync.
//
// It does not return, so that Pebble does not go on with what has failed: it
// would panic, or try again.
func (g *guard) fail(err error) {
	g.failing.Do(func() {
		g.failed.Store(&err)
		close(g.broken)
		g.stop()
		g.log.Error("storage cannot go on", "error", err)
		g.onFatal(err)
	})
	select {}
}

func exit(error) { os.Exit(1) }

// Infof implements pebble.Logger.
func (g *guard) Infof(format string, args ...any) {
	g.logf(slog.LevelDebug, format, args...)
}

// Errorf implements pebble.Logger.
func (g *guard) Errorf(format string, args ...any) {
	g.logf(slog.LevelError, format, args...)
}

// Fatalf implements pebble.Logger.
func (g *guard) Fatalf(format string, args ...any) {
	g.fail(fmt.Errorf("storage: "+format, args...))
}

func (g *guard) logf(level slog.Level, format string, args ...any) {
	if g.log.Enabled(context.Background(), level) {
		g.log.Log(context.Background(), level, fmt.Sprintf(format, args...))
	}
}

// events are those that stop the engine, and those that an operator should
// hear of. Damage that a read meets does not stop it, as it would Pebble: a
// restart repairs nothing, and what is whole can still be served.
func (g *guard) events() *pebble.EventListener {
	return &pebble.EventListener{
		FlushEnd:      func(info pebble.FlushInfo) { g.checkBackground("flush", info.Err) },
		CompactionEnd: func(info pebble.CompactionInfo) { g.checkBackground("compaction", info.Err) },
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

// checkBackground stops the engine when its tables cannot be written or read.
// Pebble would try again at once and for ever: it wrote 28 MB a second to the
// log, while all writes waited without an error.
func (g *guard) checkBackground(what string, err error) {
	switch {
	case pebble.IsCorruptionError(err): // a restart meets it again
		g.fail(fmt.Errorf("storage: %s: %w%s: keep a copy of the data folder as it is, then restore it from a backup", what, err, detail(err)))
	case isRefusal(err):
		g.fail(fmt.Errorf("storage: %s: %w", what, err))
	}
}
