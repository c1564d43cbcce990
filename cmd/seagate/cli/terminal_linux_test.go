package cli_test

import (
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"seagate/cmd/seagate/terminal/terminaltest"
)

// A pseudo terminal.
var openTerminal, resize = terminaltest.Open, terminaltest.Resize

// onTerminal runs a command at a terminal where somebody types, and returns what is
// seen there, with \n for line ends.
func onTerminal(t *testing.T, typed string, args ...string) (seen string, code int) {
	t.Helper()
	person, command := openTerminal(t)
	everything := terminaltest.ReadAll(person)
	io.WriteString(person, typed)
	code = execute(t.Context(), command, command, command, args...)
	command.Close()
	seen = strings.TrimPrefix(strings.ReplaceAll(<-everything, "\r\n", "\n"), typed)
	return seen, code
}

const twoClients = `{"clients":[{"id":"a","description":"the boiler room","jwtPublicKey":null,"createdAt":"2026-01-02T03:04:05Z"},` +
	"{\"id\":\"sensors\",\"description\":\"\u009b2J\u202e\",\"jwtPublicKey\":null,\"createdAt\":\"2026-01-02T03:04:05Z\"}]}"

func TestTableOnATerminal(t *testing.T) {
	newFake(t, map[string]string{"GET /clients?limit=100": twoClients})
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	seen, code := onTerminal(t, "", "clients", "list")
	const want = "CLIENT   DESCRIPTION      KEY  CREATED     RIGHTS\n" +
		"a        the boiler room  -    2026-01-02  all\n" +
		"sensors  \\u009b2J\\u202e   -    2026-01-02  all\n"
	if seen != want || code != 0 {
		t.Errorf("exit status %d, saw\n%q, want\n%q", code, seen, want)
	}
}

func TestColours(t *testing.T) {
	for _, test := range []struct {
		noColor, term string
		want          bool
	}{{"", "xterm", true}, {"1", "xterm", false}, {"", "dumb", false}} {
		newFake(t, map[string]string{"GET /clients?limit=100": twoClients})
		t.Setenv("TERM", test.term)
		t.Setenv("NO_COLOR", test.noColor)
		table, _ := onTerminal(t, "", "clients", "list")
		refusal, _ := onTerminal(t, "", "clients", "nope")
		for _, seen := range []string{table, refusal} {
			if strings.Contains(seen, "\x1b[1") != test.want {
				t.Errorf("NO_COLOR=%q TERM=%q: saw %q, colours: %v", test.noColor, test.term, seen, test.want)
			}
		}
	}
}

func TestColumnsStandUnderTheirHeadings(t *testing.T) {
	newFake(t, map[string]string{"GET /clients?limit=100": twoClients})
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	seen, _ := onTerminal(t, "", "clients", "list")
	plain := strings.NewReplacer("\x1b[1m", "", "\x1b[0m", "").Replace(seen)
	at := -1
	for line := range strings.Lines(plain) {
		column := strings.Index(line, "2026")
		if at < 0 {
			column = strings.Index(line, "CREATED")
			at = column
		}
		if column != at {
			t.Errorf("a column is at %d, and at %d in %q", at, column, line)
		}
	}
}

func TestJSONOnATerminal(t *testing.T) {
	newFake(t, map[string]string{"GET /streams/boiler/header": "{\"payload\":\"\u009b2J\u202e\\u001b é\"}"})
	t.Setenv("NO_COLOR", "1")
	seen, _ := onTerminal(t, "", "stream", "header", "boiler")
	if want := `"\u009b2J\u202e\u001b é"` + "\n"; seen != want {
		t.Errorf("saw %q, want %q", seen, want)
	}
}

func TestDeletingIsConfirmed(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	tests := []struct {
		args, route, typed string
		deletes            bool
	}{
		{"stream delete boiler", "DELETE /streams/boiler", "boiler\n", true},
		{"stream delete boiler", "DELETE /streams/boiler", "yes\n", false},
		{"stream delete boiler", "DELETE /streams/boiler", "\n", false},
		{"stream delete boiler --yes", "DELETE /streams/boiler", "", true},
		{"clients delete b", "DELETE /client/b", "b\n", true},
		{"clients delete b", "DELETE /client/b", "B\n", false},
		{"jails delete j", "DELETE /jails/j", "j\n", true},
		{"jails delete j", "DELETE /jails/j", "\x04", false}, // Ctrl-D
	}
	for _, test := range tests {
		f := newFake(t, map[string]string{test.route: `{}`})
		seen, code := onTerminal(t, test.typed, strings.Fields(test.args)...)
		if (code == 0) != test.deletes {
			t.Errorf("%s, %q: exit status %d, saw %q", test.args, test.typed, code, seen)
		}
		if test.deletes {
			f.wantRequests(test.route)
		} else {
			f.wantRequests()
		}
	}
}

