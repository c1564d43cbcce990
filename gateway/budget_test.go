package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	dto "github.com/prometheus/client_model/go"

	"seagate/auth"
	"seagate/gateway"
	"seagate/protocol"
	"seagate/storage/memory"
	"seagate/streams/peer"
)

// rootAndOther returns the client of the root jail, and one of another jail that it makes.
func (p *parts) rootAndOther() (root, other *auth.Principal) {
	p.t.Helper()
	root = p.root()
	_, made, err := p.CreateJail(p.t.Context(), root, "other", "", "c")
	p.ok(err)
	return root, p.login("c", made)
}

// defineAs defines a stream with a definition of the test's own.
func (p *parts) defineAs(who *auth.Principal, stream, definition string) {
	p.t.Helper()
	_, err := p.Define(context.Background(), who, stream, []byte(definition))
	p.ok(err)
}

// refusalOf publishes and returns the refusal, nil if there is none.
func (p *parts) refusalOf(who *auth.Principal, pub gateway.Publication) *protocol.Error {
	done := make(chan error, 1)
	p.Publish(who, pub, func(_ protocol.Published, err error) { done <- err })
	return p.Refusal(<-done)
}

// wideDefinition is of n required fields with long names.
func wideDefinition(n int) string {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = fmt.Sprintf(`{"name":"%s%04d","type":"integer"}`, strings.Repeat("f", 200), i)
	}
	return `{"version":1,"fields":[` + strings.Join(fields, ",") + `]}`
}

func repeated(text string, n int) []jsontext.Value {
	payloads := make([]jsontext.Value, n)
	for i := range payloads {
		payloads[i] = jsontext.Value(text)
	}
	return payloads
}

// A batch of 10,000 messages of two bytes lacks ten million fields. Its refusal lists
// few of them and costs little to make.
func TestProblemsOfABatchAreBounded(t *testing.T) {
	p := build(t, memory.New(), nil)
	root, _ := p.Root("root")
	p.defineAs(root, "wide", wideDefinition(1000))
	refusal := p.refusalOf(root, gateway.Publication{Stream: "wide", Payloads: repeated("{}", 10_000), Batch: true})
	if refusal == nil || refusal.Code != protocol.CodeInvalidPayload {
		t.Fatalf("got %v", refusal)
	}
	size := 0
	for _, line := range refusal.Errors {
		size += len(line)
	}
	if n := len(refusal.Errors); n > 1002 || size > 512<<10 {
		t.Errorf("%d problems with %d bytes", n, size)
	}
	if last := refusal.Errors[len(refusal.Errors)-1]; last != "and more in [1]-[9999]" {
		t.Errorf("the last line is %s", last)
	}
}

// A malformed message costs no budget of the schema, and is bounded all the same.
func TestMalformedMessagesOfABatchAreBounded(t *testing.T) {
	p := build(t, memory.New(), nil)
	root, _ := p.Root("root")
	p.defineAs(root, "a", `{"version":1,"fields":[{"name":"n","type":"integer"}]}`)
	refusal := p.refusalOf(root, gateway.Publication{Stream: "a", Payloads: repeated(`{"n":1,"n":1}`, 1500), Batch: true})
	if refusal == nil || len(refusal.Errors) != 1001 || refusal.Errors[1000] != "and more in [1000]-[1499]" {
		t.Errorf("got %.300v", refusal)
	}
}

// Every bad message of a batch is named, and no other.
func TestBadMessagesOfABatchAreNamed(t *testing.T) {
	p := build(t, memory.New(), nil)
	root, _ := p.Root("root")
	p.defineAs(root, "a", `{"version":1,"fields":[{"name":"n","type":"integer"}]}`)
	payloads := repeated(`{}`, 1010)
	for i := range 1000 {
		payloads[i] = jsontext.Value(`{"m":1}`)
	}
	payloads[600], payloads[603], payloads[604] = jsontext.Value(`{"n":1}`), jsontext.Value(`{"n":1}`), jsontext.Value(`{"n":1}`)
	refusal := p.refusalOf(root, gateway.Publication{Stream: "a", Payloads: payloads, Batch: true})
	if refusal == nil || refusal.Errors[len(refusal.Errors)-1] != "and more in [500]-[599] [601]-[602] [605]-[1009]" {
		t.Errorf("got %.300v", refusal)
	}
}

