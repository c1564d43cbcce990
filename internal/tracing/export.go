package tracing

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/internal/panics"
)

const (
	batchSpans    = 512
	batchInterval = 2 * time.Second
	exportTimeout = 5 * time.Second
)

// tracesPath is where collectors take spans (OTLP specification, OTLP/HTTP).
const tracesPath = "/v1/traces"

// export sends spans in batches until the Tracer is closed, and then what waits.
func (t *Tracer) export() {
	tick := time.NewTicker(batchInterval)
	defer tick.Stop()
	var batch []*Span
	wasFailing := false
	send := func() {
		if len(batch) == 0 {
			return
		}
		taken, err := t.send(batch)
		switch {
		case err != nil && !wasFailing:
			t.opts.Log.Warn("spans cannot be exported; they are dropped until the collector takes them", "endpoint", t.opts.Endpoint, "error", err)
		case err == nil && wasFailing:
			t.opts.Log.Info("spans are exported again", "endpoint", t.opts.Endpoint)
		}
		wasFailing = err != nil
		t.exported.Add(uint64(taken))
		t.failed.Add(uint64(len(batch) - taken))
		batch = batch[:0]
	}
	for {
		select {
		case s := <-t.ended:
			if batch = append(batch, s); len(batch) == batchSpans {
				send()
			}
		case <-tick.C:
			send()
		case <-t.closing:
			for len(t.ended) > 0 && len(batch) < maxWaiting {
				batch = append(batch, <-t.ended)
			}
			send()
			return
		}
	}
}

// errPanicked reports a panic while spans were exported.
var errPanicked = errors.New("internal error")

// send returns how many spans the collector has taken, and an error unless these are all.
func (t *Tracer) send(batch []*Span) (taken int, err error) {
	defer panics.Contain("tracing", func() { err = errPanicked })
	body, err := json.Marshal(t.request(batch))
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), exportTimeout)
	defer cancel()
	url := strings.TrimSuffix(strings.TrimSuffix(t.opts.Endpoint, "/"), tracesPath) + tracesPath
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "seagate/"+t.opts.Version)
	if t.opts.Authorization.IsSet() {
		r.Header.Set("Authorization", t.opts.Authorization.Reveal())
	}
	response, err := t.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if response.StatusCode/100 != 2 {
		return 0, fmt.Errorf("the collector answered %s", response.Status)
	}
	return accepted(answer, len(batch))
}

// accepted returns how many of the spans the collector has taken. It may answer 200, and say in
// ExportTraceServiceResponse that it has rejected some. An answer that is not JSON says nothing of it.
func accepted(answer []byte, spans int) (int, error) {
	var response struct {
		PartialSuccess struct {
			RejectedSpans integer `json:"rejectedSpans"`
			ErrorMessage  string  `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(answer, &response) != nil || response.PartialSuccess.RejectedSpans <= 0 {
		return spans, nil
	}
	rejected := min(int(response.PartialSuccess.RejectedSpans), spans)
	return spans - rejected, fmt.Errorf("the collector rejected %d of %d spans: %q", rejected, spans, response.PartialSuccess.ErrorMessage)
}

// An integer is one of 64 bits in the JSON of protobuf: readers take a string as well as a number.
type integer int64

func (n *integer) UnmarshalJSON(text []byte) error {
	value, err := strconv.ParseInt(strings.Trim(string(text), `"`), 10, 64)
	*n = integer(value)
	return err
}

// What follows is ExportTraceServiceRequest in the JSON of OTLP: ids are in hexadecimal digits, and
// 64-bit integers are strings.
type (
	exportRequest struct {
		ResourceSpans [1]resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resource      `json:"resource"`
		ScopeSpans [1]scopeSpans `json:"scopeSpans"`
	}
	resource struct {
		Attributes []keyValue `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope      `json:"scope"`
		Spans []spanView `json:"spans"`
	}
	scope struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	spanView struct {
		TraceID    string     `json:"traceId"`
		SpanID     string     `json:"spanId"`
		ParentID   string     `json:"parentSpanId,omitzero"`
		Name       string     `json:"name"`
		Kind       int        `json:"kind"`
		Start      string     `json:"startTimeUnixNano"`
		End        string     `json:"endTimeUnixNano"`
		Attributes []keyValue `json:"attributes,omitempty"`
		Status     status     `json:"status,omitzero"`
	}
	status struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	keyValue struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	value struct {
		String *string `json:"stringValue,omitzero"`
		Int    *string `json:"intValue,omitzero"`
	}
)

// statusError is STATUS_CODE_ERROR.
const statusError = 2

func (t *Tracer) request(batch []*Span) (r exportRequest) {
	of := &r.ResourceSpans[0]
	of.Resource.Attributes = keyValues([]Attribute{{"service.name", "seagate"}, {"service.version", t.opts.Version}})
	of.ScopeSpans[0].Scope = scope{"seagate", t.opts.Version}
	for _, s := range batch {
		view := spanView{
			TraceID:    hex.EncodeToString(s.context.TraceID[:]),
			SpanID:     hex.EncodeToString(s.context.SpanID[:]),
			Name:       s.name,
			Kind:       s.kind,
			Start:      strconv.FormatInt(s.start.UnixNano(), 10),
			End:        strconv.FormatInt(max(s.end.UnixNano(), s.start.UnixNano()), 10),
			Attributes: keyValues(s.attributes),
		}
		if s.parent != [8]byte{} {
			view.ParentID = hex.EncodeToString(s.parent[:])
		}
		if s.failure != "" {
			view.Status = status{statusError, s.failure}
		}
		of.ScopeSpans[0].Spans = append(of.ScopeSpans[0].Spans, view)
	}
	return r
}

func keyValues(attributes []Attribute) (list []keyValue) {
	for _, a := range attributes {
		switch v := a.Value.(type) {
		case string:
			list = append(list, keyValue{a.Key, value{String: &v}})
		case int64:
			list = append(list, keyValue{a.Key, value{Int: new(strconv.FormatInt(v, 10))}})
		}
	}
	return list
}
