package cli_test

import (
	"strings"
	"testing"
)

const aConnection = `{"id":"5f0c3a9be1d27c44","jailId":"plant","clientId":"helper","kind":"websocket","address":"127.0.0.1",` +
	`"since":"2026-11-21T10:00:00Z","authenticated":"secret","expires":null,"queuedBytes":7,"slow":true,` +
	`"lastError":{"code":"stream_not_found","message":"there is no stream \"x\"","at":"2026-11-21T10:00:01Z"},"subscriptionCount":1,` +
	`"subscriptions":[{"id":2,"streamName":"boiler","kind":"own","groupId":null,"position":3,"behind":1,"inFlight":0}],` +
	`"provides":[{"id":3,"streamName":"ships","paused":true}],"serves":["pricing"]}`

// What the commands about the gateway itself print, and what they ask for.
func TestInspectingCommands(t *testing.T) {
	row := "5f0c3a9be1d27c44\tplant\thelper\twebsocket\t127.0.0.1\t2026-11-21T10:00:00Z\tsecret\t-\t1\t7\tslow\tstream_not_found\n"
	for _, test := range []struct {
		args           []string
		request        string // with its answer
		answer         string
		out, notesHave string
		code           int
	}{
		{[]string{"connections", "list", "--of", "helper", "--all-jails"}, "GET /connections?allJails=true&client=helper&limit=100",
			`{"connections":[` + aConnection + `],"next":null}`, row, "", 0},
		{[]string{"connections", "show", "5f0c3a9be1d27c44"}, "GET /connections/5f0c3a9be1d27c44", aConnection,
			row + "2\tboiler\town\t-\t3\t1\t0\nprovides ships, paused\nserves pricing\n" +
				"last error at 2026-11-21T10:00:01Z: stream_not_found: there is no stream \"x\"\n", "", 0},
		{[]string{"connections", "end", "5f0c3a9be1d27c44", "--json"}, "DELETE /connections/5f0c3a9be1d27c44", `{"id":"5f0c3a9be1d27c44"}`,
			`{"connection":"5f0c3a9be1d27c44","state":"ended"}` + "\n", "", 0},
		{[]string{"network"}, "GET /network?limit=100",
			`{"streams":[{"name":"boiler","registered":true,"paused":false,"held":false,"requested":true,"groups":2,` +
				`"providers":[{"clientId":"a","connections":2,"paused":false}],"subscribers":[{"clientId":"b","kind":"group","groupId":null,"connections":1,"subscriptions":1}]}],"next":null}`,
			"boiler\tprovided,requested\ta ×2\tb (group)\t2\n", "", 0},
		{[]string{"logs", "--level", "warn"}, "GET /logs?level=warn&limit=100",
			`{"lines":[{"time":"2026-11-21T10:00:00.5Z","level":"WARN","msg":"a thing","jail":"x y","n":3}],"next":"c","missed":2}`,
			"2026-11-21T10:00:00 WARN  a thing jail=\"x y\" n=3\n", "2 lines are missing", 0},
		{[]string{"publish", "boiler", `{"n":1}`, "--dry-run"}, "POST /streams/boiler/publish?dryRun=true",
			`{"messages":1,"bytes":7,"version":1,"seq":4,"epoch":"e","subscribers":2,"groups":1}`,
			"", "boiler would accept the message as version 1, number 4, for 2 subscribers and 1 groups", 0},
		{[]string{"define", "boiler", "--version", "2", "--field", "n:float", "--try", "10"}, "POST /streams/boiler/schemas/trial?last=10",
			`{"plan":{"change":"replaced","differences":["n: type was integer, now float"],"definition":{}},"refusal":null,"messages":3,"refused":1,"firstSeq":1,"lastSeq":3,"stopped":null,` +
				`"problems":[{"seq":2,"time":"2026-11-21T10:00:00Z","message":"m","errors":["n: wrong"]}]}`,
			"replaced\n  n: type was integer, now float\n2 of 3 messages match\n  message 2\n    n: wrong\n", "1 of 3 messages do not match the definition", 1},
		{[]string{"dead-letters", "publish", "boiler.dead", "7"}, "POST /streams/boiler.dead/messages/7/publish",
			`{"streamName":"boiler","seq":9,"time":"2026-11-21T10:00:00Z","epoch":"e"}`,
			"", "dead letter 7 is published to boiler again: message 9 of epoch e", 0},
		{[]string{"filter", `{"t":"path","e":"n"}`, `{"m":1}`}, "POST /filters/evaluate",
			`{"filter":{"passes":false,"steps":2,"root":{"type":"path","text":"$[\"n\"]","outcome":"error","decisive":true,"reason":"the message has no $[\"n\"]"}}}`,
			"the filter keeps the message back\n  error * $[\"n\"]  (the message has no $[\"n\"])\n", "", 0},
	} {
		t.Run(strings.Join(test.args[:min(2, len(test.args))], " "), func(t *testing.T) {
			newFake(t, map[string]string{test.request: test.answer})
			r := run(t, test.args...)
			if r.out != test.out || !strings.Contains(r.notes, test.notesHave) || r.code != test.code {
				t.Errorf("exit status %d, it prints\n%s%swant %d\n%s%s", r.code, r.out, r.notes, test.code, test.out, test.notesHave)
			}
		})
	}
}
