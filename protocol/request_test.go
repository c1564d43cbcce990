package protocol_test

import (
	"strings"
	"testing"

	"seagate/protocol"
)

func TestDecodeRequest(t *testing.T) {
	tests := []struct {
		name, message string
		id            int64
		action        string
	}{
		{"first message of the Python client", `{"id": 1, "action": "authenticate", "payload": {}}`, 1, "authenticate"},
		{"white space around", " \r\n\t{ \"id\" :\t2 , \"action\" : \"subscribe\" } \n", 2, "subscribe"},
		{"unknown members", `{"id":2,"x":{"a":[1,{}]},"action":"publish","":null}`, 2, "publish"},
		{"unknown members may repeat", `{"x":1,"id":2,"x":2,"action":"publish"}`, 2, "publish"},
		{"a name that differs in case is another name", `{"ID":7,"id":2,"Action":1,"action":"publish"}`, 2, "publish"},
		{"an unpaired surrogate in an unknown name", `{"\ud800":1,"id":2,"action":"publish"}`, 2, "publish"},
		{"escaped names", `{"\u0069d":2,"acti\u006fn":"publish"}`, 2, "publish"},
		{"escaped action", `{"id":2,"action":"sub\u0073cribe"}`, 2, "subscribe"},
		{"unknown action", `{"id":2,"action":"d\u00e9truire \u2028\ud83d\ude00"}`, 2, "détruire \u2028😀"},
		{"empty action", `{"id":2,"action":""}`, 2, ""},
		{"duplicate keys in the payload", `{"id":2,"action":"publish","payload":{"a":1,"a":2}}`, 2, "publish"},
		{"unpaired surrogate in the payload", `{"id":2,"action":"publish","payload":{"a":"\ud800"}}`, 2, "publish"},
		{"id 1.0", `{"id":1.0,"action":"a"}`, 1, "a"},
		{"id 1e0", `{"id":1e0,"action":"a"}`, 1, "a"},
		{"id 1E+0", `{"id":1E+0,"action":"a"}`, 1, "a"},
		{"id 1200e-2", `{"id":1200e-2,"action":"a"}`, 12, "a"},
		{"id 1.25e2", `{"id":1.25e2,"action":"a"}`, 125, "a"},
		{"id 0.00001e6", `{"id":0.00001e6,"action":"a"}`, 10, "a"},
		{"id -0", `{"id":-0,"action":"a"}`, 0, "a"},
		{"id -0.0e99999999999", `{"id":-0.0e99999999999,"action":"a"}`, 0, "a"},
		{"id -5", `{"id":-5,"action":"a"}`, -5, "a"},
		{"id -5.0", `{"id":-5.0,"action":"a"}`, -5, "a"},
		{"largest id", `{"id":9007199254740992,"action":"a"}`, 1 << 53, "a"},
		{"largest id with a point", `{"id":9007199254740992.0,"action":"a"}`, 1 << 53, "a"},
		{"smallest id", `{"id":-9007199254740992,"action":"a"}`, -1 << 53, "a"},
		{"id with 100,000 zeros", `{"id":1.` + strings.Repeat("0", 100_000) + `,"action":"a"}`, 1, "a"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req := decode(t, test.message)
			if req.ID != test.id || req.Action != test.action {
				t.Errorf("got id %d, action %q, want %d, %q", req.ID, req.Action, test.id, test.action)
			}
		})
	}
}

