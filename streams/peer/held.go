package peer

import "sync"

// holdings counts the bytes that the calls of each owner hold in memory. Its mutex is
// the last that anybody takes.
type holdings struct {
	most int // of one owner

	mu    sync.Mutex // guards what follows
	by    map[string]int
	total int
}

// hold returns false, and counts nothing, if the owner would hold too much. Who holds
// nothing may hold one thing of any size, so that a low bound makes calls wait for each
// other, and does not make large ones impossible.
func (h *holdings) hold(owner string, n int) bool {
	if n == 0 {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if has := h.by[owner]; has > 0 && has+n > h.most {
		return false
	}
	h.by[owner] += n
	h.total += n
	return true
}

func (h *holdings) release(owner string, n int) {
	if n == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.total -= n
	if h.by[owner] -= n; h.by[owner] == 0 {
		delete(h.by, owner)
	}
}

func (h *holdings) bytes() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.total
}

// Hold counts n bytes that are kept for the calls of an owner, such as results that
// wait to be read, until Release. It returns false, and counts nothing, if the owner
// would hold more than Options.BytesPerOwner.
func (h *Hub) Hold(owner string, n int) bool { return h.held.hold(owner, n) }

// Release takes back n bytes of Hold.
func (h *Hub) Release(owner string, n int) { h.held.release(owner, n) }
