package app

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"seagate/auth"
	"seagate/groups"
	"seagate/internal/histogram"
	"seagate/internal/panics"
	"seagate/internal/tracing"
)

// registerMetrics registers the metrics that the parts themselves count.
func (a *App) registerMetrics() {
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.metrics.MustRegister(a.commits, buildInfo(a.version))
	a.counter("authentications_limited_total", "Attempts refused because too many had failed.", func() float64 { return float64(a.directory.Limited()) })
	a.counter("log_lines_suppressed_total", "Log lines left out because clients or strangers caused too many of their kind.",
		func() float64 { return float64(a.gateway.SuppressedLines() + a.rationed.Suppressed()) })
	a.gauge("storage_free_bytes", "Bytes free on the disk of the data folder.", func() float64 {
		free, _ := a.engine.Space()
		return float64(free)
	})
	a.gauge("storage_low", "1 while nothing can be published to streams on disk for want of space.", func() float64 {
		if _, low := a.engine.Space(); low {
			return 1
		}
		return 0
	})
	a.counter("storage_commits_total", "Groups of changes that were made durable with one sync each.", func() float64 { return float64(a.engine.Stats().Commits) })
	a.counter("storage_changes_total", "Changes in these groups: appends to streams on disk, and changes of records.",
		func() float64 { return float64(a.engine.Stats().Changes) })
	a.counter("storage_queue_waits_total", "Changes that waited because their jail had as many in the queue of the storage as it may.",
		func() float64 { return float64(a.engine.Stats().Waits) })
	a.counter("clock_jumps_total", "Jumps forward of the machine's clock that were not believed at once.", func() float64 { return float64(a.clock.Jumps()) })
	a.gauge("clock_ahead_seconds", "By how much the machine's clock is ahead of the time by which messages grow old.", func() float64 { return a.clock.Ahead().Seconds() })
	a.gauge("unfinished_bytes", "Memory of messages that have not come whole.", func() float64 { return float64(a.gateway.UnfinishedBytes()) })
	a.gauge("sockets", "Open connections of clients, of any kind.", func() float64 { return float64(a.pool.Stats().Open) })
	a.gauge("sockets_strangers", "Open connections on which nobody has authenticated.", func() float64 { return float64(a.pool.Stats().Strangers) })
	a.counter("sockets_displaced_total", "Connections of strangers and idle ones that gave way to new connections.",
		func() float64 { return float64(a.pool.Stats().Displaced) })
	a.counter("sockets_refused_total", "Connections that were closed because there were too many.", func() float64 { return float64(a.pool.Stats().Refused) })
	a.gauge("job_streams", "Job streams, made by the use of the lines listener.", func() float64 { return float64(a.gateway.JobStreams()) })
	a.counter("state_changes_skipped_total", "Changes of a stream's state that a subscription was not told of because it was too far behind.",
		func() float64 { return float64(a.network.SkippedChanges()) })
	a.gauge("services", "Services that have servers.", func() float64 { return float64(a.gateway.ServiceTotals().Services) })
	a.gauge("servers", "Servers of services.", func() float64 { return float64(a.gateway.ServiceTotals().Servers) })
	a.gauge("calls_under_way", "Calls that a server has and has not answered.", func() float64 { return float64(a.gateway.ServiceTotals().UnderWay) })
	a.gauge("call_bytes", "Bytes that calls hold in memory: bodies of those under way, and results that wait to be read.", func() float64 { return float64(a.gateway.ServiceTotals().Bytes) })
	for _, c := range []prometheus.Collector{
		traceMetrics{a.tracer},
		&quotaMetrics{a.quotas, a.directory, a.config.Limits.JailSeries},
		panicMetrics{},
		&groupMetrics{a.groups, a.directory, a.config.Limits.GroupSeries},
		expiryMetric{a.certificateExpiry},
	} {
		a.metrics.MustRegister(containedCollector{c})
	}
}

func newCommits() *histogram.Histogram {
	return histogram.New("commit_seconds", "Time to write a batch of changes to the disk and to sync it. What waits at the same time shares one commit.")
}

// buildInfo is always 1. What matters is in its labels.
func buildInfo(version string) prometheus.Collector {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "seagate", Name: "build_info", Help: "1. The labels say what runs."},
		[]string{"version", "goversion"})
	info.WithLabelValues(version, runtime.Version()).Set(1)
	return info
}

func (a *App) gauge(name, help string, value func() float64) {
	a.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "seagate", Name: name, Help: help}, contained(value)))
}

func (a *App) counter(name, help string, value func() float64) {
	a.metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "seagate", Name: name, Help: help}, contained(value)))
}

// contained returns a function that calls value and returns NaN if that panics. The panic
// would end the process, because Prometheus calls the function in goroutines of its own.
func contained(value func() float64) func() float64 {
	return func() (v float64) {
		defer panics.Contain("metrics", func() { v = math.NaN() })
		return value()
	}
}

// A containedCollector keeps a panic of a collector from ending the process. It then reports an
// error in place of the collector's metrics. Other collectors are not affected.
type containedCollector struct{ prometheus.Collector }

// Collect implements prometheus.Collector.
func (c containedCollector) Collect(to chan<- prometheus.Metric) {
	defer panics.Contain("metrics", func() {
		err := fmt.Errorf("%T failed", c.Collector)
		to <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
	})
	c.Collector.Collect(to)
}

// traceMetrics counts spans.
type traceMetrics struct{ tracer *tracing.Tracer }

var spansDesc = prometheus.NewDesc("seagate_trace_spans_total", "Spans of traces, by outcome.", []string{"outcome"}, nil)