func TestDecodeRequestViolations(t *testing.T) {
	tests := []struct {
		name, message string
		id            int64
		action        string
		says          string
	}{
		{"empty", ``, 0, "", "ends too early"},
		{"blank", " \n", 0, "", "ends too early"},
		{"no JSON", `hello`, 0, "", "invalid character 'h'"},
		{"byte order mark", "\ufeff{}", 0, "", "cannot be read"},
		{"array", `[{"id":1,"action":"authenticate"}]`, 0, "", "must be a JSON object"},
		{"string", `"id"`, 0, "", "must be a JSON object"},
		{"number", `1`, 0, "", "must be a JSON object"},
		{"null", `null`, 0, "", "must be a JSON object"},
		{"empty object", `{}`, 0, "", "must have an id"},

		{"cut short", `{"id":3,"action":"publish","payload":{"a":1`, 3, "publish", "ends too early"},
		{"cut short in a string", `{"id":3,"action":"pub`, 3, "", "ends too early"},
		{"cut short after the comma", `{"id":3,`, 3, "", "ends too early"},
		{"malformed in the payload", `{"id":3,"action":"publish","payload":{"a":01}}`, 3, "publish", "at byte 43"},
		{"malformed escape in the payload", `{"id":3,"action":"publish","payload":"\x"}`, 3, "publish", "escape"},
		{"raw control character in the payload", "{\"id\":3,\"action\":\"publish\",\"payload\":\"\n\"}", 3, "publish", `'\n'`},
		{"trailing comma", `{"id":3,"action":"publish",}`, 3, "publish", "','"},
		{"wrong bracket", `{"id":3,"action":"publish"]`, 3, "publish", "']'"},
		{"name without quotes", `{id:3}`, 0, "", "'i'"},
		{"name that is a number", `{"id":3,4:5}`, 3, "", "name must be a string"},
		{"text after it", `{"id":3,"action":"publish"} x`, 3, "publish", "'x'"},
		{"a second object", `{"id":3,"action":"publish"}{}`, 3, "publish", "something follows"},
		{"NaN", `{"id":NaN,"action":"publish"}`, 0, "", "'N'"},

		{"id twice", `{"id":3,"id":4,"action":"publish"}`, 3, "publish", `"id" twice`},
		{"id twice, once escaped", `{"id":3,"\u0069d":4,"action":"publish"}`, 3, "publish", "twice"},
		{"action twice", `{"id":3,"action":"publish","action":"define"}`, 3, "publish", `"action" twice`},
		{"payload twice", `{"id":3,"action":"publish","payload":1,"payload":1}`, 3, "publish", `"payload" twice`},
		{"payload twice, once null", `{"id":3,"action":"publish","payload":null,"payload":1}`, 3, "publish", `"payload" twice`},
		{"groupId twice", `{"groupId":null,"groupId":"x","id":3,"action":"subscribe"}`, 3, "subscribe", `"groupId" twice`},
		{"from twice", `{"id":3,"action":"subscribe","from":1,"from":2}`, 3, "subscribe", `"from" twice`},
		{"epoch twice", `{"id":3,"action":"subscribe","epoch":"a","epoch":"b"}`, 3, "subscribe", `"epoch" twice`},
		{"meta twice", `{"id":3,"action":"subscribe","meta":true,"meta":false}`, 3, "subscribe", `"meta" twice`},
		{"ack twice", `{"id":3,"action":"subscribe","ack":"auto","\u0061ck":"explicit"}`, 3, "subscribe", `twice`},
		{"messageId twice", `{"id":3,"action":"publish","messageId":"a","messageId":"b"}`, 3, "publish", `"messageId" twice`},
		{"streamName twice", `{"streamName":1,"streamName":2,"id":3,"action":"publish"}`, 3, "publish", `"streamName" twice`},

		{"id missing", `{"action":"publish"}`, 0, "publish", "must have an id"},
		{"id null", `{"id":null,"action":"publish"}`, 0, "publish", "must have an id"},
		{"id string", `{"id":"1","action":"publish"}`, 0, "publish", "must have an id"},
		{"id true", `{"id":true,"action":"publish"}`, 0, "publish", "must have an id"},
		{"id array", `{"id":[1],"action":"publish"}`, 0, "publish", "must have an id"},
		{"id fraction", `{"id":1.5,"action":"publish"}`, 0, "publish", "must have an id"},
		{"id nearly an integer", `{"id":1.00000000000000000001,"action":"publish"}`, 0, "publish", "must have an id"},
		{"id 1e-1", `{"id":1e-1,"action":"publish"}`, 0, "publish", "must have an id"},
		{"id 1e400", `{"id":1e400,"action":"publish"}`, 0, "publish", "must have an id"},
		{"id 1e1000001", `{"id":1e1000001,"action":"publish"}`, 0, "publish", "must have an id"},
		{"id 1e99999999999999999999", `{"id":1e99999999999999999999,"action":"publish"}`, 0, "publish", "must have an id"},
		{"id 1e-99999999999999999999", `{"id":1e-99999999999999999999,"action":"publish"}`, 0, "publish", "must have an id"},
		{"id 2^53+1", `{"id":9007199254740993,"action":"publish"}`, 0, "publish", "must have an id"},
		{"id 2^53+1 with a point", `{"id":9007199254740993.0,"action":"publish"}`, 0, "publish", "must have an id"},
		{"id -2^53-1", `{"id":-9007199254740993,"action":"publish"}`, 0, "publish", "must have an id"},
		{"id 2^63", `{"id":9223372036854775808,"action":"publish"}`, 0, "publish", "must have an id"},
		{"id of a million digits", `{"id":` + strings.Repeat("9", 1_000_000) + `,"action":"publish"}`, 0, "publish", "must have an id"},

		{"action missing", `{"id":3}`, 3, "", "must have an action"},
		{"action null", `{"id":3,"action":null}`, 3, "", "must have an action"},
		{"action number", `{"action":5,"id":3}`, 3, "", "must have an action"},
		{"action object", `{"id":3,"action":{}}`, 3, "", "must have an action"},
		{"action with an unpaired surrogate", `{"id":3,"action":"\udc00"}`, 3, "", "must have an action"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := protocol.DecodeRequest([]byte(test.message), protocol.DefaultLimits())
			v := violation(t, err)
			if v.ID != test.id || v.Action != test.action {
				t.Errorf("got id %d, action %q, want %d, %q", v.ID, v.Action, test.id, test.action)
			}
			if v.Refusal.Code != protocol.CodeProtocolViolation || !strings.Contains(v.Refusal.Message, test.says) {
				t.Errorf("got %v, want a protocol_violation that says %q", v, test.says)
			}
			if len(v.Refusal.Message) > 500 {
				t.Errorf("the message has %d bytes", len(v.Refusal.Message))
			}
		})
	}
}

