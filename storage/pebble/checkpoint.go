package pebble

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"

	"seagate/internal/durable"
)

// Checkpoint makes dir, which must not exist, a copy of the data folder as it is
// at one moment during the call, with everything that was acknowledged before.
// Open and Check accept the copy. Before an engine goes on with it, call Renew.
// Writers are not held up. On the same file system a copy takes little time, and
// at first little space, because it shares tables with the folder by hard links.
//
// Until the copy is complete it is called dir.partial, and may be removed.
func (e *Engine) Checkpoint(ctx context.Context, dir string) error {
	e.reading.RLock()
	defer e.reading.RUnlock()
	if err := e.usable(ctx); err != nil {
		return err
	}
	if err := e.checkpoint(dir); err != nil {
		return fmt.Errorf("copy data folder %q to %q: %w", e.dir, dir, err)
	}
	return nil
}

func (e *Engine) checkpoint(dir string) error {
	if _, err := e.opts.FS.Stat(dir); err == nil {
		return fs.ErrExist
	}
	parent := e.opts.FS.PathDir(dir)
	if err := durable.MkdirAll(e.opts.FS, parent); err != nil {
		return err
	}
	partial := dir + ".partial"
	err := e.db.Checkpoint(partial, pebble.WithFlushedWAL())
	if err == nil {
		err = e.completeCheckpoint(partial)
	}
	if err == nil {
		err = e.opts.FS.Rename(partial, dir)
	}
	if err != nil {
		return errors.Join(err, e.opts.FS.RemoveAll(partial))
	}
	return durable.SyncAndClose(e.opts.FS.OpenDir(parent))
}

// completeCheckpoint makes a complete data folder of the copied database. Its
// durable marker must say what the copy really holds, so the copy is verified.
func (e *Engine) completeCheckpoint(dir string) (err error) {
	opts := e.opts
	opts.OnFatal = func(error) {} // the copy is only read
	o, err := lockFolder(dir, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Lock.Close()) }()
	m, err := o.OpenMarker()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	contents, err := o.Verify(false, m)
	if err != nil {
		return err
	}
	return o.Complete(0, contents.State, m)
}
