package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"seagate/catalog"
	"seagate/storage/memory"
	"seagate/streams"
)

// Whatever is opened, defined and deleted at a time, no name is left behind, and
// every defined stream is counted once.
func TestConcurrentOpenDefineDelete(t *testing.T) {
	opts := options()
	opts.Streams = 3
	r, err := openOver(t, memory.New(), opts, streams.Options{TopicsPerSpace: 3})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"a", "b", "c", "d", "e"}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 400 {
				ctx, cancel := context.WithCancel(t.Context())
				if rand.IntN(4) == 0 {
					cancel()
				}
				name := names[rand.IntN(len(names))]
				switch rand.IntN(3) {
				case 0:
					if s, err := r.Open(id(jail, name)); err == nil {
						if _, err := s.Topic(); err != nil && err != streams.ErrDeleted {
							t.Error(err)
						}
					} else if err != streams.ErrTooManyTopics && err != streams.ErrDeleted {
						t.Error(err)
					}
				case 1:
					// It may be too old, too many or cancelled.
					_, _ = r.Define(ctx, jail, name, parse(t, name, fmt.Sprint(1+rand.IntN(3)), ``))
				case 2:
					if err := r.Delete(ctx, jail, name); err != nil && !errors.Is(err, catalog.ErrNotFound) && !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
				}
				cancel()
			}
		})
	}
	wait.Wait()
	for _, name := range names {
		if err := r.Delete(t.Context(), jail, name); err != nil && !errors.Is(err, catalog.ErrNotFound) {
			t.Error(err)
		}
	}
	if jails := r.Jails(); len(jails) > 0 {
		t.Errorf("jails: %v", jails)
	}
	for _, name := range names[:3] {
		mustDefine(t, r, jail, name, `1`, ``)
	}
	if _, err := r.Define(t.Context(), jail, "d", parse(t, "d", `1`, ``)); !errors.Is(err, catalog.ErrTooManyStreams) {
		t.Error(err)
	}
}