func TestDecodeRequestInvalidUTF8(t *testing.T) {
	for name, message := range map[string]string{
		"in a payload":      "{\"id\":1,\"action\":\"publish\",\"payload\":\"\xff\"}",
		"in a name":         "{\"\xc3\":1,\"id\":1,\"action\":\"publish\"}",
		"outside strings":   "{\"id\":1,\"action\":\"publish\"}\x80",
		"encoded surrogate": "{\"id\":1,\"action\":\"\xed\xa0\x80\"}",
		"overlong":          "{\"id\":1,\"action\":\"\xc0\xaf\"}",
		"cut short":         "{\"id\":1,\"action\":\"\xe2\x82\"}",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := protocol.DecodeRequest([]byte(message), protocol.DefaultLimits())
			v := violation(t, err)
			if info, _ := v.Refusal.Code.Info(); info.Code != protocol.CodeInvalidUTF8 || info.Close != 1007 {
				t.Errorf("got %v with close code %d, want invalid_utf8 with 1007", v, info.Close)
			}
		})
	}
}

func TestDecodeRequestSize(t *testing.T) {
	message := []byte(`{"id":1,"action":"authenticate"}`)
	limits := protocol.DefaultLimits()
	limits.MessageBytes = len(message)
	if _, err := protocol.DecodeRequest(message, limits); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	_, err := protocol.DecodeRequest(append(message, ' '), limits)
	v := violation(t, err)
	if info, _ := v.Refusal.Code.Info(); info.Code != protocol.CodeMessageTooLarge || info.Close != 1009 {
		t.Errorf("one byte over: got %v with close code %d, want message_too_large with 1009", v, info.Close)
	}
}

