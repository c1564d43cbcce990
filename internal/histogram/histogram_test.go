package histogram

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// The library is the judge: the same observations have the same buckets, count and sum.
func TestCountsLikeThePrometheusLibrary(t *testing.T) {
	ours := New("test_seconds", "help")
	theirs := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "test_seconds", Buckets: classic[:], NativeHistogramBucketFactor: 1.1, NativeHistogramZeroThreshold: zeroBound,
	})
	observations := []time.Duration{0, 1, 953, 954, 955, time.Microsecond, time.Millisecond, time.Second, time.Minute, time.Hour}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		observations = append(observations, time.Duration(math.Exp2(r.Float64()*41)))
	}
	for k := -20; k < 12; k++ { // the bounds of octaves
		observations = append(observations, time.Duration(math.Ldexp(1e9, k)))
	}
	for _, d := range observations {
		ours.Observe(d)
		theirs.Observe(d.Seconds())
	}
	got, want := written(t, ours), written(t, theirs)
	if got.GetSampleCount() != want.GetSampleCount() || math.Abs(got.GetSampleSum()-want.GetSampleSum()) > 1e-3 || got.GetZeroCount() != want.GetZeroCount() {
		t.Errorf("got %d, %v, %d; want %d, %v, %d", got.GetSampleCount(), got.GetSampleSum(), got.GetZeroCount(),
			want.GetSampleCount(), want.GetSampleSum(), want.GetZeroCount())
	}
	for i, b := range want.GetBucket() {
		if g := got.GetBucket()[i]; g.GetCumulativeCount() != b.GetCumulativeCount() || g.GetUpperBound() != b.GetUpperBound() {
			t.Errorf("classic bucket %v, want %v", g, b)
		}
	}
	gotNative, wantNative := native(got), native(want)
	if got.GetSchema() != want.GetSchema() || len(gotNative) != len(wantNative) || len(gotNative) < 200 {
		t.Errorf("schema %d with %d buckets, want %d with %d", got.GetSchema(), len(gotNative), want.GetSchema(), len(wantNative))
	}
	for key, n := range wantNative {
		if gotNative[key] != n {
			t.Errorf("bucket %d has %d, want %d", key, gotNative[key], n)
		}
	}
}

// What does not fit into the buckets is counted all the same.
func TestBounds(t *testing.T) {
	h := New("test_seconds", "help")
	h.Observe(-time.Second)
	h.Observe(math.MaxInt64)
	got := written(t, h)
	if got.GetSampleCount() != 2 || got.GetZeroCount() != 1 || native(got)[maxOctave*perOctave] != 1 {
		t.Errorf("got %v", got)
	}
}

// Prometheus refuses a histogram whose count is not that of its buckets.
func TestScrapedWhileCounting(t *testing.T) {
	h := New("test_seconds", "help")
	done := make(chan struct{})
	var counting sync.WaitGroup
	for range 2 {
		counting.Go(func() {
			for d := time.Duration(1); ; d = d*3%time.Minute + 1 {
				select {
				case <-done:
					return
				default:
					h.Observe(d)
				}
			}
		})
	}
	for range 2000 {
		got := written(t, h)
		sum, before := got.GetZeroCount(), uint64(0)
		for _, n := range native(got) {
			sum += uint64(n)
		}
		for _, b := range got.GetBucket() {
			if b.GetCumulativeCount() < before || b.GetCumulativeCount() > got.GetSampleCount() {
				t.Fatalf("the classic buckets of %v do not grow, or exceed the count", got)
			}
			before = b.GetCumulativeCount()
		}
		if sum != got.GetSampleCount() {
			t.Fatalf("%d are in buckets, and the count is %d", sum, got.GetSampleCount())
		}
	}
	close(done)
	counting.Wait()
}

func TestVec(t *testing.T) {
	v := NewVec("test_seconds", "help", "method", "route")
	v.With("PUT", "/nothing")
	v.With("GET", "/a").Observe(time.Second)
	v.With("GET", "/a").Observe(time.Second)
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(v)
	families, err := r.Gather()
	if err != nil || len(families) != 1 || len(families[0].GetMetric()) != 1 {
		t.Fatalf("%v %v", families, err)
	}
	m := families[0].GetMetric()[0]
	if m.GetHistogram().GetSampleCount() != 2 || len(m.GetLabel()) != 2 || m.GetLabel()[1].GetValue() != "/a" {
		t.Errorf("got %v", m)
	}
}

func TestObserveAllocatesNothing(t *testing.T) {
	h := New("test_seconds", "help")
	if n := testing.AllocsPerRun(100, func() { h.Observe(3 * time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	h := New("test_seconds", "help")
	b.ReportAllocs()
	for b.Loop() {
		h.Observe(3 * time.Millisecond)
	}
}

func written(t *testing.T, m prometheus.Metric) *dto.Histogram {
	t.Helper()
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetHistogram()
}

// native returns the counts of the native buckets by their keys, without empty ones.
func native(h *dto.Histogram) map[int]int64 {
	counts := map[int]int64{}
	key, i, n := 0, 0, int64(0)
	for _, span := range h.GetPositiveSpan() {
		key += int(span.GetOffset())
		for range span.GetLength() {
			n += h.GetPositiveDelta()[i]
			if n != 0 {
				counts[key] = n
			}
			i, key = i+1, key+1
		}
	}
	return counts
}
