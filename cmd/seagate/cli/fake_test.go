package cli_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"
	"nhooyr.io/websocket"

	"seagate/cmd/seagate/cli"
	"seagate/protocol"
)

//lint:file-ignore SA1019 the library has moved, and is frozen but complete

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A result is the output and the exit status of a command.
type result struct {
	out, notes string
	code       int
}

// run runs a command line, as main does.
func run(t *testing.T, args ...string) result {
	t.Helper()
	return runWith(t.Context(), strings.NewReader(""), args...)
}

func runWith(ctx context.Context, in io.Reader, args ...string) result {
	var out, notes bytes.Buffer
	code := execute(ctx, in, &out, &notes, args...)
	return result{out.String(), withoutGateway.ReplaceAllString(notes.String(), ""), code}
}

// withoutGateway leaves out which gateway an error is from, since each test has another
// one: TestErrorsNameTheGateway looks at it.
var withoutGateway = regexp.MustCompile(`(?m)^gateway: .*\n|,"gateway":\{[^}]*\}`)

func execute(ctx context.Context, in io.Reader, out, notes io.Writer, args ...string) int {
	root := &cobra.Command{Use: "seagate", Version: "1.2.3"}
	root.AddCommand(append(cli.Commands(), cli.VersionCommand(), cli.ManCommand())...)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(notes)
	return cli.Report(notes, root.ExecuteContext(ctx))
}

// want checks all of a result.
func (r result) want(t *testing.T, out, notes string, code int) {
	t.Helper()
	if r.out != out {
		t.Errorf("standard output is\n%s\nwant\n%s", r.out, out)
	}
	if r.notes != notes {
		t.Errorf("standard error is\n%s\nwant\n%s", r.notes, notes)
	}
	if r.code != code {
		t.Errorf("exit status %d, want %d", r.code, code)
	}
}

// A fake is a gateway that gives prepared answers.
type fake struct {
	stop    func() // nothing listens from then on
	t       *testing.T
	routes  map[string]string // method and path with query, below /api/v1, to the body of the answer
	script  func(*peer)       // of each WebSocket
	scripts sync.WaitGroup

	mu       sync.Mutex
	requests []string // method, path and body
}

// newFake starts a fake and makes it the gateway of the commands. An answer that
// begins with a code and "|" is a refusal.
func newFake(t *testing.T, routes map[string]string) *fake {
	f := &fake{t: t, routes: routes}
	server := httptest.NewServer(f)
	f.stop = server.Close
	t.Cleanup(func() { f.stop(); f.scripts.Wait() })
	t.Setenv("SEAGATE_URL", server.URL)
	t.Setenv("SEAGATE_CLIENT_ID", "abc")
	t.Setenv("SEAGATE_CLIENT_SECRET", "def123")
	t.Setenv("SEAGATE_DATA_DIR", t.TempDir())
	return f
}

// aFilter is what a gateway of an earlier release ignores, so that it sends all messages.
var aFilter = regexp.MustCompile(`([?&])filter=[^&]*&?`)

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		f.serveSocket(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	path := strings.TrimPrefix(r.RequestURI, "/api/v1")
	request := strings.TrimSpace(r.Method + " " + path + " " + string(body))
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		request += " under " + key
	}
	f.mu.Lock()
	f.requests = append(f.requests, request)
	f.mu.Unlock()
	if id, secret, _ := r.BasicAuth(); id != "abc" || secret != "def123" {
		refuse(w, protocol.Errorf(protocol.CodeInvalidCredentials, "no"))
		return
	}
	answer, ok := f.routes[r.Method+" "+path]
	if !ok {
		answer, ok = f.routes[r.Method+" "+aFilter.ReplaceAllString(path, "$1")]
	}
	if !ok {
		f.t.Errorf("no answer is prepared for %s %s", r.Method, path)
	}
	if code, rest, refused := strings.Cut(answer, "|"); refused {
		problems := strings.Split(rest, "|")
		refuse(w, &protocol.Error{Code: protocol.Code(code), Message: problems[0], Errors: problems[1:]})
		return
	}
	io.WriteString(w, answer)
}

func refuse(w http.ResponseWriter, e *protocol.Error) {
	problem := protocol.NewProblem(e)
	w.WriteHeader(problem.Status)
	w.Write(protocol.AppendProblem(nil, problem))
}

// wantRequests checks the requests so far.
func (f *fake) wantRequests(want ...string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if got := strings.Join(f.requests, "\n"); got != strings.Join(want, "\n") {
		f.t.Errorf("the requests are\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func (f *fake) serveSocket(w http.ResponseWriter, r *http.Request) {
	f.scripts.Add(1)
	defer f.scripts.Done()
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		f.t.Error("handshake:", err)
		return
	}
	defer ws.CloseNow()
	ws.SetReadLimit(2 << 20)
	f.script(&peer{f.t, ws})
}

// A peer is the gateway's end of a WebSocket.
type peer struct {
	t  *testing.T
	ws *websocket.Conn
}

// receive reads a message. It returns "" at the end.
func (p *peer) receive() string {
	_, message, _ := p.ws.Read(context.Background())
	return string(message)
}

// expect reads a message, which must equal want.
func (p *peer) expect(want string) {
	p.t.Helper()
	if got := p.receive(); got != want {
		p.t.Errorf("the command sent\n\t%s, want\n\t%s", got, want)
		runtime.Goexit()
	}
}

func (p *peer) send(messages ...string) {
	for _, message := range messages {
		p.ws.Write(context.Background(), websocket.MessageText, []byte(message))
	}
}

// linger reads until the command ends the connection.
func (p *peer) linger() {
	for p.receive() != "" {
	}
}

func (p *peer) close(code int, reason string) { p.ws.Close(websocket.StatusCode(code), reason) }

func (p *peer) enter() {
	p.t.Helper()
	p.expect(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"abc","clientSecret":"def123"}}`)
	p.send(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"j"}}`)
}

// enterAndSubscribe answers the authentication and a subscription to boiler, as a gateway
// without positions.
func (p *peer) enterAndSubscribe() {
	p.t.Helper()
	p.enter()
	p.expect(`{"id":2,"action":"subscribe","payload":"boiler","meta":true}`)
	p.send(`{"id":2,"action":"subscription","success":true,"streamName":"boiler","payload":2}`)
}

// delivery is a message of subscription 2.
func delivery(payload string) string {
	return `{"id":2,"action":"subscription","streamName":"boiler","payload":` + payload + `}`
}
