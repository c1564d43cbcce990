package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/gateway"
	"seagate/protocol"
	"seagate/storage/memory"
	"seagate/streams"
)

func at(seq uint64) gateway.Position {
	return gateway.Position{Position: protocol.Position{Kind: protocol.PositionSeq, Seq: seq}}
}

func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), nil)
		root := g.root()
		g.define(root, "s")
		g.ok(g.publish(root, "s", `{"p":1}`, `{"p":2}`, `{"p":3}`))
		from2 := g.subscribeTo(root, gateway.Request{Stream: "s", From: at(2)})
		g.ok(g.publish(root, "s", `{"p":4}`))
		synctest.Wait()
		from2.want(t, `{"p":2}`, `{"p":3}`, `{"p":4}`)

		page, e := g.Messages(t.Context(), root, "s", at(2), 2)
		g.ok(e)
		if len(page.Messages) != 2 || page.Messages[0].Seq != 2 || page.Next != 4 || !page.More || page.Bounds.Next != 5 {
			t.Errorf("page %+v", page)
		}
		lost := gateway.Position{Epoch: "another"}
		for name, from := range map[string]gateway.Position{"beyond": at(6), "epoch": lost} {
			if _, e := g.Messages(t.Context(), root, "s", from, 2); code(e) != protocol.CodePositionLost {
				t.Errorf("%s: page %v, want position_lost", name, e)
			}
			if _, e := g.Subscribe(t.Context(), root, gateway.Request{Stream: "s", From: from}, &sink{}); code(e) != protocol.CodePositionLost {
				t.Errorf("%s: subscribe %v, want position_lost", name, e)
			}
		}
	})
}

// A search ends its page after a bounded number of messages, and after a bounded work.
func TestASearchIsBounded(t *testing.T) {
	g := build(t, memory.New(), func(o *gateway.Settings) { o.FilterSteps = 1 << 30 })
	root := g.root()
	g.define(root, "s")
	payloads := make([]string, 2500)
	for i := range payloads {
		payloads[i] = fmt.Sprintf(`{"p":%d}`, i+1)
	}
	g.ok(g.publish(root, "s", payloads...))
	last := jsontext.Value(`{"t":"eq","e":[{"t":"path","e":"p"},{"t":"number","e":2500}]}`)
	var pages []string
	for from, more := at(1), true; more; {
		page, e := g.Search(t.Context(), root, "s", from, 10, last)
		g.ok(e)
		pages = append(pages, fmt.Sprint(len(page.Messages), page.Next))
		from, more = at(page.Next), page.More
	}
	if got := strings.Join(pages, ", "); got != "0 1001, 0 2001, 1 2501" {
		t.Errorf("pages of %s messages", got)
	}
	page, e := g.Search(t.Context(), root, "s", at(1), 3, jsontext.Value(`{"t":"path","e":"p"}`))
	g.ok(e)
	if len(page.Messages) != 3 || page.Next != 4 || !page.More {
		t.Errorf("%d messages, next %d", len(page.Messages), page.Next)
	}

	// Each comparison of two of 19 lists takes 12,000 steps.
	g.defineAs(root, "large", `{"version":1,"fields":[],"unknownFields":"accept"}`)
	var lists, pairs []string
	for i := range 19 {
		lists = append(lists, fmt.Sprintf(`"p%d":[1%s]`, i, strings.Repeat(",1", 3999)))
		for j := range i {
			pairs = append(pairs, fmt.Sprintf(`{"t":"eq","e":[{"t":"path","e":"p%d"},{"t":"path","e":"p%d"}]}`, i, j))
		}
	}
	large := "{" + strings.Join(lists, ",") + "}"
	g.ok(g.publish(root, "large", large, large, large))
	page, e = g.Search(t.Context(), root, "large", at(1), 3, jsontext.Value(`{"t":"and","e":[`+strings.Join(pairs[:50], ",")+`]}`))
	g.ok(e)
	if len(page.Messages) != 2 || page.Next != 3 || !page.More {
		t.Errorf("%d messages, next %d", len(page.Messages), page.Next)
	}
}

