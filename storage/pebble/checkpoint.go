package pebble

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"
)

// Checkpoint makes dir, which must not be there yet, a copy of the data folder
// as it is at one moment during the call, with all that was answered before.
// Open takes it, and so does Check; whoever goes on with it calls Renew first.
// Writers are not held up. On the same file system it takes little time and at
// first little space, since tables are shared with the folder by hard links.
//
// Until the copy is whole it lies beside, as dir.partial, and may be removed.
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
	if _, err := e.files.Stat(dir); err == nil {
		return fs.ErrExist
	}
	parent := e.files.PathDir(dir)
	if err := makeFolder(e.files, parent); err != nil {
		return err
	}
	partial := dir + ".partial"
	err := e.db.Checkpoint(partial, pebble.WithFlushedWAL())
	if err == nil {
		err = e.markCheckpoint(partial)
	}
	if err == nil {
		err = e.files.Rename(partial, dir)
	}
	if err != nil {
		return errors.Join(err, e.files.RemoveAll(partial))
	}
	return syncFolder(e.files, parent)
}

// markCheckpoint makes a whole data folder of the copied database. The witness
// vouches for what is really in it, so the copy is opened once, and looked at
// as at every start.
func (e *Engine) markCheckpoint(dir string) error {
	opts := Options{FS: e.files, Logger: e.guard.log, OnFatal: func(error) {}, memTable: e.memTable}
	f, err := lockedFolder(dir, opts)
	if err != nil {
		return err
	}
	return errors.Join(f.mark(), f.lock.Close())
}

func (f *folder) mark() error {
	w, err := openWitness(f.files, f.dir)
	if err != nil {
		return err
	}
	s, err := f.verify(false, w)
	if err == nil {
		err = f.complete(0, s, w)
	}
	return errors.Join(err, w.marker.Close())
}
