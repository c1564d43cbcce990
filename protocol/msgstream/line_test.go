package msgstream_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
	"seagate/protocol/msgstream"
)

var wire = msgstream.JSON(msgstream.DefaultLimits())

func TestRequests(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]msgstream.Request{
		`{"action":"listen","stream":"job"}`:                                              {Action: "listen", Stream: "job"},
		`{"action":"listen","id":"a","stream":"job","from":17,"epoch":"e","meta":true}`:   {Action: "listen", ID: jsontext.Value(`"a"`), Stream: "job", From: protocol.Position{Kind: protocol.PositionSeq, Seq: 17}, Epoch: "e", Meta: true},
		`{"action":"listen","stream":"job","from":"2026-11-21T10:00:00Z"}`:                {Action: "listen", Stream: "job", From: protocol.Position{Kind: protocol.PositionTime, Time: at}},
		`{"action":"put","id":{"n":[1]},"stream":"job","message":{"a":1.0},"header":[2]}`: {Action: "put", ID: jsontext.Value(`{"n":[1]}`), Stream: "job", Message: jsontext.Value(`{"a":1.0}`), Header: jsontext.Value(`[2]`)},
		`{"action":"put","stream":"job","message":null}`:                                  {Action: "put", Stream: "job", Message: jsontext.Value(`null`)},
		`{"action":"header","id":null,"stream":"job","message":"h"}`:                      {Action: "header", ID: jsontext.Value(`null`), Stream: "job", Message: jsontext.Value(`"h"`)},
		`{"action":"hangup"}`:                                  {Action: "hangup"},
		`{"action":"delete","id":0,"stream":"job"}`:            {Action: "delete", ID: jsontext.Value(`0`), Stream: "job"},
		`{"action":"close"}`:                                   {Action: "close"},
		`{"action":"authenticate","payload":{"type":"basic"}}`: {Action: "authenticate", Payload: jsontext.Value(`{"type":"basic"}`)},
	} {
		got, err := wire.Requests.Decode([]byte(text))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
		again, err := wire.Requests.Encode([]byte("> "), want)
		if err != nil || string(again) != "> "+text {
			t.Errorf("%s became %s, %v", text, again, err)
		}
	}
	spaced := `  {"action" : "put" , "stream":"job","message": { "a" : 1 },"header":null,"from":null,"meta":null,"unknown":[1,2] } ` + "\r"
	got, err := wire.Requests.Decode([]byte(spaced))
	if err != nil || got.Stream != "job" || string(got.Message) != `{ "a" : 1 }` || got.Header != nil {
		t.Errorf("with white space: %+v, %v", got, err)
	}
	if line, err := wire.Requests.Encode(nil, msgstream.Request{Action: "put", Stream: "s", Message: jsontext.Value("{\n\"a\":\n1}")}); err != nil || string(line) != `{"action":"put","stream":"s","message":{"a":1}}` {
		t.Errorf("a message with line feeds became %q, %v", line, err)
	}
	if line, err := wire.Requests.Encode([]byte("> "), msgstream.Request{Action: "put", Stream: "s", Message: jsontext.Value("{")}); err == nil || string(line) != "> " {
		t.Errorf("a message that is no JSON became %q, %v", line, err)
	}
}