func TestATokenPagesThroughWhatItMaySee(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	g.ok(g.publish(root, "s", `{"p":1}`, `{"p":2}`, `{"p":1}`))
	bearer := g.bearer(root, `,"filter":{"t":"eq","e":[{"t":"path","e":"p"},{"t":"number","e":1}]}`)
	page, e := g.Messages(t.Context(), bearer, "s", at(1), 10)
	g.ok(e)
	var got []string
	for _, m := range page.Messages {
		got = append(got, fmt.Sprintf("%d:%s", m.Seq, m.Payload))
	}
	if want := `1:{"p":1} 3:{"p":1}`; strings.Join(got, " ") != want || page.Next != 4 {
		t.Errorf("%q, next %d, want %q and 4", got, page.Next, want)
	}
}

// rootWhoLostTwo makes the stream s, and keeps the last of its three messages.
func (p *parts) rootWhoLostTwo() *auth.Principal {
	p.t.Helper()
	root := p.root()
	p.define(root, "s")
	most := uint64(1)
	_, e := p.SetPolicy(p.t.Context(), root, "s", streams.Overrides{Messages: &most})
	p.ok(e)
	p.ok(p.publish(root, "s", `{"p":1}`, `{"p":2}`, `{"p":3}`))
	time.Sleep(time.Minute)
	return root
}

func TestWhatRetentionTookIsToldOrEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			tell, skip bool
			got, ended string
		}{
			"told":    {tell: true, got: `gap 1-2 {"p":3}`},
			"skipped": {skip: true, got: `{"p":3}`},
			"ended":   {ended: string(protocol.CodeMessagesLost)},
		} {
			g := build(t, memory.New(), func(s *gateway.Settings) { s.SkipGaps = test.skip })
			root := g.rootWhoLostTwo()
			s := &sink{}
			sub, e := g.Subscribe(t.Context(), root, gateway.Request{Stream: "s", From: at(1), TellGaps: test.tell}, s)
			g.ok(e)
			sub.Start()
			synctest.Wait()
			got, ended := strings.Join(s.got, " "), strings.Join(s.ended, " ")
			if ended != test.ended || test.ended == "" && got != test.got {
				t.Errorf("%s: received %q, ended with %q; want %q, %q", name, got, ended, test.got, test.ended)
			}
			sub.Close()
			if page, e := g.Messages(t.Context(), root, "s", at(1), 10); e != nil || page.Dropped != 2 || len(page.Messages) != 1 {
				t.Errorf("%s: page %+v, %v", name, page, e)
			}
		}
	})
}

// An ended is a sink whose connection has ended for some other reason.
type ended struct{ *sink }

func (ended) End(*protocol.Error) bool { return false }

func (ended) Gap(_, _ uint64) (uint64, bool) { return 0, false }

func TestAGroupsGapIsNotToldToWhoIsGone(t *testing.T) {
	for _, first := range []bool{false, true} {
		for _, second := range []bool{false, true} {
			t.Run(fmt.Sprintf("meta %t, then %t", first, second), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g := build(t, memory.New(), nil)
					root := g.rootWhoLostTwo()
					join := func(meta bool, s gateway.Sink) *gateway.Subscription {
						sub, e := g.Subscribe(t.Context(), root, gateway.Request{Stream: "s", Group: groupA, From: at(1), TellGaps: meta}, s)
						g.ok(e)
						sub.Start()
						synctest.Wait()
						return sub
					}
					join(first, ended{&sink{}}).Close()
					s := &sink{}
					defer join(second, s).Close()
					if all := strings.Join(append(s.got, s.ended...), " "); !strings.Contains(all, "gap 1-2") && !strings.Contains(all, string(protocol.CodeMessagesLost)) {
						t.Errorf("it was told %q, and nothing of a gap", all)
					}
				})
			})
		}
	}
}

func (p *parts) publishOnce(id, payload string) (e error) {
	pub := gateway.Publication{Stream: "s", Payloads: []jsontext.Value{jsontext.Value(payload)}, ID: id}
	p.Publish(p.who, pub, func(_ protocol.Published, refused error) { e = refused })
	return e
}

func TestARepeatAddsNothing(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	_, secret, e := g.CreateClient(t.Context(), root, "other", "", nil)
	g.ok(e)
	g.who = root
	g.ok(g.publishOnce("a", `{"p":1}`))
	g.ok(g.publishOnce("a", `{"p":1}`))
	if e := g.publishOnce("a", `{"p":2}`); code(e) != protocol.CodeIdempotencyKeyReused {
		t.Errorf("another message under the id: %v", e)
	}
	g.who = g.login("other", secret)
	g.ok(g.publishOnce("a", `{"p":3}`))
	page, e := g.Messages(t.Context(), root, "s", at(1), 10)
	g.ok(e)
	if len(page.Messages) != 2 || string(page.Messages[1].Payload) != `{"p":3}` {
		t.Errorf("%d messages, want one of each client", len(page.Messages))
	}
}

