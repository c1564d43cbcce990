package main_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
)

// A span is what a collector gets.
type span struct {
	TraceID  string `json:"traceId"`
	SpanID   string `json:"spanId"`
	ParentID string `json:"parentSpanId"`
	Name     string `json:"name"`
	Status   struct {
		Message string `json:"message"`
	} `json:"status"`
	Attributes []attribute `json:"attributes"`
}

type attribute struct {
	Key   string `json:"key"`
	Value struct {
		String string `json:"stringValue"`
	} `json:"value"`
}

// collectSpans starts a collector. The spans are complete once the gateway has stopped.
func collectSpans(t *testing.T) (url string, spans func() []span) {
	var mu sync.Mutex
	var all []span
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			ResourceSpans []struct {
				ScopeSpans []struct {
					Spans []span `json:"spans"`
				} `json:"scopeSpans"`
			} `json:"resourceSpans"`
		}
		mu.Lock()
		defer mu.Unlock()
		if err := json.UnmarshalRead(r.Body, &request); err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s %v", r.URL.Path, err)
			return
		}
		all = append(all, request.ResourceSpans[0].ScopeSpans[0].Spans...)
		io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []span {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// TestAPublishCanBeFollowedToItsDeliveries through one trace, which the publisher began: over HTTP, on the
// WebSocket and as a line.
func TestAPublishCanBeFollowedToItsDeliveries(t *testing.T) {
	t.Parallel()
	url, spans := collectSpans(t)
	g := start(t, "SEAGATE_TRACING_ENDPOINT="+url, "SEAGATE_TRACING_ONE_IN=0")
	g.define(root, "boiler")
	reader, member := g.login(root, "root"), g.login(root, "root")
	reader.subscribe(2, "boiler", "")
	member.subscribe(2, "boiler", groupID)
	traces := []string{"4bf92f3577b34da6a3ce929d0e0e4736", "5bf92f3577b34da6a3ce929d0e0e4736"}
	parent := func(i int) string { return "00-" + traces[i] + "-00f067aa0ba902b7-01" }
	if a := g.call(root, "POST", "/streams/boiler/publish", `{"payload":{"n":1}}`, "traceparent: "+parent(0)); a.status != 200 {
		t.Fatal(a)
	}
	writer := g.login(root, "root")
	writer.Send(`{"id":2,"action":"publish","streamName":"boiler","payload":{"n":2},"traceparent":"` + parent(1) + `"}`)
	writer.next()
	g.publish(root, "boiler", `{"n":3}`)
	g.call(root, "POST", "/streams/boiler/publish", `{"payload":{"n":"4"}}`, "traceparent: "+strings.Replace(parent(0), "4bf9", "6bf9", 1))
	g.call(root, "POST", "/streams/boiler/publish", `{"payload":{"n":5}}`, "traceparent: "+strings.TrimSuffix(parent(0), "1")+"0")
	for range 4 {
		reader.next()
		member.next()
	}
	g.stopped()
	byTrace := map[string][]span{}
	for _, s := range spans() {
		byTrace[s.TraceID] = append(byTrace[s.TraceID], s)
	}
	for _, id := range traces {
		publish, names, shared := "", map[string]int{}, 0
		for _, s := range byTrace[id] {
			names[s.Name]++
			for _, a := range s.Attributes {
				if a.Key == "messaging.consumer.group.name" && a.Value.String == groupID && s.Name == "deliver boiler" {
					shared++
				}
			}
			if s.Name == "publish boiler" && s.ParentID == "00f067aa0ba902b7" {
				publish = s.SpanID
			}
		}
		if publish == "" || names["check"] != 1 || names["append"] != 1 || names["deliver boiler"] != 2 || shared != 1 || len(byTrace[id]) != 5 {
			t.Errorf("the trace %s has %v: %+v", id, names, byTrace[id])
		}
		for _, s := range byTrace[id] {
			if s.SpanID != publish && s.ParentID != publish {
				t.Errorf("%+v is not in the publish %s", s, publish)
			}
		}
	}
	refused := byTrace["6bf92f3577b34da6a3ce929d0e0e4736"]
	if len(refused) != 2 || refused[1].Status.Message != "invalid_payload" ||
		slices.ContainsFunc(refused[1].Attributes, func(a attribute) bool { return a.Key == "seagate.seq" }) {
		t.Errorf("the refused publish has %+v", refused)
	}
	if len(byTrace) != 3 {
		t.Errorf("there are %d traces, want those that are sampled alone", len(byTrace))
	}
}

// Without a collector there is nothing of it.
func TestTracingIsOffByDefault(t *testing.T) {
	t.Parallel()
	g := start(t)
	g.define(root, "boiler")
	g.call(root, "POST", "/streams/boiler/publish", `{"payload":{"n":1}}`, "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	now := g.metrics()
	for _, outcome := range []string{"exported", "failed", "dropped"} {
		if n := now[`seagate_trace_spans_total{outcome="`+outcome+`"}`]; n != 0 {
			t.Errorf("%v spans are %s", n, outcome)
		}
	}
}
