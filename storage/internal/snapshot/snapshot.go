// Package snapshot yields what an engine listed at one moment.
package snapshot

import (
	"context"
	"iter"
)

// Each yields the items that list returns when the iteration begins. It asks
// usable before each item, so that closing the engine ends the iteration. An
// error of list or usable comes last.
func Each[T any](ctx context.Context, list func(context.Context) ([]T, error), usable func(context.Context) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		items, err := list(ctx)
		for _, item := range items {
			if err = usable(ctx); err != nil {
				break
			}
			if !yield(item, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}