func TestValidationSteps(t *testing.T) {
	p := build(t, memory.New(), func(s *gateway.Settings) { s.ValidationSteps = 1000 })
	root, _ := p.Root("root")
	p.defineAs(root, "a", `{"version":1,"fields":[{"name":"n","type":"array<integer>"}]}`)
	// The message is a value, and so are the list and each of its items. The escape makes
	// sure that the message is checked in full.
	long := func(items int) string { return `{"\u006e":[1` + strings.Repeat(",1", items-1) + `]}` }
	for _, test := range []struct {
		what string
		pub  gateway.Publication
		want protocol.Code
	}{
		{"one within", gateway.Publication{Payloads: repeated(long(998), 1)}, ""},
		{"one beyond", gateway.Publication{Payloads: repeated(long(999), 1)}, protocol.CodeTooCostly},
		{"a batch within", gateway.Publication{Payloads: repeated(long(8), 100), Batch: true}, ""},
		{"a batch beyond", gateway.Publication{Payloads: repeated(long(8), 101), Batch: true}, protocol.CodeTooCostly},
		{"one that a walk accepts", gateway.Publication{Payloads: repeated(strings.ReplaceAll(long(5000), `\u006e`, "n"), 1)}, ""},
		{"a header within", gateway.Publication{Payloads: repeated(long(1), 1), Header: []byte(long(998))}, ""},
	} {
		test.pub.Stream = "a"
		refusal := p.refusalOf(root, test.pub)
		if got := refusal; (got == nil) != (test.want == "") || got != nil && got.Code != test.want {
			t.Errorf("%s: got %v, want %q", test.what, refusal, test.want)
		}
	}
}

// What is published by somebody who has gone is not checked to its end.
func TestCheckEndsWithTheSender(t *testing.T) {
	p := build(t, memory.New(), nil)
	root, _ := p.Root("root")
	p.defineAs(root, "wide", wideDefinition(1000))
	sender, leave := context.WithCancel(t.Context())
	leave()
	refusal := p.refusalOf(root, gateway.Publication{Stream: "wide", Payloads: repeated("{}", 10), Batch: true, Sender: sender})
	if refusal == nil || refusal.Code != protocol.CodeStorageUnavailable {
		t.Errorf("got %v", refusal)
	}
}

// A jail that makes many changes is slowed down. Another one is not, and what changes nothing
// is not counted.
func TestChangesPerSecondAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, memory.New(), func(s *gateway.Settings) { s.ChangesPerSecond = 1 })
		root, other := p.rootAndOther()
		define := func(who *auth.Principal, version int) protocol.Code {
			_, err := p.Define(t.Context(), who, "a", fmt.Appendf(nil, `{"version":%d,"fields":[]}`, version))
			return code(err)
		}
		for version := 1; version < 50; version++ { // making the jail was the first of 50 changes
			if got := define(root, version); got != "" {
				t.Fatalf("version %d: %s", version, got)
			}
		}
		if got := define(root, 50); got != protocol.CodeRateLimited {
			t.Errorf("beyond the bound: %q", got)
		}
		if got := code(p.DeleteStream(t.Context(), root, "a")); got != protocol.CodeRateLimited {
			t.Errorf("a deletion beyond the bound: %q", got)
		}
		for what, call := range map[string]func() error{
			"a plan": func() error {
				_, err := p.PlanDefine(t.Context(), root, "a", []byte(`{"version":50,"fields":[]}`))
				return err
			},
			"a plan of a service": func() error {
				_, err := p.PlanDefineService(t.Context(), root, "a", []byte(`{"version":1,"procedures":[]}`))
				return err
			},
		} {
			if got := code(call()); got != protocol.CodeRateLimited {
				t.Errorf("%s beyond the bound: %q", what, got)
			}
		}
		if got := define(root, 49); got != "" {
			t.Errorf("a definition that is there: %q", got)
		}
		if got := define(other, 1); got != "" {
			t.Errorf("another jail: %q", got)
		}
		time.Sleep(time.Second)
		if got := define(root, 50); got != "" {
			t.Errorf("a second later: %q", got)
		}
		p.Network.Close()
	})
}

