package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/cmd/seagate/cli"
)

const boiler = `{"name":"boiler","version":1,"fields":[{"name":"temperature","type":"float"}]}`

// write writes a file and returns its name.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCommands runs each command against a gateway with one prepared answer.
func TestCommands(t *testing.T) {
	const (
		state = `{"name":"boiler","version":"1.0.0","paused":true,"held":true,"providers":1,"subscribers":2,"groups":4,"firstSeq":3,"lastSeq":7,"bytes":120,"hasHeader":true}`
		empty = `{"name":"new","version":null,"registered":true,"paused":true,"providers":1,"subscribers":0,"firstSeq":1,"lastSeq":0,"bytes":0,"hasHeader":false}`
	)
	nested := `{"name":"port","version":"1.0.0","fields":[{"name":"moves","type":"array<object>","fields":[{"name":"load","type":"enum","enum":["a","b"],"optional":true}]},{"name":"ship","type":"object","fields":[{"name":"id","type":"string"}]}]}`
	changed := `{"since":1,"version":"2.0","compatible":false,"differences":["a: gone","b: added, optional"],"breaking":["a: gone"]}`
	file := write(t, "boiler.json", boiler+"\n")
	key := write(t, "key.pem", "-----BEGIN\n")
	tests := []struct {
		args    string // separated by spaces
		in      string
		route   string
		answer  string
		change  string // what the plan says that comes before a definition
		request string // what follows the route
		out     string
		notes   string
	}{
		{args: "define boiler --version 1 --field temperature:float --field unit:enum=C,F", route: "POST /streams/boiler/define", answer: boiler,
			request: ` {"version":1,"fields":[{"name":"temperature","type":"float"},{"name":"unit","type":"enum","enum":["C","F"]}]}`,
			change:  "created", notes: "boiler is created, version 1\n"},
		{args: "define boiler --version 1.0.0 --field t:array<date> --json", route: "POST /streams/boiler/define", answer: boiler,
			change: "created", request: ` {"version":"1.0.0","fields":[{"name":"t","type":"array<date>"}]}`, out: boiler + "\n"},
		{args: "define boiler --version 010 --field t:date", route: "POST /streams/boiler/define", answer: boiler,
			change: "replaced", request: ` {"version":"010","fields":[{"name":"t","type":"date"}]}`, notes: "boiler is replaced, version 1\n"},
		{args: "define boiler " + file, route: "POST /streams/boiler/define", answer: boiler, request: " " + boiler,
			change: "unchanged", notes: "boiler is unchanged, version 1\n"},
		{args: "define boiler -", in: boiler, route: "POST /streams/boiler/define", answer: boiler, request: " " + boiler,
			change: "unchanged", notes: "boiler is unchanged, version 1\n"},
		{args: "define boiler - --dry-run", in: boiler, route: "POST /streams/boiler/define?dryRun=true",
			answer: `{"change":"replaced","differences":["a: gone","b: new"],"definition":{}}`, request: " " + boiler,
			out: "replaced\n  a: gone\n  b: new\n"},
		{args: "define boiler - --dry-run --json", in: boiler, route: "POST /streams/boiler/define?dryRun=true",
			answer: `{"change":"unchanged","differences":[],"definition":{}}`, request: " " + boiler,
			out: `{"change":"unchanged","differences":[],"definition":{}}` + "\n"},

		{args: "describe port", route: "GET /streams/port/schemas/current", answer: nested, notes: "port, version 1.0.0\n",
			out: "moves\tarray<object>\t\nmoves[].load\tenum\toptional, a | b\nship\tobject\t\nship.id\tstring\t\n"},
		{args: "describe port", route: "GET /streams/port/schemas/current", answer: `{"name":"port","version":3,"fields":[],"unknownFields":"accept"}`,
			notes: "port, version 3; other fields are accepted\n"},
		{args: "describe port", route: "GET /streams/port/schemas/current", answer: `{"name":"port","version":3,"fields":[],"unknownFields":"refuse"}`,
			notes: "port, version 3; other fields are refused\n"},
		{args: "describe port --json", route: "GET /streams/port/schemas/current", answer: nested, out: nested + "\n"},
		{args: "describe port --version 2", route: "GET /streams/port/schemas/2", answer: boiler,
			out: "temperature\tfloat\t\n", notes: "port, version 1\n"},
		{args: "describe port --all", route: "GET /streams/port/schemas", answer: `{"schemas":[` + boiler + `,` + nested + `]}`,
			out: "1\ttemperature\n1.0.0\tmoves, ship\n"},
		{args: "describe port --all --json", route: "GET /streams/port/schemas", answer: `{"schemas":[` + boiler + `,` + nested + `]}`,
			out: boiler + "\n" + nested + "\n"},
		{args: "describe port --since 1 --version 2", route: "GET /streams/port/schemas/2/changes?since=1", answer: changed,
			out: "breaks\ta: gone\ncompatible\tb: added, optional\n", notes: "port: messages that match version 1 may not match version 2.0\n"},
		{args: "describe port --since 1 --json", route: "GET /streams/port/schemas/current/changes?since=1", answer: changed, out: changed + "\n"},
		{args: "describe port --since 1", route: "GET /streams/port/schemas/current/changes?since=1",
			answer: `{"since":1,"version":2,"compatible":true,"differences":["a: now optional"],"breaking":[]}`,
			out:    "compatible\ta: now optional\n", notes: "port: messages that match version 1 match version 2 too\n"},
		{args: "describe port --since 2", route: "GET /streams/port/schemas/current/changes?since=2",
			answer: `{"since":2,"version":2,"compatible":true,"differences":[],"breaking":[]}`, notes: "port: version 2 and 2 are the same\n"},

		{args: `publish boiler {"t":1.50}`, route: "POST /streams/boiler/publish", answer: `{}`,
			request: ` {"payload":{"t":1.50}}`, notes: "published to boiler\n"},
		{args: `publish boiler {"t":1.50} --message-id a-1`, route: "POST /streams/boiler/publish",
			answer:  `{"seq":17,"time":"2026-11-21T10:00:00.5Z","epoch":"e1"}`,
			request: ` {"payload":{"t":1.50}} under a-1`, notes: "published to boiler: message 17 of epoch e1\n"},
		{args: `publish boiler {"t":1.50} --header {"t":2}`, route: "POST /streams/boiler/publish", answer: `{}`,
			request: ` {"payload":{"t":1.50},"header":{"t":2}}`, notes: "published to boiler\n"},
		{args: `publish boiler {"t":1.50} --json`, route: "POST /streams/boiler/publish",
			answer:  `{"seq":17,"time":"2026-11-21T10:00:00.5Z","epoch":"e1"}`,
			request: ` {"payload":{"t":1.50}}`,
			out:     `{"stream":"boiler","published":1,"refused":0,"seq":17,"time":"2026-11-21T10:00:00.5Z","epoch":"e1"}` + "\n"},
		{args: `publish boiler {"t":1.50} --json`, route: "POST /streams/boiler/publish", answer: `{}`,
			request: ` {"payload":{"t":1.50}}`, out: `{"stream":"boiler","published":1,"refused":0}` + "\n"},

		{args: "streams", route: "GET /streams?limit=100", answer: `{"streams":[` + state + `,` + empty + `],"next":null}`,
			out: "boiler\t1.0.0\theld\t1\t2\t4\t5\t120\tyes\nnew\t-\tpaused\t1\t0\t0\t0\t0\t-\n"},
		{args: "stream state boiler", route: "GET /streams/boiler", answer: state, out: "boiler\t1.0.0\theld\t1\t2\t4\t5\t120\tyes\n"},
		{args: "stream state boiler --json", route: "GET /streams/boiler", answer: state,
			out: `{"name":"boiler","version":"1.0.0","registered":false,"paused":true,"held":true,"requested":false,"providers":1,"subscribers":2,"groups":4,"firstSeq":3,"lastSeq":7,"bytes":120,"hasHeader":true,"durability":"","epoch":""}` + "\n"},
		{args: "stream delete boiler --yes", route: "DELETE /streams/boiler", answer: `{}`, notes: "boiler is deleted\n"},
		{args: "stream delete boiler --yes --json", route: "DELETE /streams/boiler", answer: `{}`, out: `{"stream":"boiler","state":"deleted"}` + "\n"},
		{args: "stream pause boiler", route: "POST /streams/boiler/pause", answer: `{}`, notes: "boiler is paused\n"},
		{args: "stream resume boiler --json", route: "POST /streams/boiler/resume", answer: `{}`, out: `{"stream":"boiler","state":"open"}` + "\n"},
		{args: "stream header boiler", route: "GET /streams/boiler/header", answer: "{\"payload\":{\"t\":\n1.50}}", out: `{"t":1.50}` + "\n"},
		{args: `stream header boiler {"t":1.50}`, route: "PUT /streams/boiler/header", answer: `{}`,
			request: ` {"payload":{"t":1.50}}`, notes: "the header of boiler is set\n"},
		{args: `stream header boiler - --json`, in: ` {"t":1.50}`, route: "PUT /streams/boiler/header", answer: `{}`,
			request: ` {"payload":{"t":1.50}}`, out: `{"stream":"boiler","header":"set"}` + "\n"},
		{args: "stream header boiler --clear", route: "DELETE /streams/boiler/header", answer: `{}`, notes: "the header of boiler is cleared\n"},

		{args: "clients list", route: "GET /clients?limit=100",
			answer: `{"clients":[{"id":"a","description":"x\ty","jwtPublicKey":"-----","createdAt":"2026-01-02T03:04:05.6Z","rights":{"publish":["a.*","b"],"fetch":["*"]}},{"id":"b","description":"","jwtPublicKey":null,"createdAt":"2026-01-02T03:04:05Z"}]}`,
			out:    "a\tx\\ty\tyes\t2026-01-02T03:04:05Z\tpublish a.*, b; fetch *\nb\t\t-\t2026-01-02T03:04:05Z\tall\n"},
		{args: "clients list --json", route: "GET /clients?limit=100",
			answer: `{"clients":[{"id":"b","description":"","jwtPublicKey":null,"createdAt":"2026-01-02T03:04:05Z"}]}`,
			out:    `{"id":"b","description":"","jwtPublicKey":null,"createdAt":"2026-01-02T03:04:05Z","rights":null}` + "\n"},
		{args: "clients create b --description cellar", route: "POST /client", answer: `{"givenId":"b","secret":"sea_x"}`,
			request: ` {"clientId":"b","description":"cellar"}`, out: "sea_x\n",
			notes: "client b is created; this is its secret, which is not shown again:\n"},
		{args: "clients create b --subscribe a.* --subscribe b --publish c", route: "POST /client", answer: `{"givenId":"b","secret":"sea_x"}`,
			request: ` {"clientId":"b","description":"","rights":{"publish":["c"],"subscribe":["a.*","b"]}}`, out: "sea_x\n",
			notes: "client b is created; this is its secret, which is not shown again:\n"},
		{args: "clients rights b --administer *", route: "PUT /client/b/rights", answer: `{}`,
			request: ` {"rights":{"administer":["*"]}}`, notes: "client b has these rights: administer *\n"},
		{args: "clients rights b --all --json", route: "PUT /client/b/rights", answer: `{}`,
			request: ` {"rights":null}`, out: `{"client":"b","rights":"all"}` + "\n"},
		{args: "clients rotate b --json", route: "PUT /client/b", answer: `{"givenId":"b","secret":"sea_x"}`,
			out: `{"clientId":"b","clientSecret":"sea_x"}` + "\n"},
		{args: "clients delete abc --yes --self", route: "DELETE /client/abc", answer: `{}`, notes: "client abc is deleted\n"},
		{args: "clients delete b --yes", route: "DELETE /client/b", answer: `{}`, notes: "client b is deleted\n"},
		{args: "clients key b " + key, route: "PUT /client/b/jwt-public-key", answer: `{}`,
			request: ` {"jwtPublicKey":"-----BEGIN\n"}`, notes: "the key of client b is set\n"},
		{args: "clients key b -", in: "-----", route: "PUT /client/b/jwt-public-key", answer: `{}`,
			request: ` {"jwtPublicKey":"-----"}`, notes: "the key of client b is set\n"},
		{args: "clients key b --clear --json", route: "PUT /client/b/jwt-public-key", answer: `{}`,
			request: ` {"jwtPublicKey":null}`, out: `{"client":"b","key":"cleared"}` + "\n"},

		{args: "jails list", route: "GET /jails?limit=100&quotas=true", answer: `{"jails":[{"id":"j","name":"J","createdAt":"2026-01-02T03:04:05Z",
			"quotas":{"used":{"disk":1610612736,"memory":4096},"limits":{"disk":10737418240,"memory":0},"set":{}}}]}`,
			out: "j\tJ\t2026-01-02T03:04:05Z\t1.5GiB/10GiB\t4KiB\tdisk 15%\n"},
		{args: "jails quota", route: "GET /quotas", answer: `{"used":{"disk":512,"streams":3},"limits":{"disk":1024,"streams":0,"retentionAge":3600},"set":{"disk":1024}}`,
			out: "disk\t512 B\t1KiB\tjail\nmemory\t-\t-\tdefault\nstreams\t3\t-\tdefault\ndefinitions\t-\t-\tdefault\nrecords\t-\t-\tdefault\ngroups\t-\t-\tdefault\n" +
				"clients\t-\t-\tdefault\nmessage-ids\t-\t-\tdefault\nmax-retention-age\t-\t1h0m0s\tdefault\nmax-retention-bytes\t-\t-\tdefault\nmax-message-bytes\t-\t-\tdefault\n"},
		{args: "jails create j b --name J", route: "POST /jails", answer: `{"newJailId":"j","newClientId":"b","newClientSecret":"sea_x"}`,
			request: ` {"newJailId":"j","newJailName":"J","newClientId":"b"}`, out: "sea_x\n",
			notes: "jail j and its client b are created; this is the client's secret, which is not shown again:\n"},
		{args: "jails create j b --json", route: "POST /jails", answer: `{"newJailId":"j","newClientId":"b","newClientSecret":"sea_x"}`,
			request: ` {"newJailId":"j","newJailName":"","newClientId":"b"}`,
			out:     `{"jailId":"j","clientId":"b","clientSecret":"sea_x"}` + "\n"},
		{args: "jails delete j --yes", route: "DELETE /jails/j", answer: `{}`, notes: "jail j is deleted\n"},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			routes := map[string]string{test.route: test.answer}
			requests := []string{test.route + test.request}
			if test.change != "" {
				plan := test.route + "?dryRun=true"
				routes[plan] = `{"change":"` + test.change + `"}`
				requests = append([]string{plan + test.request}, requests...)
			}
			f := newFake(t, routes)
			r := runWith(t.Context(), strings.NewReader(test.in), strings.Split(test.args, " ")...)
			r.want(t, test.out, test.notes, 0)
			f.wantRequests(requests...)
		})
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		args  string
		route string
		code  string // and message and errors
		notes string
		exit  int
	}{
		{`publish boiler {}`, "POST /streams/boiler/publish", "invalid_payload|does not match: see errors|a: x|b: y",
			"error: invalid_payload: does not match\n  a: x\n  b: y\nhint: `seagate describe boiler` shows the definition in force\n", 1},
		{`publish boiler {} --json`, "POST /streams/boiler/publish", "invalid_payload|does not match|a: x|b: y",
			`{"error":{"code":"invalid_payload","message":"does not match","errors":["a: x","b: y"],"hint":"` + "`seagate describe boiler` shows the definition in force" + `"}}` + "\n", 1},
		{`publish boiler {}`, "POST /streams/boiler/publish", "stream_paused|no",
			"error: stream_paused: no\nhint: `seagate stream resume boiler` lets messages through again\n", 1},
		{`describe boiler`, "GET /streams/boiler/schemas/current", "stream_not_found|no",
			"error: stream_not_found: no\nhint: `seagate streams` lists what there is; `seagate define boiler --version 1 --field NAME:TYPE` makes it\n", 1},
		{`describe boiler --version 7`, "GET /streams/boiler/schemas/7", "version_not_found|no",
			"error: version_not_found: no\nhint: `seagate describe boiler --all` lists the versions\n", 1},
		{`clients delete b --yes`, "DELETE /client/b", "client_not_found|no",
			"error: client_not_found: no\nhint: `seagate clients list` lists what there is\n", 1},
		{`group show boiler b ungrouped`, "GET /streams/boiler/groups/b/ungrouped", "group_not_found|no",
			"error: group_not_found: no\nhint: `seagate groups boiler` lists what there is\n", 1},
		{`jails delete j --yes`, "DELETE /jails/j", "jail_not_found|no",
			"error: jail_not_found: no\nhint: `seagate jails list` lists what there is\n", 1},
		{`stream pause boiler`, "POST /streams/boiler/pause", "forbidden|no\x1b[2J",
			"error: forbidden: no\\x1b[2J\nhint: Use credentials that have the right that the message names, or have it given with `seagate clients rights` or a claim of the token.\n", 1},
		{`streams`, "GET /streams?limit=100", "too_many_attempts|no",
			"error: too_many_attempts: no\nhint: Wait a minute and correct the credentials before trying again.\n", 3},
		{`streams`, "GET /streams?limit=100", "invalid_credentials|no",
			"error: invalid_credentials: no\nhint: Check the client id and its secret or token, and rotate the secret if it is lost.\n", 3},
	}
	for _, test := range tests {
		t.Run(test.args+" "+test.code, func(t *testing.T) {
			newFake(t, map[string]string{test.route: test.code})
			run(t, strings.Split(test.args, " ")...).want(t, "", test.notes, test.exit)
		})
	}
}

