package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/streams/peer"
)

// FuzzPublishBody checks that only strict JSON is accepted, and that the messages
// published are those that a plain JSON decoder finds in the body.
func FuzzPublishBody(f *testing.F) {
	for _, seed := range []string{
		`{"payload":{"n":1}}`, `[{"n":1},{"n":2}]`, `[{"payload":{"n":1}}]`, `{"payload":[1,[2]]}`, ` { "x" : [ ] , "payload" : "\ud83d\ude00" } `,
		`{"p\u0061yload":1}`, `{"payload":1,"payload":2}`, `[]`, `[{"payload":1},{"payload":2,"x":3}]`, `{"payload":"\ud800"}`, `[1,]`, `1`, "{\"\xff\":1}",
		`[[[[[[]]]]]]`, `{"payload":1e400}`, `[1, 2 ,3 ]`, `{"payload":{"a":1,"a":2}}`, `{"x":{"a":1,"a":2},"payload":1}`,
	} {
		f.Add(seed)
	}
	w := newWorld(f, quiet, func(s *setup) { s.settings.AcceptUndefined = true })
	messages := w.messages(f, w.root, "a")
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest("POST", "/api/v1/streams/a/publish", strings.NewReader(body))
		r.SetBasicAuth(w.root.id, w.root.secret)
		answer := httptest.NewRecorder()
		w.handler.ServeHTTP(answer, r)
		if !isJSON(answer.Body.String()) || answer.Code >= 500 {
			t.Fatalf("%d %s", answer.Code, answer.Body)
		}
		want, ok := reference(body)
		if accepted := answer.Code == http.StatusOK; accepted && !ok {
			t.Fatalf("accepted %q", body)
		} else if !accepted {
			return
		}
		for _, m := range want {
			if got := next(t, messages); got != m {
				t.Fatalf("%q: published %s, want %s", body, got, m)
			}
		}
		if len(messages) > 0 {
			t.Fatalf("%q: published %s, too", body, <-messages)
		}
	})
}

// reference reads the messages in a body with a plain JSON decoder.
func reference(body string) (messages []string, ok bool) {
	var list []jsontext.Value
	if json.Unmarshal([]byte(body), &list) == nil {
		return wrapped(list), list != nil
	}
	var object map[string]jsontext.Value
	if json.Unmarshal([]byte(body), &object) != nil || object["payload"] == nil {
		return nil, false
	}
	return []string{compacted(object["payload"])}, true
}

func wrapped(list []jsontext.Value) (messages []string) {
	all := true
	for _, item := range list {
		var object map[string]jsontext.Value
		all = all && json.Unmarshal(item, &object) == nil && len(object) == 1 && object["payload"] != nil
		messages = append(messages, compacted(object["payload"]))
	}
	if all {
		return messages
	}
	messages = nil
	for _, item := range list {
		messages = append(messages, compacted(item))
	}
	return messages
}

func compacted(v jsontext.Value) string {
	v = v.Clone()
	_ = v.Compact()
	return string(v)
}

// FuzzSettings checks that settings are refused, or are the same when what the
// answer shows is set again.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"durability":"memory","retention":{"age":"168h","bytes":1,"messages":0}}`, `{"retention":{"age":1e9}}`, `{"retention":{"age":"-1s"}}`,
		`{"retention":{"age":9223372036.9}}`, `{"retention":{"bytes":1e300}}`, `{"retention":null,"durability":null}`, `[]`, `{"x":1}`, `{"retention":{"age":"1e3s"}}`,
	} {
		f.Add(seed)
	}
	w := newWorld(f, quiet)
	call := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/api/v1/streams/a/"+path, strings.NewReader(body))
		r.SetBasicAuth(w.root.id, w.root.secret)
		answer := httptest.NewRecorder()
		w.handler.ServeHTTP(answer, r)
		return answer
	}
	if answer := call("POST", "define", `{"version":1,"fields":[]}`); answer.Code != http.StatusOK {
		f.Fatal(answer.Body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		first := call("PUT", "settings", body)
		if !isJSON(first.Body.String()) || first.Code >= 500 {
			t.Fatalf("%q: %d %s", body, first.Code, first.Body)
		}
		if first.Code != http.StatusOK {
			return
		}
		var said struct {
			Set jsontext.Value `json:"set"`
		}
		if err := json.Unmarshal(first.Body.Bytes(), &said); err != nil {
			t.Fatal(err)
		}
		if again := call("PUT", "settings", string(said.Set)); again.Body.String() != first.Body.String() {
			t.Fatalf("%q:\n%s and then\n%s", body, first.Body, again.Body)
		}
	})
}

// echoing is a server whose calls somebody answers with their bodies.
type echoing chan *peer.Call

func (e echoing) Call(c *peer.Call) bool          { e <- c; return true }
func (e echoing) Signal(*peer.Message) bool       { return true }
func (e echoing) GivenUp(*peer.Call, peer.Reason) {}

// FuzzCall checks that a call is refused, or that its server gets what a plain JSON decoder
// finds in the body, and its caller what the server answers.
func FuzzCall(f *testing.F) {
	for _, seed := range []string{
		`{"payload":{"sku":7},"timeout":5}`, `{}`, `{"payload":null,"timeout":null}`, `{"payload":[1, 2],"timeout":300}`, `{"timeout":300.1}`, `{"timeout":0}`,
		`{"timeout":1e-300}`, `{"timeout":"5"}`, `{"payload":1,"payload":2}`, `{"p\u0061yload":"\ud83d\ude00"}`, `{"payload":"\ud800"}`, `{"x":1}`, `[]`, `1`, ``,
		`{"payload":1e400}`, `{"payload":{"a":1,"a":2}}`, `[[[[[[]]]]]]`, "{\"payload\":\"\xff\"}",
	} {
		f.Add(seed)
	}
	w := newWorld(f, quiet)
	services := w.gateway.JoinServices(w.principal(f, w.root))
	f.Cleanup(services.Close)
	calls := make(chan *peer.Call, 16)
	if _, err := services.Serve(peer.Offer{Service: "pricing", Procedures: []string{"quote"}}, echoing(calls)); err != nil {
		f.Fatal(err)
	}
	go func() {
		for c := range calls {
			c.Answer(c.Body) // too late if the timeout was very short
		}
	}()
	f.Cleanup(func() { close(calls) })
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest("POST", "/api/v1/services/pricing/quote", strings.NewReader(body))
		r.SetBasicAuth(w.root.id, w.root.secret)
		answer := httptest.NewRecorder()
		w.handler.ServeHTTP(answer, r)
		if !isJSON(answer.Body.String()) || answer.Code >= 500 && answer.Code != http.StatusGatewayTimeout {
			t.Fatalf("%d %s", answer.Code, answer.Body)
		}
		if answer.Code != http.StatusOK {
			return
		}
		want := "null"
		var object map[string]jsontext.Value
		if err := json.Unmarshal([]byte(body), &object); err != nil {
			t.Fatalf("accepted %q", body)
		}
		if object["payload"] != nil {
			want = compacted(object["payload"])
		}
		if answer.Body.String() != `{"result":`+want+`}` {
			t.Fatalf("%q: the caller got %s, want %s", body, answer.Body, want)
		}
	})
}