// A jail that reads lists all the time is slowed down, and can still change things. Another one is
// not slowed down.
func TestReadsPerSecondAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, memory.New(), func(s *gateway.Settings) { s.ReadsPerSecond = 1 })
		root, other := p.rootAndOther()
		p.defineAs(root, "a", `{"version":1,"fields":[]}`)
		streams := func(who *auth.Principal) error { _, _, err := p.Streams(who, "", 1); return err }
		reads := map[string]func() error{
			"streams":  func() error { return streams(root) },
			"services": func() error { _, _, err := p.ListServices(root, "", 1); return err },
			"clients":  func() error { _, _, err := p.Clients(root, "", 1); return err },
			"jails":    func() error { _, _, err := p.Jails(root, "", 1); return err },
			"groups":   func() error { _, _, err := p.ListGroups(t.Context(), root, "a", "", 1); return err },
			"versions": func() error { _, err := p.Versions(root, "a"); return err },
			"compare":  func() error { _, err := p.Compare(t.Context(), root, "a", "1", "1"); return err },
			"connections": func() error {
				_, _, err := p.Connections(t.Context(), root, gateway.ConnectionsQuery{Limit: 1})
				return err
			},
			"the network":   func() error { _, _, err := p.StreamUsers(root, "", 1); return err },
			"configuration": func() error { _, err := p.Configuration(root); return err },
			"the log":       func() error { _, err := p.RecentLog(root, nil, 0, 1); return err },
		}
		for what, read := range reads {
			if got := code(read()); got == protocol.CodeRateLimited {
				t.Errorf("%s: %q", what, got)
			}
		}
		for i := range 50 - len(reads) {
			if err := streams(root); err != nil {
				t.Fatalf("read %d: %v", i, err)
			}
		}
		reads["one connection"] = func() error { _, err := p.Connection(t.Context(), root, "x", 1); return err }
		for what, read := range reads {
			if got := code(read()); got != protocol.CodeRateLimited {
				t.Errorf("%s beyond the bound: %q", what, got)
			}
		}
		p.defineAs(root, "b", `{"version":1,"fields":[]}`)
		p.ok(streams(other))
		time.Sleep(time.Second)
		p.ok(streams(root))
		p.Network.Close()
	})
}

// A jail that sends wrong messages to many large definitions in turn has few of them compiled. Another
// one, and messages that are right, are not refused for it.
func TestCompilingForWrongMessagesIsRationed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := build(t, memory.New(), func(s *gateway.Settings) { s.CompiledFieldsPerSecond = 100 })
		root, other := p.rootAndOther()
		fields := make([]string, 600)
		for i := range fields {
			fields[i] = fmt.Sprintf(`{"name":"f%d","type":"date","optional":true}`, i)
		}
		wide := `{"version":1,"fields":[` + strings.Join(fields, ",") + `]}`
		p.defineAs(root, "a", wide)
		p.defineAs(root, "b", wide)
		p.defineAs(other, "c", wide)
		_, err := p.DefineService(t.Context(), root, "shop", fmt.Appendf(nil, `{"version":1,"procedures":[{"name":"quote","body":[%s]}]}`, strings.Join(fields, ",")))
		p.ok(err)
		const right, escaped = `{"f1":"2026-01-01T00:00:00Z"}`, `{"f1":"2026\u002d01-01T00:00:00Z"}` // which is looked at more closely
		call := func(body string) protocol.Code {
			services := p.JoinServices(root)
			defer services.Close()
			_, err := services.Fetch(peer.Request{Service: "shop", Procedure: "quote", Body: []byte(body)}, nil)
			return code(err)
		}
		rationed := func() float64 {
			var m dto.Metric
			p.ok(p.Metrics.CompilingRationed.Write(&m))
			return m.GetCounter().GetValue()
		}
		for i, try := range []struct {
			who      *auth.Principal
			stream   string
			payload  string
			want     protocol.Code
			rationed float64
		}{
			{root, "a", `{"f1":"x"}`, protocol.CodeInvalidPayload, 0}, // 600 of 1,000 at once
			{root, "b", `{"f1":"x"}`, protocol.CodeInvalidPayload, 1},
			{root, "a", `{"f1":"x"}`, protocol.CodeInvalidPayload, 1}, // it is compiled
			{root, "b", escaped, protocol.CodeTooCostly, 2},
			{root, "b", right, "", 2},
			{other, "c", `{"f1":"x"}`, protocol.CodeInvalidPayload, 2},
		} {
			if got := code(p.publish(try.who, try.stream, try.payload)); got != try.want || rationed() != try.rationed {
				t.Errorf("%d: %s to %s: %q, want %q; %v rationed, want %v", i, try.payload, try.stream, got, try.want, rationed(), try.rationed)
			}
		}
		if got := call(escaped); got != protocol.CodeTooCostly {
			t.Errorf("a call: %q", got)
		}
		p.Network.Close()
	})
}

