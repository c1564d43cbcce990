package storage

import (
	"context"
	"errors"
	"iter"
)

var (
	// ErrNotFound: there is no record under that table and key.
	ErrNotFound = errors.New("storage: no such record")
	// ErrConflict: the record is not as the writer's Condition expected; nothing was written.
	ErrConflict = errors.New("storage: the record changed meanwhile")
	// ErrClosed: the engine was closed before the call.
	ErrClosed = errors.New("storage: closed")
)

// A Record is one stored value. Value belongs to the caller.
type Record struct {
	Key      string
	Value    []byte
	Revision uint64 // from 1, higher after every write; never the same for two values of one key
}

// A Condition is what a writer expects to find under a key. The zero value expects nothing.
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

// Always writes whatever is there.
func Always() Condition { return Condition{} }

// IfAbsent writes only where no record is.
func IfAbsent() Condition { return Condition{kind: absent} }

// IfRevision writes only over the record with this revision.
func IfRevision(revision uint64) Condition {
	return Condition{kind: atRevision, revision: revision}
}

// Holds says whether the condition is met by what is under the key now:
// found, and if so at which revision. Engines call it; nobody else needs to.
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

// Records is a table-and-key store. Tables need no creation; their names and
// the keys are non-empty UTF-8 without NUL, and no longer than MaxTable and
// MaxKey; anything else is ErrInvalid. Safe for concurrent use.
type Records interface {
	// Get returns the record, or ErrNotFound.
	Get(ctx context.Context, table, key string) (Record, error)

	// List yields the table's records whose keys start with prefix, in the
	// byte order of the keys, as they stood when the iteration began. An
	// error ends it.
	List(ctx context.Context, table, prefix string) iter.Seq2[Record, error]

	// Put writes the value if cond holds, and returns its revision once it is
	// durable. It returns ErrConflict, and has written nothing, if cond does
	// not hold. The value is copied; it is no longer than MaxValue. If ctx ends
	// the wait, the write may still happen.
	Put(ctx context.Context, table, key string, value []byte, cond Condition) (revision uint64, err error)

	// Delete removes the record if cond holds, durably. To delete what is not
	// there is no error unless cond asks for it.
	Delete(ctx context.Context, table, key string, cond Condition) error
}

// An Engine is a store of all kinds with a life of its own. Close is safe to
// call twice; after it every call returns ErrClosed.
type Engine interface {
	Records
	Logs
	Close() error
}
