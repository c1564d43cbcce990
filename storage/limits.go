package storage

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a record, in bytes. They are the same in all engines, so that every
// engine can hold what another one holds. MaxValue is the longest message that
// NATS recommends.
const (
	MaxTable = 255
	MaxKey   = 4096 // of a record, and of a log's name
	MaxValue = 8 << 20
)

// Limits of one Append. All of it becomes durable at once, so it must be
// bounded.
const (
	MaxAppend       = 1_000_000 // payloads
	MaxAppendBytes  = 256 << 20 // of all payloads together; one alone may have as many
	MaxAppendKey    = 1024      // bytes
	MaxAppendHeader = MaxValue  // bytes
	MaxAppendWindow = 366 * 24 * time.Hour
)

// ErrInvalid reports a name, key, value or append outside of the limits. Nothing
// was written.
var ErrInvalid = errors.New("storage: invalid")

// CheckRecord returns an error that wraps ErrInvalid if no engine may hold the
// record. Engines call it before they write.
func CheckRecord(table, key string, value []byte) error {
	if err := CheckKey(table, key); err != nil {
		return err
	}
	if len(value) > MaxValue {
		return fmt.Errorf("%w: value of %d bytes, at most %d are allowed", ErrInvalid, len(value), MaxValue)
	}
	return nil
}

// CheckKey is CheckRecord for calls without a value.
func CheckKey(table, key string) error {
	if err := CheckTable(table); err != nil {
		return err
	}
	return checkName("key", key, MaxKey)
}

// CheckTable is CheckRecord for calls that concern a whole table.
func CheckTable(table string) error { return checkName("table", table, MaxTable) }

// CheckLog returns an error that wraps ErrInvalid if no log may have this name.
func CheckLog(name string) error { return checkName("log name", name, MaxKey) }

// CheckAppend returns an error that wraps ErrInvalid if no log may accept a.
func CheckAppend(a Append) error {
	switch {
	case len(a.Payloads) == 0:
		return fmt.Errorf("%w: append without entries", ErrInvalid)
	case len(a.Payloads) > MaxAppend:
		return fmt.Errorf("%w: append of %d entries, at most %d are allowed", ErrInvalid, len(a.Payloads), MaxAppend)
	case len(a.Key) > MaxAppendKey:
		return fmt.Errorf("%w: append with a key of %d bytes, at most %d are allowed", ErrInvalid, len(a.Key), MaxAppendKey)
	case len(a.Header) > MaxAppendHeader:
		return fmt.Errorf("%w: append with a header of %d bytes, at most %d are allowed", ErrInvalid, len(a.Header), MaxAppendHeader)
	case a.Window > MaxAppendWindow:
		return fmt.Errorf("%w: append with a window of %v, at most %v are allowed", ErrInvalid, a.Window, MaxAppendWindow)
	case a.Bytes() > MaxAppendBytes:
		return fmt.Errorf("%w: append of %d bytes, at most %d are allowed", ErrInvalid, a.Bytes(), MaxAppendBytes)
	}
	return nil
}

func checkName(what, name string, limit int) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: empty %s", ErrInvalid, what)
	case len(name) > limit:
		return fmt.Errorf("%w: %s of %d bytes, at most %d are allowed", ErrInvalid, what, len(name), limit)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: %s %q is not UTF-8", ErrInvalid, what, name)
	case strings.IndexByte(name, 0) >= 0:
		return fmt.Errorf("%w: %s %q contains NUL", ErrInvalid, what, name)
	}
	return nil
}
