package protocol_test

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

func logged(t *testing.T, value any) string {
	t.Helper()
	var text bytes.Buffer
	slog.New(slog.NewJSONHandler(&text, nil)).Info("", "value", value)
	slog.New(slog.NewTextHandler(&text, nil)).Info("", "value", value)
	return text.String()
}

var (
	plainError  = &protocol.Error{Code: protocol.CodeInvalidCredentials, Message: "The credentials are present and well formed but invalid."}
	listedError = &protocol.Error{Code: protocol.CodeInvalidPayload, Message: "Bad payload.", Errors: []string{"a: must be a string", "moves[2].load: must be an integer"}}
)

var (
	deliveryMeta = protocol.DeliveryMeta{Seq: 17, Time: time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC), Epoch: "8f14e45f"}
	// Its time is in another zone and ends in zeros.
	redelivered = protocol.DeliveryMeta{Seq: 17, Time: time.Date(2026, 11, 21, 12, 0, 0, 500_000_000, time.FixedZone("", 7200)), Epoch: "8f14e45f", Redelivered: 2}
)

// Deployed clients were tested against these bytes.
func TestAppendGolden(t *testing.T) {
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"authenticated", protocol.AppendAuthenticated(nil, 1, "some_jail"),
			`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"some_jail"}}`},
		{"authentication refused", protocol.AppendRefusal(nil, 1, protocol.ActionAuthenticate, plainError),
			`{"id":1,"action":"authenticate","success":false,"error":{"code":"invalid_credentials","message":"The credentials are present and well formed but invalid."}}`},
		{"subscribed", protocol.AppendSubscribed(nil, 2, protocol.ActionSubscription, "boiler_data"),
			`{"id":2,"action":"subscription","success":true,"streamName":"boiler_data","payload":2}`},
		{"subscribed, literally", protocol.AppendSubscribed(nil, 2, protocol.ActionSubscribe, "boiler_data"),
			`{"id":2,"action":"subscribe","success":true,"streamName":"boiler_data","payload":2}`},
		{"delivery", protocol.AppendDeliveryTail(protocol.AppendDeliveryHead(nil, 2), protocol.ActionSubscription, "boiler_data", []byte(`{"temperature":91,"pressure":3001}`)),
			`{"id":2,"action":"subscription","streamName":"boiler_data","payload":{"temperature":91,"pressure":3001}}`},
		{"subscribed at a position", protocol.AppendSubscribedAt(nil, 2, protocol.ActionSubscription, "boiler_data", protocol.Joined{Epoch: "8f14e45f", First: 1, Next: 18}),
			`{"id":2,"action":"subscription","success":true,"streamName":"boiler_data","payload":2,"epoch":"8f14e45f","firstSeq":1,"nextSeq":18}`},
		{"delivery with meta", append(protocol.AppendDeliveryHead(nil, 2), protocol.AppendDeliveryMeta(nil, protocol.ActionSubscription, "boiler_data", []byte(`{"temperature":91}`), deliveryMeta)...),
			`{"id":2,"action":"subscription","streamName":"boiler_data","payload":{"temperature":91},"seq":17,"time":"2026-11-21T10:00:00.123456789Z","epoch":"8f14e45f"}`},
		{"delivery with meta, again", append(protocol.AppendDeliveryHead(nil, 2), protocol.AppendDeliveryMeta(nil, protocol.ActionSubscribe, "s", []byte(`1`), redelivered)...),
			`{"id":2,"action":"subscribe","streamName":"s","payload":1,"seq":17,"time":"2026-11-21T10:00:00.5Z","epoch":"8f14e45f","redelivered":2}`},
		{"header with meta", append(protocol.AppendDeliveryHead(nil, 2), protocol.AppendHeaderMeta(nil, protocol.ActionSubscription, "boiler_data", []byte(`{"unit":"C"}`), "8f14e45f")...),
			`{"id":2,"action":"subscription","streamName":"boiler_data","payload":{"unit":"C"},"header":true,"epoch":"8f14e45f"}`},
		{"draining", protocol.AppendDraining(nil, 5), `{"id":5,"action":"unsubscribe","success":true,"draining":true}`},
		{"drained", protocol.AppendDrained(nil, 2, protocol.ActionSubscription, "boiler_data"),
			`{"id":2,"action":"subscription","streamName":"boiler_data","drained":true}`},
		{"gap", protocol.AppendGap(nil, 2, protocol.ActionSubscription, "boiler_data", 5, 9),
			`{"id":2,"action":"subscription","streamName":"boiler_data","gap":{"from":5,"to":9}}`},
		{"provided", protocol.AppendProvided(nil, 2, "boiler_data", protocol.Interest{}),
			`{"id":2,"action":"provide","success":true,"streamName":"boiler_data","requested":false,"subscribers":0,"groups":0}`},
		{"requested", protocol.AppendRequested(nil, 2, "boiler_data", protocol.Interest{Requested: true, Subscribers: 1, Groups: 3}),
			`{"id":2,"action":"provide","streamName":"boiler_data","requested":true,"subscribers":1,"groups":3}`},
		{"provided stream deleted", protocol.AppendProvideEnded(nil, 2, "boiler_data", protocol.Errorf(protocol.CodeStreamDeleted, "Gone.")),
			`{"id":2,"action":"provide","success":false,"streamName":"boiler_data","error":{"code":"stream_deleted","message":"Gone."}}`},
		{"joined with state", protocol.AppendJoinedState(protocol.AppendSubscribed(nil, 5, protocol.ActionSubscription, "boiler_data"), protocol.State{Registered: true}),
			`{"id":5,"action":"subscription","success":true,"streamName":"boiler_data","payload":5,"registered":true,"paused":false}`},
		{"state", protocol.AppendState(nil, 5, protocol.ActionSubscription, "boiler_data", protocol.State{Registered: true, Paused: true}),
			`{"id":5,"action":"subscription","streamName":"boiler_data","state":{"registered":true,"paused":true}}`},
		{"acknowledged", protocol.AppendSuccess(nil, 7, protocol.ActionAck, nil),
			`{"id":7,"action":"ack","success":true}`},
		{"published", protocol.AppendSuccess(nil, 3, protocol.ActionPublish, nil),
			`{"id":3,"action":"publish","success":true}`},
		{"described", protocol.AppendSuccess(nil, 4, protocol.ActionDescribe, []byte(`{"name":"s"}`)),
			`{"id":4,"action":"describe","success":true,"payload":{"name":"s"}}`},
		{"publish refused", protocol.AppendRefusal(nil, 3, protocol.ActionPublish, listedError),
			`{"id":3,"action":"publish","success":false,"error":{"code":"invalid_payload","message":"Bad payload.","errors":["a: must be a string","moves[2].load: must be an integer"]}}`},
		{"violation of which nothing could be read", protocol.AppendRefusal(nil, 0, "", protocol.Errorf(protocol.CodeProtocolViolation, "No.")),
			`{"id":0,"action":"","success":false,"error":{"code":"protocol_violation","message":"No."}}`},
		{"stream ended", protocol.AppendStreamEnded(nil, 2, "boiler_data", protocol.Errorf(protocol.CodeStreamDeleted, "Gone.")),
			`{"id":2,"action":"subscribe","success":false,"streamName":"boiler_data","error":{"code":"stream_deleted","message":"Gone."}}`},
		{"strings that need escaping", protocol.AppendRefusal(nil, -1, "a\"\\\n\x00\x7f<&>é\u2028\xff", plainError),
			`{"id":-1,"action":"a\"\\\n\u0000` + "\x7f<&>é\u2028\ufffd" + `","success":false,"error":{"code":"invalid_credentials","message":"The credentials are present and well formed but invalid."}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if string(test.got) != test.want {
				t.Errorf("got  %s\nwant %s", test.got, test.want)
			}
			strictly(t, test.got)
		})
	}
}

func TestAppendKeepsTheBuffer(t *testing.T) {
	prefix := []byte("before ")
	for name, got := range map[string][]byte{
		"authenticated": protocol.AppendAuthenticated(slices.Clip(prefix), 1, "j"),
		"subscribed":    protocol.AppendSubscribed(slices.Clip(prefix), 1, "a", "s"),
		"subscribed at": protocol.AppendSubscribedAt(slices.Clip(prefix), 1, "a", "s", protocol.Joined{}),
		"gap":           protocol.AppendGap(slices.Clip(prefix), 1, "a", "s", 1, 2),
		"provided":      protocol.AppendProvided(slices.Clip(prefix), 1, "s", protocol.Interest{}),
		"state":         protocol.AppendState(slices.Clip(prefix), 1, "a", "s", protocol.State{}),
		"success":       protocol.AppendSuccess(slices.Clip(prefix), 1, "a", nil),
		"refusal":       protocol.AppendRefusal(slices.Clip(prefix), 1, "a", plainError),
		"ended":         protocol.AppendStreamEnded(slices.Clip(prefix), 1, "s", plainError),
		"delivery":      protocol.AppendDeliveryHead(slices.Clip(prefix), 1),
		"problem":       protocol.AppendProblem(slices.Clip(prefix), protocol.NewProblem(plainError)),
	} {
		if !bytes.HasPrefix(got, []byte("before {")) {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	buffer := make([]byte, 0, 4096)
	stream := strings.Repeat("é\"", 100) // long, and with characters to escape
	payload := []byte(`{"temperature":91}`)
	problem := protocol.NewProblem(listedError)
	joined := protocol.Joined{Epoch: stream, First: 1, Next: 1 << 53}
	for name, encode := range map[string]func(){
		"AppendAuthenticated": func() { protocol.AppendAuthenticated(buffer, 1, stream) },
		"AppendSubscribed":    func() { protocol.AppendSubscribed(buffer, 2, protocol.ActionSubscription, stream) },
		"AppendSuccess":       func() { protocol.AppendSuccess(buffer, 2, stream, payload) },
		"AppendRefusal":       func() { protocol.AppendRefusal(buffer, 2, stream, listedError) },
		"AppendStreamEnded":   func() { protocol.AppendStreamEnded(buffer, 2, stream, listedError) },
		"AppendDeliveryHead":  func() { protocol.AppendDeliveryHead(buffer, 1<<53) },
		"AppendDeliveryTail":  func() { protocol.AppendDeliveryTail(buffer, protocol.ActionSubscription, stream, payload) },
		"AppendSubscribedAt":  func() { protocol.AppendSubscribedAt(buffer, 2, protocol.ActionSubscription, stream, joined) },
		"AppendDeliveryMeta":  func() { protocol.AppendDeliveryMeta(buffer, protocol.ActionSubscription, stream, payload, redelivered) },
		"AppendHeaderMeta":    func() { protocol.AppendHeaderMeta(buffer, protocol.ActionSubscription, stream, payload, stream) },
		"AppendGap":           func() { protocol.AppendGap(buffer, 2, protocol.ActionSubscription, stream, 1, 1<<53) },
		"AppendProvided":      func() { protocol.AppendProvided(buffer, 2, stream, protocol.Interest{Subscribers: 1 << 40}) },
		"AppendRequested":     func() { protocol.AppendRequested(buffer, 2, stream, protocol.Interest{Groups: 1 << 40}) },
		"AppendState":         func() { protocol.AppendState(buffer, 2, protocol.ActionSubscription, stream, protocol.State{}) },
		"AppendProblem":       func() { protocol.AppendProblem(buffer, problem) },
	} {
		if n := testing.AllocsPerRun(100, encode); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// Most names are copied as they are. The others are escaped as jsontext escapes them.
func TestNamesAreEscapedLikeJSON(t *testing.T) {
	for c := range rune(0x180) {
		for _, name := range []string{string(c), "a" + string(c), string(c) + "b", string([]byte{byte(c)})} {
			want, _ := jsontext.AppendQuote(nil, name)
			want = append(append([]byte(`,"action":"a","streamName":`), want...), `,"payload":1}`...)
			if got := protocol.AppendDeliveryTail(nil, "a", name, []byte("1")); !bytes.Equal(got, want) {
				t.Errorf("%q: got %s, want %s", name, got, want)
			}
		}
	}
}
