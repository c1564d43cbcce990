package protocol_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

func FuzzDecodeRequest(f *testing.F) {
	for _, seed := range []string{
		`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"abc","clientSecret":"def123"}}`,
		`{"id":1,"action":"authenticate","payload":{"type":"jwt","clientId":"abc","jwt":"a.b.c","jailId":null}}`,
		`{"id":2.0,"action":"subscribe","payload":"boiler_data","groupId":"0F8FAD5B-D9CB-469F-A165-70867728950E"}`,
		`{"id":3e0,"action":"publish","streamName":"s","payload":{"a":"\ud800","a":[{}]}}`,
		`{"id":4,"action":"define","streamName":"s","payload":{"version":"1.0.0","fields":[]}}`,
		`{"id":5,"action":"unsubscribe","payload":2,"x":"\\\"[[["}`,
		`{"id":2,"action":"subscribe","payload":"s","from":17,"epoch":"8f14e45f","meta":true,"ack":"explicit","credit":10}`,
		`{"id":2,"action":"subscribe","payload":"s","from":"2026-11-21T10:00:00.5+02:00","ack":"auto"}`,
		`{"id":3,"action":"publish","streamName":"s","payload":1,"messageId":"4\u00072"}`,
		`{"id":7,"action":"ack","payload":{"subscription":2,"seq":[17,1.8e1]}}`,
		`{"id":7,"action":"ack","payload":{"subscription":2,"upTo":18}}`,
		`{"id":8,"action":"nack","payload":{"subscription":2,"seq":17,"reason":"no","delay":0.5}}`,
		`{"id":4,"action":"serve","payload":{"service":"pricing","procedures":["quote","reload"],"credit":16,"sole":true}}`,
		`{"id":5,"action":"answer","payload":{"serve":4,"call":71,"result":null,"more":true}}`,
		`{"id":5,"action":"answer","payload":{"serve":4,"call":71,"error":{"code":"c","message":"m","details":[{}]}}}`,
		`{"id":6,"action":"fetch","payload":{"service":"pricing","procedure":"quote","body":{"a":1},"timeout":2.5}}`,
		`{"id":8,"action":"signal","payload":{"service":"pricing","procedure":"reload","all":true}}`,
		`{"id":7,"action":"watch","payload":"pricing"}`,
		`{"id":2,"action":"subscribe","payload":"s","state":true}`,
		`{"id":3,"action":"publish","streamName":"s","batch":[{"payload":1,"messageId":"a"},{"payload":[],"header":null}]}`,
		`{"id":3,"action":"publish","streamName":"s","payload":1,"header":{"a":1}}`,
		`{"id":9,"action":"provide","payload":"boiler_data"}`,
		`{"id":9,"action":"subscribe","payload":["a","b"],"sync":{"by":"$.timestamp","priority":{"b":1},"wait":0.5},"from":"earliest","meta":true}`,
		`{"id":9,"action":"subscribe","payload":["a","b"],"sync":{},"from":{"a":1,"b":2},"epoch":{"a":"8f"}}`,
		`{"id":10,"action":"pause","payload":{"provide":9,"paused":true}}`,
		`{"\u0069d":6,"action":"descri\u0062e","payload":"a/b"}`,
		`{"id":1,"id":2}`, `[[[[[[[[[[]]]]]]]]]]`, `{"payload":[[[[[[[[[[]]]]]]]]]],"id":1,"action":"x"}`, `{"id":1e400,"action":""} x`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	limits := protocol.Limits{MessageBytes: 1 << 16, JSONDepth: 8, TokenBytes: 64}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		req, err := protocol.DecodeRequest(data, limits)
		if !bytes.Equal(before, data) {
			t.Fatal("the message was changed")
		}
		if err != nil {
			v := violation(t, err)
			message := protocol.AppendRefusal(nil, v.ID, v.Action, v.Refusal)
			if m := strictly(t, message); m.ID != v.ID || m.Action != v.Action || *m.Success {
				t.Fatalf("%s does not carry id %d and action %q", message, v.ID, v.Action)
			}
			return
		}
		// The JSON library reads the whole message at once, without regard to
		// members, and must agree.
		if value := jsontext.Value(data); !value.IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) || value.Kind() != '{' {
			t.Fatalf("accepted %q, which is no JSON object", data)
		}
		if m := strictly(t, protocol.AppendSuccess(nil, req.ID, req.Action, nil)); m.ID != req.ID || m.Action != req.Action {
			t.Fatalf("id %d and action %q do not survive their encoding", req.ID, req.Action)
		}
		checkViews(t, req, limits)
	})
}