// A refused line still has the id and the stream, if they could be read, and lists all
// that is wrong.
func TestRefusedRequests(t *testing.T) {
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	long := `"` + strings.Repeat("i", 1<<10) + `"`
	for _, test := range []struct {
		text   string
		code   protocol.Code
		id     string
		stream string
		lists  []string
	}{
		{``, "malformed_json", "", "", nil},
		{`[]`, "malformed_json", "", "", nil},
		{`listen job`, "malformed_json", "", "", nil},
		{`{"action":"put","id":7,"stream":"job","message":{"a":1,"a":2}}`, "malformed_json", "7", "job", nil},
		{`{"action":"put","id":7,"stream":"job","stream":"job"}`, "malformed_json", "7", "job", nil},
		{`{"id":7,"stream":"job","action":"put","message":"\ud800"}`, "malformed_json", "7", "job", nil},
		{`{"id":{"a":1,"a":2},"stream":"job"}`, "malformed_json", "", "job", nil},
		{`{"id":7} {"id":8}`, "malformed_json", "7", "", nil},
		{"{\"id\":7,\"stream\":\"\xff\"}", "invalid_utf8", "", "", nil},
		{`{"action":"put","id":7,"stream":"job","message":` + deep + `}`, "nesting_too_deep", "7", "job", nil},
		{`{"id":7}`, "invalid_request", "7", "", []string{"action: must be one of listen", "stream: must be"}},
		{`{"action":"shout","stream":"job"}`, "invalid_request", "", "job", []string{"action: must be one of listen"}},
		{`{"action":"put"}`, "invalid_request", "", "", []string{"stream: must be", "message: must be there"}},
		{`{"action":"header","stream":"job"}`, "invalid_request", "", "job", []string{"message: must be there"}},
		{`{"action":"hangup","stream":""}`, "invalid_request", "", "", []string{"stream: must be"}},
		{`{"action":"delete","stream":null}`, "invalid_request", "", "", []string{"stream: must be"}},
		{`{"action":"listen","stream":"job","from":0,"epoch":"","meta":1}`, "invalid_request", "", "job", []string{"from: must be", "epoch: must be", "meta: must be"}},
		{`{"action":"put","id":` + long + `,"stream":"job","message":1}`, "invalid_request", "", "job", []string{"id: must have at most 1024"}},
	} {
		r, err := wire.Requests.Decode([]byte(test.text))
		refusal := (*protocol.Error)(nil)
		if !errors.As(err, &refusal) || refusal.Code != test.code || string(r.ID) != test.id || r.Stream != test.stream {
			t.Errorf("%.100s: id %s, stream %q, %v", test.text, r.ID, r.Stream, err)
			continue
		}
		if !slices.EqualFunc(refusal.Errors, test.lists, strings.HasPrefix) {
			t.Errorf("%.100s: it lists %q", test.text, refusal.Errors)
		}
	}
}

func TestEvents(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 5e6, time.UTC)
	for text, want := range map[string]msgstream.Event{
		`{"action":"put","stream":"job","message":{"a":1}}`:                                                     {Action: "put", Stream: "job", Message: jsontext.Value(`{"a":1}`)},
		`{"action":"put","stream":"job","message":1,"header":true}`:                                             {Action: "put", Stream: "job", Message: jsontext.Value(`1`), Header: true},
		`{"action":"put","stream":"job","message":1,"header":true,"epoch":"e"}`:                                 {Action: "put", Stream: "job", Message: jsontext.Value(`1`), Header: true, Epoch: "e"},
		`{"action":"put","stream":"job","message":1,"seq":17,"time":"2026-11-21T10:00:00.005Z","epoch":"e"}`:    {Action: "put", Stream: "job", Message: jsontext.Value(`1`), Seq: 17, Time: at, Epoch: "e"},
		`{"action":"put","id":[1],"stream":"job"}`:                                                              {Action: "put", ID: jsontext.Value(`[1]`), Stream: "job"},
		`{"action":"listen","id":1,"stream":"job","epoch":"e","firstSeq":3,"nextSeq":18}`:                       {Action: "listen", ID: jsontext.Value(`1`), Stream: "job", Epoch: "e", First: 3, Next: 18},
		`{"action":"gap","stream":"job","from":5,"to":9}`:                                                       {Action: "gap", Stream: "job", From: 5, To: 9},
		`{"action":"close","stream":"job"}`:                                                                     {Action: "close", Stream: "job"},
		`{"action":"hangup"}`:                                                                                   {Action: "hangup"},
		`{"action":"authenticate","id":0,"success":true,"jailId":"j"}`:                                          {Action: "authenticate", ID: jsontext.Value(`0`), JailID: "j"},
		`{"action":"error","message":"no","code":"forbidden"}`:                                                  {Action: "error", Error: &protocol.Error{Code: "forbidden", Message: "no"}},
		`{"action":"error","id":"a","message":"no","code":"invalid_payload","errors":["a","b"],"stream":"job"}`: {Action: "error", ID: jsontext.Value(`"a"`), Stream: "job", Error: &protocol.Error{Code: "invalid_payload", Message: "no", Errors: []string{"a", "b"}}},
	} {
		line, err := wire.Events.Encode([]byte("< "), want)
		if err != nil || string(line) != "< "+text {
			t.Errorf("got %s, %v\nwant %s", line, err, text)
		}
		if got, err := wire.Events.Decode([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, bad := range []string{``, `1`, `{}`, `{"action":1}`, `{"action":"put","seq":-1}`, `{"action":"put","action":"put"}`} {
		if e, err := wire.Events.Decode([]byte(bad)); err == nil {
			t.Errorf("%s: %+v", bad, e)
		}
	}
}
