package cli_test

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
)

// published returns the request for line n, which is {"n":n}. Its id follows that of
// the line before.
func published(id, n int) string {
	return fmt.Sprintf(`{"id":%d,"action":"publish","streamName":"boiler","payload":{"n":%d}}`, id, n)
}

// accepted returns the answer to a request. Its message has the number of the request.
func accepted(id int) string {
	return fmt.Sprintf(`{"id":%d,"action":"publish","success":true,"seq":%[1]d,"time":"2026-11-21T10:00:00.5Z","epoch":"e1"}`, id)
}

func refused(id int) string {
	return fmt.Sprintf(`{"id":%d,"action":"publish","success":false,"error":{"code":"invalid_payload","message":"no","errors":["a: x","b: y"]}}`, id)
}

func TestPublishLines(t *testing.T) {
	const in = "{\"n\":1}\n\n  {\"n\": 3}  \r\nnope\n{\"n\":5}"
	script := func(p *peer) {
		p.enter()
		p.expect(published(2, 1))
		p.expect(published(3, 3)) // without waiting for the answer to the first
		p.expect(published(4, 5))
		p.send(accepted(2), refused(3), accepted(4))
		p.linger()
	}
	tests := []struct {
		args       string
		out, notes string
	}{
		{"publish boiler", "", `error: line 3: invalid_payload: no
  a: x
  b: y
error: line 4: the line is not JSON: invalid character 'o' in literal null (expecting 'u'), at byte 1
published 2 to boiler, refused 2; the last is message 4 of epoch e1
error: 2 of 4 messages were not published
`},
		{"publish boiler - --json", `{"stream":"boiler","published":2,"refused":2,"seq":4,"time":"2026-11-21T10:00:00.5Z","epoch":"e1"}` + "\n",
			`{"line":3,"error":{"code":"invalid_payload","message":"no","errors":["a: x","b: y"]}}
{"line":4,"error":{"message":"the line is not JSON: invalid character 'o' in literal null (expecting 'u'), at byte 1"}}
{"error":{"message":"2 of 4 messages were not published"}}
`},
	}
	fromFile := tests[0]
	fromFile.args = "publish boiler " + write(t, "in.ndjson", in)
	tests = append(tests, fromFile)
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			newFake(t, nil).script = script
			runWith(t.Context(), strings.NewReader(in), strings.Fields(test.args)...).want(t, test.out, test.notes, 1)
		})
	}
}

func TestPublishNoLines(t *testing.T) {
	newFake(t, nil).script = func(p *peer) {
		p.enter()
		p.linger()
	}
	run(t, "publish", "boiler").want(t, "", "published 0 to boiler, refused 0\n", 0)
}

// TestPublishALineThatIsTooLong: the line is refused, and the next lines are
// published.
func TestPublishALineThatIsTooLong(t *testing.T) {
	newFake(t, nil).script = func(p *peer) {
		p.enter()
		p.expect(published(2, 1))
		p.expect(published(3, 3))
		p.send(accepted(2), accepted(3))
		p.linger()
	}
	in := "{\"n\":1}\n" + strings.Repeat(" ", 16<<20+1) + "\n{\"n\":3}\n" + strings.Repeat("x", 16<<20+1)
	r := runWith(t.Context(), strings.NewReader(in), "publish", "boiler")
	r.want(t, "", `error: line 2: the line has more than 16777216 bytes, which is the most that is read
error: line 4: the line has more than 16777216 bytes, which is the most that is read
published 2 to boiler, refused 2; the last is message 3 of epoch e1
error: 2 of 4 messages were not published
`, 1)
}