func checkViews(t *testing.T, req protocol.Request, limits protocol.Limits) {
	refusedOr := func(err error, accepted func()) {
		t.Helper()
		if err == nil {
			accepted()
			return
		}
		if e := refusal(t, err); e.Message == "" || len(e.Message) > 2000 {
			t.Fatalf("refused with a message of %d bytes", len(e.Message))
		}
	}
	named := func(stream string) {
		t.Helper()
		if err := protocol.CheckStreamName(stream); err != nil {
			t.Fatalf("a view let through the name %q: %v", stream, err)
		}
	}
	credentials, err := req.Authenticate(limits)
	refusedOr(err, func() {
		secret := credentials.Secret.Reveal()
		if protocol.CheckClientID(credentials.ClientID) != nil || secret == "" || len(secret) > protocol.MaxSecretBytes {
			t.Fatalf("accepted credentials %+v", credentials)
		}
	})
	merged, err := req.SubscribeMerged(4)
	refusedOr(err, func() {
		names := map[string]bool{}
		for _, s := range merged.Streams {
			named(s.Name)
			names[s.Name] = true
		}
		if n := len(names); n != len(merged.Streams) || n < 2 || n > 4 || !req.IsMerged() ||
			merged.Wait < 0 || merged.Wait > protocol.MaxMergeWait || len(merged.By) > protocol.MaxPathBytes {
			t.Fatalf("a view let through %+v", merged)
		}
	})
	sub, err := req.Subscribe()
	refusedOr(err, func() {
		named(sub.Stream)
		if sub.Group != "" && (len(sub.Group) != 36 || sub.Group != strings.ToLower(sub.Group)) {
			t.Fatalf("accepted group %q", sub.Group)
		}
		if len(sub.Epoch) > protocol.MaxEpochBytes || sub.Explicit && !sub.Meta {
			t.Fatalf("accepted %+v", sub)
		}
		if again, err := protocol.ParsePosition(sub.From.String()); err != nil || again != sub.From {
			t.Fatalf("the position %+v became %+v, %v", sub.From, again, err)
		}
	})
	pub, err := req.Publish()
	refusedOr(err, func() {
		named(pub.Stream)
		if pub.Batch == nil && !jsontext.Value(pub.Payload).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
			t.Fatalf("accepted payload %q", pub.Payload)
		}
		if pub.MessageID != "" && protocol.CheckMessageID(pub.MessageID) != nil {
			t.Fatalf("accepted message id %q", pub.MessageID)
		}
	})
	def, err := req.Define()
	refusedOr(err, func() {
		named(def.Stream)
		if jsontext.Value(def.Definition).Kind() != '{' {
			t.Fatalf("accepted definition %q", def.Definition)
		}
	})
	stream, err := req.Describe()
	refusedOr(err, func() { named(stream) })
	_, err = req.Unsubscribe()
	refusedOr(err, func() {})
	provided, err := req.Provide()
	refusedOr(err, func() { named(provided) })
	_, err = req.Pause()
	refusedOr(err, func() {})
	ack, err := req.Ack()
	refusedOr(err, func() {
		if (ack.UpTo == 0) == (len(ack.Seqs) == 0) || !areSeqs(ack.Seqs) {
			t.Fatalf("accepted %+v", ack)
		}
	})
	nack, err := req.Nack()
	refusedOr(err, func() {
		if !areSeqs(nack.Seqs) || len(nack.Seqs) == 0 || len(nack.Reason) > protocol.MaxReasonBytes || nack.Delay < 0 || nack.Delay > protocol.MaxNackDelay {
			t.Fatalf("accepted %+v", nack)
		}
	})
	checkServiceViews(t, req, refusedOr)
}

