package groups

import (
	"time"

	"seagate/internal/quota"
)

// The lag of each group is sampled every TrendInterval, and the samples of a quarter of an hour are
// kept. They are lost in a restart.
const (
	TrendInterval = 30 * time.Second
	TrendSamples  = 30
)

// trendMemory is about what a trend takes, in bytes.
const trendMemory = 8*TrendSamples + 32

// A Trend is the lag of a group every TrendInterval, the oldest first. It is 0 from before the
// registry was opened.
type Trend [TrendSamples]uint64

// A trend is the latest samples of the lag of one group. A group whose lag was 0 in all of them has
// none; most groups are like that.
type trend struct {
	lags Trend  // by sample number modulo TrendSamples
	last uint64 // number of the newest sample
}

// sampleLags takes a sample of every group. It takes some hundred nanoseconds for each, as Overview
// does. If the jail has no memory left for the trend of a group, the group has none.
func (r *Registry) sampleLags() {
	number := uint64(time.Since(r.began) / TrendInterval)
	for g, b := range r.withBounds() {
		g.mu.Lock()
		if g.existsLocked() {
			_, lag := g.lagLocked(b)
			g.sampleLocked(number, lag)
		}
		g.mu.Unlock()
	}
}

// sampleLocked notes the lag of the group as the sample with the number.
func (g *group) sampleLocked(number, lag uint64) {
	account := g.registry.opts.Quotas.Account(g.key.Topic.Space)
	if g.trend == nil {
		if lag == 0 || account.Reserve(quota.Memory, trendMemory) != nil {
			return
		}
		g.trend = &trend{last: number}
	}
	t := g.trend
	for t.last < number { // samples that were missed are as the one before
		before := t.lags[t.last%TrendSamples]
		t.last++
		t.lags[t.last%TrendSamples] = before
	}
	t.lags[number%TrendSamples] = lag
	if t.lags == (Trend{}) {
		g.dropTrendLocked()
	}
}

// dropTrendLocked forgets the trend, if there is one, and gives its memory back.
func (g *group) dropTrendLocked() {
	if g.trend != nil {
		g.trend = nil
		g.registry.opts.Quotas.Account(g.key.Topic.Space).Add(quota.Memory, -trendMemory)
	}
}

func (g *group) trendLocked() (samples Trend) {
	if t := g.trend; t != nil {
		for i := range samples {
			samples[i] = t.lags[(t.last+1+uint64(i))%TrendSamples]
		}
	}
	return samples
}
