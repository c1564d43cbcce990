// Package durable writes files so that they survive a power cut.
//
// A file is durable once its contents are synced and the folder that holds its
// name is synced as well: a synced file whose name is lost is lost with it.
package durable

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// A SyncCloser is an open file or folder.
type SyncCloser interface {
	io.Closer
	Sync() error
}

// SyncAndClose syncs and closes what was opened, or returns the error of
// opening it: durable.SyncAndClose(os.Open(dir)).
func SyncAndClose(f SyncCloser, err error) error {
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// An FS is what MkdirAll needs of a file system. vfs.FS of Pebble is one, Disk
// another.
type FS[Info any, Folder SyncCloser] interface {
	Stat(name string) (Info, error)
	MkdirAll(dir string, perm os.FileMode) error
	OpenDir(name string) (Folder, error)
	PathDir(name string) string
}

// MkdirAll makes a folder, and its parents where they are missing, for this user
// alone, and makes all their names durable.
func MkdirAll[Info any, Folder SyncCloser](files FS[Info, Folder], dir string) error {
	if _, err := files.Stat(dir); err == nil {
		return nil
	}
	parent := files.PathDir(dir)
	if parent != dir {
		if err := MkdirAll(files, parent); err != nil {
			return err
		}
	}
	if err := files.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return SyncAndClose(files.OpenDir(parent))
}

// Disk is the FS of the operating system.
type Disk struct{}

// Stat implements FS.
func (Disk) Stat(name string) (os.FileInfo, error) { return os.Stat(name) }

// MkdirAll implements FS.
func (Disk) MkdirAll(dir string, perm os.FileMode) error { return os.MkdirAll(dir, perm) }

// OpenDir implements FS.
func (Disk) OpenDir(name string) (*os.File, error) { return os.Open(name) }

// PathDir implements FS.
func (Disk) PathDir(name string) string { return filepath.Dir(name) }

// SyncFolder makes the names in a folder durable: files that were created,
// renamed or removed.
func SyncFolder(dir string) error { return SyncAndClose(os.Open(dir)) }

// Rename renames a file or folder and makes the new name durable.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(to))
}

// Replace durably replaces the file at path, or creates it, readable and
// writable by this user alone. After a crash the file is the old one or the
// new one, never a part of either.
func Replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it is renamed
	_, err = f.Write(content)
	if err := errors.Join(err, SyncAndClose(f, nil)); err != nil {
		return err
	}
	return Rename(f.Name(), path)
}