func checkServiceViews(t *testing.T, req protocol.Request, refusedOr func(error, func())) {
	named := func(service string, procedures ...string) {
		t.Helper()
		if protocol.CheckServiceName(service) != nil || len(procedures) == 0 ||
			slices.ContainsFunc(procedures, func(p string) bool { return protocol.CheckProcedureName(p) != nil }) {
			t.Fatalf("a view let through %q %q", service, procedures)
		}
	}
	valid := func(bodies ...jsontext.Value) {
		t.Helper()
		for _, body := range bodies {
			if !body.IsValid() {
				t.Fatalf("a view let through %q", body)
			}
		}
	}
	serve, err := req.Serve()
	refusedOr(err, func() {
		named(serve.Service, serve.Procedures...)
		if serve.Credit < 0 || serve.Credit > protocol.MaxCredit {
			t.Fatalf("accepted %+v", serve)
		}
	})
	answer, err := req.Answer()
	refusedOr(err, func() {
		if answer.Error == nil {
			valid(answer.Result)
		} else if answer.Result != nil || answer.More || answer.Error.Code == "" {
			t.Fatalf("accepted %+v", answer)
		} else if answer.Error.Details != nil {
			valid(answer.Error.Details)
		}
	})
	fetch, err := req.Fetch()
	refusedOr(err, func() {
		named(fetch.Service, fetch.Procedure)
		valid(fetch.Body)
		if fetch.Timeout < 0 || fetch.Timeout > protocol.MaxCallTimeout {
			t.Fatalf("accepted %+v", fetch)
		}
	})
	signal, err := req.Signal()
	refusedOr(err, func() {
		named(signal.Service, signal.Procedure)
		valid(signal.Body)
	})
}

func areSeqs(seqs []uint64) bool {
	return len(seqs) <= protocol.MaxAckSeqs && !slices.ContainsFunc(seqs, func(seq uint64) bool { return seq < 1 || seq > 1<<53 })
}

// FuzzPosition checks that a position survives being written in text and in JSON.
func FuzzPosition(f *testing.F) {
	for _, seed := range []string{"latest", "earliest", "17", "0", "2026-11-21T10:00:00.123456789Z", "9999-12-31T23:59:59-01:00", "2026-11-21T1:00:00,5Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		position, err := protocol.ParsePosition(text)
		if err != nil {
			if e := refusal(t, err); e.Code != protocol.CodeInvalidRequest || len(e.Message) > 200 {
				t.Fatalf("got %v", e)
			}
			return
		}
		if again, err := protocol.ParsePosition(position.String()); err != nil || again != position {
			t.Fatalf("%+v became %+v, %v", position, again, err)
		}
		raw, err := json.Marshal(position)
		if err != nil {
			t.Fatal(err)
		}
		var again protocol.Position
		if err := json.Unmarshal(raw, &again); err != nil || again != position {
			t.Fatalf("%+v became %+v, %v", position, again, err)
		}
	})
}

