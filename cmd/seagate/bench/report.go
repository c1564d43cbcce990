package bench

import (
	"fmt"
	"io"
	"time"
)

// A Report is the result of a run. Times are in seconds, and rates per second.
type Report struct {
	Connections int     `json:"connections"` // of subscribers
	Connecting  float64 `json:"connecting"`  // how long opening them took

	Published  int64    `json:"published"` // messages, or calls that were answered
	Refused    int64    `json:"refused"`
	Refusal    string   `json:"refusal,omitzero"` // the first one
	Publishing float64  `json:"publishing"`       // how long publishing took
	Publish    *Latency `json:"publish,omitzero"` // from when a message was due to its answer

	Delivered   int64    `json:"delivered"`
	Undelivered int64    `json:"undelivered"`
	Delivering  float64  `json:"delivering"`        // from the first message to the last delivery
	Delivery    *Latency `json:"delivery,omitzero"` // from when a message was due to its delivery

	Server *Usage `json:"server,omitzero"` // of the process that the options name
	Client Usage  `json:"client"`
}

// Usage is what a process used.
type Usage struct {
	Connecting float64 `json:"connectingCPU"` // seconds of CPU while the connections were opened
	Working    float64 `json:"workingCPU"`    // seconds of CPU from the first message to the last delivery
	Memory     int64   `json:"memory"`        // resident bytes at the end
	PerIdle    int64   `json:"memoryPerConnection,omitzero"`
	PerStream  int64   `json:"memoryPerStream,omitzero"` // resident bytes that the definition of a stream took
}

// PublishRate returns how many messages were published a second.
func (r *Report) PublishRate() float64 { return rate(r.Published, r.Publishing) }

// DeliveryRate returns how many deliveries arrived a second.
func (r *Report) DeliveryRate() float64 { return rate(r.Delivered, r.Delivering) }

func rate(n int64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}

// A meter notes what the processes have used at the turns of a run.
type meter struct {
	run    *Run
	server process // 0 if it is unknown
	marks  []mark
}

type mark struct {
	at             time.Duration
	server, client time.Duration // CPU
	memory         int64         // of the server
}

func newMeter(r *Run) *meter {
	m := &meter{run: r, server: process(r.options.PID)}
	m.mark()
	return m
}

func (m *meter) mark() {
	m.marks = append(m.marks, mark{m.run.since(), m.server.cpu(), self().cpu(), m.server.memory()})
}

func (m *meter) connected() { m.mark() }
func (m *meter) published() { m.mark() }

// report is called once everything is delivered.
func (m *meter) report() *Report {
	m.mark()
	r := m.run
	begin, connected, published, end := m.marks[0], m.marks[1], m.marks[2], m.marks[3]
	first := connected.at
	if r.options.Replay {
		first, begin, connected = published.at, published, published
	}
	report := &Report{
		Connections: len(r.sockets),
		Connecting:  (connected.at - begin.at).Seconds(),
		Published:   r.published.Load(),
		Refused:     r.refused.Load(),
		Publishing:  (published.at - m.marks[1].at).Seconds(),
		Publish:     r.publishing.Latency(),
		Delivered:   r.delivered.Load(),
		Undelivered: max(r.expected.Load()-r.delivered.Load(), 0),
		Delivering:  max(0, time.Duration(r.delivering.Load())-first).Seconds(),
		Delivery:    r.deliveries.Latency(),
		Client:      Usage{Connecting: (connected.client - begin.client).Seconds(), Working: (end.client - connected.client).Seconds(), Memory: self().memory()},
	}
	if why := r.firstRefuse.Load(); why != nil {
		report.Refusal = (*why).Error()
	}
	if m.server != 0 {
		u := &Usage{Connecting: (connected.server - begin.server).Seconds(), Working: (end.server - connected.server).Seconds(), Memory: end.memory}
		if len(r.sockets) > 0 {
			with := m.marks[1].memory
			if r.options.Publishers == 0 {
				with = end.memory // they have been idle since
			}
			u.PerIdle = max(with-m.marks[0].memory, 0) / int64(len(r.sockets))
		}
		if begin := m.run.unprepared; begin > 0 {
			u.PerStream = max(m.marks[0].memory-begin, 0) / int64(r.options.Streams)
		}
		report.Server = u
	}
	return report
}

// WriteTo prints the report for people. It implements io.WriterTo.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	var written int64
	var failed error
	line := func(format string, args ...any) {
		if failed == nil {
			n, err := fmt.Fprintf(w, format+"\n", args...)
			written, failed = written+int64(n), err
		}
	}
	if r.Connections > 0 {
		line("connected   %d in %s, %.0f/s", r.Connections, seconds(r.Connecting), rate(int64(r.Connections), r.Connecting))
	}
	if r.Publish != nil || r.Refused > 0 {
		line("published   %d in %s, %.0f/s", r.Published, seconds(r.Publishing), r.PublishRate())
		line("            %s", r.Publish)
	}
	if r.Refused > 0 {
		line("refused     %d: %s", r.Refused, r.Refusal)
	}
	if r.Delivered+r.Undelivered > 0 {
		line("delivered   %d in %s, %.0f/s", r.Delivered, seconds(r.Delivering), r.DeliveryRate())
		line("            %s", r.Delivery)
	}
	if r.Undelivered > 0 {
		line("undelivered %d", r.Undelivered)
	}
	if s := r.Server; s != nil {
		line("server      %s of CPU%s, %.1f MiB", seconds(s.Working), r.perOperation(s.Working), float64(s.Memory)/(1<<20))
		if s.PerIdle > 0 {
			line("            %s of CPU and %.1f KiB for each connection",
				seconds(s.Connecting/float64(r.Connections)), float64(s.PerIdle)/(1<<10))
		}
	}
	line("client      %s of CPU", seconds(r.Client.Working))
	return written, failed
}

// perOperation says what CPU each message took.
func (r *Report) perOperation(cpu float64) (text string) {
	if r.Published > 0 {
		text += fmt.Sprintf(", %s for each message", seconds(cpu/float64(r.Published)))
	}
	if r.Delivered > 0 {
		text += fmt.Sprintf(", %s for each delivery", seconds(cpu/float64(r.Delivered)))
	}
	return text
}

// String returns the percentiles on a line.
func (l *Latency) String() string {
	if l == nil {
		return "no latencies"
	}
	return fmt.Sprintf("p50 %s, p90 %s, p99 %s, p99.9 %s, max %s",
		seconds(l.P50), seconds(l.P90), seconds(l.P99), seconds(l.P999), seconds(l.Max))
}

// Short returns two percentiles, for a line on a terminal.
func (l *Latency) Short() string {
	return fmt.Sprintf("p50 %s, p99 %s", seconds(l.P50), seconds(l.P99))
}

// seconds writes a time with three digits.
func seconds(s float64) string {
	switch {
	case s < 1e-3:
		return fmt.Sprintf("%.3g µs", s*1e6)
	case s < 1:
		return fmt.Sprintf("%.3g ms", s*1e3)
	}
	return fmt.Sprintf("%.3g s", s)
}
