package protocol_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

func TestServiceViews(t *testing.T) {
	type view = func(protocol.Request) (any, error)
	serve := func(r protocol.Request) (any, error) { return r.Serve() }
	answer := func(r protocol.Request) (any, error) { return r.Answer() }
	fetch := func(r protocol.Request) (any, error) { return r.Fetch() }
	signal := func(r protocol.Request) (any, error) { return r.Signal() }
	null := jsontext.Value("null")
	for _, test := range []struct {
		view    view
		payload string
		want    any
	}{
		{serve, `{"service":"pricing","procedures":["quote","reload"],"credit":16}`, protocol.Serve{Service: "pricing", Procedures: []string{"quote", "reload"}, Credit: 16}},
		{serve, `{"service":"a","procedures":["b","a","b"],"credit":null,"sole":true}`, protocol.Serve{Service: "a", Procedures: []string{"a", "b"}, Sole: true}},
		{answer, `{"serve":4,"call":71,"result":{"a":1}}`, protocol.Answer{Serve: 4, Call: 71, Result: jsontext.Value(`{"a":1}`)}},
		{answer, `{"serve":4,"call":71,"result":null,"more":true,"error":null}`, protocol.Answer{Serve: 4, Call: 71, Result: null, More: true}},
		{answer, `{"serve":4,"call":71,"error":{"code":"x","message":"m","details":[1]},"more":false}`,
			protocol.Answer{Serve: 4, Call: 71, Error: &protocol.CallError{Code: "x", Message: "m", Details: jsontext.Value("[1]")}}},
		{answer, `{"serve":4,"call":71,"error":{"code":"x"}}`, protocol.Answer{Serve: 4, Call: 71, Error: &protocol.CallError{Code: "x"}}},
		{fetch, `{"service":"pricing","procedure":"quote","body":{"a":"é"},"timeout":0.5}`,
			protocol.Fetch{Service: "pricing", Procedure: "quote", Body: jsontext.Value(`{"a":"é"}`), Timeout: 500 * time.Millisecond}},
		{fetch, `{"service":"pricing","procedure":"quote","timeout":null}`, protocol.Fetch{Service: "pricing", Procedure: "quote", Body: null}},
		{fetch, `{"service":"pricing","procedure":"quote","timeout":300}`, protocol.Fetch{Service: "pricing", Procedure: "quote", Body: null, Timeout: 5 * time.Minute}},
		{signal, `{"service":"pricing","procedure":"reload","body":null,"all":true}`, protocol.Signal{Service: "pricing", Procedure: "reload", Body: null, All: true}},
		{signal, `{"service":"pricing","procedure":"reload","body":7}`, protocol.Signal{Service: "pricing", Procedure: "reload", Body: jsontext.Value("7")}},
	} {
		got, err := test.view(decode(t, `{"id":4,"action":"x","payload":`+test.payload+`}`))
		if err != nil {
			t.Errorf("%s: %v", test.payload, err)
		}
		if fmt.Sprintf("%+v", deref(got)) != fmt.Sprintf("%+v", deref(test.want)) {
			t.Errorf("%s: got %+v, want %+v", test.payload, deref(got), deref(test.want))
		}
	}
}

// deref makes the error in an answer comparable as text.
func deref(v any) any {
	if a, ok := v.(protocol.Answer); ok && a.Error != nil {
		return fmt.Sprintf("%d %d %s %+v", a.Serve, a.Call, a.Result, *a.Error)
	}
	return v
}