// nested returns a publish that is nested the given number of levels deep.
func nested(levels int, prefix, suffix string) string {
	brackets := levels - 1 // the message is the first level
	return `{` + prefix + `"payload":` + strings.Repeat("[", brackets) + strings.Repeat("]", brackets) + suffix + `}`
}

// A message that is too deep is refused by its view, wherever its id stands.
func TestDecodeRequestDepth(t *testing.T) {
	const head, tail = `"id":3,"action":"publish","streamName":"s",`, `,"id":3,"action":"publish","streamName":"s"`
	limits := protocol.DefaultLimits()
	limits.JSONDepth = 5
	tests := []struct {
		name, message string
		ok            bool
	}{
		{"at the limit", nested(5, head, ""), true},
		{"at the limit, with more beside it", nested(5, head, `,"x":[[],[]]`), true},
		{"one over", nested(6, head, ""), false},
		{"one over, id last", nested(6, "", tail), false},
		{"far over, id last", nested(9_999, "", tail), false},
		{"objects", `{` + head + `"payload":{"a":{"a":{"a":{"a":{}}}}}}`, false},
		{"in an unknown member", `{` + head + `"payload":1,"x":[[[[[]]]]]}`, false},
		{"many, not deep", `{` + head + `"payload":[[],[],[],[],[],[],[]]}`, true},
		{"brackets in strings", `{` + head + `"payload":"[[[[[[[[[[\"[[[[\\"}`, true},
		{"brackets in strings, escaped quotes before", `{` + head + `"payload":["\\","\"[[[[[[[","{{{{"]}`, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req, err := protocol.DecodeRequest([]byte(test.message), limits)
			if err != nil {
				t.Fatal(err)
			}
			if req.ID != 3 || req.Action != "publish" {
				t.Fatalf("got id %d, action %q", req.ID, req.Action)
			}
			if _, err = req.Publish(); test.ok && err != nil {
				t.Fatalf("Publish: %v", err)
			}
			if !test.ok && refusal(t, err).Code != protocol.CodeNestingTooDeep {
				t.Fatalf("Publish: got %v, want nesting_too_deep", err)
			}
		})
	}
}

func TestEveryViewRefusesDepth(t *testing.T) {
	req := decode(t, nested(65, `"id":1,"action":"x",`, ""))
	views := map[string]func() error{
		"Authenticate": func() error { _, err := req.Authenticate(protocol.DefaultLimits()); return err },
		"Subscribe":    func() error { _, err := req.Subscribe(); return err },
		"Unsubscribe":  func() error { _, err := req.Unsubscribe(); return err },
		"Publish":      func() error { _, err := req.Publish(); return err },
		"Define":       func() error { _, err := req.Define(); return err },
		"Describe":     func() error { _, err := req.Describe(); return err },
		"Ack":          func() error { _, err := req.Ack(); return err },
		"Nack":         func() error { _, err := req.Nack(); return err },
		"Serve":        func() error { _, err := req.Serve(); return err },
		"Answer":       func() error { _, err := req.Answer(); return err },
		"Fetch":        func() error { _, err := req.Fetch(); return err },
		"Signal":       func() error { _, err := req.Signal(); return err },
	}
	for name, view := range views {
		if e := refusal(t, view()); e.Code != protocol.CodeNestingTooDeep {
			t.Errorf("%s: got %v, want nesting_too_deep", name, e)
		}
	}
}

