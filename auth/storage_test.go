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

// A failingStore fails the write that countdown reaches zero at, and all after
// it, as an engine does that has seen its disk fail. happens says whether that
// first one gets there all the same.
type failingStore struct {
	storage.Records
	countdown atomic.Int64
	happens   bool
}

func failingAt(records storage.Records, writes int, happens bool) *failingStore {
	s := &failingStore{Records: records, happens: happens}
	s.countdown.Store(int64(writes))
	return s
}

func (s *failingStore) write(do func() error) error {
	switch left := s.countdown.Add(-1); {
	case left > 0:
		return do()
	case left == 0 && s.happens:
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

// heal ends the trouble.
func (s *failingStore) heal() { s.countdown.Store(1 << 60) }

// A hangingStore, once told to hang, says on entered that a write is under way
// and has it wait for release.
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