// TestPublishALineThatIsTooLargeForAFrame: the gateway would end the connection. So
// the line is sent over HTTP, after the lines before it are answered.
func TestPublishALineThatIsTooLargeForAFrame(t *testing.T) {
	const most = 1<<20 - 1<<10
	framed, alone := `"`+strings.Repeat("x", most-2)+`"`, `"`+strings.Repeat("y", most-1)+`"`
	var f *fake
	var answered atomic.Bool
	f = newFake(t, map[string]string{"POST /streams/boiler/publish": "message_too_large|no"})
	f.script = func(p *peer) {
		p.enter()
		p.expect(`{"id":2,"action":"publish","streamName":"boiler","payload":` + framed + `}`)
		f.wantRequests() // line 2 waits
		answered.Store(true)
		p.send(accepted(2))
		p.expect(published(3, 3))
		p.send(accepted(3))
		p.linger()
	}
	r := runWith(t.Context(), strings.NewReader(framed+"\n"+alone+"\n{\"n\":3}\n"), "publish", "boiler")
	r.want(t, "", `error: line 2: message_too_large: no
published 2 to boiler, refused 1; the last is message 3 of epoch e1
error: 1 of 3 messages were not published
`, 1)
	f.wantRequests(`POST /streams/boiler/publish {"payload":` + alone + `}`)
	if !answered.Load() {
		t.Error("line 2 did not wait for line 1")
	}
}

func TestPublishLosesItsConnection(t *testing.T) {
	newFake(t, nil).script = func(p *peer) {
		p.enter()
		p.expect(published(2, 1))
		p.send(accepted(2))
		p.expect(published(3, 2))
		p.close(1008, "credentials_revoked: rotated")
	}
	in, out := io.Pipe() // which stays open: the command ends all the same
	defer out.Close()
	go io.WriteString(out, "{\"n\":1}\n{\"n\":2}\n")
	r := runWith(t.Context(), in, "publish", "boiler")
	r.want(t, "", "published 1 to boiler, refused 0; the last is message 2 of epoch e1\n"+
		"line 2 has no answer: the gateway may have it, or not; look at the stream, and continue with --from-line 2 or 3\n"+
		"error: credentials_revoked: rotated\nhint: Get the client's current secret or key and connect again with it.\n", 3)
}

func TestPublishInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	newFake(t, nil).script = func(p *peer) {
		p.enter()
		p.expect(published(2, 1))
		interrupt()
		p.send(accepted(2))
		p.linger()
	}
	in, out := io.Pipe()
	defer out.Close()
	go io.WriteString(out, "{\"n\":1}\n")
	r := runWith(ctx, in, "publish", "boiler")
	r.want(t, "", "published 1 to boiler, refused 0; the last is message 2 of epoch e1\ncontinue with --from-line 2\nerror: interrupted; the rest was not published\n", 1)
}

func TestSubscribe(t *testing.T) {
	newFake(t, nil).script = func(p *peer) {
		p.enterAndSubscribe()
		p.send(delivery("{\"t\":1.50,\n \"u\": \"\\u00e9\u009b\"}"), delivery(`null`), delivery(`3`))
		p.linger()
	}
	run(t, "subscribe", "boiler", "--count", "2").
		want(t, "{\"t\":1.50,\"u\":\"\\u00e9\u009b\"}\nnull\n", "subscribed to boiler; Ctrl-C ends\n", 0)
}

func TestSubscribeAsJSON(t *testing.T) {
	newFake(t, nil).script = func(p *peer) {
		p.enterAndSubscribe()
		p.send(delivery(`{"t":1.50}`))
		p.linger()
	}
	r := run(t, "subscribe", "boiler", "--count", "1", "--json")
	want := regexp.MustCompile(`^\{"stream":"boiler","received":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z","payload":\{"t":1\.50\}\}\n$`)
	if r.code != 0 || !want.MatchString(r.out) {
		t.Errorf("exit status %d, output %s", r.code, r.out)
	}
}

