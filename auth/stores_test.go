package auth_test

import (
	"context"
	"errors"
	"sync/atomic"

	"seagate/storage"
	"seagate/storage/memory"
)

func newEngine() *memory.Engine { return memory.New() }

var errDisk = errors.New("disk on fire")

// A failingStore fails the write at which countdown reaches zero, and all writes after it, as an
// engine does after its disk failed. The first failing write is stored all the same if stored is
// true.
type failingStore struct {
	storage.Records
	countdown atomic.Int64
	stored    bool
}

func failingAt(records storage.Records, writes int, stored bool) *failingStore {
	s := &failingStore{Records: records, stored: stored}
	s.countdown.Store(int64(writes))
	return s
}

func (s *failingStore) write(do func() error) error {
	switch left := s.countdown.Add(-1); {
	case left > 0:
		return do()
	case left == 0 && s.stored:
		_ = do()
	}
	return errDisk
}

func (s *failingStore) Put(ctx context.Context, table, key string, value []byte, c storage.Condition) (revision uint64, err error) {
	err = s.write(func() (err error) {
		revision, err = s.Records.Put(ctx, table, key, value, c)
		return err
	})
	return revision, err
}

func (s *failingStore) Delete(ctx context.Context, table, key string, c storage.Condition) error {
	return s.write(func() error { return s.Records.Delete(ctx, table, key, c) })
}

// heal lets all writes succeed from now on.
func (s *failingStore) heal() { s.countdown.Store(1 << 60) }

// A hangingStore, while hang is true, sends to entered when a write begins, and holds the write
// until release is closed.
type hangingStore struct {
	storage.Records
	hang             atomic.Bool
	entered, release chan struct{}
}

func (s *hangingStore) Put(ctx context.Context, table, key string, value []byte, c storage.Condition) (uint64, error) {
	if s.hang.Load() {
		s.entered <- struct{}{}
		<-s.release
	}
	return s.Records.Put(ctx, table, key, value, c)
}
