package httpapi_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// A page is an answer to GET .../messages.
type page struct {
	Messages []struct {
		Seq     uint64         `json:"seq"`
		Time    time.Time      `json:"time"`
		Payload jsontext.Value `json:"payload"`
	} `json:"messages"`
	Epoch    string  `json:"epoch"`
	FirstSeq uint64  `json:"firstSeq"`
	NextSeq  uint64  `json:"nextSeq"`
	Next     *string `json:"next"`
	Dropped  uint64  `json:"dropped"`
}

func (s *server) page(query string) (p page) {
	s.t.Helper()
	check(s.t, json.Unmarshal([]byte(s.ok("GET", "/api/v1/streams/a/messages"+query, "")), &p))
	return p
}

// numbers returns the n of each message of a page.
func (p page) numbers() string {
	var list []string
	for _, m := range p.Messages {
		list = append(list, strings.Trim(string(m.Payload), `{"n:}`))
	}
	return strings.Join(list, " ")
}

func TestMessages(t *testing.T) {
	s := newServer(t)
	s.define("a")
	before := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	for _, query := range []string{"", "?from=latest", "?from=earliest", "?from=1", "?from=" + before} {
		if p := s.page(query); len(p.Messages) > 0 || p.Next != nil || p.FirstSeq != 1 || p.NextSeq != 1 {
			t.Errorf("%s of an empty stream: %+v", query, p)
		}
	}
	s.ok("POST", "/api/v1/streams/a/publish", `[{"n":1},{"n":2.0},{"n":3},{"n":4},{"n":5}]`)
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, c := range []struct{ query, numbers, next string }{
		{"", "1 2.0 3 4 5", ""}, // 2.0 as it was published
		{"?limit=2", "1 2.0", "3"},
		{"?limit=2&from=3", "3 4", "5"},
		{"?limit=2&from=5", "5", ""},
		{"?limit=5", "1 2.0 3 4 5", ""},
		{"?limit=4", "1 2.0 3 4", "5"},
		{"?from=6", "", ""}, // the next one
		{"?from=latest", "", ""},
		{"?from=earliest&limit=1000", "1 2.0 3 4 5", ""},
		{"?from=" + before, "1 2.0 3 4 5", ""},
		{"?from=" + later, "", ""},
	} {
		p := s.page(c.query)
		next := ""
		if p.Next != nil {
			next = *p.Next
		}
		if p.numbers() != c.numbers || next != c.next || p.FirstSeq != 1 || p.NextSeq != 6 || p.Dropped != 0 {
			t.Errorf("%s: %+v", c.query, p)
		}
	}
	p := s.page("?from=2&limit=1")
	if m := p.Messages[0]; m.Seq != 2 || m.Time.Location() != time.UTC || time.Since(m.Time) > time.Minute {
		t.Errorf("%+v", m)
	}
	if again := s.page("?from=2&limit=1&epoch=" + p.Epoch); again.numbers() != p.numbers() {
		t.Errorf("with its epoch: %+v", again)
	}
}

// Payloads keep the bytes with which they were published.
func TestMessagesToTheByte(t *testing.T) {
	s := newServer(t, func(s *setup) { s.settings.AcceptUndefined = true })
	s.ok("POST", "/api/v1/streams/a/publish", "{\"payload\":\"\\u00e9é\\/\"}")
	got := s.ok("GET", "/api/v1/streams/a/messages", "")
	want := regexp.MustCompile(`^\{"messages":\[\{"seq":1,"time":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z","payload":"\\u00e9é\\/"\}\],` +
		`"epoch":"[0-9A-Za-z]{1,32}","firstSeq":1,"nextSeq":2,"next":null\}$`)
	if !want.MatchString(got) {
		t.Error(got)
	}
}

func TestMessagesRefused(t *testing.T) {
	s := newServer(t)
	s.define("a")
	s.ok("POST", "/api/v1/streams/a/publish", `[{"n":1}]`)
	tenant := s.newJail("tenant", "boss")
	for _, c := range []struct {
		path string
		code protocol.Code
		errs []string // nil for any
	}{
		{"/a/messages?from=3", protocol.CodePositionLost, nil},
		{"/a/messages?epoch=other", protocol.CodePositionLost, nil},
		{"/nobody/messages", protocol.CodeStreamNotFound, nil},
		{"/a/messages?from=0", protocol.CodeInvalidRequest, []string{"query: from " + protocol.MustBePosition}},
		{"/a/messages?from=yesterday&limit=1001&epoch=", protocol.CodeInvalidRequest, []string{
			"query: from " + protocol.MustBePosition, "query: limit must be an integer from 1 to 1000", "query: epoch must be a non-empty string"}},
		{"/a/messages?epoch=" + strings.Repeat("x", protocol.MaxEpochBytes), protocol.CodePositionLost, nil},
		{"/a/messages?epoch=" + strings.Repeat("x", protocol.MaxEpochBytes+1), protocol.CodeInvalidRequest,
			[]string{"query: epoch must have at most 64 bytes"}},
		{"/a/messages?limit=0&after=1&from=x", protocol.CodeInvalidRequest, []string{
			`query: there is no parameter "after" here; there is from, limit, epoch, filter`,
			"query: from " + protocol.MustBePosition, "query: limit must be an integer from 1 to 1000"}},
		{"/a/messages?after=1", protocol.CodeInvalidRequest, []string{`query: there is no parameter "after" here; there is from, limit, epoch, filter`}},
	} {
		p := s.refused(c.code, call{method: "GET", path: "/api/v1/streams" + c.path})
		if c.errs != nil && !slices.Equal(p.Errors, c.errs) {
			t.Errorf("%s: %q", c.path, p.Errors)
		}
	}
	s.refused(protocol.CodeStreamNotFound, call{method: "GET", path: "/api/v1/streams/a/messages", as: &tenant})
}

// A page that would begin with messages that retention removed begins with the
// oldest that is kept, and says how many are missing.
func TestDroppedMessages(t *testing.T) {
	s := newServer(t)
	s.define("a")
	s.ok("POST", "/api/v1/streams/a/publish", `[{"n":1},{"n":2},{"n":3},{"n":4},{"n":5}]`)
	s.ok("PUT", "/api/v1/streams/a/settings", `{"retention":{"messages":2}}`)
	eventually(t, func() bool { return s.page("").FirstSeq == 4 })
	if p := s.page("?from=2&limit=1"); p.numbers() != "4" || p.Dropped != 2 || p.Next == nil || *p.Next != "5" {
		t.Errorf("%+v", p)
	}
	for _, query := range []string{"", "?from=earliest", "?from=4"} {
		if p := s.page(query); p.numbers() != "4 5" || p.Dropped != 0 {
			t.Errorf("%s: %+v", query, p)
		}
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatal("the condition does not become true")
		}
	}
}

func TestIdempotencyKey(t *testing.T) {
	s := newServer(t)
	s.define("a")
	publish := func(key, body string) answer {
		return s.do(call{method: "POST", path: "/api/v1/streams/a/publish", body: body, header: map[string]string{"Idempotency-Key": key}})
	}
	for range 3 {
		if a := publish("one", `[{"n":1},{"n":2}]`); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	publish("two", `{"payload":{"n":3}}`)
	if p := s.page(""); p.numbers() != "1 2 3" {
		t.Errorf("published %s", p.numbers())
	}
	problemOf(t, protocol.CodeIdempotencyKeyReused, publish("one", `{"payload":{"n":4}}`))
	problemOf(t, protocol.CodeInvalidRequest, publish(strings.Repeat("x", protocol.MaxMessageIDBytes+1), `{"payload":{"n":4}}`))
}