func TestSubscribeToAGroup(t *testing.T) {
	const id = "0A0E0000-0000-4000-8000-000000000001"
	uuids := regexp.MustCompile(`[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}`)
	for _, group := range []string{id, "new"} {
		var sent string
		newFake(t, nil).script = func(p *peer) {
			p.enter()
			sent = p.receive()
			p.send(`{"id":2,"action":"subscription","success":true,"streamName":"boiler","payload":2,"epoch":"e","firstSeq":1,"nextSeq":7}`,
				metaDelivery(`1`, `"seq":7,"time":"2026-11-21T10:00:00Z","epoch":"e"`),
				metaDelivery(`2`, `"seq":8,"time":"2026-11-21T10:00:00Z","epoch":"e"`))
			p.expect(`{"id":3,"action":"ack","payload":{"subscription":2,"seq":[7]}}`)
			if more := p.receive(); more != "" {
				t.Errorf("the command sent %s after the last acknowledgement", more)
			}
		}
		r := run(t, "subscribe", "boiler", "--group", group, "--count", "1")
		used := uuids.FindString(sent)
		if sent != `{"id":2,"action":"subscribe","payload":"boiler","groupId":"`+used+`","meta":true,"ack":"explicit","credit":1}` || group == id && used != id {
			t.Errorf("--group %s: the command sent %s", group, sent)
		}
		r.want(t, "1\n", "group "+used+"\nsubscribed to boiler; Ctrl-C ends\n", 0)
	}
}

func TestSubscribeInterrupted(t *testing.T) {
	tests := []struct {
		args  []string
		notes string
		code  int
	}{
		{nil, "subscribed to boiler; Ctrl-C ends\n", 0},
		{[]string{"--count", "2"}, "subscribed to boiler; Ctrl-C ends\nerror: interrupted after 1 of 2 messages\n", 1},
	}
	for _, test := range tests {
		ctx, interrupt := context.WithCancel(t.Context())
		newFake(t, nil).script = func(p *peer) {
			p.enterAndSubscribe()
			p.send(delivery(`1`))
			p.linger()
		}
		// The interrupt comes once the first message is printed.
		out := writerFunc(func(line []byte) { interrupt() })
		var notes strings.Builder
		args := append([]string{"subscribe", "boiler"}, test.args...)
		code := execute(ctx, strings.NewReader(""), out, &notes, args...)
		result{notes: notes.String(), code: code}.want(t, "", test.notes, test.code)
	}
}

// Past bug: without --meta, what the stream kept was dropped over a reconnect.
func TestSubscribeContinuesWhereItWas(t *testing.T) {
	const joined = `{"id":2,"action":"subscription","success":true,"streamName":"boiler","payload":2,"epoch":"e","firstSeq":1,"nextSeq":7}`
	attempts := 0
	newFake(t, nil).script = func(p *peer) {
		p.enter()
		switch attempts++; attempts {
		case 1: // it ends before the first message
			p.expect(`{"id":2,"action":"subscribe","payload":"boiler","meta":true}`)
			p.send(joined)
			p.close(1001, "server_shutdown: bye")
		case 2:
			p.expect(`{"id":2,"action":"subscribe","payload":"boiler","from":7,"epoch":"e","meta":true}`)
			p.send(`{"id":2,"action":"subscribe","success":false,"error":{"code":"position_lost","message":"no"}}`)
		default: // at once
			p.expect(`{"id":2,"action":"subscribe","payload":"boiler","from":"earliest","meta":true}`)
			p.send(joined, metaDelivery(`{"t":1.50}`, `"seq":7,"time":"2026-11-21T10:00:00.5Z","epoch":"f"`))
			p.linger()
		}
	}
	r := run(t, "subscribe", "boiler", "--count", "1")
	want := regexp.MustCompile(`^subscribed to boiler; Ctrl-C ends
.*server_shutdown: bye; trying again in \d(\.\d)?s
subscribed again; the stream has begun anew, so this is all that it keeps
$`)
	if r.code != 0 || r.out != "{\"t\":1.50}\n" || !want.MatchString(r.notes) {
		t.Errorf("exit status %d, output %s, notes %s", r.code, r.out, r.notes)
	}
}

