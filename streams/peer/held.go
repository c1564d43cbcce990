package peer

import (
	"cmp"
	"math"

	"seagate/internal/budget"
)

// heldBytes counts the bytes that calls hold in memory, by owner and by space. Its mutexes come
// last in the order of locks.
type heldBytes struct{ owners, spaces *budget.Budget[string] }

func newHeldBytes(o *Options) heldBytes {
	return heldBytes{
		owners: budget.New[string](int64(o.BytesPerOwner), math.MaxInt64),
		spaces: budget.New[string](int64(cmp.Or(o.BytesPerSpace, math.MaxInt)), math.MaxInt64),
	}
}

// Hold counts n bytes that are kept for the calls of an owner, such as results that
// wait to be read, until Release. It returns false, and counts nothing, if the owner
// would hold more than Options.BytesPerOwner, or all of the space more than
// Options.BytesPerSpace. An owner or a space that holds nothing may hold one thing of
// any size, so that a low bound does not make large calls impossible.
func (h *Hub) Hold(space, owner string, n int) bool {
	if n == 0 {
		return true
	}
	if !h.held.owners.Take(owner, n) {
		return false
	}
	if !h.held.spaces.Take(space, n) {
		h.held.owners.Give(owner, n)
		return false
	}
	return true
}

// Release takes back n bytes of Hold.
func (h *Hub) Release(space, owner string, n int) {
	if n > 0 {
		h.held.owners.Give(owner, n)
		h.held.spaces.Give(space, n)
	}
}