// longGroup is a group with long texts and numbers.
const longGroup = `{"streamName":"boiler","clientId":"a-service-with-a-name-that-says-everything","groupId":"` + groupID +
	`","members":0,"abandoned":true,"position":5,"lag":1234567,"lagSeconds":604750,"inFlight":0,"redelivered":0,"deadLettered":0,` +
	`"lost":0,"createdAt":"2026-01-02T03:04:05Z","lastActive":"2026-01-02T03:04:05Z"}`

// TestGroupsFitOnATerminal of 80 columns: a list has the columns that fit, and one
// group has a line for each.
func TestGroupsFitOnATerminal(t *testing.T) {
	newFake(t, map[string]string{
		"GET " + theGroup:                      oneGroup,
		"GET /streams/boiler/groups?limit=100": `{"groups":[` + oneGroup + `]}`,
	})
	t.Setenv("NO_COLOR", "1")
	shown, _ := onTerminal(t, "", "group", "show", "boiler", "sensors", groupID)
	listed, _ := onTerminal(t, "", "groups", "boiler")
	newFake(t, map[string]string{"GET /streams/boiler/groups?limit=100": `{"groups":[` + longGroup + `]}`})
	long, _ := onTerminal(t, "", "groups", "boiler")
	for line := range strings.Lines(shown + listed + long) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("a line has %d characters: %s", n, line)
		}
	}
	if want := "a-service-w…  " + groupID + "  abandoned  1234567  167h59m\n"; !strings.HasSuffix(long, want) {
		t.Errorf("a long client id is listed as\n%s", long)
	}
	if !strings.HasPrefix(shown, "CLIENT       sensors\nGROUP        "+groupID+"\n") || !strings.Contains(shown, "\nIN FLIGHT    ") {
		t.Errorf("one group is\n%s", shown)
	}
	if !strings.HasPrefix(listed, "CLIENT   GROUP ") || !strings.Contains(listed, "  MEMBERS  LAG  LAG TIME\n") {
		t.Errorf("the list is\n%s", listed)
	}
}

// TestDeletingOneselfIsConfirmed: the question says that it is oneself.
func TestDeletingOneselfIsConfirmed(t *testing.T) {
	f := newFake(t, nil)
	t.Setenv("NO_COLOR", "1")
	seen, code := onTerminal(t, "no\n", "clients", "delete", "abc")
	if want := "This deletes the client that this command uses: its credentials are not accepted any more."; !strings.HasPrefix(seen, want) || code != 1 {
		t.Errorf("exit status %d, saw %q", code, seen)
	}
	f.wantRequests()
}

// TestARefusedListHasNoHeading, which would look like an empty list.
func TestARefusedListHasNoHeading(t *testing.T) {
	newFake(t, map[string]string{"GET /clients?limit=100": "permission_denied|no"})
	t.Setenv("NO_COLOR", "1")
	if seen, code := onTerminal(t, "", "clients", "list"); !strings.HasPrefix(seen, "error: ") || code != 1 {
		t.Errorf("exit status %d, saw\n%s", code, seen)
	}
}

// TestMovingAGroupOnATerminal: the question says what the move changes.
func TestMovingAGroupOnATerminal(t *testing.T) {
	for _, test := range []struct {
		typed string
		moves bool
	}{{"yes\n", true}, {"y\n", false}, {"\x04", false}} {
		f := newFake(t, map[string]string{"POST " + theGroup + "/move": `{"position":1,"was":5,"lag":7}`})
		t.Setenv("NO_COLOR", "1")
		seen, code := onTerminal(t, test.typed, "group", "move", "boiler", "sensors", groupID, "--to", "earliest")
		if !strings.Contains(seen, "would move from message 5 to 1, with 7 messages to deliver. Type yes to go on: ") || (code == 0) != test.moves {
			t.Errorf("%q: exit status %d, saw %q", test.typed, code, seen)
		}
		if test.moves {
			f.wantRequests(plan, did)
		} else {
			f.wantRequests(plan)
		}
	}
}

