// Package format defines the keys and values in the database of a data folder:
// format 2. It encodes, decodes and reads; it never writes.
//
// A key begins with a byte for its kind, so that each kind is one range of the
// database. Integers are big-endian, so that keys are in the order of their
// numbers:
//
//	's'                              → state: revision (8), sum (8), numbers (8), incarnation (16)
//	'r' table 00 key                 → record: revision (8), value
//	'l' name                         → head of a log: number (8), id (16), six fields of 8, see Head
//	'm' number (8) seq (8)           → entry of a log: time (8), end (8), payload
//	'k' number (8) expires (8) hash (16) → append: first, count, sum, time (8 each)
//
// A table and a key contain no NUL. So the first NUL ends the table, and no
// table's range reaches into another's. The header of a log is a record too,
// under the log's name in a table that callers cannot name: see LogHeaderKey.
//
// A log's entries and append keys are stored under the number of the log,
// which its head holds. A log that is deleted and created again gets another
// number, and so finds nothing of the old one.
//
// Times are nanoseconds since 1970.
package format

import "errors"

// Version is the format that this package defines. Version 1 had no logs, and
// a state of the first two fields.
const Version = 2

// The kinds of keys.
const (
	KindState     = 's'
	KindRecord    = 'r'
	KindHead      = 'l'
	KindEntry     = 'm'
	KindAppendKey = 'k'
)

// ErrMalformed reports bytes that no release has written.
var ErrMalformed = errors.New("not written by this program")
