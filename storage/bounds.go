package storage

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of what a record may be, in bytes. They are the same for all engines,
// so that what one has taken every other one takes too: MaxValue is the largest
// message that NATS advises.
const (
	MaxTable = 255
	MaxKey   = 4096
	MaxValue = 8 << 20
)

// ErrInvalid: a name, key or value is outside of the bounds. Nothing was written.
var ErrInvalid = errors.New("storage: invalid")

// CheckRecord returns an error that wraps ErrInvalid and says why, if no engine
// may hold such a record. Engines call it before they write.
func CheckRecord(table, key string, value []byte) error {
	if err := CheckKey(table, key); err != nil {
		return err
	}
	if len(value) > MaxValue {
		return fmt.Errorf("%w: value of %d bytes, at most %d are allowed", ErrInvalid, len(value), MaxValue)
	}
	return nil
}

// CheckKey is CheckRecord for calls that carry no value.
func CheckKey(table, key string) error {
	if err := CheckTable(table); err != nil {
		return err
	}
	return checkName("key", key, MaxKey)
}

// CheckTable is CheckRecord for calls that are about a whole table.
func CheckTable(table string) error {
	return checkName("table", table, MaxTable)
}

// CheckLog returns an error that wraps ErrInvalid if no log may have that name.
func CheckLog(name string) error {
	return checkName("log name", name, MaxKey)
}

// CheckAppend returns an error that wraps ErrInvalid if no log may take a.
func CheckAppend(a Append) error {
	switch {
	case len(a.Payloads) == 0:
		return fmt.Errorf("%w: append of nothing", ErrInvalid)
	case len(a.Payloads) > MaxAppend:
		return fmt.Errorf("%w: append of %d entries, at most %d are allowed", ErrInvalid, len(a.Payloads), MaxAppend)
	case len(a.Key) > MaxAppendKey:
		return fmt.Errorf("%w: append with a key of %d bytes, at most %d are allowed", ErrInvalid, len(a.Key), MaxAppendKey)
	case a.Window > MaxAppendWindow:
		return fmt.Errorf("%w: append with a window of %v, at most %v are allowed", ErrInvalid, a.Window, MaxAppendWindow)
	case a.Bytes() > MaxAppendBytes:
		return fmt.Errorf("%w: append of %d bytes, at most %d are allowed", ErrInvalid, a.Bytes(), MaxAppendBytes)
	}
	return nil
}

// Bytes returns how long the payloads are, together.
func (a *Append) Bytes() int64 {
	var n int64
	for _, payload := range a.Payloads {
		n += int64(len(payload))
	}
	return n
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
