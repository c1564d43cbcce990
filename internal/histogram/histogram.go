// Package histogram has histograms of durations for Prometheus that cost a few atomic
// additions and no allocation, so that they can stand on every hot path. Those of
// client_golang allocate with each observation below a second once they are native.
//
// Each histogram is both: a native one, whose buckets grow by 9 % (schema 3), for a
// Prometheus that asks for the protobuf format, and a classic one for all others.
package histogram

import (
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// classic are the upper bounds of the classic buckets, in seconds.
var classic = [...]float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60}

// The native buckets. Bucket k has what is above 2^((k-1)/8) s and at most 2^(k/8) s. What is at most
// zeroBound is in the bucket of zero, and what is beyond the last bucket in the last.
const (
	schema    = 3
	perOctave = 1 << schema
	minOctave = -20 // 1 µs
	maxOctave = 12  // more than an hour
	natives   = (maxOctave - minOctave) * perOctave
	firstKey  = minOctave*perOctave + 1
)

var zeroBound = math.Ldexp(1, minOctave)

// fractions are the upper bounds of the buckets of one octave, as math.Frexp has them.
var fractions = func() (f [perOctave]float64) {
	for i := range f {
		f[i] = math.Exp2(float64(i)/perOctave - 1)
	}
	return f
}()

// A Histogram counts durations. Its methods are safe for concurrent use.
type Histogram struct {
	desc   *prometheus.Desc
	labels []*dto.LabelPair

	sum     atomic.Int64 // nanoseconds
	zero    atomic.Uint64
	native  [natives]atomic.Uint64
	classic [len(classic)]atomic.Uint64 // not cumulative
}

// New returns a histogram without labels. The name is without the namespace.
func New(name, help string) *Histogram {
	return &Histogram{desc: prometheus.NewDesc("seagate_"+name, help, nil, nil)}
}

// Observe counts a duration. A negative one, as after a step of the clock, counts as 0.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	seconds := d.Seconds()
	for i, bound := range classic {
		if seconds <= bound {
			h.classic[i].Add(1)
			break
		}
	}
	h.sum.Add(int64(d))
	// Last, so that Write, which reads these first, never finds less in the classic buckets.
	if seconds <= zeroBound {
		h.zero.Add(1)
	} else {
		h.native[min(keyOf(seconds)-firstKey, natives-1)].Add(1)
	}
}

// keyOf returns the key of the native bucket for a positive number.
func keyOf(v float64) int {
	fraction, exponent := math.Frexp(v)
	i := 0
	for i < perOctave && fraction > fractions[i] {
		i++
	}
	return (exponent-1)*perOctave + i
}

// Describe implements prometheus.Collector.
func (h *Histogram) Describe(to chan<- *prometheus.Desc) { to <- h.desc }

// Collect implements prometheus.Collector.
func (h *Histogram) Collect(to chan<- prometheus.Metric) { to <- h }

// Desc implements prometheus.Metric.
func (h *Histogram) Desc() *prometheus.Desc { return h.desc }

// Write implements prometheus.Metric. The count is that of the native buckets, since
// Prometheus refuses a histogram in which the two differ.
func (h *Histogram) Write(to *dto.Metric) error {
	out := &dto.Histogram{Schema: new(int32(schema)), ZeroThreshold: new(zeroBound)}
	count := h.zero.Load()
	out.ZeroCount = new(count)
	last, before := firstKey-1, int64(0) // of the latest bucket that is not empty
	for i := range h.native {
		n := int64(h.native[i].Load())
		if n == 0 {
			continue
		}
		count += uint64(n)
		appendBucket(out, firstKey+i, last, n-before)
		last, before = firstKey+i, n
	}
	out.SampleCount, out.SampleSum = new(count), new(time.Duration(h.sum.Load()).Seconds())
	cumulative := uint64(0)
	for i, bound := range classic {
		cumulative = min(cumulative+h.classic[i].Load(), count)
		out.Bucket = append(out.Bucket, &dto.Bucket{UpperBound: new(bound), CumulativeCount: new(cumulative)})
	}
	to.Label, to.Histogram = h.labels, out
	return nil
}

// appendBucket appends a native bucket after the one with the key last. The delta is the difference of
// their counts.
func appendBucket(out *dto.Histogram, key, last int, delta int64) {
	spans := out.PositiveSpan
	switch {
	case len(spans) == 0:
		out.PositiveSpan = []*dto.BucketSpan{{Offset: new(int32(key)), Length: new(uint32(1))}}
	case key == last+1:
		*spans[len(spans)-1].Length++
	default:
		out.PositiveSpan = append(spans, &dto.BucketSpan{Offset: new(int32(key - last - 1)), Length: new(uint32(1))})
	}
	out.PositiveDelta = append(out.PositiveDelta, delta)
}

// A Vec is histograms that differ in their labels.
type Vec struct {
	desc *prometheus.Desc

	mu      sync.Mutex            // guards members
	members map[string]*Histogram // by the values of the labels
}

// NewVec returns a Vec without histograms.
func NewVec(name, help string, labels ...string) *Vec {
	return &Vec{desc: prometheus.NewDesc("seagate_"+name, help, labels, nil), members: map[string]*Histogram{}}
}

// With returns the histogram with the values of the labels, in their order. It locks and allocates: call
// it once, and keep the histogram. No client may choose a value.
func (v *Vec) With(values ...string) *Histogram {
	key := strings.Join(values, "\x00")
	v.mu.Lock()
	defer v.mu.Unlock()
	h := v.members[key]
	if h == nil {
		h = &Histogram{desc: v.desc, labels: prometheus.MakeLabelPairs(v.desc, values)}
		v.members[key] = h
	}
	return h
}

// Describe implements prometheus.Collector.
func (v *Vec) Describe(to chan<- *prometheus.Desc) { to <- v.desc }

// Collect implements prometheus.Collector. It leaves out histograms that have counted nothing.
func (v *Vec) Collect(to chan<- prometheus.Metric) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, h := range v.members {
		if !h.isEmpty() {
			to <- h
		}
	}
}

func (h *Histogram) isEmpty() bool {
	if h.zero.Load() > 0 {
		return false
	}
	for i := range h.native {
		if h.native[i].Load() > 0 {
			return false
		}
	}
	return true
}
