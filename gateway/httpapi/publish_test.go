package httpapi_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"seagate/protocol"
)

// Each form of a body, on a stream whose messages have the integer n.
func TestPublishBodies(t *testing.T) {
	s := newServer(t)
	s.define("a")
	messages := s.messages(t, s.root, "a")
	seq := 1
	for _, c := range []struct {
		body string
		want []string
	}{
		{`{"payload":{"n":1}}`, []string{`{"n":1}`}},
		{" {\r\n\t\"payload\" : { \"n\" :\t1.0 } } \n", []string{`{"n":1.0}`}}, // digits as sent
		{`{"payload":{"n":1},"clientId":"x","more":[{}]}`, []string{`{"n":1}`}},
		{`{"before":"payload","p\u0061yload":{"n":1}}`, []string{`{"n":1}`}},
		{`{"payload":{"\u006e":1}}`, []string{`{"\u006e":1}`}},
		{`[{"n":1},{"n":2}]`, []string{`{"n":1}`, `{"n":2}`}},
		{`[{"payload":{"n":1}},{"payload":{"n":2}}]`, []string{`{"n":1}`, `{"n":2}`}},
		{`[{"p\u0061yload" : {"n":1} }]`, []string{`{"n":1}`}},
		{`{"payload":[{"n":1},{"n":2}]}`, []string{`{"n":1}`, `{"n":2}`}},
		{`[` + strings.Repeat(" ", 10_000) + `{"n":1}]`, []string{`{"n":1}`}},
	} {
		at := fmt.Sprintf(`{"seq":%d,`, seq)
		if c.body[0] == '[' || strings.HasPrefix(c.body, `{"payload":[`) {
			at += fmt.Sprintf(`"lastSeq":%d,`, seq+len(c.want)-1)
		}
		if got := s.ok("POST", "/api/v1/streams/a/publish", c.body); hidePosition(got) != at+`"time":"«time»","epoch":"«epoch»"}` {
			t.Errorf("%.100s: %s, want %s", c.body, got, at)
		}
		seq += len(c.want)
		for i, want := range c.want {
			if got := next(t, messages); got != want {
				t.Errorf("%.100s: message %d is %s, want %s", c.body, i, got, want)
			}
		}
	}
	for _, empty := range []string{`{"payload":[]}`, `[]`, " [ ] "} {
		p := s.refused(protocol.CodeInvalidRequest, call{method: "POST", path: "/api/v1/streams/a/publish", body: empty})
		if p.Message != "the batch is empty: send at least one message" {
			t.Errorf("%s: %s", empty, p.Message)
		}
	}
	if len(messages) > 0 {
		t.Errorf("and then came %s", <-messages)
	}
}

