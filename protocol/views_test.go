package protocol_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/secret"
	"seagate/protocol"
)

func TestAuthenticate(t *testing.T) {
	tests := []struct {
		name, payload              string
		kind, client, secret, jail string
	}{
		{"basic", `{"type":"basic","clientId":"abc","clientSecret":"def123"}`, "basic", "abc", "def123", ""},
		{"jwt", `{"type":"jwt","clientId":"abc","jwt":"a.b.c"}`, "jwt", "abc", "a.b.c", ""},
		{"other order, more members", `{"x":[{}],"clientSecret":"s","clientId":"abc","jwt":5,"type":"basic"}`, "basic", "abc", "s", ""},
		{"jail", `{"type":"basic","clientId":"abc","clientSecret":"s","jailId":"ports"}`, "basic", "abc", "s", "ports"},
		{"jail null", `{"type":"basic","clientId":"abc","clientSecret":"s","jailId":null}`, "basic", "abc", "s", ""},
		{"escapes", `{"type":"b\u0061sic","clientId":"\u00e9","clientSecret":"\"\\\ud83d\ude00"}`, "basic", "é", `"\😀`, ""},
		{"longest secret", `{"type":"basic","clientId":"a","clientSecret":"` + strings.Repeat("s", protocol.MaxSecretBytes) + `"}`, "basic", "a", strings.Repeat("s", protocol.MaxSecretBytes), ""},
		{"longest token", `{"type":"jwt","clientId":"a","jwt":"` + strings.Repeat("t", 64<<10) + `"}`, "jwt", "a", strings.Repeat("t", 64<<10), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req := decode(t, `{"id":1,"action":"authenticate","payload":`+test.payload+`}`)
			c, err := req.Authenticate(protocol.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			if c.Type != test.kind || c.ClientID != test.client || c.Secret.Reveal() != test.secret || c.JailID != test.jail {
				t.Errorf("got %+v with secret %q", c, c.Secret.Reveal())
			}
		})
	}
}

func TestAuthenticateRefusals(t *testing.T) {
	const (
		client = "payload.clientId: must be a non-empty string"
		secret = "payload.clientSecret: must be a non-empty string"
		token  = "payload.jwt: must be a non-empty string"
		kind   = `payload.type: must be "basic" or "jwt"`
		object = "payload: must be an object"
	)
	tests := []struct {
		name, members string
		errors        []string
	}{
		{"no payload", ``, []string{object}},
		{"payload null", `,"payload":null`, []string{object}},
		{"payload string", `,"payload":"basic"`, []string{object}},
		{"payload list", `,"payload":[]`, []string{object}},
		{"empty payload", `,"payload":{}`, []string{client, kind}},
		{"all null", `,"payload":{"type":null,"clientId":null,"clientSecret":null,"jailId":null}`, []string{client, kind}},
		{"unknown type", `,"payload":{"type":"Basic","clientId":"a","clientSecret":"s"}`, []string{kind}},
		{"basic without the rest", `,"payload":{"type":"basic"}`, []string{client, secret}},
		{"jwt without the rest", `,"payload":{"type":"jwt"}`, []string{client, token}},
		{"basic with a token", `,"payload":{"type":"basic","clientId":"a","jwt":"t"}`, []string{secret}},
		{"wrong types", `,"payload":{"type":"jwt","clientId":5,"jwt":{},"jailId":1}`, []string{client, "payload.jailId: must be a non-empty string", token}},
		{"empty strings", `,"payload":{"type":"basic","clientId":"","clientSecret":"","jailId":""}`, []string{client, "payload.jailId: must be a non-empty string", secret}},
		{"long client id", `,"payload":{"type":"basic","clientId":"` + strings.Repeat("a", 256) + `","clientSecret":"s"}`, []string{"payload.clientId: it has 256 bytes and at most 255 are allowed"}},
		{"long secret", `,"payload":{"type":"basic","clientId":"a","clientSecret":"` + strings.Repeat("s", protocol.MaxSecretBytes+1) + `"}`, []string{"payload.clientSecret: must have at most 1024 bytes"}},
		{"long token", `,"payload":{"type":"jwt","clientId":"a","jwt":"` + strings.Repeat("t", 64<<10+1) + `"}`, []string{"payload.jwt: must have at most 65536 bytes"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req := decode(t, `{"id":1,"action":"authenticate"`+test.members+`}`)
			_, err := req.Authenticate(protocol.DefaultLimits())
			e := refusal(t, err)
			if e.Code != protocol.CodeInvalidRequest || !slices.Equal(e.Errors, test.errors) {
				t.Errorf("got %s %q, want %q", e.Code, e.Errors, test.errors)
			}
			if e.Message != "The request is not well formed: see errors" {
				t.Errorf("the message is %q", e.Message)
			}
		})
	}
}

