package cli_test

import (
	"strings"
	"testing"
	"time"
)

// TestTheLastMessages: -3 begins 3 before the end, or with the first message that
// there is.
func TestTheLastMessages(t *testing.T) {
	for _, test := range []struct{ state, from, want string }{
		{`"firstSeq":1,"lastSeq":10`, "-3", "8"},
		{`"firstSeq":9,"lastSeq":10`, "-3", "9"},
		{`"firstSeq":1,"lastSeq":2`, "-3", "1"},
		{`"firstSeq":1,"lastSeq":0`, "-3", "1"},
		{`"firstSeq":11,"lastSeq":10`, "-18446744073709551615", "11"},
	} {
		f := newFake(t, map[string]string{
			"GET /streams/boiler": `{"name":"boiler","version":1,` + test.state + `}`,
			"GET /streams/boiler/messages?from=" + test.want + "&limit=100": `{"messages":[],"next":null,"nextSeq":11,"epoch":"e"}`,
		})
		if r := run(t, "messages", "boiler", "--from", test.from); r.code != 0 {
			t.Errorf("%s of %s: %+v", test.from, test.state, r)
		}
		f.wantRequests("GET /streams/boiler", "GET /streams/boiler/messages?from="+test.want+"&limit=100")
	}
}

// TestMessagesLast reads as many messages as are asked for, however small a page is and
// however many come meanwhile.
func TestMessagesLast(t *testing.T) {
	page := func(seq, next string) string {
		return `{"messages":[{"seq":` + seq + `,"time":"2026-11-21T10:00:00Z","payload":` + seq + `}],"next":` + next + `,"nextSeq":11,"epoch":"e"}`
	}
	f := newFake(t, map[string]string{
		"GET /streams/boiler":                                  `{"name":"boiler","version":1,"firstSeq":1,"lastSeq":10}`,
		"GET /streams/boiler/messages?from=9&limit=1":          page("9", `"10"`),
		"GET /streams/boiler/messages?epoch=e&from=10&limit=1": page("10", `"11"`),
	})
	run(t, "messages", "boiler", "--last", "2", "--limit", "1").want(t, "9\n10\n", "there are more messages; continue with --from 11 --epoch e\n", 0)
	f.wantRequests("GET /streams/boiler", "GET /streams/boiler/messages?from=9&limit=1", "GET /streams/boiler/messages?epoch=e&from=10&limit=1")

	// More than are asked for come in one page.
	f = newFake(t, map[string]string{
		"GET /streams/boiler":                            `{"name":"boiler","version":1,"firstSeq":1,"lastSeq":10}`,
		"GET /streams/boiler/messages?from=10&limit=100": `{"messages":[{"seq":10,"time":"2026-11-21T10:00:00Z","payload":10},{"seq":11,"time":"2026-11-21T10:00:00Z","payload":11}],"next":null,"nextSeq":12,"epoch":"e"}`,
	})
	run(t, "messages", "boiler", "--last", "1").want(t, "10\n", "there are more messages; continue with --from 11 --epoch e\n", 0)
	f.wantRequests("GET /streams/boiler", "GET /streams/boiler/messages?from=10&limit=100")

	for args, want := range map[string]string{
		"--last 0":            "--last must be at least 1",
		"--last 1 --since 1h": "give one of --from, --since and --last",
		"--last 1 --from 3":   "give one of --from, --since and --last",
		"--since 3":           `--since "3": give an age`,
	} {
		if r := run(t, append([]string{"messages", "boiler"}, strings.Fields(args)...)...); r.code != 2 || !strings.Contains(r.notes, want) {
			t.Errorf("%s: %+v", args, r)
		}
	}
}

// TestMessagesSince: 1h is the time an hour ago.
func TestMessagesSince(t *testing.T) {
	before := time.Now().Add(-time.Hour)
	f := newFake(t, nil)
	f.script = func(p *peer) {
		p.enter()
		_, from, _ := strings.Cut(p.receive(), `"from":"`)
		from, _, _ = strings.Cut(from, `"`)
		at, err := time.Parse(time.RFC3339, from)
		if err != nil || at.Before(before.Truncate(time.Second)) || at.After(time.Now().Add(-time.Hour)) {
			t.Errorf("it subscribes from %q, %v", from, err)
		}
		p.send(`{"id":2,"action":"subscription","success":true,"streamName":"boiler","payload":2,"next":1,"epoch":"e"}`)
		p.send(`{"id":2,"action":"subscription","streamName":"boiler","seq":1,"time":"2026-01-02T03:04:05Z","epoch":"e","payload":1}`)
		p.linger()
	}
	if r := run(t, "subscribe", "boiler", "--from", "1h", "--count", "1"); r.out != "1\n" || r.code != 0 {
		t.Errorf("%+v", r)
	}
}
