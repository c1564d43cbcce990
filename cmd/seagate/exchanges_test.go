package main_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"seagate/protocol"
)

// exchangeFiles returns all exchanges, including those of the clients.
func exchangeFiles(t testing.TB) []string {
	t.Helper()
	own, err := filepath.Glob("../../testdata/exchanges/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	clients, err := filepath.Glob("../../testdata/clients/*/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(own) == 0 || len(clients) == 0 {
		t.Fatal("there are no exchanges")
	}
	return append(own, clients...)
}

func exchangeName(file string) string {
	folder := filepath.Base(filepath.Dir(file))
	return folder + "/" + strings.TrimSuffix(filepath.Base(file), ".txt")
}

func TestExchanges(t *testing.T) {
	t.Parallel()
	t.Cleanup(func() { checkDescribedMessages(t) })
	for _, file := range exchangeFiles(t) {
		t.Run(exchangeName(file), func(t *testing.T) {
			t.Parallel()
			x, err := readExchange(file)
			if err != nil {
				t.Fatal(err)
			}
			x.replay(t)
		})
	}
}

// An expectation is what an exchange expects of an answer.
type expectation struct {
	where  string
	method string // of HTTP; "" for the WebSocket and the log
	path   string
	status string
	text   string // of the body, of the message, or "close CODE REASON"
}

// expectations returns the expectations in files.
func expectations(t testing.TB, files []string) (all []expectation) {
	t.Helper()
	for _, file := range files {
		x, err := readExchange(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range x.steps {
			if s.verb == "http" && len(s.answer) == 0 { // the answer is a step of its own
				continue
			}
			all = append(all, s.expectation(exchangeName(file)))
		}
	}
	return all
}

func (s *step) expectation(where string) expectation {
	e := expectation{where: where, text: s.args}
	switch {
	case strings.HasSuffix(s.verb, "close"):
		e.text = "close " + s.args
	case s.verb == "raw":
		e.method, e.path, _ = strings.Cut(s.sent[0], " ")
	case s.verb == "http" || s.verb == "answered":
		words := strings.SplitN(s.args, " ", 4)
		e.method, e.path = words[1], words[2]
	}
	e.path, _, _ = strings.Cut(e.path, " ")
	if len(s.answer) > 0 {
		e.status, e.text, _ = strings.Cut(s.answer[0], " ")
	}
	return e
}

// shownElsewhere has the codes that no exchange can show, with the reason.
var shownElsewhere = map[protocol.Code]string{
	protocol.CodeInternal:           "the gateway itself would have to fail",
	protocol.CodeStorageUnavailable: "the disk would have to fail",
	protocol.CodeTooManyJails:       "there would have to be 10,000 jails",
	protocol.CodeTooManyKeys:        "takes 257 jails: TestTooManyKeys",
	protocol.CodeShuttingDown:       "a request would have to come in the moment before the listener is closed",
}

// TestEveryCodeIsShown: an exchange shows each code with the HTTP status and
// the close code that go with it.
func TestEveryCodeIsShown(t *testing.T) {
	shown := map[string]bool{}
	for _, e := range expectations(t, exchangeFiles(t)) {
		if kind, code, isClose := cutClose(e.text); isClose {
			shown[kind+" "+code] = true
		}
		for _, m := range codeMember.FindAllStringSubmatch(e.text, -1) {
			shown[m[1]] = true
			shown[e.status+" "+m[1]] = true
		}
	}
	for _, info := range protocol.Codes() {
		code := string(info.Code)
		if reason, exempt := shownElsewhere[info.Code]; exempt {
			if shown[code] {
				t.Errorf("%s is shown by an exchange, although %s", code, reason)
			}
			continue
		}
		inHTTP, inClose := fmt.Sprintf("%d %s", info.Status, code), fmt.Sprintf("%d %s", info.Close, code)
		if info.Status != 0 && !shown[inHTTP] && !webSocketOnly[info.Code] {
			t.Errorf("no exchange shows the HTTP answer %s", inHTTP)
		}
		if info.Close != 0 && !shown[inClose] {
			t.Errorf("no exchange shows the close frame %s", inClose)
		}
		if !shown[code] && !shown[inClose] {
			t.Errorf("no exchange shows %s", code)
		}
	}
}

// webSocketOnly has the codes that have an HTTP status although no call is refused
// with them.
var webSocketOnly = map[protocol.Code]bool{
	protocol.CodeSubscriptionNotFound: true,
	protocol.CodeTooManySubscriptions: true,
	protocol.CodeTooManyGroups:        true,
	protocol.CodeProvideNotFound:      true,
	protocol.CodeTooManyProvided:      true,
	protocol.CodeNotExplicit:          true,
	protocol.CodeServiceTaken:         true,
	protocol.CodeTooManyServices:      true,
	protocol.CodeCallNotFound:         true,
}

var codeMember = regexp.MustCompile(`"code":"([a-z0-9_]+)"`)

func cutClose(text string) (kind, code string, isClose bool) {
	rest, isClose := strings.CutPrefix(text, "close ")
	kind, code, _ = strings.Cut(rest, " ")
	return kind, code, isClose
}

// TestEveryMessageIsShown: an exchange shows each answer that a message can
// have.
func TestEveryMessageIsShown(t *testing.T) {
	all := expectations(t, exchangeFiles(t))
	for _, want := range []string{
		`"action":"authenticate","success":true`, `"action":"authenticate","success":false`,
		`"action":"subscription","success":true`, `"action":"subscribe","success":false`,
		`"action":"subscription","streamName":`,
		`"action":"unsubscribe","success":true`, `"action":"unsubscribe","success":false`,
		`"header":true,"epoch":`, `"redelivered":`, `"seq":`,
		`"action":"ack","success":true`, `"action":"ack","success":false`,
		`"action":"nack","success":true`, `"action":"nack","success":false`,
		`"action":"publish","success":true`, `"action":"publish","success":false`,
		`"action":"define","success":true`, `"action":"define","success":false`,
		`"action":"describe","success":true`, `"action":"describe","success":false`,
		`"action":"provide","success":true`, `"action":"provide","success":false`, `"action":"provide","streamName":`,
		`"action":"pause","success":true`, `"action":"pause","success":false`, `"state":{`,
		`"success":false,"streamName":`,
		`"action":"serve","success":true`, `"action":"serve","success":false`, `"action":"serve","call":`, `"action":"serve","signal":true`,
		`"cancelled":"timeout"`, `"cancelled":"caller_gone"`, `"cancelled":"cancelled"`,
		`"action":"answer","success":true`, `"action":"answer","success":false`,
		`"action":"fetch","success":true`, `"action":"fetch","success":false`, `"action":"fetch","result":`, `"action":"fetch","error":`,
		`{"action":"listen","id":`, `{"action":"put","id":`, `{"action":"put","stream":`, `"header":true}`,
		`{"action":"header","id":`, `{"action":"delete","id":`, `{"action":"hangup",`, `{"action":"close",`,
		`{"action":"authenticate","id":`, `{"action":"error",`,
		`"action":"signal","success":true,"reached":`, `"action":"signal","success":false`,
	} {
		if !slices.ContainsFunc(all, func(e expectation) bool { return strings.Contains(e.text, want) }) {
			t.Errorf("no exchange has an answer with %s", want)
		}
	}
}

// TestEveryCallIsShown: an exchange shows each call of the API with a success
// and with a refusal.
func TestEveryCallIsShown(t *testing.T) {
	all := expectations(t, exchangeFiles(t))
	for _, call := range []string{
		"GET /streams", "GET /streams/{}", "DELETE /streams/{}",
		"POST /streams/{}/publish", "POST /streams/{}/define", "GET /streams/{}/schema",
		"GET /streams/{}/schemas", "GET /streams/{}/schemas/{}", "POST /schema-versions-vector",
		"GET /streams/{}/header", "PUT /streams/{}/header",
		"POST /streams/{}/pause", "POST /streams/{}/resume",
		"GET /streams/{}/messages", "GET /streams/{}/messages/{}/explain", "POST /streams/{}/messages/{}/explain", "POST /streams/{}/explain", "GET /streams/{}/settings", "PUT /streams/{}/settings",
		"GET /streams/{}/groups", "GET /streams/{}/groups/{}/{}", "DELETE /streams/{}/groups/{}/{}", "POST /streams/{}/groups/{}/{}/move",
		"POST /client", "GET /clients", "DELETE /client/{}", "PUT /client/{}", "PUT /client/{}/jwt-public-key",
		"POST /jails", "GET /jails", "DELETE /jails/{}", "PUT /jails/{}/quotas",
		"GET /services", "GET /services/{}", "POST /services/{}/{}",
	} {
		method, path, _ := strings.Cut(call, " ")
		pattern := regexp.MustCompile(`^/api/v1` + strings.ReplaceAll(path, "{}", `[^/?]+`) + `(\?.*)?$`)
		statuses := map[bool]bool{}
		for _, e := range all {
			if e.method == method && pattern.MatchString(e.path) {
				statuses[e.status == "200"] = true
			}
		}
		if !statuses[true] || !statuses[false] {
			t.Errorf("%s: a success is shown: %v, a refusal is shown: %v", call, statuses[true], statuses[false])
		}
	}
}

// repeatsErrors reports whether the message of a refusal has one of its errors too.
func repeatsErrors(answer string) bool {
	var refusal struct {
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
		Error   struct {
			Message string   `json:"message"`
			Errors  []string `json:"errors"`
		} `json:"error"`
	}
	if json.Unmarshal([]byte(answer), &refusal) != nil {
		return false // it has placeholders
	}
	repeated := func(message string) func(string) bool {
		return func(problem string) bool { return strings.Contains(message, problem) }
	}
	return slices.ContainsFunc(refusal.Errors, repeated(refusal.Message)) ||
		slices.ContainsFunc(refusal.Error.Errors, repeated(refusal.Error.Message))
}

// TestAnswersSuitTheClients compares the answers in the exchanges with what each client
// understands.
func TestAnswersSuitTheClients(t *testing.T) {
	schemaKeys := regexp.MustCompile(`^\{"name":"[^"]*","version":("[0-9.]+"|[0-9.]+),"fields":\[.*\]\}$`)
	for _, e := range expectations(t, exchangeFiles(t)) {
		client, _, _ := strings.Cut(e.where, "/")
		problem := ""
		switch {
		case client == "python" && strings.Contains(e.text, `"action":"subscribe","success":true`):
			problem = "Python takes a subscribe for refused unless the answer's action is subscription"
		case client == "python" && strings.HasSuffix(e.path, "/schema") && e.status == "200" && !schemaKeys.MatchString(e.text):
			problem = "Python's constructor takes name, version and fields alone"
		case client == "php" && e.status != "200" && e.status != "" && !strings.Contains(e.text, `"message":"`):
			problem = "PHP shows the message of what is not 200"
		case client == "php" && strings.Contains(e.text, "does not match") && !strings.Contains(e.text, `"errors":["`):
			problem = "PHP shows the errors of a validation"
		case repeatsErrors(e.text):
			problem = "PHP shows the message and then each of the errors"
		case client != "exchanges" && e.status[:min(1, len(e.status))] == "2" && e.status != "200" && e.method != "OPTIONS":
			problem = "every success is exactly 200"
		case client != "exchanges" && strings.Contains(e.text, `"action":"subscription","success":false`):
			problem = "clients wait for ever after a refusal that calls itself subscription"
		}
		if problem != "" {
			t.Errorf("%s: %s %s: %s: %s", e.where, e.method, e.path, problem, e.text)
		}
	}
}