// TestTablesFitOnATerminal of 80 columns, with the longest names that there are.
func TestTablesFitOnATerminal(t *testing.T) {
	name := strings.Repeat("n", 255)
	const at = `"2026-01-02T03:04:05Z"`
	stream := `{"name":"` + name + `","version":"1.0.0","registered":true,"paused":true,"held":true,"requested":true,"providers":12,"subscribers":12345,"groups":12345,` +
		`"firstSeq":1,"lastSeq":123456789012,"bytes":123456789012345,"hasHeader":true,"durability":"disk","epoch":"x"}`
	server := `{"clientId":"` + name + `","address":"192.0.2.7","procedures":["` + name + `","b"],"sole":true,"since":` + at + `,"calls":12345678,"failed":1234567,"underWay":1234,` +
		`"medianSeconds":0.0123456,"longestSeconds":59.87654,"lastError":"` + name + `"}`
	service := `{"name":"` + name + `","procedures":["` + name + `","b"],"version":1,"servers":[` + server + `]`
	group := `{"streamName":"boiler","clientId":"` + name + `","groupId":"` + groupID + `","members":0,"abandoned":true,"position":5,"lag":123456789,"lagSeconds":604750,` +
		`"inFlight":0,"redelivered":0,"deadLettered":0,"lost":0,"createdAt":` + at + `,"lastActive":` + at + `}`
	connection := `{"id":"c48517a2d54fd149","jailId":"` + name + `","clientId":"` + name + `","kind":"websocket","address":"2001:db8:1234:5678:9abc:def0:1234:5678","since":` + at +
		`,"authenticated":"secret","expires":null,"queuedBytes":123456,"slow":true,"lastError":null,"subscriptionCount":1234,"provides":[],"serves":[],` +
		`"subscriptions":[{"id":12345,"streamName":"` + name + `","kind":"group","groupId":"` + groupID + `","position":123456789,"behind":123456789,"inFlight":1234}]}`
	letter := `{"streamName":"` + name + `","seq":123456789,"clientId":"` + name + `","groupId":"` + groupID + `","deliveries":12,"reason":"` + name + `","payload":1}`
	entry := `{"time":` + at + `,"jailId":"` + name + `","clientId":"` + name + `","by":"x","action":"stream settings changed","subject":"` + name + `","result":"refused"}`
	client := `{"id":"` + name + `","description":"` + name + `","createdAt":` + at + `,"rights":{"publish":["` + name + `"]},"keys":[{"id":"` + name + `","createdAt":` + at + `,"validUntil":` + at + `}]}`
	messages := func(payload string) string {
		return `{"epoch":"x","messages":[{"seq":123456789,"time":` + at + `,"payload":` + payload + `}],"next":null}`
	}
	newFake(t, map[string]string{
		"GET /streams?limit=100":                                     `{"streams":[` + stream + `]}`,
		"GET /services?limit=100":                                    `{"services":[` + service + `}]}`,
		"GET /services/pricing":                                      service + `,"definition":{"version":1,"procedures":[{"name":"` + name + `","body":[{"name":"` + name + `","type":"string"}]}]}}`,
		"GET /streams/boiler/groups?limit=100":                       `{"groups":[` + group + `]}`,
		"GET /connections?limit=100":                                 `{"connections":[` + connection + `]}`,
		"GET /connections/c48517a2d54fd149":                          connection,
		"GET /streams/boiler.dead/messages?from=earliest&limit=1000": messages(letter),
		"GET /streams/$audit/messages?from=earliest&limit=1000":      messages(entry),
		"GET /streams/%24audit/messages?from=earliest&limit=1000":    messages(entry),
		"GET /clients?limit=100":                                     `{"clients":[` + client + `]}`,
		"GET /client/a/keys":                                         `{"keys":[{"kid":"` + name + `","id":"` + name + `","until":` + at + `}]}`,
		"GET /streams/" + name + "/groups?limit=100":                 `{"groups":[` + group + `]}`,
		"GET /jails?limit=100&quotas=true":                           `{"jails":[{"id":"` + name + `","name":"` + name + `","createdAt":` + at + `,"quotas":{},"usage":{}}]}`,
		"GET /network?limit=100":                                     `{"streams":[{"name":"` + name + `","registered":true,"requested":true,"paused":true,"held":true,"groups":12345,"providers":[{"clientId":"` + name + `","connections":2}],"readers":[{"clientId":"` + name + `","connections":2,"group":true}]}]}`,
		"GET /streams/boiler/schemas/current":                        `{"name":"boiler","version":1,"fields":[{"name":"` + name + `","type":"enum","enum":["` + name + `"]}]}`,
		"POST /streams/boiler/messages/1/explain":                    `{"streamName":"boiler","seq":1,"dryRun":false,"verdict":"no","summary":"not delivered: ` + name + `","steps":[]}`,
		"POST /filters/evaluate":                                     `{"filter":{"passes":false,"steps":2,"root":{"type":"eq","text":"` + name + `","outcome":"error","decisive":true,"reason":"` + name + `","operands":[{"type":"path","text":"` + name + `","outcome":"true","decisive":true}]}}}`,
	})
	t.Setenv("NO_COLOR", "1")
	for _, test := range []struct{ command, heading string }{
		{"streams", "STREAM"}, {"services", "SERVICE"}, {"service show pricing", "CLIENT"}, {"groups boiler", "CLIENT"},
		{"connections list", "CONNECTION"}, {"connections show c48517a2d54fd149", "\nSTREAM"}, {"dead-letters list boiler.dead", "NUMBER"},
		{"audit", "TIME"}, {"clients list", "CLIENT"}, {"clients keys a", "KEY"}, {"jails list", "JAIL"}, {"network", "STREAM"},
		{"describe boiler", "FIELD"}, {"filter 1 1", "the filter keeps the message back"}, {"explain boiler 1", "✗ message 1 of boiler"}, {"top --once --interval 1s", "STREAM"},
	} {
		seen, code := onTerminal(t, "", strings.Fields(test.command)...)
		if code != 0 || !strings.Contains(seen, test.heading) || !strings.Contains(seen, "nnnnnnn") {
			t.Errorf("%s: exit status %d\n%s", test.command, code, seen)
		}
		for line := range strings.Lines(seen) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 && !isFact.MatchString(line) {
				t.Errorf("%s: a line has %d characters: %s", test.command, n, line)
			}
		}
	}
}