func TestServiceRefusals(t *testing.T) {
	serve := func(r protocol.Request) (any, error) { return r.Serve() }
	answer := func(r protocol.Request) (any, error) { return r.Answer() }
	fetch := func(r protocol.Request) (any, error) { return r.Fetch() }
	signal := func(r protocol.Request) (any, error) { return r.Signal() }
	const (
		noText     = ": must be a non-empty string"
		procedures = "payload.procedures: must be a list of 1 to 10000 names"
		credit     = "payload.credit: must be an integer from 1 to 1024"
		timeout    = "payload.timeout: must be a number of seconds above 0 and at most 300"
		either     = "payload: must have either result or error"
		badError   = `payload.error: must be an object with a "code" and a "message"`
	)
	type test struct {
		view func(protocol.Request) (any, error)
		refused
	}
	tests := []test{
		{serve, refused{"a list", `,"payload":[]`, protocol.CodeInvalidRequest, []string{badPayload}}},
		{serve, refused{"everything", `,"payload":{"procedures":"a","credit":0,"sole":1}`, protocol.CodeInvalidRequest,
			[]string{"payload.service" + noText, procedures, "payload.sole: must be true or false", credit}}},
		{serve, refused{"bad service", `,"payload":{"service":"a b","procedures":["a"]}`, protocol.CodeInvalidName, nil}},
		{serve, refused{"bad procedure", `,"payload":{"service":"a","procedures":["a","b/c"]}`, protocol.CodeInvalidName, nil}},
		{serve, refused{"repeated key", `,"payload":{"service":"a","service":"a","procedures":["a"]}`, protocol.CodeMalformedJSON, nil}},
		{answer, refused{"nothing", ``, protocol.CodeInvalidRequest, []string{badPayload}}},
		{answer, refused{"empty", `,"payload":{}`, protocol.CodeInvalidRequest,
			[]string{"payload.serve: must be an integer: the id of a serve request", "payload.call: must be an integer: the number of a call", either}}},
		{answer, refused{"both", `,"payload":{"serve":1,"call":1,"result":1,"error":{"code":"x","message":"y"}}`, protocol.CodeInvalidRequest, []string{either}}},
		{answer, refused{"no error", `,"payload":{"serve":1,"call":1,"error":"x"}`, protocol.CodeInvalidRequest, []string{badError}}},
		{answer, refused{"no code", `,"payload":{"serve":1,"call":1,"error":{"message":7},"more":true}`, protocol.CodeInvalidRequest,
			[]string{"payload.error.code" + noText, "payload.error.message: must be a string", "payload.more: is for a result: an error is the end"}}},
		{answer, refused{"long code", `,"payload":{"serve":1,"call":1,"error":{"code":"` + strings.Repeat("c", 256) + `"}}`, protocol.CodeInvalidRequest,
			[]string{"payload.error.code: must have at most 255 bytes"}}},
		{answer, refused{"repeated key in the result", `,"payload":{"serve":1,"call":1,"result":{"a":1,"a":2}}`, protocol.CodeMalformedJSON, nil}},
		{answer, refused{"unpaired surrogate in the result", `,"payload":{"serve":1,"call":1,"result":"\ud800"}`, protocol.CodeMalformedJSON, nil}},
		{fetch, refused{"nothing", `,"payload":"pricing"`, protocol.CodeInvalidRequest, []string{badPayload}}},
		{fetch, refused{"empty", `,"payload":{}`, protocol.CodeInvalidRequest, []string{"payload.service" + noText, "payload.procedure" + noText}}},
		{fetch, refused{"bad name", `,"payload":{"service":"a","procedure":"b c"}`, protocol.CodeInvalidName, nil}},
		{signal, refused{"everything", `,"payload":{"service":1,"all":"x"}`, protocol.CodeInvalidRequest,
			[]string{"payload.service" + noText, "payload.procedure" + noText, "payload.all: must be true or false"}}},
		{signal, refused{"bad name", `,"payload":{"service":"a$","procedure":"b"}`, protocol.CodeInvalidName, nil}},
	}
	for _, value := range []string{`0`, `-1`, `300.001`, `1e400`, `"5"`, `true`} {
		tests = append(tests, test{fetch, refused{"timeout " + value, `,"payload":{"service":"a","procedure":"b","timeout":` + value + `}`, protocol.CodeInvalidRequest, []string{timeout}}})
	}
	for _, value := range []string{`[]`, `[""]`, `["a",7]`, `{"a":1}`, `["` + strings.Repeat(`a","`, 10_000) + `a"]`} {
		tests = append(tests, test{serve, refused{"procedures " + value[:min(len(value), 20)], `,"payload":{"service":"a","procedures":` + value + `}`, protocol.CodeInvalidRequest, []string{procedures}}})
	}
	for _, test := range tests {
		test.run(t, test.view)
	}
}

func TestServiceMessages(t *testing.T) {
	for want, got := range map[string][]byte{
		`{"id":4,"action":"serve","call":71,"procedure":"quote","payload":{"a":1},"caller":{"clientId":"web"},"timeout":29.99}`: protocol.AppendCall(nil, 4,
			protocol.ServedCall{Number: 71, Procedure: "quote", Body: []byte(`{"a":1}`), ClientID: "web", Timeout: 29990 * time.Millisecond}),
		`{"id":4,"action":"serve","call":1,"procedure":"a","payload":null,"caller":{"clientId":"\"x\""},"timeout":300}`: protocol.AppendCall(nil, 4,
			protocol.ServedCall{Number: 1, Procedure: "a", Body: []byte(`null`), ClientID: `"x"`, Timeout: 5*time.Minute - time.Microsecond}),
		`{"id":4,"action":"serve","call":72,"cancelled":"caller_gone"}`:                                              protocol.AppendCallCancelled(nil, 4, 72, "caller_gone"),
		`{"id":4,"action":"serve","signal":true,"procedure":"reload","payload":{"a":1},"caller":{"clientId":"web"}}`: protocol.AppendSignalled(nil, 4, "reload", []byte(`{"a":1}`), "web", ""),
		`{"id":6,"action":"fetch","result":{"a":1}}`:                                                                 protocol.AppendResult(nil, 6, []byte(`{"a":1}`), false),
		`{"id":6,"action":"fetch","result":null,"done":true}`:                                                        protocol.AppendResult(nil, 6, []byte(`null`), true),
		`{"id":6,"action":"fetch","error":{"code":"x","message":"no"},"done":true}`:                                  protocol.AppendCallFailed(nil, 6, protocol.CallError{Code: "x", Message: "no"}),
		`{"id":6,"action":"fetch","error":{"code":"x","message":"no","details":{"a":1}},"done":true}`:                protocol.AppendCallFailed(nil, 6, protocol.CallError{Code: "x", Message: "no", Details: jsontext.Value(`{"a":1}`)}),
		`{"id":8,"action":"signal","success":true,"reached":2}`:                                                      protocol.AppendReached(nil, 8, 2),
	} {
		if string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
