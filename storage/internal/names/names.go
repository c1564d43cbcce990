// Package names is how engines list the names of their logs.
package names

import (
	"context"
	"iter"
)

// Each yields the names that there are when the iteration begins, and ends
// with the error of list, or of usable, which is asked before each of them.
func Each(ctx context.Context, list func(context.Context) ([]string, error), usable func(context.Context) error) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		all, err := list(ctx)
		for _, name := range all {
			if err = usable(ctx); err != nil {
				break
			}
			if !yield(name, nil) {
				return
			}
		}
		if err != nil {
			yield("", err)
		}
	}
}