// TestSubscribeFrom: with a position, the command misses nothing when it reconnects.
func TestSubscribeFrom(t *testing.T) {
	const joined = `{"id":2,"action":"subscription","success":true,"streamName":"boiler","payload":2,"epoch":"e","firstSeq":1,"nextSeq":7}`
	attempts := 0
	newFake(t, nil).script = func(p *peer) {
		p.enter()
		if attempts++; attempts == 1 {
			p.expect(`{"id":2,"action":"subscribe","payload":"boiler","from":7,"epoch":"e","meta":true}`)
			p.send(joined, metaDelivery(`{"t":1.50}`, `"seq":7,"time":"2026-11-21T10:00:00.5Z","epoch":"e"`))
			p.close(1001, "server_shutdown: bye")
			return
		}
		p.expect(`{"id":2,"action":"subscribe","payload":"boiler","from":8,"epoch":"e","meta":true}`)
		p.send(joined, `{"id":2,"action":"subscription","streamName":"boiler","gap":{"from":8,"to":9}}`,
			metaDelivery(`2`, `"seq":10,"time":"2026-11-21T10:00:01Z","epoch":"e","redelivered":3`))
		p.linger()
	}
	r := run(t, "subscribe", "boiler", "--from", "7", "--epoch", "e", "--meta", "--count", "2")
	const out = `{"seq":7,"time":"2026-11-21T10:00:00.5Z","epoch":"e","payload":{"t":1.50}}
{"seq":10,"time":"2026-11-21T10:00:01Z","epoch":"e","redelivered":3,"payload":2}
`
	want := regexp.MustCompile(`^subscribed to boiler; Ctrl-C ends
.*server_shutdown: bye; trying again in \d(\.\d)?s
subscribed again at the same position
messages 8 to 9 are missing: the stream no longer keeps them
$`)
	if r.code != 0 || r.out != out || !want.MatchString(r.notes) {
		t.Errorf("exit status %d, output %s, notes %s", r.code, r.out, r.notes)
	}
}

// metaDelivery returns a message of subscription 2 with meta.
func metaDelivery(payload, members string) string {
	return `{"id":2,"action":"subscription","streamName":"boiler","payload":` + payload + `,` + members + `}`
}

func TestSubscribePositions(t *testing.T) {
	for _, test := range []struct{ flags, members string }{
		{"--from latest", `,"meta":true`},
		{"--from earliest", `,"from":"earliest","meta":true`},
		{"--from 2026-11-21T10:00:00+01:00", `,"from":"2026-11-21T09:00:00Z","meta":true`},
		{"--meta", `,"meta":true`},
		{"--epoch e", `,"epoch":"e","meta":true`},
	} {
		newFake(t, nil).script = func(p *peer) {
			p.enter()
			p.expect(`{"id":2,"action":"subscribe","payload":"boiler"` + test.members + `}`)
			p.send(`{"id":2,"action":"subscription","success":true,"streamName":"boiler","payload":2,"epoch":"e","firstSeq":1,"nextSeq":7}`,
				metaDelivery(`1`, `"seq":7,"time":"2026-11-21T10:00:00Z","epoch":"e"`))
			p.linger()
		}
		out := "1\n"
		if test.flags == "--meta" {
			out = `{"seq":7,"time":"2026-11-21T10:00:00Z","epoch":"e","payload":1}` + "\n"
		}
		args := append([]string{"subscribe", "boiler", "--count", "1"}, strings.Fields(test.flags)...)
		run(t, args...).want(t, out, "subscribed to boiler; Ctrl-C ends\n", 0)
	}
}

