package pace_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"seagate/internal/pace"
)

func TestEach(t *testing.T) {
	for name, test := range map[string]struct {
		pace pace.Pace
		each time.Duration // between two of 4
	}{
		"rate":    {pace.Pace{PerSecond: 2, Within: time.Minute}, 500 * time.Millisecond},
		"bound":   {pace.Pace{PerSecond: 1, Within: time.Second}, 250 * time.Millisecond},
		"at once": {pace.Pace{PerSecond: 1}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, next := time.Now(), 0
				test.pace.Each(t.Context(), 4, func(i int) {
					if after := time.Since(start); i != next || after != time.Duration(i)*test.each {
						t.Errorf("%d comes %v after the start, in the place of %d", i, after, next)
					}
					next++
				})
				if next != 4 {
					t.Errorf("%d of 4", next)
				}
			})
		})
	}
}

func TestTheRestFollowsWhenTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		start, n := time.Now(), 0
		pace.Pace{PerSecond: 1, Within: time.Hour}.Each(ctx, 10, func(int) { n++ })
		if took := time.Since(start); n != 10 || took != 1500*time.Millisecond {
			t.Errorf("%d of 10 in %v", n, took)
		}
	})
}
