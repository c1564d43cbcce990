package app

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"runtime/debug"
	"slices"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/prometheus/client_golang/prometheus"

	"seagate/auth"
	"seagate/cmd/seagate/config"
	"seagate/groups"
	"seagate/internal/panics"
	"seagate/internal/quota"
	"seagate/storage/pebble"
)

// memoryBudget is how many bytes all jails together may keep in memory: what is configured, or
// half of what the process may use.
func memoryBudget(configured int64) int64 {
	if configured > 0 {
		return configured
	}
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 { // GOMEMLIMIT, or of the control group
		return limit / 2
	}
	machine, err := memlimit.FromSystem()
	if err != nil {
		return 0
	}
	return int64(min(machine/2, math.MaxInt64))
}

// minFree is how much of the disk must be free for messages to be accepted: what is configured,
// and at least what the store needs for its own work.
func minFree(c *config.Config) int64 {
	if c.Retention.MinFree == 0 {
		return 0
	}
	return max(int64(c.Retention.MinFree), pebble.Needs(c.DataDir))
}

// spaceInterval is how often the quotas are told how much of the disk is free, at least.
const spaceInterval = time.Second

// watchSpace tells the quotas how much of the disk is free, until the App is closed. The disk is
// short if less than twice minFree is free. Then the quotas refuse jails that use more than their
// share, so that the rest is for the others. Below minFree the store refuses every jail.
func (a *App) watchSpace() {
	least := minFree(a.config) // looks at the disk
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(spaceInterval)
		defer tick.Stop()
		short := false
		for {
			short = a.noteSpace(least, short)
			select {
			case <-tick.C:
			case <-a.engine.SpaceMeasured(): // a fast writer fills much of a small disk in a second
			case <-ctx.Done():
				return
			}
		}
	}()
	a.onClose(func() {
		stop()
		<-ended
	})
}

// noteSpace tells the quotas how much is free, and returns whether the disk is short now. least is
// what minFree returned, and was is the result of the last call.
func (a *App) noteSpace(least int64, was bool) (short bool) {
	defer panics.Contain("quotas", func() { short = was })
	free, _ := a.engine.Space()
	if free < 0 || least == 0 {
		return was
	}
	short = free < 2*least || was && free < 2*least+least/8
	a.quotas.SetFreeDisk(max(free-least, least), short) // below least the store refuses everybody alike
	switch {
	case short && !was:
		a.log.Warn("disk space is short, so jails with more than their share are refused", "free_bytes", free, "largest", a.largestJail())
	case was && !short:
		a.log.Info("disk space is not short any more", "free_bytes", free)
	}
	return short
}

// largestJail returns the id of the jail that keeps most on disk, or "".
func (a *App) largestJail() string {
	var largest *quota.Account
	a.quotas.Each(func(one *quota.Account) {
		if largest == nil || one.Used(quota.Disk) > largest.Used(quota.Disk) {
			largest = one
		}
	})
	if largest == nil {
		return ""
	}
	id, _ := a.directory.Names(largest.Jail(), "")
	return id
}

// quotaMetrics is the metrics of quotas: totals, and series for each of the jails that are
// nearest to a quota.
type quotaMetrics struct {
	quotas    *quota.Book
	directory *auth.Directory
	series    int
}

var (
	quotaRefusedDesc = prometheus.NewDesc("seagate_quota_refusals_total", "Refusals because a jail's quota was used up, by resource.", []string{"resource"}, nil)
	memoryDesc       = prometheus.NewDesc("seagate_quota_memory_bytes", "Bytes that all jails keep in memory, by kind: kept, or tails, which can be given back.", []string{"kind"}, nil)
	memoryBudgetDesc = prometheus.NewDesc("seagate_quota_memory_budget_bytes", "Bytes that all jails together may keep in memory.", nil, nil)
	jailUsedDesc     = prometheus.NewDesc("seagate_jail_used", "What a jail uses, by resource, of the jails that are nearest to a quota.", []string{"jail", "resource"}, nil)
	jailQuotaDesc    = prometheus.NewDesc("seagate_jail_quota", "What such a jail may use, by resource.", []string{"jail", "resource"}, nil)
)

