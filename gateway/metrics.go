package gateway

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"seagate/internal/histogram"
	"seagate/protocol"
)

// Metrics are the counters of the operations and transports. No client can choose
// the value of a label.
type Metrics struct {
	Connections       *prometheus.GaugeVec   // open, by transport
	ConnectionsMade   *prometheus.CounterVec // ever, by transport
	Provided          prometheus.Gauge       // streams that connections provide, once for each
	Subscriptions     *prometheus.GaugeVec   // open, by kind: own, group, waiting, merged
	MessagesIn        prometheus.Counter
	BytesIn           prometheus.Counter
	MessagesOut       prometheus.Counter
	BytesOut          prometheus.Counter     // of WebSocket frames and lines
	Refusals          *prometheus.CounterVec // by transport and code
	Closed            *prometheus.CounterVec // connections that the server ended, by code
	Credentials       *prometheus.CounterVec // credentials refused, by auth.Reason
	QueueBytes        prometheus.Gauge       // waiting to be written, over all connections
	QueueShareWaits   prometheus.Counter     // deliveries that waited because the share of the jail, or of all jails, was full
	SlowSubscribers   prometheus.Counter     // times that a subscription was parked because its queue was full
	MessagesLost      prometheus.Counter     // dropped by retention before a subscription of its own read them
	MergeDropped      *prometheus.CounterVec // messages that merged subscriptions dropped, by merge.Reason
	JobStreamsMade    prometheus.Counter
	JobStreamsIdle    prometheus.Counter     // deleted because nobody used them
	Calls             *prometheus.CounterVec // that a server took, by outcome
	CallSeconds       prometheus.Histogram
	Signals           prometheus.Counter     // handed to servers
	ResultsDropped    prometheus.Counter     // because their caller did not read
	FiltersTooCostly  prometheus.Counter     // messages hidden, once for each filter
	DeadLetters       prometheus.Counter     // messages that a group gave up
	JWKSFetches       *prometheus.CounterVec // of JWK sets, by result
	AuditLost         prometheus.Counter     // entries of the audit stream that could not be written
	CompilingRationed prometheus.Counter     // invalid messages whose definition was not compiled for them
	AuditSuppressed   prometheus.Counter     // entries left out because their jail had used up its budget
	DeadLettersFailed prometheus.Counter     // attempts to put one into its stream that failed

	Publish  *histogram.Histogram // from the call to the answer, of publishes that were accepted
	Delivery *histogram.Histogram // from acceptance to hand-over, for connections that had waited for the message
	Requests *histogram.Vec       // over HTTP, by method and route
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		Connections:       gauges("connections", "Open connections of clients, by transport (websocket, lines or link).", "transport"),
		ConnectionsMade:   counters("connections_total", "Connections accepted, by transport.", "transport"),
		Subscriptions:     gauges("subscriptions", "Open subscriptions, by kind (own, group, merged or waiting).", "kind"),
		MessagesIn:        counter("messages_in_total", "Messages accepted from publishers."),
		BytesIn:           counter("bytes_in_total", "Payload bytes accepted from publishers."),
		MessagesOut:       counter("messages_out_total", "Messages queued for delivery to subscribers."),
		BytesOut:          counter("bytes_out_total", "Bytes written to WebSocket and lines connections."),
		Refusals:          counters("refusals_total", "Requests refused, by transport and error code.", "transport", "code"),
		Closed:            counters("connections_ended_total", "Connections that the server ended, by error code.", "code"),
		Credentials:       counters("authentications_refused_total", "Credentials refused, over all transports, by reason.", "reason"),
		QueueShareWaits:   counter("queue_share_waits_total", "Deliveries that waited because connections of their jail, or of all jails, had as many bytes queued as they may."),
		QueueBytes:        prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "seagate", Name: "queue_bytes", Help: "Bytes waiting to be written to connections."}),
		SlowSubscribers:   counter("slow_subscribers_total", "Times that a full connection queue left a subscription behind."),
		MessagesLost:      counter("messages_lost_total", "Messages that retention dropped before a subscription had read them, counted for each subscription that is in no group."),
		MergeDropped:      counters("merge_dropped_total", "Messages that merged subscriptions dropped, by reason (late or untimed), counted for each of them.", "reason"),
		JWKSFetches:       counters("jwks_fetches_total", "Fetches of JWK sets, by result (ok or failed).", "result"),
		AuditLost:         counter("audit_lost_total", "Entries of the audit stream that could not be written."),
		CompilingRationed: counter("compiling_rationed_total", "Messages that do not match their definition, and for which it was not compiled since their jail had had as many compiled as it may have."),
		AuditSuppressed:   counter("audit_suppressed_total", "Entries that were left out of the audit stream since a jail had as many in a minute as it may have."),
		DeadLettersFailed: counter("dead_letters_failed_total", "Attempts to put a message into a dead-letter stream that failed, and are made again."),
		JobStreamsMade:    counter("job_streams_made_total", "Job streams made by the use of the lines listener."),
		JobStreamsIdle:    counter("job_streams_idle_total", "Job streams deleted because nobody had used them for lines.job_idle_timeout."),
		Calls:             counters("calls_total", "Calls that a server of a service took and that have ended, by outcome.", "outcome"),
		CallSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "seagate", Name: "call_seconds",
			Help: "Time from a call to its result or its server's error.", Buckets: []float64{.001, .005, .025, .1, .5, 2.5, 10, 60}}),
		Signals:          counter("signals_total", "Signals handed to servers of services."),
		ResultsDropped:   counter("call_results_dropped_total", "Results of calls that were dropped because too much waited to be read by their caller."),
		FiltersTooCostly: counter("filters_too_costly_total", "Messages that a filter hid because it took more than limits.filter_steps, counted for each filter and delivery."),
		Publish:          histogram.New("publish_seconds", "Time from a publish to its answer, of those that were accepted: check, commit, and what they wait for."),
		Delivery:         histogram.New("delivery_seconds", "Time from the acceptance of a message until it is handed to the queue of a connection that has waited for it, once for each batch and subscription."),
		Requests:         histogram.NewVec("http_request_seconds", "Time to answer a request over HTTP, by method and route.", "method", "route"),
		DeadLetters:      counter("dead_letters_total", "Messages that a group gave up and put into its dead-letter stream."),
	}
	m.Provided = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "seagate", Name: "provided_streams", Help: "Streams that connections provide, counted once for each connection."})
	r.MustRegister(m.Provided, m.Connections, m.ConnectionsMade, m.Subscriptions, m.MessagesIn, m.BytesIn, m.MessagesOut,
		m.BytesOut, m.Refusals, m.Closed, m.Credentials, m.QueueBytes, m.QueueShareWaits, m.SlowSubscribers, m.FiltersTooCostly, m.MessagesLost, m.MergeDropped, m.DeadLetters, m.DeadLettersFailed, m.JWKSFetches, m.AuditLost, m.AuditSuppressed, m.CompilingRationed, m.JobStreamsMade, m.JobStreamsIdle, m.Calls, m.CallSeconds, m.Signals, m.ResultsDropped,
		m.Publish, m.Delivery, m.Requests)
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "seagate", Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "seagate", Name: name, Help: help}, labels)
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "seagate", Name: name, Help: help}, labels)
}

func (m *Metrics) published(messages, bytes int, took time.Duration) {
	m.Publish.Observe(took)
	m.MessagesIn.Add(float64(messages))
	m.BytesIn.Add(float64(bytes))
}

// Refused counts a refusal. The codes are those of package protocol, so their
// number is bounded.
func (m *Metrics) Refused(transport string, e *protocol.Error) {
	m.Refusals.WithLabelValues(transport, string(e.Code)).Inc()
}

// Ended counts a connection that the server ended.
func (m *Metrics) Ended(code protocol.Code) {
	m.Closed.WithLabelValues(string(code)).Inc()
}
