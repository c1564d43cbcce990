package streams

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/quota"
)

// A setHeader is what SetHeader was called with last. It is in the topic's
// record, while the header that SendWithHeader was called with last is in the
// topic's log. The later of the two holds: a header that was sent with a message
// numbered seq or higher came behind this one, if it is in the same log.
//
// A message that is accepted while SetHeader is under way may have either order.
// It counts as later, in memory as after a restart.
type setHeader struct {
	value []byte // nil: none
	seq   uint64 // the number that the next message had
	log   string // the ID of the log that has the number
}

func (r *record) setHeader(h setHeader) {
	r.Header, r.HeaderSeq, r.HeaderLog = jsontext.Value(h.value), h.seq, h.log
}

func (r *record) header() setHeader { return setHeader{r.Header, r.HeaderSeq, r.HeaderLog} }

// headerLocked returns the header that holds, or nil.
func (t *Topic) headerLocked() []byte {
	sentLater := t.sent.Seq >= t.set.seq || t.set.log != t.log.Bounds().ID
	if t.sent.Seq > 0 && sentLater {
		return t.sent.Value
	}
	return t.set.value
}

// Header returns the header, or nil if there is none. It is shared and must not
// be changed.
func (t *Topic) Header() []byte {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.headerLocked()
}

// SetHeader replaces the header, a JSON value, durably; nil clears it. In topics
// that are opened afterwards get it, those that are open do not.
//
// It returns a *quota.Exceeded if the header is longer than the one before by more than the jail
// may have.
func (t *Topic) SetHeader(ctx context.Context, header []byte) error {
	t.mu.RLock()
	account, grown, transient := t.charge.account, max(int64(len(header)-len(t.set.value)), 0), t.transient
	t.mu.RUnlock()
	if !transient {
		if err := account.Reserve(quota.Disk, grown); err != nil {
			return err
		}
		defer account.Add(quota.Disk, -grown) // store charges what it has stored
	}
	if err := account.Reserve(quota.Memory, grown); err != nil {
		return err
	}
	defer account.Add(quota.Memory, -grown)
	return t.store(ctx, func(r *record) { r.setHeader(t.newHeader(header)) })
}

// newHeader returns the header that SetHeader is called with. Without it, and
// without one in the log, nothing needs to be stored.
func (t *Topic) newHeader(value []byte) setHeader {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if value == nil && t.sent.Seq == 0 {
		return setHeader{}
	}
	return setHeader{value, t.next, t.log.Bounds().ID}
}
