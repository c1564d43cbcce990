package pebble

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
)

var (
	// ErrInUse: another engine, most likely of another process, has the folder open.
	ErrInUse = errors.New("data folder is in use by another process")
	// ErrDamaged: the folder does not hold what was written to it.
	ErrDamaged = errors.New("data folder is damaged")
	// ErrNewer: a newer release wrote the folder, in a format that this one does not know.
	ErrNewer = errors.New("data folder was written by a newer release")
)

// A folderError is for the eyes of an operator: it names the folder, says what
// is wrong, and what to do.
type folderError struct {
	kind  error
	text  string
	cause error
}

func (e *folderError) Error() string { return e.text }

func (e *folderError) Unwrap() []error { return []error{e.kind, e.cause} }

func inUse(dir string, err error) error {
	return &folderError{ErrInUse, fmt.Sprintf(
		"data folder %q is in use by another process (%v): stop that process or name another folder", dir, err), err}
}

func newer(dir, marker string, version, newest int) error {
	return &folderError{ErrNewer, fmt.Sprintf(
		"data folder %q was written by a newer release: it is marked %s %d, this release knows it up to %d: run the release that wrote it, or a later one",
		dir, marker, version, newest), nil}
}

// damaged shows what Pebble's errors say of the file and the place in it, and
// not what they say of Pebble.
func damaged(dir string, err error) error {
	cause, _, _ := strings.Cut(err.Error(), "\n")
	return &folderError{ErrDamaged, fmt.Sprintf(
		"data folder %q is damaged: %s%s: keep a copy of the folder as it is, then restore it from a backup",
		dir, cause, detail(err)), err}
}

// detail returns what Pebble attaches to an error without showing it: for a
// damaged log, the file and the place.
func detail(err error) string {
	var d interface{ ErrorDetail() string }
	if !errors.As(err, &d) {
		return ""
	}
	return " (" + d.ErrorDetail() + ")"
}

// isRefusal tells what the operating system did not let us do from what we
// could read and not make sense of. Not so a file that is missing: Pebble asks
// only for those that it has a record of.
func isRefusal(err error) bool {
	var number syscall.Errno
	return errors.As(err, &number) && !errors.Is(err, fs.ErrNotExist)
}

func isDamage(err error) bool {
	return pebble.IsCorruptionError(err) ||
		errors.Is(err, errMalformed) ||
		errors.Is(err, errMissing) ||
		errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, pebble.ErrDBDoesNotExist) ||
		errors.Is(err, pebble.ErrDBNotPristine)
}

// openError and readError return nil for nil, and leave ErrDamaged as it is.
func openError(dir string, err error) error {
	return explain("open data folder", dir, err)
}

func (e *Engine) readError(err error) error {
	return explain("read from data folder", e.dir, err)
}

func explain(what, dir string, err error) error {
	switch {
	case err == nil, errors.Is(err, ErrDamaged):
		return err
	case isDamage(err):
		return damaged(dir, err)
	}
	return fmt.Errorf("%s %q: %w%s", what, dir, err, detail(err))
}
