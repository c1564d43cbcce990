package integrity

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"

	"seagate/storage/pebble/internal/format"
)

// The names of these empty files hold facts that no damage to the database
// touches, and that people can read and remove:
//
//	marker.seagate.<n>.<format>            see format.Version
//	marker.seagate-written.<n>.<revision>  see DurableMarker
//	marker.format-version.<n>.<version>    Pebble's own
const (
	formatMarker       = "seagate"
	durableMarker      = "seagate-written"
	pebbleFormatMarker = "format-version"
)

// A Folder is a data folder whose lock the caller holds.
type Folder struct {
	Dir          string
	FS           vfs.FS
	Lock         *pebble.Lock
	Logger       pebble.Logger // its Fatalf must not return
	MemTableSize uint64        // bytes
}

// blockSize is how much a table holds in one block, before compression.
const blockSize = 32 << 10

// OpenDatabase opens the folder's database, with the settings that every
// opening needs. It returns an error where Pebble panics about damage.
func (f Folder) OpenDatabase(options *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", pebble.ErrCorruption, r)
		}
	}()
	// The default is the oldest format. It cannot tell a log that lost its end
	// in a crash from one with damage in the middle.
	options.FormatMajorVersion = pebble.FormatNewest
	if options.FS == nil {
		options.FS = f.FS
	}
	if damaged := f.DamagedOptions(); damaged != nil {
		options.FS = wholeOptions{options.FS, damaged}
	}
	options.Lock = f.Lock
	options.Logger = f.Logger
	// Messages come faster than records. Sorting them in large pieces reduces
	// how often compactions write them again.
	options.MemTableSize = f.MemTableSize
	options.MemTableStopWritesThreshold = 4
	options.CacheSize = 32 << 20
	// Most of what is read is a run of messages. Each block costs a read and a checksum.
	options.Levels[0].BlockSize = blockSize // the other levels follow
	options.WithFSDefaults()                // reports slow disks
	return pebble.Open(f.Dir, options)
}

// openForReading opens the database so that nothing in the folder changes.
func (f Folder) openForReading() (*pebble.DB, error) {
	db, err := f.OpenDatabase(&pebble.Options{
		ReadOnly: true,
		EventListener: &pebble.EventListener{
			DataCorruption: func(pebble.DataCorruptionInfo) {}, // the error reports it
		},
	})
	switch {
	case err == nil, errors.Is(err, pebble.ErrDBDoesNotExist):
		return db, err
	case !IsRefusal(err):
		return nil, damaged(f.Dir, err)
	}
	return nil, openError(f.Dir, err)
}

// Version returns the format of the folder, 0 if the folder is new or was not
// completed. A format of the folder or of Pebble that this release does not know is
// ErrNewer.
func (f Folder) Version() (int, error) {
	version, err := f.readVersion(formatMarker, format.Version)
	if err != nil {
		return 0, err
	}
	_, err = f.readVersion(pebbleFormatMarker, int(pebble.FormatNewest))
	return version, err
}

// readVersion returns 0 if the marker does not exist.
func (f Folder) readVersion(marker string, newest int) (int, error) {
	value, err := atomicfs.ReadMarker(f.FS, f.Dir, marker)
	if err != nil || value == "" {
		return 0, openError(f.Dir, err)
	}
	version, err := strconv.Atoi(value)
	if err != nil || version < 1 {
		return 0, f.malformedMarker(marker, value)
	}
	if version > newest {
		return 0, newer(f.Dir, marker, version, newest)
	}
	return version, nil
}

func (f Folder) malformedMarker(marker, value string) error {
	return damaged(f.Dir, fmt.Errorf("the name of its file marker.%s.* ends in %q, which is no number above 0", marker, value))
}

// Complete writes the markers that the folder lacks. version is the format that
// it is marked with, 0 if with none. The marker of the format comes last: a folder
// that has it and no database has lost the database.
func (f Folder) Complete(version int, s format.State, m *DurableMarker) error {
	if !m.Exists() {
		if err := m.Move(s.Revision); err != nil {
			return err
		}
	}
	if version < format.Version {
		if err := f.writeVersion(); err != nil {
			return err
		}
	}
	return m.marker.RemoveObsolete()
}

func (f Folder) writeVersion() error {
	marker, _, err := atomicfs.LocateMarker(f.FS, f.Dir, formatMarker)
	if err != nil {
		return err
	}
	return errors.Join(move(marker, strconv.Itoa(format.Version)), marker.Close())
}

// A DurableMarker holds the number of a change up to which everything was
// durable. A crash may leave a folder with newer changes, but never one that lacks
// any of these.
//
// A complete folder has a DurableMarker. If it is missing, somebody has removed
// it in order to go on with what is left of a damaged folder.
type DurableMarker struct {
	marker   *atomicfs.Marker
	revision uint64
	exists   bool
}

// OpenMarker opens the folder's DurableMarker, which need not exist yet.
func (f Folder) OpenMarker() (*DurableMarker, error) {
	marker, value, err := atomicfs.LocateMarker(f.FS, f.Dir, durableMarker)
	if err != nil {
		return nil, openError(f.Dir, err)
	}
	m := &DurableMarker{marker: marker, exists: value != ""}
	if m.exists {
		if m.revision, err = strconv.ParseUint(value, 10, 64); err != nil {
			return nil, errors.Join(f.malformedMarker(durableMarker, value), marker.Close())
		}
	}
	return m, nil
}

// Exists reports whether the folder has the marker.
func (m *DurableMarker) Exists() bool { return m.exists }

// Move durably moves the marker to a revision. All changes up to it must be
// durable. It costs a sync of the folder.
func (m *DurableMarker) Move(revision uint64) error {
	if m.exists && revision == m.revision {
		return nil
	}
	m.exists, m.revision = true, revision
	return move(m.marker, strconv.FormatUint(revision, 10))
}

// Close closes the marker.
func (m *DurableMarker) Close() error { return m.marker.Close() }

// move returns an error where a marker panics about a failed sync.
func move(marker *atomicfs.Marker, value string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("write marker in data folder: %v", r)
		}
	}()
	return marker.Move(value)
}
