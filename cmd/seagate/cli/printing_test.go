package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"seagate/protocol"
)

func contextWithCancel(t *testing.T) (context.Context, func()) {
	return context.WithCancel(t.Context())
}

// page is the messages that the tests of printing read.
const page = `{"messages":[{"seq":1,"time":"2026-11-21T10:00:00Z","payload":{"unit":"C", "n":1500000,"deep":{"a":1}}},
	{"seq":2,"time":"2026-11-21T10:00:01Z","payload":{"unit":"F","n":2.5}}],"next":null,"nextSeq":3,"epoch":"e"}`

// TestPrinting filters messages and prints them in the ways that the flags ask for.
func TestPrinting(t *testing.T) {
	for _, test := range []struct {
		args []string
		out  string
	}{
		{[]string{"--where", "unit=C", "--format", "{{.n}}"}, "<no value>\n"},
		{[]string{"--where", "unit=C", "--format", `{{.stream}}\t{{.seq}}\t{{.payload.n}}`}, "boiler\t1\t1500000\n"},
		{[]string{"--format", `{{if gt .payload.n 3.0}}{{json .payload}}{{else}}{{json .payload.n}}{{end}}`}, `{"deep":{"a":1},"n":1500000,"unit":"C"}` + "\n2.5\n"},
		{[]string{"--where", "$.unit!=C", "--format", "{{.seq}} {{.time}} {{.epoch}}"}, "2 2026-11-21T10:00:01Z e\n"},
		{[]string{"--where", "n=2.5", "--where", `unit="F"`, "--format", "{{.seq}}"}, "2\n"},
		{[]string{"--where", `{"t":"not","e":{"t":"eq","e":[{"t":"path","e":"$.deep.a"},{"t":"number","e":2}]}}`, "--format", "{{.seq}}"}, "1\n"},
		{[]string{"--where", "nosuch=1"}, ""},
		{[]string{"--where", "unit=C", "--raw"}, `{"unit":"C", "n":1500000,"deep":{"a":1}}` + "\n"},
	} {
		f := newFake(t, map[string]string{"GET /streams/boiler/messages?from=earliest&limit=100": page})
		if r := run(t, append([]string{"messages", "boiler"}, test.args...)...); r.code != 0 || r.out != test.out {
			t.Errorf("%q: %+v, want %q", test.args, r, test.out)
		}
		if asked := strings.Contains(strings.Join(f.requests, " "), "filter="); asked != slices.Contains(test.args, "--where") {
			t.Errorf("%q: the gateway is asked for %q", test.args, f.requests)
		}
	}
}

// TestPrintingRefused says what is wrong in plain words, without asking the gateway.
func TestPrintingRefused(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--where", "unit"}, "give PATH=VALUE, PATH!=VALUE, or a filter as JSON"},
		{[]string{"--where", `{"t":"eq"}`}, "is not a filter:\n  at the root: "},
		{[]string{"--where", "a[*]=1"}, "is not a filter:\n  at "},
		{[]string{"--format", "{{.n"}, `error: --format: unclosed action`},
		{[]string{"--format", "{{nosuch .n}}"}, `error: --format: function "nosuch" not defined`},
		{[]string{"--format", ""}, "--format is empty"},
		{[]string{"--format", "{{.n}}", "--json"}, "leave out --meta and --json"},
		{[]string{"--raw", "--meta"}, "leave out --meta, --json and --format"},
	} {
		f := newFake(t, nil)
		r := run(t, append([]string{"messages", "boiler"}, test.args...)...)
		if r.code != 2 || !strings.Contains(r.notes, test.want) || strings.Contains(r.notes, "template:") {
			t.Errorf("%q: %+v, want %q", test.args, r, test.want)
		}
		f.wantRequests()
	}
	newFake(t, map[string]string{"GET /streams/boiler/messages?from=earliest&limit=100": page})
	r := run(t, "messages", "boiler", "--format", "{{.payload.unit.x}}")
	if want := "error: --format does not fit message 1 of boiler: it has nothing for .payload.unit.x\n"; r.code != 2 || r.notes != want {
		t.Errorf("%+v, want %q", r, want)
	}
}

// TestWhereToBegin: the flags that say it exclude each other.
func TestWhereToBegin(t *testing.T) {
	for args, want := range map[string]string{
		"boiler --last 3 --since 1h":     "give one of --from, --since and --last",
		"boiler --since 17":              "--since \"17\": give an age such as 1h, or a time",
		"boiler --since latest":          "--since \"latest\": give an age",
		"boiler --last 0":                "--last must be at least 1",
		"a b --sync --last 3":            "--sync needs the same beginning",
		"a* --sync":                      "--sync is for streams that are named",
		"a*b*":                           "a pattern has one *",
		"a b --group new":                "--group is for a single stream",
		"boiler --group new --where n=1": "leave out one of --where and --group",
		"boiler --cuont 1":               "did you mean --count?",
		"boiler --where n=1 --wait 3s":   "--wait is for several streams",
	} {
		f := newFake(t, nil)
		if r := run(t, append([]string{"subscribe"}, strings.Fields(args)...)...); r.code != 2 || !strings.Contains(r.notes, want) {
			t.Errorf("%s: %+v, want %q", args, r, want)
		}
		f.wantRequests()
	}
}

