package storage

import (
	"context"
	"errors"
	"iter"
)

var (
	// ErrNotFound reports that there is no record under a table and key.
	ErrNotFound = errors.New("storage: no such record")
	// ErrConflict reports that a record is not as the writer's Condition
	// expects. Nothing was written.
	ErrConflict = errors.New("storage: the record changed meanwhile")
	// ErrClosed reports a call after the engine was closed.
	ErrClosed = errors.New("storage: closed")
)

// A Record is one stored value. Value belongs to the caller.
type Record struct {
	Key   string
	Value []byte

	// Revision is at least 1 and rises with every write of the key, even over
	// a deletion. No two values of a key have the same.
	Revision uint64
}

// A Condition is what a writer expects to find under a key. The zero value
// accepts anything.
type Condition struct {
	kind     conditionKind
	revision uint64
}

type conditionKind uint8

const (
	always conditionKind = iota
	absent
	atRevision
)

// Always accepts anything.
func Always() Condition { return Condition{} }

// IfAbsent expects that there is no record.
func IfAbsent() Condition { return Condition{kind: absent} }

// IfRevision expects a record with this revision.
func IfRevision(revision uint64) Condition {
	return Condition{kind: atRevision, revision: revision}
}

// Holds reports whether the record under a key, if found, meets the condition.
// It is for engines.
func (c Condition) Holds(found bool, revision uint64) bool {
	switch c.kind {
	case absent:
		return !found
	case atRevision:
		return found && revision == c.revision
	default:
		return true
	}
}

// Records stores values by table and key. A table needs no creation. Names of
// tables and keys are non-empty UTF-8 without NUL, of at most MaxTable and
// MaxKey bytes; a call with any other name returns ErrInvalid. Records is safe
// for concurrent use.
type Records interface {
	// Get returns the record, or ErrNotFound.
	Get(ctx context.Context, table, key string) (Record, error)

	// List yields the records of the table whose keys start with prefix, in the
	// byte order of the keys, as they are when the iteration begins. An error
	// ends the iteration.
	List(ctx context.Context, table, prefix string) iter.Seq2[Record, error]

	// Put writes the value if cond holds, and returns its revision once it is
	// durable. It returns ErrNoSpace if the value would take space of which very
	// little is left. Records of up to 4 KiB, and those that do not grow, can still
	// be replaced then. If cond does not hold it returns ErrConflict and writes nothing.
	// It copies the value, which has at most MaxValue bytes. If ctx ends the
	// wait, the write may still happen.
	Put(ctx context.Context, table, key string, value []byte, cond Condition) (revision uint64, err error)

	// Delete durably removes the record if cond holds, otherwise it returns
	// ErrConflict. Without a record it succeeds if cond allows that. If ctx ends
	// the wait, the deletion may still happen.
	Delete(ctx context.Context, table, key string, cond Condition) error
}

// An Engine stores records and logs. Close may be called twice. After it, every
// call returns ErrClosed.
type Engine interface {
	Records
	Logs
	Close() error
}