// Many connections of a jail hold no more together than its share.
func TestSharesOfAJail(t *testing.T) {
	p := build(t, memory.New(), func(s *gateway.Settings) {
		s.SubscriptionsPerJail, s.MergedStreamsPerJail, s.ProvidedPerJail = 2, 4, 2
	})
	root, other := p.rootAndOther()
	for _, who := range []*auth.Principal{root, other} {
		p.defineAs(who, "a", `{"version":1,"fields":[]}`)
		p.defineAs(who, "b", `{"version":1,"fields":[]}`)
	}
	services := p.JoinServices(root)
	defer services.Close()
	takes := map[string]struct {
		code protocol.Code
		most int
		take func(who *auth.Principal) (end func(), err error)
	}{
		"subscriptions": {protocol.CodeTooManySubscriptions, 2, func(who *auth.Principal) (func(), error) {
			s, err := p.Subscribe(t.Context(), who, gateway.Request{Stream: "a"}, &sink{})
			if err != nil {
				return nil, err
			}
			return s.Close, nil
		}},
		"merged subscriptions": {protocol.CodeTooManySubscriptions, 2, func(who *auth.Principal) (func(), error) {
			s, err := p.SubscribeMerged(t.Context(), who, gateway.MergedRequest{Streams: []gateway.MergedStream{{Name: "a"}, {Name: "b"}}}, nil)
			if err != nil {
				return nil, err
			}
			return s.Close, nil
		}},
		"provided streams": {protocol.CodeTooManyProvided, 2, func(who *auth.Principal) (func(), error) {
			made, _, err := p.Provide(who, "a", nil)
			if err != nil {
				return nil, err
			}
			return made.Close, nil
		}},
	}
	for what, of := range takes {
		var ends []func()
		for range of.most {
			end, err := of.take(root)
			p.ok(err)
			ends = append(ends, end)
		}
		_, err := of.take(root)
		if code(err) != of.code || !strings.Contains(err.Error(), "_per_jail") {
			t.Errorf("%s beyond the share: %v", what, err)
		}
		if what == "subscriptions" {
			if _, err := services.Watch("x", func(int) {}); code(err) != of.code {
				t.Errorf("a watch beyond the share: %v", err)
			}
		}
		end, err := of.take(other)
		p.ok(err)
		end()
		for _, end := range ends {
			end()
		}
		for range of.most {
			end, err := of.take(root)
			p.ok(err)
			defer end()
		}
	}
}

// Many clients of a jail let no more subscriptions wait together than its share.
func TestSubscriptionsThatWaitHaveAShare(t *testing.T) {
	p := build(t, memory.New(), func(s *gateway.Settings) {
		s.AwaitUndefined, s.WaitingPerClient, s.WaitingPerJail = true, 2, 3
	})
	root, _ := p.Root("root")
	_, made, err := p.CreateClient(t.Context(), root, "second", "", nil)
	p.ok(err)
	_, stranger, err := p.CreateJail(t.Context(), root, "other", "", "c")
	p.ok(err)
	wait := func(who *auth.Principal) (*gateway.Subscription, error) {
		return p.Subscribe(t.Context(), who, gateway.Request{Stream: "undefined", Begun: func() {}}, &sink{})
	}
	second := p.login("second", made)
	var first *gateway.Subscription
	for _, who := range []*auth.Principal{root, root, second} {
		first, err = wait(who)
		p.ok(err)
	}
	if _, err = wait(second); code(err) != protocol.CodeTooManySubscriptions || !strings.Contains(err.Error(), "waiting_per_jail") {
		t.Errorf("beyond the share: %v", err)
	}
	_, err = wait(p.login("c", stranger))
	p.ok(err)
	first.Close()
	first.Close()
	_, err = wait(second)
	p.ok(err)
	if _, err = wait(second); code(err) != protocol.CodeTooManySubscriptions {
		t.Errorf("after a place was given back twice: %v", err)
	}
}

func TestConnectionsPerJailAreBounded(t *testing.T) {
	p := build(t, memory.New(), func(s *gateway.Settings) { s.ConnectionsPerJail = 2 })
	root, _ := p.Root("root")
	second, made, err := p.CreateClient(t.Context(), root, "second", "", nil)
	p.ok(err)
	other := p.login(second.ID, made)
	first, err := p.LogIn(root, &idle{})
	p.ok(err)
	_, err = p.LogIn(other, &idle{})
	p.ok(err)
	if _, err = p.LogIn(other, &idle{}); code(err) != protocol.CodeTooManyConnections {
		t.Errorf("beyond the bound: %v", err)
	}
	first.LogOut()
	first.LogOut()
	_, err = p.LogIn(other, &idle{})
	p.ok(err)
	if _, err = p.LogIn(other, &idle{}); code(err) != protocol.CodeTooManyConnections {
		t.Errorf("after a place was given back twice: %v", err)
	}
}

// idle is a connection on which nothing happens.
type idle struct{}

func (*idle) End(*protocol.Error) {}
