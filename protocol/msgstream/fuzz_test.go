package msgstream_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol/msgstream"
)

// What is decoded is encoded to a line that decodes to the same, and what is refused
// names no id that could not be echoed.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"action":"listen","id":"a","stream":"job","from":17,"epoch":"e","meta":true}`, `{"action":"put","id":{"n":[1]},"stream":"job","message":{"a":1.0},"header":[2]}`,
		`{"action":"hangup"}`, `{"action":"put","id":7,"stream":"job","message":{"a":1,"a":2}}`, `{"id":7} {"id":8}`, `{"action":"authenticate","payload":{}}`, `[[[[`, "\r", `{"action":"listen","stream":"s","from":"2026-11-21T10:00:00+01:00"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		r, err := wire.Requests.Decode(line)
		if !bytes.Equal(line, before) {
			t.Fatal("the line was changed")
		}
		if r.ID != nil && (!r.ID.IsValid() || len(r.ID) > 1<<10) {
			t.Fatalf("the id %q", r.ID)
		}
		if err != nil {
			return
		}
		encoded, err := wire.Requests.Encode(nil, r)
		if err != nil || bytes.IndexByte(encoded, '\n') >= 0 {
			t.Fatalf("%+v became %q, %v", r, encoded, err)
		}
		again, err := wire.Requests.Decode(encoded)
		if err != nil {
			t.Fatalf("%q: %v", encoded, err)
		}
		for _, raw := range []*jsontext.Value{&r.ID, &r.Message, &r.Header, &r.Payload} {
			if *raw != nil {
				*raw = raw.Clone()
				raw.Compact(jsontext.PreserveRawStrings(true))
			}
		}
		if !reflect.DeepEqual(again, r) {
			t.Fatalf("%+v\nbecame\n%+v", r, again)
		}
	})
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"action":"put","stream":"job","message":1,"seq":17,"time":"2026-11-21T10:00:00.005Z","epoch":"e"}`))
	f.Add([]byte(`{"action":"error","id":"a","message":"no","code":"invalid_payload","errors":["a","b"],"stream":"job"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := wire.Events.Decode(line)
		if err != nil {
			return
		}
		encoded, err := wire.Events.Encode(nil, e)
		if err != nil || !jsontext.Value(encoded).IsValid() {
			t.Fatalf("%+v became %q, %v", e, encoded, err)
		}
	})
}

// What is decoded can be encoded, and what is encoded decodes to the same bytes again.
func FuzzTyped(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,2.5,null,{"b":"c"}]}`, typed("fit.point", "1.0", `{"x":1.5,"y":-2}`), typed("fit.progress", "2.1", `{"done":1,"partial":{"a":[{".function":"f"}]}}`),
		typed("no.such", "1.0", `{ "z":1.0 }`), `{".function":"os.system"}`, `1e400`, `-0`, `{"":{"~/":[]}}`, typed("fit.point", "0.1a2", `{}`),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := registry(t)
		v, err := r.Decode(text)
		if err != nil {
			return
		}
		if _, is := v.(msgstream.Plain); is && jsontext.Value(text).Kind() != '{' {
			t.Fatalf("%q is Plain", text)
		}
		once, err := r.Encode(nil, v)
		if err != nil {
			if bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0 { // of a Plain
				return
			}
			t.Fatalf("%q is %#v: %v", text, v, err)
		}
		w, err := r.Decode(once)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, once, err)
		}
		if twice, err := r.Encode(nil, w); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%q became %q and then %q, %v", text, once, twice, err)
		}
	})
}