// TestSubscribeExplicitly: each message is acknowledged, also the last one.
func TestSubscribeExplicitly(t *testing.T) {
	const id = "0a0e0000-0000-4000-8000-000000000001"
	acknowledged := make(chan string, 3)
	newFake(t, nil).script = func(p *peer) {
		p.enter()
		p.expect(`{"id":2,"action":"subscribe","payload":"boiler","groupId":"` + id + `","meta":true,"ack":"explicit","credit":5}`)
		p.send(`{"id":2,"action":"subscription","success":true,"streamName":"boiler","payload":2,"epoch":"e","firstSeq":1,"nextSeq":7}`,
			metaDelivery(`1`, `"seq":7,"time":"2026-11-21T10:00:00Z","epoch":"e"`),
			metaDelivery(`2`, `"seq":8,"time":"2026-11-21T10:00:00Z","epoch":"e"`))
		for message := p.receive(); message != ""; message = p.receive() {
			acknowledged <- message
		}
		close(acknowledged)
	}
	r := run(t, "subscribe", "boiler", "--group", id, "--explicit", "--credit", "5", "--count", "2")
	r.want(t, "1\n2\n", "group "+id+"\nsubscribed to boiler; Ctrl-C ends\n", 0)
	var seqs []string
	for message := range acknowledged {
		if !strings.Contains(message, `"action":"ack","payload":{"subscription":2,"seq":[`) {
			t.Errorf("the command sent %s", message)
		}
		seqs = append(seqs, regexp.MustCompile(`\[(.*)\]`).FindStringSubmatch(message)[1])
	}
	if got := strings.Join(seqs, ","); got != "7,8" {
		t.Errorf("acknowledged are %s", got)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

func TestSubscribeReconnects(t *testing.T) {
	attempts := 0
	newFake(t, nil).script = func(p *peer) {
		p.enterAndSubscribe()
		p.send(delivery(`1`))
		if attempts++; attempts == 1 {
			p.close(1001, "server_shutdown: back in a \x1b[2Jmoment")
			return
		}
		p.linger()
	}
	r := run(t, "subscribe", "boiler", "--count", "2") // takes the 3 s after a gateway that shuts down, give or take half
	want := regexp.MustCompile(`^subscribed to boiler; Ctrl-C ends
.*server_shutdown: back in a \\x1b\[2Jmoment; trying again in \d(\.\d)?s
subscribed again; messages from \d\d:\d\d:\d\d to \d\d:\d\d:\d\d are missed
$`)
	if r.code != 0 || r.out != "1\n1\n" || !want.MatchString(r.notes) {
		t.Errorf("exit status %d, output %q, notes %q", r.code, r.out, r.notes)
	}
}

func TestSubscribeFailsIfTheFirstConnectionDoes(t *testing.T) {
	newFake(t, nil)
	t.Setenv("SEAGATE_URL", "http://127.0.0.1:1")
	r := run(t, "subscribe", "boiler")
	if r.code != 3 || !strings.Contains(r.notes, "error: nothing listens at 127.0.0.1:1: ") || !strings.Contains(r.notes, "hint: start a gateway") {
		t.Errorf("%+v", r)
	}
}

func TestSubscribeRefused(t *testing.T) {
	newFake(t, nil).script = func(p *peer) {
		p.enter()
		p.expect(`{"id":2,"action":"subscribe","payload":"boiler","meta":true}`)
		p.send(`{"id":2,"action":"subscribe","success":false,"error":{"code":"stream_not_found","message":"no"}}`)
		p.linger()
	}
	r := run(t, "subscribe", "boiler")
	if r.code != 1 || !strings.HasPrefix(r.notes, "error: stream_not_found: no\nhint: ") {
		t.Errorf("%+v", r)
	}
}

func TestSubscribeWithWrongCredentials(t *testing.T) {
	newFake(t, nil).script = func(p *peer) {
		p.receive()
		p.send(`{"id":1,"action":"authenticate","success":false,"error":{"code":"invalid_credentials","message":"no"}}`)
		p.linger()
	}
	if r := run(t, "subscribe", "boiler"); r.code != 3 {
		t.Errorf("%+v", r)
	}
}
