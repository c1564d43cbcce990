package streams

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/internal/clock"
	"seagate/storage"
)

// storedClock says in storage whether the clock of the machine is believed. Without it, a message
// that was accepted while the clock was ahead would make the next start believe that clock,
// and everything that looks old by it would be deleted.
type storedClock struct {
	records storage.Records
	clock   *clock.Clock
	noted   bool // there is a record; owned by Open, then by retention.run, then by Close
}

// The table has one record, while the clock is ahead and not believed.
const (
	clockTable = "clock"
	doubtKey   = "doubted"
)

// A clockRecord is what is stored.
type clockRecord struct {
	Since time.Time `json:"since"` // by the clock that is believed
}

// noteTimeout bounds the write of the record.
const noteTimeout = 10 * time.Second

// start tells the clock the last time that is known: that of the newest message. If an earlier
// process began to doubt the clock before that, start tells the time at which it began.
func (s *storedClock) start(ctx context.Context, newest time.Time) error {
	stored, err := s.records.Get(ctx, clockTable, doubtKey)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("load what is known of the clock: %w", err)
	}
	if s.noted = err == nil; s.noted {
		var r clockRecord
		if err := json.Unmarshal(stored.Value, &r); err != nil {
			return fmt.Errorf("load what is known of the clock: %w", err)
		}
		if newest.IsZero() || r.Since.Before(newest) {
			newest = r.Since
		}
	}
	s.clock.StartAt(newest)
	s.note(ctx)
	return nil
}

// note stores whether the clock is believed, if that has changed. It tries again at its next
// call if it cannot.
func (s *storedClock) note(ctx context.Context) {
	now := s.clock.Now() // looks at the clock of the machine
	doubted := s.clock.Ahead() > 0
	if doubted == s.noted {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, noteTimeout)
	defer cancel()
	if err := s.write(ctx, doubted, now); err != nil {
		if ctx.Err() == nil {
			slog.Error("it cannot be noted whether the clock is believed; a restart may believe it", "error", err)
		}
		return
	}
	s.noted = doubted
}

func (s *storedClock) write(ctx context.Context, doubted bool, now time.Time) error {
	if !doubted {
		return s.records.Delete(ctx, clockTable, doubtKey, storage.Always())
	}
	value, err := json.Marshal(clockRecord{now.UTC()})
	if err == nil {
		_, err = s.records.Put(ctx, clockTable, doubtKey, value, storage.Always())
	}
	return err
}