func TestAuthenticateReadsStrictly(t *testing.T) {
	tests := []struct{ name, payload, says string }{
		{"duplicate client", `{"type":"basic","clientId":"a","clientId":"b","clientSecret":"hush"}`, `"clientId" appears twice`},
		{"duplicate unknown", `{"type":"basic","x":1,"x":1,"clientId":"a","clientSecret":"hush"}`, `"x" appears twice`},
		{"duplicate, long name", `{"` + strings.Repeat("é", 50_000) + `":1,"` + strings.Repeat("é", 50_000) + `":1}`, "appears twice"},
		{"unpaired surrogate", `{"type":"basic","clientId":"a\ud800","clientSecret":"hush"}`, "surrogate"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req := decode(t, `{"id":1,"action":"authenticate","payload":`+test.payload+`}`)
			_, err := req.Authenticate(protocol.DefaultLimits())
			e := refusal(t, err)
			if e.Code != protocol.CodeMalformedJSON || !strings.Contains(e.Message, test.says) {
				t.Errorf("got %v, want malformed_json that says %q", e, test.says)
			}
			if strings.Contains(e.Message, "hush") || len(e.Message) > 500 {
				t.Errorf("the message shows too much: %.600s", e.Message)
			}
		})
	}
}

const uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"

func TestSubscribe(t *testing.T) {
	tests := []struct {
		name, members string
		want          protocol.Subscribe
	}{
		{"plain", `"payload":"boiler_data"`, protocol.Subscribe{Stream: "boiler_data"}},
		{"escaped name", `"payload":"boiler\u005fdata"`, protocol.Subscribe{Stream: "boiler_data"}},
		{"group null", `"payload":"s","groupId":null`, protocol.Subscribe{Stream: "s"}},
		{"group", `"groupId":"` + uuid + `","payload":"s"`, protocol.Subscribe{Stream: "s", Group: uuid}},
		{"group in upper case", `"payload":"s","groupId":"` + strings.ToUpper(uuid) + `"`, protocol.Subscribe{Stream: "s", Group: uuid}},
		{"other members", `"payload":"s","streamName":7,"messageId":7`, protocol.Subscribe{Stream: "s"}},
		{"all null", `"payload":"s","from":null,"epoch":null,"meta":null,"ack":null,"credit":null`, protocol.Subscribe{Stream: "s"}},
		{"from latest", `"payload":"s","from":"latest"`, protocol.Subscribe{Stream: "s"}},
		{"from earliest", `"payload":"s","from":"e\u0061rliest"`, protocol.Subscribe{Stream: "s", From: protocol.Position{Kind: protocol.PositionEarliest}}},
		{"from a number", `"payload":"s","from":17.0,"epoch":"8f14e45f"`, protocol.Subscribe{Stream: "s", From: protocol.Position{Kind: protocol.PositionSeq, Seq: 17}, Epoch: "8f14e45f"}},
		{"from a time", `"payload":"s","from":"2026-11-21T12:00:00.5+02:00"`, protocol.Subscribe{Stream: "s", From: protocol.Position{Kind: protocol.PositionTime, Time: redelivered.Time.UTC()}}},
		{"longest epoch", `"payload":"s","epoch":"` + strings.Repeat("e", protocol.MaxEpochBytes) + `"`, protocol.Subscribe{Stream: "s", Epoch: strings.Repeat("e", protocol.MaxEpochBytes)}},
		{"meta", `"payload":"s","meta":true`, protocol.Subscribe{Stream: "s", Meta: true}},
		{"no meta", `"payload":"s","meta":false,"ack":"auto"`, protocol.Subscribe{Stream: "s"}},
		{"explicit", `"payload":"s","groupId":"` + uuid + `","ack":"explicit"`, protocol.Subscribe{Stream: "s", Group: uuid, Meta: true, Explicit: true}},
		{"least credit", `"payload":"s","credit":1`, protocol.Subscribe{Stream: "s", Credit: 1}},
		{"most credit", `"payload":"s","credit":1024.0`, protocol.Subscribe{Stream: "s", Credit: protocol.MaxCredit}},
		{"filter", `"payload":"s","filter":{"t":"bool", "e":true}`, protocol.Subscribe{Stream: "s", Filter: jsontext.Value(`{"t":"bool", "e":true}`)}},
		{"filter null", `"payload":"s","filter":null`, protocol.Subscribe{Stream: "s"}},
		{"explicit implies meta", `"payload":"s","ack":"explicit","meta":false`, protocol.Subscribe{Stream: "s", Meta: true, Explicit: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := decode(t, `{"id":2,"action":"subscribe",`+test.members+`}`).Subscribe()
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

// refused is a request and the refusal that its view must return.
type refused struct {
	name, members string
	code          protocol.Code
	errors        []string
}

func (test refused) run(t *testing.T, view func(protocol.Request) (any, error)) {
	t.Run(test.name, func(t *testing.T) {
		got, err := view(decode(t, `{"id":2,"action":"x"`+test.members+`}`))
		e := refusal(t, err)
		if e.Code != test.code || !slices.Equal(e.Errors, test.errors) {
			t.Errorf("got %s %q, want %s %q", e.Code, e.Errors, test.code, test.errors)
		}
		if !reflect.ValueOf(got).IsZero() {
			t.Errorf("got %+v along with the refusal", got)
		}
	})
}

func TestSubscribeRefusals(t *testing.T) {
	const (
		payload = "payload: must be a non-empty string"
		group   = "groupId: must be a UUID in the 8-4-4-4-12 form, or null"
		from    = `from: must be "latest", "earliest", a message number from 1, or an RFC 3339 time`
		epoch   = "epoch: must be a non-empty string"
		meta    = "meta: must be true or false"
		ack     = `ack: must be "auto" or "explicit"`
		credit  = "credit: must be an integer from 1 to 1024"
	)
	tests := []refused{
		{"no payload", ``, protocol.CodeInvalidRequest, []string{payload}},
		{"empty payload", `,"payload":""`, protocol.CodeInvalidRequest, []string{payload}},
		{"payload null", `,"payload":null`, protocol.CodeInvalidRequest, []string{payload}},
		{"payload object", `,"payload":{"a":1,"a":2}`, protocol.CodeInvalidRequest, []string{payload}},
		{"unpaired surrogate", `,"payload":"a\ud800"`, protocol.CodeInvalidRequest, []string{payload}},
		{"bad name", `,"payload":"a/b"`, protocol.CodeInvalidName, nil},
		{"everything", `,"groupId":7`, protocol.CodeInvalidRequest, []string{payload, group}},
		{"bad name and bad group", `,"payload":"a/b","groupId":""`, protocol.CodeInvalidRequest, []string{group}},
		{"everything there is", `,"groupId":7,"from":0,"epoch":"","meta":1,"ack":"no","credit":0`, protocol.CodeInvalidRequest,
			[]string{payload, group, from, epoch, ack, meta, credit}},
		{"long epoch", `,"payload":"s","epoch":"` + strings.Repeat("e", protocol.MaxEpochBytes+1) + `"`, protocol.CodeInvalidRequest,
			[]string{"epoch: must have at most 64 bytes"}},
	}
	for _, value := range []string{`0`, `-1`, `1.5`, `9007199254740993`, `1e400`, `"17"`, `""`, `"newest"`, `"2026-11-21"`, `true`, `[1]`, `{}`} {
		tests = append(tests, refused{"from " + value, `,"payload":"s","from":` + value, protocol.CodeInvalidRequest, []string{from}})
	}
	for _, value := range []string{`""`, `1`, `false`, `{}`, `"\ud800"`} {
		tests = append(tests, refused{"epoch " + value, `,"payload":"s","epoch":` + value, protocol.CodeInvalidRequest, []string{epoch}})
	}
	for _, value := range []string{`"true"`, `0`, `{}`} {
		tests = append(tests, refused{"meta " + value, `,"payload":"s","meta":` + value, protocol.CodeInvalidRequest, []string{meta}})
	}
	for _, value := range []string{`""`, `"Explicit"`, `true`, `["explicit"]`} {
		tests = append(tests, refused{"ack " + value, `,"payload":"s","ack":` + value, protocol.CodeInvalidRequest, []string{ack}})
	}
	for _, value := range []string{`0`, `-1`, `1025`, `1.5`, `1e400`, `"7"`, `true`, `[1]`} {
		tests = append(tests, refused{"credit " + value, `,"payload":"s","credit":` + value, protocol.CodeInvalidRequest, []string{credit}})
	}
	for name, value := range map[string]string{
		"empty": `""`, "number": `1`, "false": `false`, "object": `{}`, "list": `["` + uuid + `"]`,
		"urn": `"urn:uuid:` + uuid + `"`, "braces": `"{` + uuid + `}"`, "bare": `"` + strings.ReplaceAll(uuid, "-", "") + `"`,
		"short": `"` + uuid[1:] + `"`, "long": `"` + uuid + `0"`, "no hex": `"` + "g" + uuid[1:] + `"`,
		"dashes elsewhere": `"0f8fad5bd-9cb-469f-a165-70867728950e"`, "white space": `" ` + uuid[1:] + `"`,
		"multibyte": `"é` + uuid[2:] + `"`,
	} {
		tests = append(tests, refused{"group " + name, `,"payload":"s","groupId":` + value, protocol.CodeInvalidRequest, []string{group}})
	}
	for _, test := range tests {
		test.run(t, func(r protocol.Request) (any, error) { return r.Subscribe() })
	}
}

func TestUnsubscribe(t *testing.T) {
	for members, want := range map[string]protocol.Unsubscribe{
		`"payload":2`: {ID: 2}, `"payload":2.0`: {ID: 2}, `"payload":9007199254740992`: {ID: 1 << 53},
		`"payload":2,"drain":true`: {ID: 2, Drain: true}, `"drain":false,"payload":2`: {ID: 2}, `"payload":2,"drain":null`: {ID: 2},
	} {
		if u, err := decode(t, `{"id":5,"action":"unsubscribe",`+members+`}`).Unsubscribe(); err != nil || u != want {
			t.Errorf("%s: got %+v, %v", members, u, err)
		}
	}
	const noID = "payload: must be an integer: the id of a subscribe request"
	for _, members := range []string{``, `,"payload":null`, `,"payload":"2"`, `,"payload":2.5`, `,"payload":1e400`, `,"payload":[2]`} {
		test := refused{"payload" + members, members, protocol.CodeInvalidRequest, []string{noID}}
		test.run(t, func(r protocol.Request) (any, error) { return r.Unsubscribe() })
	}
	for _, drain := range []string{`1`, `"true"`, `{}`} {
		test := refused{"drain " + drain, `,"drain":` + drain, protocol.CodeInvalidRequest, []string{noID, "drain: must be true or false"}}
		test.run(t, func(r protocol.Request) (any, error) { return r.Unsubscribe() })
	}
}

func TestPublish(t *testing.T) {
	for _, payload := range []string{`{"temperature":92}`, `{"a":1,"a":2}`, `{ "a" : "\ud800" }`, `null`, `0`, `"x"`, `[]`} {
		got, err := decode(t, `{"id":3,"action":"publish","streamName":"s","payload": `+payload+` }`).Publish()
		if err != nil || got.Stream != "s" || string(got.Payload) != payload {
			t.Errorf("payload %s: got %q %s, %v", payload, got.Stream, got.Payload, err)
		}
	}
	const stream = "streamName: must be a non-empty string"
	for _, test := range []refused{
		{"nothing", ``, protocol.CodeInvalidRequest, []string{stream, "payload: must be there"}},
		{"no payload", `,"streamName":"s"`, protocol.CodeInvalidRequest, []string{"payload: must be there"}},
		{"no stream", `,"payload":{}`, protocol.CodeInvalidRequest, []string{stream}},
		{"stream null", `,"payload":{},"streamName":null`, protocol.CodeInvalidRequest, []string{stream}},
		{"stream number", `,"payload":{},"streamName":1`, protocol.CodeInvalidRequest, []string{stream}},
		{"stream empty", `,"payload":{},"streamName":""`, protocol.CodeInvalidRequest, []string{stream}},
		{"bad name", `,"payload":{},"streamName":"a b"`, protocol.CodeInvalidName, nil},
	} {
		test.run(t, func(r protocol.Request) (any, error) { return r.Publish() })
	}
}

func TestMessageID(t *testing.T) {
	longest := strings.Repeat("é", 127) + "a"
	for raw, want := range map[string]string{`null`: "", `"42"`: "42", `" \u00e9/%"`: " é/%", `"` + longest + `"`: longest} {
		got, err := decode(t, `{"id":3,"action":"publish","streamName":"s","payload":1,"messageId":`+raw+`}`).Publish()
		if err != nil || got.MessageID != want {
			t.Errorf("messageId %s: got %q, %v", raw, got.MessageID, err)
		}
		if err := protocol.CheckMessageID(want); want != "" && err != nil {
			t.Errorf("CheckMessageID(%q): %v", want, err)
		}
	}
	for raw, problem := range map[string]string{
		`""`: "must be a non-empty string", `42`: "must be a non-empty string", `{}`: "must be a non-empty string", `"\udc00"`: "must be a non-empty string",
		`"a` + longest + `"`: "must have at most 255 bytes", `"a\nb"`: "must have no control characters", `"\u0000"`: "must have no control characters",
		`"\u007f"`: "must have no control characters", `"\u0085"`: "must have no control characters",
	} {
		refused{raw, `,"streamName":"s","payload":1,"messageId":` + raw, protocol.CodeInvalidRequest, []string{"messageId: " + problem}}.
			run(t, func(r protocol.Request) (any, error) { return r.Publish() })
	}
	for _, id := range []string{"", "a\tb", "\xff", strings.Repeat("a", 256)} {
		if e := refusal(t, protocol.CheckMessageID(id)); e.Code != protocol.CodeInvalidRequest || !strings.HasPrefix(e.Message, "A message id must ") {
			t.Errorf("CheckMessageID(%.20q): %v", id, e)
		}
	}
}

func TestDefine(t *testing.T) {
	const definition = `{"version":"1.0.0","fields":[{"name":"a","type":"string"}]}`
	got, err := decode(t, `{"id":3,"action":"define","streamName":"s","payload":`+definition+`}`).Define()
	if err != nil || got.Stream != "s" || string(got.Definition) != definition {
		t.Errorf("got %q %s, %v", got.Stream, got.Definition, err)
	}
	const object = "payload: must be an object"
	for _, test := range []refused{
		{"nothing", ``, protocol.CodeInvalidRequest, []string{"streamName: must be a non-empty string", object}},
		{"payload list", `,"streamName":"s","payload":[]`, protocol.CodeInvalidRequest, []string{object}},
		{"payload null", `,"streamName":"s","payload":null`, protocol.CodeInvalidRequest, []string{object}},
		{"bad name", `,"streamName":"..","payload":{}`, protocol.CodeInvalidName, nil},
	} {
		test.run(t, func(r protocol.Request) (any, error) { return r.Define() })
	}
}

func TestDescribe(t *testing.T) {
	if stream, err := decode(t, `{"id":3,"action":"describe","payload":"s"}`).Describe(); err != nil || stream != "s" {
		t.Errorf("got %q, %v", stream, err)
	}
	for _, test := range []refused{
		{"nothing", ``, protocol.CodeInvalidRequest, []string{"payload: must be a non-empty string"}},
		{"payload object", `,"payload":{}`, protocol.CodeInvalidRequest, []string{"payload: must be a non-empty string"}},
		{"bad name", `,"payload":"$sys"`, protocol.CodeInvalidName, nil},
	} {
		test.run(t, func(r protocol.Request) (any, error) { return r.Describe() })
	}
}

func TestUnknownAction(t *testing.T) {
	e := protocol.UnknownAction("sing\n")
	if e.Code != protocol.CodeInvalidRequest || !strings.Contains(e.Message, `"sing\n"`) || !strings.Contains(e.Message, "subscribe") {
		t.Errorf("got %v", e)
	}
	if e := protocol.UnknownAction(strings.Repeat("é", 1<<20)); len(e.Message) > 300 {
		t.Errorf("the message has %d bytes", len(e.Message))
	}
}

// No way of printing or logging credentials shows the secret.
func TestCredentialsHideTheSecret(t *testing.T) {
	c, err := decode(t, `{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"abc","clientSecret":"hush-hush","jailId":"ports"}}`).
		Authenticate(protocol.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	holder := struct{ unexported protocol.Credentials }{c}
	var shown []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		shown = append(shown, fmt.Sprintf(verb, c), fmt.Sprintf(verb, &c), fmt.Sprintf(verb, c.Secret), fmt.Sprintf(verb, holder))
	}
	shown = append(shown, logged(t, c), logged(t, &c), logged(t, c.Secret), logged(t, holder))
	for _, text := range shown {
		if strings.Contains(text, "hush") || strings.Contains(text, fmt.Sprintf("%x", "hush")) {
			t.Errorf("shows the secret: %s", text)
		}
	}
	if text := logged(t, c); !strings.Contains(text, `"client":"abc"`) || !strings.Contains(text, `"jail":"ports"`) {
		t.Errorf("the log does not say whose credentials: %s", text)
	}
	long := protocol.Credentials{ClientID: strings.Repeat("é", 1<<20)}
	if text := logged(t, long); len(text) > 500 || !strings.Contains(text, "éé…") {
		t.Errorf("the log has %d bytes of a client id that is too long: %.300s", len(text), text)
	}
	valid := strings.Repeat("x", protocol.MaxNameBytes)
	if text := logged(t, protocol.Credentials{ClientID: valid}); !strings.Contains(text, valid) {
		t.Errorf("the log cuts a valid client id: %s", text)
	}
	if (secret.Text{}).Reveal() != "" || secret.New("x").Reveal() != "x" {
		t.Error("Reveal does not reveal")
	}
}