// Describe implements prometheus.Collector.
func (traceMetrics) Describe(to chan<- *prometheus.Desc) { to <- spansDesc }

// Collect implements prometheus.Collector.
func (m traceMetrics) Collect(to chan<- prometheus.Metric) {
	exported, failed, dropped := m.tracer.Counts()
	for outcome, n := range map[string]uint64{"exported": exported, "failed": failed, "dropped": dropped} {
		to <- prometheus.MustNewConstMetric(spansDesc, prometheus.CounterValue, float64(n), outcome)
	}
}

// expiryMetric is the time at which the certificate that is served expires.
type expiryMetric struct {
	expiry func() (t time.Time, served bool)
}

var expiryDesc = prometheus.NewDesc("seagate_tls_certificate_expiry_timestamp_seconds",
	"Unix time at which the certificate that is served expires; of several the first.", nil, nil)

// Describe implements prometheus.Collector.
func (expiryMetric) Describe(to chan<- *prometheus.Desc) { to <- expiryDesc }

// Collect implements prometheus.Collector.
func (m expiryMetric) Collect(to chan<- prometheus.Metric) {
	if t, served := m.expiry(); served {
		to <- prometheus.MustNewConstMetric(expiryDesc, prometheus.GaugeValue, float64(t.Unix()))
	}
}

// panicMetrics counts panics that were contained.
type panicMetrics struct{}

var panicsDesc = prometheus.NewDesc("seagate_panics_total", "Panics that were contained, by where.", []string{"where"}, nil)

// Describe implements prometheus.Collector.
func (panicMetrics) Describe(to chan<- *prometheus.Desc) { to <- panicsDesc }

// Collect implements prometheus.Collector.
func (panicMetrics) Collect(to chan<- prometheus.Metric) {
	for where, n := range panics.Counts() {
		to <- prometheus.MustNewConstMetric(panicsDesc, prometheus.CounterValue, float64(n), where)
	}
}

// groupMetrics is the metrics of groups: totals, and one series for each of the
// groups with the highest lag.
type groupMetrics struct {
	groups    *groups.Registry
	directory *auth.Directory
	series    int
}

var (
	groupsDesc      = prometheus.NewDesc("seagate_groups", "Groups, those without members included.", nil, nil)
	abandonedDesc   = prometheus.NewDesc("seagate_groups_abandoned", "Groups that nobody is expected to come back to.", nil, nil)
	membersDesc     = prometheus.NewDesc("seagate_group_members", "Subscriptions in groups.", nil, nil)
	inFlightDesc    = prometheus.NewDesc("seagate_group_in_flight", "Messages handed to members of groups and not acknowledged.", nil, nil)
	heldDesc        = prometheus.NewDesc("seagate_group_held_bytes", "Bytes of messages handed to members of groups and not acknowledged, or waiting to be handed out again.", nil, nil)
	redeliveredDesc = prometheus.NewDesc("seagate_group_redelivered_total", "Messages that groups delivered again.", nil, nil)
	lostDesc        = prometheus.NewDesc("seagate_group_messages_lost_total", "Messages that retention dropped before a group was done with them.", nil, nil)
	maxLagDesc      = prometheus.NewDesc("seagate_group_lag_max_messages", "The highest lag of all groups that are not abandoned, in messages.", nil, nil)
	lagDesc         = prometheus.NewDesc("seagate_group_lag_messages", "Messages that a group has not done with, of the groups with the highest lag.",
		[]string{"jail", "stream", "client", "group"}, nil)
)

// Describe implements prometheus.Collector.
func (m *groupMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{groupsDesc, abandonedDesc, membersDesc, inFlightDesc, heldDesc, redeliveredDesc, lostDesc, maxLagDesc, lagDesc} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *groupMetrics) Collect(to chan<- prometheus.Metric) {
	now := m.groups.Overview(max(1, m.series))
	to <- prometheus.MustNewConstMetric(groupsDesc, prometheus.GaugeValue, float64(now.Groups))
	to <- prometheus.MustNewConstMetric(abandonedDesc, prometheus.GaugeValue, float64(now.Abandoned))
	to <- prometheus.MustNewConstMetric(membersDesc, prometheus.GaugeValue, float64(now.Members))
	to <- prometheus.MustNewConstMetric(inFlightDesc, prometheus.GaugeValue, float64(now.InFlight))
	to <- prometheus.MustNewConstMetric(heldDesc, prometheus.GaugeValue, float64(now.Held))
	to <- prometheus.MustNewConstMetric(redeliveredDesc, prometheus.CounterValue, float64(now.Redelivered))
	to <- prometheus.MustNewConstMetric(lostDesc, prometheus.CounterValue, float64(now.Lost))
	highest := 0.0
	if len(now.Worst) > 0 {
		highest = float64(now.Worst[0].Lag)
	}
	to <- prometheus.MustNewConstMetric(maxLagDesc, prometheus.GaugeValue, highest)
	for _, w := range now.Worst[:min(m.series, len(now.Worst))] {
		jail, client := m.directory.Names(w.Key.Topic.Space, w.Key.Client)
		// Deleted jails and clients may share a name, so their series have UIDs. No id has a
		// colon, so nobody can make a client whose series would be the same.
		jail, client = cmp.Or(jail, "deleted:"+w.Key.Topic.Space), cmp.Or(client, "deleted:"+w.Key.Client)
		to <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, float64(w.Lag), jail, w.Key.Topic.Name, client, w.Key.Group)
	}
}
