package bench

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Each duration falls into a bucket that ends at most 1 % above it, and buckets follow each
// other without gaps.
func TestBuckets(t *testing.T) {
	for b := range buckets - 1 {
		if got := bucketOf(highest(b)); got != b {
			t.Fatalf("%v is the highest of bucket %d, and is counted in %d", highest(b), b, got)
		}
		if got := bucketOf(highest(b) + 1); got != b+1 {
			t.Fatalf("%v is one more than bucket %d counts, and is counted in %d", highest(b)+1, b, got)
		}
	}
	for range 10_000 {
		d := time.Duration(rand.Int64N(1 << rand.IntN(maxBits)))
		if top := highest(bucketOf(d)); top < d || float64(top-d) > 0.01*float64(d) {
			t.Errorf("%d is counted as %d", d, top)
		}
	}
	if got := bucketOf(math.MaxInt64); got != buckets-1 {
		t.Errorf("the longest duration is counted in bucket %d of %d", got, buckets)
	}
	if got := bucketOf(-1); got != 0 {
		t.Errorf("a negative duration is counted in bucket %d", got)
	}
}

// Percentiles agree with those of the sorted list of durations.
func TestPercentiles(t *testing.T) {
	var h Histogram
	all := make([]time.Duration, 10_000)
	for i := range all {
		all[i] = time.Duration(rand.ExpFloat64() * float64(time.Millisecond))
		h.Add(all[i])
	}
	slices.Sort(all)
	got := h.Latency()
	for share, p := range map[float64]float64{0.5: got.P50, 0.9: got.P90, 0.99: got.P99, 0.999: got.P999, 1: got.Max} {
		want := all[int(share*float64(len(all)))-1].Seconds()
		if math.Abs(p-want) > 0.01*want {
			t.Errorf("%v of the durations are at most %v, want %v", share, p, want)
		}
	}
	if (&Histogram{}).Latency() != nil {
		t.Error("a histogram without durations has percentiles")
	}
}