// TestErrorCodes explains each code, and suggests one for a misspelt one.
func TestErrorCodes(t *testing.T) {
	for _, info := range protocol.Codes() {
		r := run(t, "errors", string(info.Code))
		if r.code != 0 || !strings.HasPrefix(r.out, string(info.Code)+": "+info.Title+"\n") || !strings.Contains(r.out, "what to do  ") {
			t.Errorf("%s: %+v", info.Code, r)
		}
		for line := range strings.Lines(r.out) {
			if len(line) > 81 {
				t.Errorf("%s: a line has %d characters: %s", info.Code, len(line)-1, line)
			}
		}
	}
	run(t, "errors", "STREAM-NOT-FOUND:").want(t, run(t, "errors", "stream_not_found").out, "", 0)
	run(t, "errors", "steam_not_found").want(t, "", "error: there is no error code \"steam_not_found\"; did you mean \"stream_not_found\"?\n", 2)
	run(t, "errors", "xyz").want(t, "", "error: there is no error code \"xyz\"; `seagate errors` lists them\n", 2)
	if n := strings.Count(run(t, "errors").out, "\n"); n != len(protocol.Codes()) {
		t.Errorf("it lists %d codes", n)
	}
}

// TestCompletionOfNames asks the gateway for what an argument can be.
func TestCompletionOfNames(t *testing.T) {
	const service = `{"name":"shop","procedures":["quote","reload"],"servers":[]}`
	newFake(t, map[string]string{
		"GET /streams?limit=100":               `{"streams":[{"name":"boiler","version":1},{"name":"pump","version":2}],"next":null}`,
		"GET /streams/boiler/groups?limit=100": `{"groups":[` + oneGroup + `],"next":null}`,
		"GET /clients?limit=100":               twoClients,
		"GET /jails?limit=100":                 `{"jails":[{"id":"acme","name":"A","createdAt":"2026-01-02T03:04:05Z"}],"next":null}`,
		"GET /services?limit=100":              `{"services":[` + service + `],"next":null}`,
		"GET /services/shop":                   service,
		"GET /streams/boiler/schemas":          `{"schemas":[{"version":1,"fields":[]},{"version":"1.10","fields":[]}]}`,
	})
	for args, want := range map[string]string{
		"describe":                  "boiler\tversion 1\npump\tversion 2\n:4\n",
		"subscribe pump":            "boiler\tversion 1\n:4\n",
		"group show":                "boiler\tversion 1\npump\tversion 2\n:4\n",
		"group show boiler":         "sensors\n:4\n",
		"group move boiler sensors": groupID + "\tlag ",
		"clients rotate":            "a\tthe boiler room\nsensors\t",
		"jails delete":              "acme\tA\n:4\n",
		"fetch":                     "shop\t2 procedures\n:4\n",
		"fetch shop":                "quote\nreload\n:4\n",
		"service show":              "shop\t2 procedures\n:4\n",
		"errors":                    "malformed_json\t",
		"describe boiler --since":   "1\n1.10\n:4\n",
		"describe boiler --version": "1\n1.10\n:4\n",
		"streams":                   ":4\n",
	} {
		r := run(t, append(append([]string{"__complete"}, strings.Fields(args)...), "")...)
		if !strings.HasPrefix(r.out, want) {
			t.Errorf("%s: %q, want %q", args, r.out, want)
		}
	}
	contextFolder(t)
	addContext(t, "plant", "http://127.0.0.1:1", "sensors", "plant-secret")
	for _, args := range [][]string{{"context", "use", ""}, {"streams", "--context", ""}} {
		if r := run(t, append([]string{"__complete"}, args...)...); !strings.HasPrefix(r.out, "plant\thttp://127.0.0.1:1 as sensors\n") {
			t.Errorf("%q: %q", args, r.out)
		}
	}
}

// TestManual has a page for each command, with all of its flags, in which no line of text is
// taken for a request.
func TestManual(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	if r := run(t, "man", "--dir", dir); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	pages, err := filepath.Glob(dir + "/*.1")
	if err != nil || len(pages) < 40 {
		t.Fatalf("there are %d pages, %v", len(pages), err)
	}
	requests := []string{".TH ", ".SH ", ".TP", ".PP", ".B ", ".BR ", ".nf", ".fi"}
	for _, path := range pages {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range []string{".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n", ".SH OPTIONS\n", ".SH EXIT STATUS\n"} {
			if !strings.Contains(string(text), section) && !strings.HasSuffix(path, "/seagate.1") {
				t.Errorf("%s has no %q", path, section)
			}
		}
		for line := range strings.Lines(string(text)) {
			known := false
			for _, request := range requests {
				known = known || strings.HasPrefix(line, request)
			}
			if !known && (line[0] == '.' || line[0] == '\'') {
				t.Errorf("%s: %q is taken for a request", path, line)
			}
		}
	}
	page := run(t, "man", "subscribe").out
	for _, want := range []string{`seagate\-subscribe \- Print the messages`, `\fB\-\-where\fR \fIFILTER\fR`, `.BR seagate (1)`, `{{.time}}\et{{.payload.temperature}}`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}
