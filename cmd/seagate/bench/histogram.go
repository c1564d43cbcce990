package bench

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// precision is how many bits of a value a histogram keeps: its buckets are
	// less than 1 % wide.
	precision = 7
	// maxBits bounds the values: 2^42 ns is over an hour.
	maxBits = 42
	buckets = (maxBits - precision + 1) << precision
)

// A Histogram counts durations in buckets that grow with the duration, as HDR
// histograms do. Safe for concurrent use. The zero value is empty.
type Histogram struct {
	counts [buckets]atomic.Uint64
	max    atomic.Int64
}

// Add counts a duration. A negative one counts as 0.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucketOf(d)].Add(1)
	for most := h.max.Load(); int64(d) > most && !h.max.CompareAndSwap(most, int64(d)); {
		most = h.max.Load()
	}
}

func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	shift := bits.Len64(v) - precision - 1
	if shift < 0 {
		return int(v)
	}
	return min((shift<<precision)+int(v>>shift), buckets-1)
}

// highest returns the longest duration that a bucket counts.
func highest(bucket int) time.Duration {
	shift := bucket>>precision - 1
	if shift < 0 {
		return time.Duration(bucket)
	}
	return time.Duration((uint64(bucket-shift<<precision)+1)<<shift - 1)
}

// Count returns how many durations were added.
func (h *Histogram) Count() (n uint64) {
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	return n
}

// Latency is a summary of a histogram for a report, in seconds.
type Latency struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Latency returns the percentiles, or nil if nothing was added.
func (h *Histogram) Latency() *Latency {
	n := h.Count()
	if n == 0 {
		return nil
	}
	at := func(share float64) float64 { return h.percentile(n, share).Seconds() }
	return &Latency{at(0.5), at(0.9), at(0.99), at(0.999), time.Duration(h.max.Load()).Seconds()}
}

// percentile returns the duration that the share of n durations does not exceed.
func (h *Histogram) percentile(n uint64, share float64) time.Duration {
	left := max(uint64(share*float64(n)), 1)
	for i := range h.counts {
		if c := h.counts[i].Load(); c < left {
			left -= c
			continue
		}
		return min(highest(i), time.Duration(h.max.Load()))
	}
	return time.Duration(h.max.Load())
}