// isFact is a line of an entry that is shown alone: it has one value, whole.
var isFact = regexp.MustCompile(`^(JAIL|CLIENT) +n+\n$`)

// Past bugs: following printed a heading over each entry, and tried for ever where there never
// was a gateway.
func TestFollowingTheAudit(t *testing.T) {
	const entry = `{"time":"2026-01-02T03:04:05.678Z","jailId":"root","clientId":"a","by":"client","action":"client created","subject":"b","result":"ok"}`
	deliver := func(seq string) string {
		return `{"id":2,"action":"subscription","streamName":"$audit","payload":` + entry + `,"seq":` + seq + `,"time":"2026-01-02T03:04:05Z","epoch":"e"}`
	}
	newFake(t, nil).script = func(p *peer) {
		p.enter()
		p.expect(`{"id":2,"action":"subscribe","payload":"$audit","from":"earliest","meta":true}`)
		p.send(`{"id":2,"action":"subscription","success":true,"streamName":"$audit","payload":2,"epoch":"e","firstSeq":1,"nextSeq":1}`, deliver("1"), deliver("2"))
		p.close(1008, "credentials_revoked: no")
	}
	t.Setenv("NO_COLOR", "1")
	const line = "2026-01-02T03:04:05Z  root/a  client created  b  ok\n"
	if seen, _ := onTerminal(t, "", "audit", "--follow"); !strings.HasPrefix(seen, line+line+"error: ") {
		t.Errorf("saw\n%s", seen)
	}
	t.Setenv("SEAGATE_URL", "http://127.0.0.1:1")
	if r := run(t, "audit", "--follow"); r.code != 3 || !strings.HasPrefix(r.notes, "error: nothing listens at 127.0.0.1:1") {
		t.Errorf("exit status %d\n%s", r.code, r.notes)
	}
}
