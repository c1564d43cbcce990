package integrity

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"seagate/storage/pebble/internal/format"
)

var (
	// ErrDamaged reports that the folder does not hold what was written to it.
	ErrDamaged = errors.New("data folder is damaged")
	// ErrNewer reports that a newer release wrote the folder, in a format that
	// this one does not know.
	ErrNewer = errors.New("data folder was written by a newer release")
	// ErrMissing reports that something which was written is not there. Explain
	// turns it into ErrDamaged.
	ErrMissing = errors.New("writes are missing")
)

// AdviceRestore tells an operator what to do about damage.
const AdviceRestore = "keep a copy of the folder as it is, then restore it from a backup"

// A folderError tells an operator which folder is concerned, what is wrong and
// what to do.
type folderError struct {
	kind  error
	text  string
	cause error
}

// NewError returns an error that shows text alone, and wraps kind and cause.
func NewError(kind error, text string, cause error) error { return &folderError{kind, text, cause} }

func (e *folderError) Error() string { return e.text }

func (e *folderError) Unwrap() []error { return []error{e.kind, e.cause} }

func newer(dir, marker string, version, newest int) error {
	return &folderError{ErrNewer, fmt.Sprintf(
		"data folder %q was written by a newer release: it is marked %s %d, this release knows it up to %d: run the release that wrote it, or a later one",
		dir, marker, version, newest), nil}
}

// damaged shows the part of Pebble's errors that names the file and the place
// in it, and hides its stack.
func damaged(dir string, err error) error {
	return &folderError{ErrDamaged, fmt.Sprintf(
		"data folder %q is damaged: %s%s: %s", dir, firstLine(err), Detail(err), AdviceRestore), err}
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// Detail returns what Pebble attaches to an error without showing it, for a
// damaged log the file and the place, as text to append to a message.
func Detail(err error) string {
	var d interface{ ErrorDetail() string }
	if !errors.As(err, &d) {
		return ""
	}
	return " (" + d.ErrorDetail() + ")"
}

// IsRefusal reports whether the operating system refused an operation, as
// opposed to bytes that were read and make no sense. A missing file is damage:
// Pebble opens only files that it has a record of.
func IsRefusal(err error) bool {
	var number syscall.Errno
	return errors.As(err, &number) && !errors.Is(err, fs.ErrNotExist)
}

func isDamage(err error) bool {
	return pebble.IsCorruptionError(err) ||
		errors.Is(err, format.ErrMalformed) ||
		errors.Is(err, ErrMissing) ||
		errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, pebble.ErrDBDoesNotExist) ||
		errors.Is(err, pebble.ErrDBNotPristine)
}

// Explain adds the folder and what was being done, such as "read from", to an
// error. One that shows damage becomes ErrDamaged, with advice. It returns nil
// for nil, and leaves ErrDamaged as it is.
func Explain(doing, dir string, err error) error {
	switch {
	case err == nil, errors.Is(err, ErrDamaged):
		return err
	case isDamage(err):
		return damaged(dir, err)
	}
	return fmt.Errorf("%s data folder %q: %w%s", doing, dir, err, Detail(err))
}

func openError(dir string, err error) error { return Explain("open", dir, err) }