// On a stream with a field "payload", {"payload":...} in an array is a message.
func TestPayloadField(t *testing.T) {
	s := newServer(t)
	s.ok("POST", "/api/v1/streams/a/define", `{"version":1,"fields":[{"name":"payload","type":"integer"}]}`)
	messages := s.messages(t, s.root, "a")
	s.ok("POST", "/api/v1/streams/a/publish", `[{"payload":1},{"payload":2}]`)
	s.ok("POST", "/api/v1/streams/a/publish", `{"payload":{"payload":3}}`)
	for _, want := range []string{`{"payload":1}`, `{"payload":2}`, `{"payload":3}`} {
		if got := next(t, messages); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	s.refused(protocol.CodeInvalidPayload, call{method: "POST", path: "/api/v1/streams/a/publish", body: `{"payload":3}`})
}

// On a stream that nobody defined, any JSON value is a message, also an array.
func TestUndefinedStream(t *testing.T) {
	s := newServer(t, func(s *setup) { s.settings.AcceptUndefined = true })
	messages := s.messages(t, s.root, "a")
	for _, c := range []struct {
		body string
		want []string
	}{
		{`{"payload":[1,{"payload":2}]}`, []string{`[1,{"payload":2}]`}},
		{`{"payload":null}`, []string{`null`}},
		{`{"payload":"x"}`, []string{`"x"`}},
		{`[1,[2],"3"]`, []string{`1`, `[2]`, `"3"`}},
		{`[{"payload":1},{"payload":[2]}]`, []string{`1`, `[2]`}},
		{`[{"payload":1},{"n":2}]`, []string{`{"payload":1}`, `{"n":2}`}}, // not all wrapped
		{`[{"payload":1},{"payload":2,"n":3}]`, []string{`{"payload":1}`, `{"payload":2,"n":3}`}},
		{`[{"payload":1},{}]`, []string{`{"payload":1}`, `{}`}},
		{`[{"payload":1},2]`, []string{`{"payload":1}`, `2`}},
	} {
		s.ok("POST", "/api/v1/streams/a/publish", c.body)
		for _, want := range c.want {
			if got := next(t, messages); got != want {
				t.Errorf("%s: got %s, want %s", c.body, got, want)
			}
		}
	}
}

// A body that two JSON decoders could read differently is refused, wherever the
// ambiguity is, and nothing of it is published.
func TestBadMessages(t *testing.T) {
	s := newServer(t)
	s.define("a")
	messages := s.messages(t, s.root, "a")
	for _, c := range []struct {
		code protocol.Code
		body string
	}{
		{protocol.CodeMalformedJSON, `{"payload":{"n":1}`},
		{protocol.CodeMalformedJSON, `{"payload":{"n":1}}}`},
		{protocol.CodeMalformedJSON, `{"payload":{"n":1}} {}`},
		{protocol.CodeMalformedJSON, `{"payload":{"n":1},}`},
		{protocol.CodeMalformedJSON, `{"payload"`},
		{protocol.CodeMalformedJSON, `{payload:{"n":1}}`},
		{protocol.CodeMalformedJSON, `{"payload":{"n":1}}` + "\x00"},
		{protocol.CodeMalformedJSON, "\ufeff" + `{"payload":{"n":1}}`},
		{protocol.CodeMalformedJSON, `[{"n":1},]`},
		{protocol.CodeMalformedJSON, `[{"n":1} {"n":2}]`},
		{protocol.CodeMalformedJSON, `[{"n":1}`},
		{protocol.CodeMalformedJSON, `[{"n":1}] x`},
		{protocol.CodeMalformedJSON, `nonsense`},
		{protocol.CodeMalformedJSON, ` `},
		{protocol.CodeMalformedJSON, `{"payload":{"n":01}}`},
		{protocol.CodeMalformedJSON, `{"payload":{"n":NaN}}`},
		{protocol.CodeMalformedJSON, `{"payload":{"n":1,"n":2}}`},
		{protocol.CodeMalformedJSON, `{"payload":{"n":1,"\u006e":2}}`},
		{protocol.CodeMalformedJSON, `{"payload":{"n":1},"payload":{"n":2}}`},
		{protocol.CodeMalformedJSON, `{"payload":{"n":1},"p\u0061yload":{"n":2}}`},
		{protocol.CodeMalformedJSON, `{"payload":{"n":1},"x":{"y":1,"y":2}}`},
		{protocol.CodeInvalidUTF8, "{\"payload\":{\"n\":\"\xff\"}}"},
		{protocol.CodeInvalidUTF8, "{\"payload\":{\"n\":1},\"x\":\"\xff\"}"},
		{protocol.CodeInvalidUTF8, "{\"payload\":{\"n\":1},\"\xff\":1}"},
		{protocol.CodeInvalidUTF8, `{"payload":{"n":"\ud800"}}`},
		{protocol.CodeInvalidUTF8, `{"payload":{"n":1},"x":"\udfff"}`},
		{protocol.CodeInvalidUTF8, "[{\"n\":1},{\"n\":\"\xff\"}]"},
		{protocol.CodeInvalidRequest, `"text"`},
		{protocol.CodeInvalidRequest, `7`},
		{protocol.CodeInvalidRequest, `null`},
		{protocol.CodeInvalidRequest, `{}`},
		{protocol.CodeInvalidRequest, `{"n":1}`},
		{protocol.CodeInvalidRequest, `{"Payload":{"n":1}}`},
		{protocol.CodeInvalidPayload, `{"payload":null}`},
		{protocol.CodeInvalidPayload, `{"payload":{"n":1e1000001}}`},
		{protocol.CodeInvalidPayload, `{"payload":{"n":1` + strings.Repeat("0", 900_000) + `}}`},
		{protocol.CodeInvalidPayload, `[{"n":1},{"payload":{"n":2}}]`},
		{protocol.CodeInvalidPayload, `[1]`},
		{protocol.CodeNestingTooDeep, `{"payload":` + strings.Repeat(`{"n":`, 65) + `1` + strings.Repeat("}", 66)},
		{protocol.CodeNestingTooDeep, `{"payload":` + strings.Repeat(`[`, 500_000) + strings.Repeat("]", 500_000) + `}`},
		{protocol.CodeNestingTooDeep, strings.Repeat(`[`, 1_000_000)},
		{protocol.CodeNestingTooDeep, `{"payload":{"n":1},"x":` + strings.Repeat(`{"x":`, 100_000)},
	} {
		s.refused(c.code, call{method: "POST", path: "/api/v1/streams/a/publish", body: c.body})
	}
	s.ok("POST", "/api/v1/streams/a/publish", `{"payload":{"n":7}}`)
	if got := next(t, messages); got != `{"n":7}` {
		t.Errorf("%s was published", got)
	}
}

// The limit of nesting counts from the message, in every form of a body.
func TestNestingAtTheLimit(t *testing.T) {
	s := newServer(t, func(s *setup) {
		s.settings.AcceptUndefined = true
		s.settings.JSONDepth = 5
	})
	for _, form := range []string{`{"payload":%s}`, `[{"payload":%s}]`, `[%s]`, `{"x":1,"payload":%s}`} {
		for depth, code := range map[int]protocol.Code{5: "", 6: protocol.CodeNestingTooDeep} {
			body := fmt.Sprintf(form, strings.Repeat("[", depth)+strings.Repeat("]", depth))
			a := s.do(call{method: "POST", path: "/api/v1/streams/a/publish", body: body})
			if code == "" && a.status != 200 {
				t.Errorf("%s: %d %s", body, a.status, a.body)
			} else if code != "" {
				problemOf(t, code, a)
			}
		}
	}
}

// Problems of a batch are listed by index, and none of its messages is published.
func TestBatchIsAllOrNothing(t *testing.T) {
	s := newServer(t)
	s.define("a")
	messages := s.messages(t, s.root, "a")
	for _, body := range []string{
		`[{"n":1},{"n":"x"},{"n":3},{"m":4}]`,
		`{"payload":[{"n":1},{"n":"x"},{"n":3},{"m":4}]}`,
		`[{"payload":{"n":1}},{"payload":{"n":"x"}},{"payload":{"n":3}},{"payload":{"m":4}}]`,
	} {
		p := s.refused(protocol.CodeInvalidPayload, call{method: "POST", path: "/api/v1/streams/a/publish", body: body})
		var places []string
		for _, e := range p.Errors {
			place, _, _ := strings.Cut(e, " ")
			places = append(places, place)
		}
		if !slices.Equal(places, []string{"[1]", "[3]", "[3]"}) {
			t.Errorf("%s: %q", body, p.Errors)
		}
	}
	s.ok("POST", "/api/v1/streams/a/publish", `{"payload":{"n":7}}`)
	if got := next(t, messages); got != `{"n":7}` {
		t.Errorf("%s was published", got)
	}
}

func TestBatchLimit(t *testing.T) {
	s := newServer(t, func(s *setup) { s.options.BatchMessages = 3 })
	s.define("a")
	for _, form := range []string{`[%s]`, `{"payload":[%s]}`} {
		s.ok("POST", "/api/v1/streams/a/publish", fmt.Sprintf(form, `{"n":1},{"n":2},{"n":3}`))
		s.refused(protocol.CodeMessageTooLarge, call{method: "POST", path: "/api/v1/streams/a/publish",
			body: fmt.Sprintf(form, `{"n":1},{"n":2},{"n":3},{"n":4}`)})
	}
}

// A topic that keeps small messages does not keep their large bodies in memory.
func TestMessagesAreDetachedFromLargeBodies(t *testing.T) {
	s := newServer(t, quiet)
	s.define("a")
	junk := strings.Repeat(" ", 500_000)
	bodies := []string{`{"payload":{"n":1},"x":"` + junk + `"}`, `[{"n":1},` + junk + `{"n":2}]`, junk + `{"payload":{"n":1}}`}
	for _, body := range bodies {
		s.ok("POST", "/api/v1/streams/a/publish", body)
	}
	before := heap()
	for range 40 {
		for _, body := range bodies {
			s.ok("POST", "/api/v1/streams/a/publish", body)
		}
	}
	if grown := int64(heap()) - int64(before); grown > 10<<20 {
		t.Errorf("%d bytes are kept of 160 messages of 7 bytes", grown)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // the second frees what pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
