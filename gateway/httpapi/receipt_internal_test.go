package httpapi

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"seagate/protocol"
)

// A receipt gives the outcome, whether that comes before somebody waits, meanwhile, or when the
// request has ended. It can be used again, except in the last case.
func TestReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := receipts.New().(*receipt)
		for seq := uint64(1); seq <= 4; seq += 2 {
			r.done(protocol.Published{Seq: seq}, nil)
			if at, err := r.wait(t.Context()); at.Seq != seq || err != nil {
				t.Errorf("settled before: %d, %v", at.Seq, err)
			}
			go func() {
				synctest.Wait() // until the other goroutine waits
				r.done(protocol.Published{Seq: seq + 1}, nil)
			}()
			if at, err := r.wait(t.Context()); at.Seq != seq+1 || err != nil {
				t.Errorf("settled meanwhile: %d, %v", at.Seq, err)
			}
		}
		r = receipts.New().(*receipt)
		ended, end := context.WithCancel(t.Context())
		end()
		if _, err := r.wait(ended); err == nil {
			t.Error("an outcome after the end of the request")
		}
		r.done(protocol.Published{}, nil) // does not block
	})
	// Outside of synctest, since it goes back to those of all tests.
	refused, r := errors.New("refused"), receipts.New().(*receipt)
	r.done(protocol.Published{}, refused)
	if _, err := r.wait(t.Context()); err != refused {
		t.Errorf("refused: %v", err)
	}
}