func TestUsage(t *testing.T) {
	tests := []struct {
		args string
		want string // in the error
	}{
		{"define", "STREAM is missing; the usage is: seagate define STREAM [FILE | -]"},
		{"define boiler", "give the definition in a file"},
		{"define boiler --version 1", "give the definition in a file"},
		{"define boiler --field a:float", "--version"},
		{"define boiler x.json --version 1", "not both"},
		{"define boiler --version 1 --field a --field b:enum --field c:float=1 --field d:object --field :float", `--field "a": `},
		{"define boiler --version 1 --field a --field b:enum", `--field "b:enum": give the values of an enum, such as b:enum=C,F`},
		{"define boiler --version 1 --field c:float=1", "only an enum has values"},
		{"define boiler --version 1 --field d:array<object>", "needs a definition in a file"},
		{"define boiler --nope", "there is no flag --nope; see seagate define --help"},
		{"describe boiler --version 1 --all", "not --all and another"},
		{"describe boiler --since 1 --all", "not --all and another"},
		{"publish", "STREAM is missing; the usage is: seagate publish STREAM [MESSAGE | FILE | -]"},
		{"publish boiler {a:1}", "the message is not JSON"},
		{`publish boiler {"a":1,"a":2}`, "the message is not JSON"},
		{"publish boiler 1 2", `there is an argument too many: "2"; the usage is: `},
		{"publish boiler nosuch.ndjson", "the message is not JSON, and there is no file of that name"},
		{"fetch pricing quote nosuch.json", "the body is not JSON, and there is no file of that name"},
		{"subscribe boiler --sync --priority a=x", `--priority "a=x": it must be a name and a whole number, such as boiler=1`},
		{"subscribe boiler --sync --priority a", `--priority "a": it must be a name and a whole number`},
		{"subscribe boiler --form earliest", "there is no flag --form; did you mean --from?"},
		{"subscribe boiler --cuont 3", "there is no flag --cuont; did you mean --count?"},
		{"subscribe boiler --from", "--from needs a value"},
		{"subscribe boiler -x", "there is no flag -x; see seagate subscribe --help"},
		{"subscribe boiler --from -0", `--from "-0"`},
		{"subscribe boiler --from -1h", "or an age such as 1h"},
		{"subscribe boiler --count 99999999999999999999", "it must be a whole number"},
		{"subscribe", "STREAM is missing"},
		{"subscribe boiler --count -1", "must be at least 1"},
		{"subscribe boiler --count 0", "must be at least 1"},
		{"subscribe boiler --explicit", "give --group"},
		{"subscribe boiler --credit 5", "give --group"},
		{"subscribe boiler --credit 0", "--credit must be from 1 to 1024"},
		{"subscribe boiler --credit 1025", "--credit must be from 1 to 1024"},
		{"subscribe boiler --from 0", `--from "0": it must be "latest"`},
		{"subscribe boiler --from yesterday", `an RFC 3339 time`},
		{"messages", "STREAM is missing"},
		{"messages boiler --limit 0", "--limit must be from 1 to 1000"},
		{"messages boiler --limit 1001", "--limit must be from 1 to 1000"},
		{"messages boiler --from -x", `--from "-x"`},
		{"publish boiler {} --message-id \x01", "--message-id: "},
		{"publish boiler {} --message-id " + strings.Repeat("x", 256), "at most 255 bytes"},
		{"publish boiler --message-id a", "several lines cannot have the same id"},
		{"publish boiler - --message-id a", "several lines cannot have the same id"},
		{"publish boiler - --header 1", "several lines cannot have the same header"},
		{"publish boiler {} --header {", "--header"},
		{"publish boiler {} --header 1 --message-id a", "do not go together"},
		{"stream settings boiler --durability tape", `--durability "tape": give disk, memory or default`},
		{"stream settings boiler --retention-age 7y", `--retention-age "7y": give whole seconds`},
		{"define boiler /nowhere.json", "/nowhere.json: there is no such file"},
		{"define boiler /tmp", "/tmp: it is a folder"},
		{"publish boiler /tmp", "the message is not JSON, and what has that name is a folder"},
		{"describe ", "STREAM is empty; the usage is: seagate describe STREAM [flags]"},
		{"streams --server ", "--server is empty: give it a value, or leave it out"},
		{"streams --server http://127.0.0.1:99999", "--server has the port 99999: give 1 to 65535"},
		{"streams --connect-timeout -1s", "--connect-timeout must not be negative"},
		{"stream settings boiler --retention-age 1500ms", "give whole seconds"},
		{"stream settings boiler --retention-age -1s", "give whole seconds"},
		{"stream settings boiler --retention-bytes 1MB", `--retention-bytes "1MB": give a number of bytes`},
		{"stream settings boiler --retention-messages 1.5", `--retention-messages "1.5": give a number of messages`},
		{"stream settings boiler --durability x --retention-age y --retention-messages z", "--retention-messages"},
		{"stream delete boiler", "give --yes"},
		{"clients delete b", "give --yes"},
		{"clients delete abc --yes", "client abc is the one that this command uses: give --self too"},
		{"jails delete j", "give --yes"},
		{"groups", "STREAM is missing"},
		{"group show boiler sensors", "GROUP is missing"},
		{"group show boiler sensors x", `"x" is not a group`},
		{"group show boiler sensors new", `"new" is not a group`},
		{"group delete boiler sensors ungrouped", "give --yes"},
		{"group move boiler sensors ungrouped", "with --to"},
		{"group move boiler sensors ungrouped --to 0", `--to "0"`},
		{"group pove boiler", "did you mean seagate group move?"},
		{"backup", "FILE is missing"},
		{"subscribe boiler --count x", `--count "x": it must be a whole number`},
		{"subscribe boiler --group x", "give a UUID such as"},
		{"subscribe boiler --group {0a0e0000-0000-4000-8000-000000000001}", "give a UUID such as"},
		{"streams boiler", `there is an argument too many: "boiler"`},
		{"stream bause boiler", `there is no command "bause": did you mean seagate stream pause?`},
		{"stream bause boiler --nope", `there is no command "bause": did you mean seagate stream pause?`},
		{"stream xyzzy", `there is no command "xyzzy": see seagate stream --help`},
		{"stream --nope", "there is no flag --nope"},
		{"stream header boiler {} --clear", "not both"},
		{"stream header boiler {", "the header is not JSON"},
		{"clients key b", "or --clear"},
		{"clients key b x.pem --clear", "or --clear"},
		{"jails create j", "CLIENT is missing"},
		{"streams --server ftp://example.com", "must begin with http"},
		{"streams --server 127.0.0.1:3104", "--server must begin with http:// or https://"},
		{"streams --client a:b", "client id"},
		{"streams --secret-file /nowhere", "no such file"},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			f := newFake(t, nil)
			r := run(t, strings.Split(test.args, " ")...)
			if r.code != 2 || r.out != "" || !strings.Contains(r.notes, test.want) {
				t.Errorf("exit status %d, output %q, errors %q; want 2, none, %q", r.code, r.out, r.notes, test.want)
			}
			f.wantRequests()
		})
	}
}