// A message of the largest size is read in linear time, whatever it contains.
func TestDecodeRequestIsLinear(t *testing.T) {
	const size = 1<<20 - 100
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, message := range map[string]string{
		"opening brackets":    `{"id":2,"payload":` + fill("["),
		"opening objects":     `{"id":2,"payload":` + fill(`{"a":`),
		"closing brackets":    `{"id":2,"payload":` + fill("]"),
		"brackets, malformed": `{"id":2,"payload":]` + fill("["),
		"open string":         `{"id":2,"payload":"` + fill("a"),
		"open escapes":        `{"id":2,"payload":"` + fill(`\\`),
		"duplicate ids":       `{"id":2` + fill(`,"id":3`) + `}`,
		"one long name":       `{"id":2,"` + fill("a") + `":}`,
		"one long number":     `{"id":2,"payload":` + fill("1") + `x}`,
		"deep, then cut":      `{"id":2,"action":"publish","payload":` + strings.Repeat("[", 9_000),
		"beyond all depth":    `{"id":2,"action":"publish","payload":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := protocol.DecodeRequest([]byte(message), protocol.DefaultLimits())
			v := violation(t, err)
			if v.ID != 2 || len(v.Refusal.Message) > 500 {
				t.Errorf("got id %d and a message of %d bytes", v.ID, len(v.Refusal.Message))
			}
		})
	}
}

// Scanners are reused; nothing of one message may appear in the next.
func TestDecodeRequestAfterAFailedOne(t *testing.T) {
	for _, bad := range []string{`{"id":9,"action":"publish","payload":[[1,`, nested(20_000, "", ""), `{"id":9,"id":9}`, ``} {
		if _, err := protocol.DecodeRequest([]byte(bad), protocol.DefaultLimits()); err == nil {
			t.Fatalf("DecodeRequest(%.40s) succeeded", bad)
		}
		if req := decode(t, `{"id":2,"action":"subscribe","payload":"s"}`); req.ID != 2 || req.Action != "subscribe" {
			t.Fatalf("got %d, %q", req.ID, req.Action)
		}
	}
}

func TestPayloadIsAPartOfTheMessage(t *testing.T) {
	message := []byte(`{"id":3,"action":"publish","streamName":"s","payload":{"a":1}}`)
	req, err := protocol.DecodeRequest(message, protocol.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	pub, err := req.Publish()
	if err != nil {
		t.Fatal(err)
	}
	start := len(message) - len(`{"a":1}}`)
	if &pub.Payload[0] != &message[start] {
		t.Error("the payload is a copy")
	}
	if _ = append(pub.Payload, '!'); message[len(message)-1] != '}' {
		t.Error("appending to the payload writes over the message")
	}
}

func TestSequence(t *testing.T) {
	request := func(id int64, action string) protocol.Request {
		return protocol.Request{ID: id, Action: action}
	}
	var s protocol.Sequence
	refused := func(id int64, action, says string) {
		t.Helper()
		v := violation(t, s.Next(request(id, action)))
		if v.ID != id || v.Action != action || v.Refusal.Code != protocol.CodeProtocolViolation || !strings.Contains(v.Refusal.Message, says) {
			t.Errorf("Next(%d, %q): got %+v with %v, want one that says %q", id, action, v, v.Refusal, says)
		}
	}
	accepted := func(id int64, action string) {
		t.Helper()
		if err := s.Next(request(id, action)); err != nil {
			t.Errorf("Next(%d, %q): %v", id, action, err)
		}
	}

	refused(0, "authenticate", "expected")
	refused(2, "authenticate", "expected")
	refused(-1, "authenticate", "expected")
	refused(1, "subscribe", `must be "authenticate"`)
	refused(1, "", `must be "authenticate"`)
	accepted(1, "authenticate")
	refused(1, "subscribe", "expected")
	refused(1, "authenticate", "expected")
	refused(2, "authenticate", "Only the first")
	refused(3, "subscribe", "id 3 where 2 was expected")
	accepted(2, "subscribe")
	accepted(3, "no such action") // the session refuses it without closing the connection
	refused(3, "publish", "expected")
	refused(1<<53, "publish", "expected")
	accepted(4, "publish")
}