// Describe implements prometheus.Collector.
func (m *quotaMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{quotaRefusedDesc, memoryDesc, memoryBudgetDesc, jailUsedDesc, jailQuotaDesc} {
		to <- d
	}
}

// A jailUse is a jail and the fraction of its fullest quota that it uses.
type jailUse struct {
	jail    auth.Jail
	account *quota.Account
	fullest float64
}

func (u jailUse) used(r quota.Resource) int64 {
	if r == quota.Clients {
		return int64(u.jail.Clients)
	}
	return u.account.Used(r)
}

// Collect implements prometheus.Collector.
func (m *quotaMetrics) Collect(to chan<- prometheus.Metric) {
	for _, r := range quota.All() {
		if !r.IsMaximum() {
			to <- prometheus.MustNewConstMetric(quotaRefusedDesc, prometheus.CounterValue, float64(m.quotas.Refused(r)), r.String())
		}
	}
	to <- prometheus.MustNewConstMetric(memoryDesc, prometheus.GaugeValue, float64(m.quotas.Total(quota.Memory)), "kept")
	to <- prometheus.MustNewConstMetric(memoryDesc, prometheus.GaugeValue, float64(m.quotas.TotalTails()), "tails")
	to <- prometheus.MustNewConstMetric(memoryBudgetDesc, prometheus.GaugeValue, float64(m.quotas.MemoryBudget()))
	for _, u := range m.fullest() {
		for _, r := range quota.All() {
			if limit := u.account.Limit(r); limit > 0 && !r.IsMaximum() {
				to <- prometheus.MustNewConstMetric(jailUsedDesc, prometheus.GaugeValue, float64(u.used(r)), u.jail.ID, r.String())
				to <- prometheus.MustNewConstMetric(jailQuotaDesc, prometheus.GaugeValue, float64(limit), u.jail.ID, r.String())
			}
		}
	}
}

// fullest returns the jails that are nearest to a quota, that one first.
func (m *quotaMetrics) fullest() []jailUse {
	jails, _ := m.directory.Jails("", math.MaxInt)
	all := make([]jailUse, len(jails))
	for i, j := range jails {
		all[i] = jailUse{jail: j, account: m.quotas.Account(j.UID)}
		for _, r := range quota.All() {
			if limit := all[i].account.Limit(r); limit > 0 && !r.IsMaximum() {
				all[i].fullest = max(all[i].fullest, float64(all[i].used(r))/float64(limit))
			}
		}
	}
	slices.SortStableFunc(all, func(a, b jailUse) int { return cmp.Compare(b.fullest, a.fullest) })
	return all[:min(m.series, len(all))]
}

// groupNotWritten logs that the record of a group could not be written. Clients can cause that as
// often as they acknowledge, once their jail may store no more.
func (a *App) groupNotWritten(key groups.Key, err error) {
	if !errors.Is(err, quota.ErrExceeded) {
		a.log.Error("the record of a group could not be written", "topic", key.Topic.Name, "group", key.Group, "error", err)
		return
	}
	a.rationed.Log(slog.LevelWarn, "records "+key.Topic.Space,
		"a group waits: its jail may not store more progress beyond a message that is not acknowledged",
		"owner", groupOwner{a.directory, key}, "stream", key.Topic.Name, "group", key.Group, "why", err)
}

// A groupOwner names the owner of a group, in a log line that is written.
type groupOwner struct {
	directory *auth.Directory
	key       groups.Key
}

// LogValue implements slog.LogValuer.
func (o groupOwner) LogValue() slog.Value {
	jail, client := o.directory.Names(o.key.Topic.Space, o.key.Client)
	return slog.GroupValue(slog.String("jail", jail), slog.String("client", client))
}