// What was accepted is acknowledged again, also if the definition that is in force now refuses it.
func TestARepeatSucceedsUnderANewerDefinition(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	send := func(id string, header string, payloads ...string) (at protocol.Published, e error) {
		pub := gateway.Publication{Stream: "s", Batch: len(payloads) > 1, ID: id}
		if header != "" {
			pub.Header = jsontext.Value(header)
		}
		for _, payload := range payloads {
			pub.Payloads = append(pub.Payloads, jsontext.Value(payload))
		}
		g.Publish(root, pub, func(p protocol.Published, refused error) { at, e = p, refused })
		return at, e
	}
	first := map[string]protocol.Published{}
	sends := map[string]func() (protocol.Published, error){
		"one":         func() (protocol.Published, error) { return send("one", "", `{ "p": 1 }`) },
		"batch":       func() (protocol.Published, error) { return send("batch", "", `{"p":2}`, `{"p":3}`) },
		"with header": func() (protocol.Published, error) { return send("header", `{"p":5}`, `{"p":4}`) },
	}
	for name, publish := range sends {
		at, e := publish()
		g.ok(e)
		first[name] = at
	}
	_, e := g.Define(t.Context(), root, "s", []byte(`{"version":2,"fields":[{"name":"q","type":"integer"}]}`))
	g.ok(e)
	for name, publish := range sends {
		if at, e := publish(); e != nil || at != first[name] {
			t.Errorf("%s: the repeat got %+v, %v, want %+v", name, at, e, first[name])
		}
	}
	for _, id := range []string{"one", "new"} { // another message of the id, and an id that nobody has used
		if _, e := send(id, "", `{"p":"x"}`); code(e) != protocol.CodeInvalidPayload {
			t.Errorf("another message under the id %q: %v", id, e)
		}
	}
	if _, e := send("one", "", `{"p":1,"p":1}`); code(e) != protocol.CodeMalformedJSON {
		t.Errorf("a message that is no strict JSON: %v", e)
	}
	_, e = send("new", "", `{"q":1}`)
	g.ok(e) // a refusal leaves no trace
	page, e := g.Messages(t.Context(), root, "s", at(1), 10)
	g.ok(e)
	if len(page.Messages) != 5 {
		t.Errorf("%d messages, want 5", len(page.Messages))
	}
}

func TestDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := memory.New()
		g := build(t, records, nil)
		root := g.root()
		g.define(root, "s")
		s := &sink{}
		sub, e := g.Subscribe(t.Context(), root, gateway.Request{Stream: "s", Group: groupA, Explicit: true}, s)
		g.ok(e)
		sub.Start()
		g.ok(g.publish(root, "s", `{"p":1}`, `{"p":2}`))
		for range 5 {
			synctest.Wait()
			g.ok(sub.Reject(protocol.Nack{Seqs: []uint64{1}, Reason: "no database"}))
		}
		g.ok(sub.Acknowledge(protocol.Ack{UpTo: 2}))
		time.Sleep(2 * time.Second)
		sub.Close()
		page, e := g.Messages(t.Context(), root, "s.dead", at(1), 10)
		g.ok(e)
		if len(page.Messages) != 1 {
			t.Fatalf("%d dead letters, want 1", len(page.Messages))
		}
		letter := string(page.Messages[0].Payload)
		for _, part := range []string{`"streamName":"s","seq":1,`, `"clientId":"root","groupId":"` + groupA + `","deliveries":5,"reason":"no database","payload":{"p":1}}`} {
			if !strings.Contains(letter, part) {
				t.Errorf("the letter %s lacks %s", letter, part)
			}
		}
		stat, e := g.Group(t.Context(), root, "s", "root", groupA)
		g.ok(e)
		if stat.Lag != 0 || stat.DeadLettered != 1 || stat.Client != "root" {
			t.Errorf("the group is at %+v", stat)
		}
		bearer := g.bearer(root, `,"filter":{"t":"not","e":{"t":"bool","e":false}}`)
		if _, e := g.Messages(t.Context(), bearer, "s.dead", at(1), 10); code(e) != protocol.CodeForbidden {
			t.Errorf("dead letters behind a filter: %v, want forbidden", e)
		}
		renamed := build(t, records, func(s *gateway.Settings) { s.DeadLetterSuffix = ".failed" })
		if _, e := renamed.Messages(t.Context(), bearer, "s.dead", at(1), 10); code(e) != protocol.CodeForbidden {
			t.Errorf("dead letters behind a filter, from when they had another name: %v, want forbidden", e)
		}
	})
}