func TestEveryWrongFieldIsNamed(t *testing.T) {
	newFake(t, nil)
	r := run(t, "define", "boiler", "--version", "1", "--field", "a", "--field", "ok:float", "--field", "b:enum")
	for _, want := range []string{`--field "a"`, `--field "b:enum"`} {
		if !strings.Contains(r.notes, want) {
			t.Errorf("the errors %q lack %s", r.notes, want)
		}
	}
}

func TestCommandGroupsPrintHelp(t *testing.T) {
	for _, group := range []string{"stream", "group", "clients", "jails"} {
		if r := run(t, group); r.code != 0 || !strings.Contains(r.out+r.notes, "seagate "+group+" [command]") {
			t.Errorf("%s: %+v", group, r)
		}
	}
}

func TestBadFiles(t *testing.T) {
	newFake(t, nil)
	big := write(t, "big.pem", strings.Repeat("x", 64<<10+1))
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"define", "boiler", write(t, "x.json", "{")}, "x.json is not JSON"},
		{[]string{"define", "boiler", "-"}, "standard input is not JSON"},
		{[]string{"stream", "header", "boiler", "-"}, "standard input is not JSON"},
		{[]string{"clients", "key", "b", big}, "has more than 65536 bytes"},
	}
	for _, test := range tests {
		if r := run(t, test.args...); r.code != 1 || !strings.Contains(r.notes, test.want) {
			t.Errorf("%q: exit status %d, errors %q; want 1, %q", test.args, r.code, r.notes, test.want)
		}
	}
}