// FuzzAppend checks that a strict client can read answers with any text, and reads
// the same text if it was UTF-8.
func FuzzAppend(f *testing.F) {
	f.Add(int64(1), "subscription", "boiler_data", "text", "one", "two")
	f.Add(int64(-1<<63), "a\"b\\c", "\x00\x1f\x7f", "<script>&\u2028", "\xff\xed\xa0\x80", "😀")
	f.Fuzz(func(t *testing.T, id int64, action, stream, message, first, second string) {
		e := &protocol.Error{Code: protocol.Code(first), Message: message, Errors: []string{first, second}}
		payload, _ := jsontext.AppendQuote(nil, message)
		same := func(got, want string) {
			t.Helper()
			if utf8.ValidString(want) && got != want || !utf8.ValidString(got) {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
		m := strictly(t, protocol.AppendRefusal(nil, id, action, e))
		same(m.Action, action)
		same(m.Error.Code, first)
		same(m.Error.Message, message)
		same(m.Error.Errors[0], first)
		same(m.Error.Errors[1], second)

		m = strictly(t, protocol.AppendDeliveryTail(protocol.AppendDeliveryHead(nil, id), action, stream, payload))
		same(m.Action, action)
		same(m.StreamName, stream)
		same(m.Payload.(string), message)
		if m.ID != id {
			t.Fatalf("got id %d, want %d", m.ID, id)
		}

		same(strictly(t, protocol.AppendSubscribed(nil, id, action, stream)).StreamName, stream)
		at := protocol.Joined{Epoch: first, First: 1, Next: 2}
		m = strictly(t, protocol.AppendSubscribedAt(nil, id, action, stream, at))
		same(m.StreamName, stream)
		same(m.Epoch, first)
		meta := protocol.DeliveryMeta{Seq: uint64(id), Time: time.Unix(id%1e11, 0), Epoch: first, Redelivered: len(second)}
		m = strictly(t, protocol.AppendDeliveryMeta(protocol.AppendDeliveryHead(nil, id), action, stream, payload, meta))
		same(m.Payload.(string), message)
		same(m.Epoch, first)
		if m.Seq != meta.Seq || !m.Time.Equal(meta.Time) || m.Redelivered != meta.Redelivered {
			t.Fatalf("got %+v, want %+v", m, meta)
		}
		same(strictly(t, protocol.AppendHeaderMeta(protocol.AppendDeliveryHead(nil, id), action, stream, payload, first)).Epoch, first)
		same(strictly(t, protocol.AppendGap(nil, id, action, stream, 1, 2)).StreamName, stream)
		same(strictly(t, protocol.AppendDrained(nil, id, action, stream)).StreamName, stream)
		same(strictly(t, protocol.AppendSuccess(nil, id, action, payload)).Action, action)
		same(strictly(t, protocol.AppendStreamEnded(nil, id, stream, e)).StreamName, stream)
		same(strictly(t, protocol.AppendProvideEnded(nil, id, stream, e)).StreamName, stream)
		same(strictly(t, protocol.AppendProvided(nil, id, stream, protocol.Interest{Subscribers: 1})).StreamName, stream)
		same(strictly(t, protocol.AppendRequested(nil, id, stream, protocol.Interest{Groups: 1})).StreamName, stream)
		same(strictly(t, protocol.AppendState(nil, id, action, stream, protocol.State{Paused: true})).StreamName, stream)
		same(strictly(t, protocol.AppendJoinedState(protocol.AppendSubscribedAt(nil, id, action, stream, at), protocol.State{})).Epoch, first)
		strictly(t, protocol.AppendAuthenticated(nil, id, stream))

		problem, err := protocol.DecodeProblem(protocol.AppendProblem(nil, protocol.NewProblem(e)))
		if err != nil {
			t.Fatal(err)
		}
		same(problem.Message, message)
		same(problem.Errors[1], second)
	})
}

func FuzzDecodeProblem(f *testing.F) {
	f.Add([]byte(`{"type":"/api/v1/errors/internal","title":"t","status":500,"detail":"d","message":"m","errors":["a"],"code":"internal"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		problem, err := protocol.DecodeProblem(data)
		if err != nil {
			return
		}
		again, err := protocol.DecodeProblem(protocol.AppendProblem(nil, problem))
		if err != nil || again.Message != problem.Message || again.Code != problem.Code || len(again.Errors) != len(problem.Errors) {
			t.Fatalf("%+v became %+v, %v", problem, again, err)
		}
	})
}

func FuzzCheckStreamName(f *testing.F) {
	for _, seed := range []string{"boiler_data", "a/b", "e\u0301", "..", "\xff", "$sys", "日本語:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		err := protocol.CheckStreamName(name)
		if err != nil {
			if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeInvalidName || !utf8.ValidString(e.Message) {
				t.Fatalf("got %v", err)
			}
			return
		}
		if name == "" || len(name) > protocol.MaxNameBytes || !utf8.ValidString(name) || strings.ContainsAny(name, "/%$ \x00\r\n\"\\") {
			t.Fatalf("accepted %q", name)
		}
		if clientErr := protocol.CheckClientID(name); (clientErr == nil) == strings.Contains(name, ":") {
			t.Fatalf("as a client id: %v", clientErr)
		}
	})
}