func TestOnlyExplicitMembersAcknowledgeByNumber(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	if _, e := g.Subscribe(t.Context(), root, gateway.Request{Stream: "s", Explicit: true}, &sink{}); code(e) != protocol.CodeInvalidRequest {
		t.Errorf("explicit without a group: %v", e)
	}
	for _, group := range []string{"", groupA} {
		sub, e := g.Subscribe(t.Context(), root, gateway.Request{Stream: "s", Group: group}, &sink{})
		g.ok(e)
		if e := sub.Acknowledge(protocol.Ack{UpTo: 1}); code(e) != protocol.CodeNotExplicit {
			t.Errorf("ack in group %q: %v", group, e)
		}
		if e := sub.Reject(protocol.Nack{Seqs: []uint64{1}}); code(e) != protocol.CodeNotExplicit {
			t.Errorf("nack in group %q: %v", group, e)
		}
		sub.Close()
	}
}

func TestGroupsAreAdministered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		g := build(t, memory.New(), nil)
		root := g.root()
		g.define(root, "s")
		s := g.subscribeTo(root, gateway.Request{Stream: "s", Group: groupA})
		g.ok(g.publish(root, "s", `{"p":1}`, `{"p":2}`))
		synctest.Wait()
		list, next, e := g.ListGroups(ctx, root, "s", "", 10)
		g.ok(e)
		if len(list) != 1 || list[0].Client != "root" || list[0].Members != 1 || list[0].InFlight != 2 || next != "" {
			t.Errorf("groups %+v, next %q", list, next)
		}
		plan, e := g.MoveGroup(ctx, root, "s", "root", groupA, at(2), true)
		g.ok(e)
		moved, e := g.MoveGroup(ctx, root, "s", "root", groupA, at(2), false)
		g.ok(e)
		if plan != moved || moved.Was != 1 || moved.Position != 2 || moved.Lag != 1 {
			t.Errorf("planned %+v, moved %+v", plan, moved)
		}
		synctest.Wait()
		s.want(t, `{"p":1}`, `{"p":2}`, `{"p":2}`)
		g.ok(g.DeleteGroup(ctx, root, "s", "root", groupA))
		synctest.Wait()
		if len(s.ended) != 1 || s.ended[0] != string(protocol.CodeGroupNotFound) {
			t.Errorf("the member was told %q", s.ended)
		}
		for name, e := range map[string]error{
			"get":    func() error { _, e := g.Group(ctx, root, "s", "root", groupA); return e }(),
			"delete": g.DeleteGroup(ctx, root, "s", "root", groupA),
		} {
			if code(e) != protocol.CodeGroupNotFound {
				t.Errorf("%s: %v, want group_not_found", name, e)
			}
		}
	})
}

func TestGroupsGoWithTheirClientAndTheirStream(t *testing.T) {
	ctx := t.Context()
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	_, secret, e := g.CreateClient(ctx, root, "app", "", nil)
	g.ok(e)
	for _, who := range []string{"root", "app"} {
		principal := root
		if who == "app" {
			principal = g.login("app", secret)
		}
		sub, e := g.Subscribe(ctx, principal, gateway.Request{Stream: "s", Group: groupA}, &sink{})
		g.ok(e)
		sub.Close()
	}
	count := func() int {
		list, _, e := g.ListGroups(ctx, root, "s", "", 10)
		g.ok(e)
		return len(list)
	}
	if n := count(); n != 2 {
		t.Fatalf("%d groups, want 2", n)
	}
	g.ok(g.DeleteClient(ctx, root, "app"))
	if n := count(); n != 1 {
		t.Errorf("%d groups after a client was deleted, want 1", n)
	}
	g.ok(g.DeleteStream(ctx, root, "s"))
	g.define(root, "s")
	if n := count(); n != 0 {
		t.Errorf("%d groups of a stream made anew, want none", n)
	}
}
