package pebble

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"

	"seagate/internal/durable"
)

// Two facts about a data folder are kept in the names of empty files, which no
// damage to the database can touch and which people can read and remove:
//
//	marker.seagate.<n>.<format>            the format of the folder
//	marker.seagate-written.<n>.<revision>  what it held at the least, see witness
//
// The first is written when the database is complete. A folder that has it and
// no database has lost it.
const (
	formatMarker       = "seagate"
	formatVersion      = 2                // 1 had no logs
	pebbleFormatMarker = "format-version" // Pebble's own, of the same kind
	witnessMarker      = "seagate-written"
)

// makeFolder makes what is missing of the path durably: a folder whose name is
// not on disk is lost in a power cut with everything in it.
func makeFolder(files vfs.FS, dir string) error {
	if _, err := files.Stat(dir); err == nil {
		return nil
	}
	parent := files.PathDir(dir)
	if parent != dir {
		if err := makeFolder(files, parent); err != nil {
			return err
		}
	}
	if err := files.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncFolder(files, parent)
}

func syncFolder(files vfs.FS, dir string) error {
	return durable.SyncAndClose(files.OpenDir(dir))
}

func lockFolder(files vfs.FS, dir string) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(dir, files)
	var pathError *fs.PathError // the lock file cannot be made, so nobody holds it
	switch {
	case errors.As(err, &pathError):
		return nil, fmt.Errorf("lock data folder %q: %w", dir, err)
	case err != nil:
		return nil, inUse(dir, err)
	}
	return lock, nil
}

// readFormat returns the format of the folder, 0 if it is new. One that this
// release does not know, be it ours or Pebble's, is an error.
func readFormat(files vfs.FS, dir string) (version int, err error) {
	version, err = readVersion(files, dir, formatMarker, formatVersion)
	if err != nil {
		return 0, err
	}
	_, err = readVersion(files, dir, pebbleFormatMarker, int(pebble.FormatNewest))
	return version, err
}

// readVersion returns 0 if there is no such marker.
func readVersion(files vfs.FS, dir, marker string, newest int) (int, error) {
	value, err := atomicfs.ReadMarker(files, dir, marker)
	if err != nil || value == "" {
		return 0, openError(dir, err)
	}
	version, err := strconv.Atoi(value)
	if err != nil || version < 1 {
		return 0, damagedMarker(dir, marker, value)
	}
	if version > newest {
		return 0, newer(dir, marker, version, newest)
	}
	return version, nil
}

func damagedMarker(dir, marker, value string) error {
	return damaged(dir, fmt.Errorf("the name of its file marker.%s.* ends in %q, which is no number above 0", marker, value))
}

func writeFormat(files vfs.FS, dir string) error {
	marker, _, err := atomicfs.LocateMarker(files, dir, formatMarker)
	if err != nil {
		return err
	}
	return errors.Join(move(marker, strconv.Itoa(formatVersion)), marker.Close())
}

// A witness says how far the folder had been written at the least. After a
// crash Pebble cannot tell damage near the end of its files from an end that
// was never written, takes it for the latter, and goes on with what is before
// it. The witness can.
//
// It is moved on at most once in witnessDelay, and when the engine closes. A
// complete folder has one from the beginning: where it is missing, somebody
// removed it, to go on with what is left.
type witness struct {
	marker   *atomicfs.Marker
	revision uint64
	exists   bool
}

func openWitness(files vfs.FS, dir string) (*witness, error) {
	marker, value, err := atomicfs.LocateMarker(files, dir, witnessMarker)
	if err != nil {
		return nil, err
	}
	w := &witness{marker: marker, exists: value != ""}
	if w.exists {
		if w.revision, err = strconv.ParseUint(value, 10, 64); err != nil {
			err = damagedMarker(dir, witnessMarker, value)
		}
	}
	if err != nil {
		return nil, errors.Join(err, marker.Close())
	}
	return w, nil
}

func (w *witness) move(revision uint64) error {
	if w.exists && revision == w.revision {
		return nil
	}
	w.exists, w.revision = true, revision
	return move(w.marker, strconv.FormatUint(revision, 10))
}

// move turns the panic with which a marker meets a failed sync into an error.
func move(marker *atomicfs.Marker, value string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("write marker in data folder: %v", r)
		}
	}()
	return marker.Move(value)
}