func TestServersThatAreNotGateways(t *testing.T) {
	newFake(t, map[string]string{"GET /streams/boiler/schemas/current": `<html>`, "GET /streams/port/schemas/current": `{"fields":7}`})
	for _, stream := range []string{"boiler", "port"} {
		r := run(t, "describe", stream)
		if r.code != 3 || !strings.Contains(r.notes, "is not a gateway\nhint: look at the address") {
			t.Errorf("%s: exit status %d, errors %q; want 3 and a hint", stream, r.code, r.notes)
		}
	}
}

func TestAListThatEndsWithAnError(t *testing.T) {
	newFake(t, map[string]string{
		"GET /streams?limit=100":         `{"streams":[{"name":"a","version":1,"firstSeq":1}],"next":"a"}`,
		"GET /streams?after=a&limit=100": "internal|no",
	})
	r := run(t, "streams")
	if r.code != 1 || r.out != "a\t1\topen\t0\t0\t0\t0\t0\t-\n" {
		t.Errorf("exit status %d, output %q; want 1 and what there was", r.code, r.out)
	}
}

func TestCompletion(t *testing.T) {
	newFake(t, map[string]string{"GET /streams?limit=100": `{"streams":[{"name":"boiler","version":"1.0.0"},{"name":"port","version":2}]}`})
	if r := run(t, "__complete", "describe", ""); !strings.HasPrefix(r.out, "boiler\tversion 1.0.0\nport\tversion 2\n:4\n") {
		t.Errorf("completion is %q", r.out)
	}
	t.Setenv("SEAGATE_URL", "http://127.0.0.1:1")
	if r := run(t, "__complete", "stream", "pause", ""); !strings.HasPrefix(r.out, ":4\n") {
		t.Errorf("completion without a gateway is %q", r.out)
	}
}

func FuzzDefineFlags(f *testing.F) {
	f.Add("1", "a:float")
	f.Add("1.0.0", "a:enum=x,y")
	f.Add("99999999999999999999", "\"\\:array<string>")
	f.Add("-0", "\xff:\x00")
	// Whatever the flags are, they give a usage error or JSON.
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !jsontext.Value(body).IsValid() {
			f.Errorf("the definition is %q", body)
		}
		io.WriteString(w, `{"change":"created"}`)
	}))
	f.Cleanup(server.Close)
	f.Setenv("SEAGATE_URL", server.URL)
	f.Setenv("SEAGATE_CLIENT_ID", "abc")
	f.Setenv("SEAGATE_CLIENT_SECRET", "def123")
	f.Fuzz(func(t *testing.T, version, field string) {
		r := run(t, "define", "boiler", "--dry-run", "--version="+version, "--field="+field)
		if r.code != cli.ExitOK && r.code != cli.ExitUsage {
			t.Errorf("version %q, field %q: exit status %d, %s", version, field, r.code, r.notes)
		}
	})
}
