package main_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/client"
)

// startLines runs a gateway with a lines listener whose connections are the root client.
func startLines(t testing.TB, settings ...string) *gateway {
	t.Helper()
	return start(t, append([]string{"SEAGATE_LINES_LISTEN=127.0.0.1:0", "SEAGATE_LINES_CLIENT_ID=" + root.id}, settings...)...)
}

// A linePeer is a client over a plain socket.
type linePeer struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func (g *gateway) dialLines() *linePeer {
	g.t.Helper()
	conn, err := net.Dial("tcp", g.lines)
	if err != nil {
		g.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	g.t.Cleanup(func() { conn.Close() })
	return &linePeer{g.t, conn, bufio.NewReader(conn)}
}

func (p *linePeer) send(lines ...string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, strings.Join(lines, "\n")+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

func (p *linePeer) want(lines ...string) {
	p.t.Helper()
	for _, line := range lines {
		got, err := p.r.ReadString('\n')
		if err != nil || got != line+"\n" {
			p.t.Fatalf("got\n %s (%v)\nwant\n %s", got, err, line)
		}
	}
}

// What is published through one door is received through every other, with the same
// bytes. A header that is set over HTTP is what a listener receives first.
func TestLinesAndWebSocketsShareStreams(t *testing.T) {
	t.Parallel()
	g := startLines(t)
	admin := g.restClient()
	if _, err := admin.Define(t.Context(), "boiler", jsontext.Value(`{"version":1,"fields":[{"name":"n","type":"float"}]}`)); err != nil {
		t.Fatal(err)
	}
	if err := admin.SetHeader(t.Context(), "boiler", jsontext.Value(`{"n":0.50}`)); err != nil {
		t.Fatal(err)
	}
	socket, line := g.login(root, "root"), g.dialLines()
	socket.Send(`{"id":2,"action":"subscribe","payload":"boiler"}`)
	socket.want(`{"id":2,"action":"subscription","success":true,"streamName":"boiler","payload":2}`)
	socket.want(`{"id":2,"action":"subscription","streamName":"boiler","payload":{"n":0.50}}`)
	line.send(`{"action":"listen","stream":"boiler"}`)
	line.want(`{"action":"put","stream":"boiler","message":{"n":0.50},"header":true}`)
	line.send(`{"action":"put","stream":"boiler","message":{ "n" : 1.00 }}`)
	socket.want(delivery(2, "boiler", `{"n":1.00}`))
	line.want(`{"action":"put","stream":"boiler","message":{"n":1.00}}`)
	socket.Send(`{"id":3,"action":"publish","streamName":"boiler","payload":{"n":2e0}}`)
	line.want(`{"action":"put","stream":"boiler","message":{"n":2e0}}`)
	line.send(`{"action":"put","stream":"boiler","message":{"n":"x"}}`)
	line.want(`{"action":"error","message":"the message does not match boiler version 1: see errors","code":"invalid_payload","errors":["n: expected a number, got the string \"x\""],"stream":"boiler"}`)

	other := g.login(root, "root") // a job stream, seen over the WebSocket
	line.send(`{"action":"header","id":1,"stream":"job","message":"any"}`)
	line.want(`{"action":"header","id":1,"stream":"job"}`)
	other.Send(`{"id":2,"action":"subscribe","payload":"job"}`)
	other.want(`{"id":2,"action":"subscription","success":true,"streamName":"job","payload":2}`)
	other.want(delivery(2, "job", `"any"`))
	other.Send(`{"id":3,"action":"publish","streamName":"job","payload":[1]}`)
	other.next()
	line.send(`{"action":"delete","id":2,"stream":"job"}`)
	line.want(`{"action":"delete","id":2,"stream":"job"}`)
}

// A restart of the gateway under a RemoteStream loses nothing and repeats nothing of a
// durable stream.
func TestARestartUnderARemoteStream(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	listen := freeAddress(t)
	settings := []string{"SEAGATE_LINES_LISTEN=" + listen, "SEAGATE_LINES_CLIENT_ID=" + root.id}
	g := startIn(t, folder, settings...)
	if _, err := g.restClient().Define(t.Context(), "boiler", jsontext.Value(`{"version":1,"fields":[{"name":"n","type":"integer"}]}`)); err != nil {
		t.Fatal(err)
	}
	writer, reader := remote(t, listen), remote(t, listen)
	got := make(chan client.StreamMessage, 10_000)
	if err := reader.Listen("boiler", client.NewPutter(func(m client.StreamMessage) { got <- m })); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	put := func(n int) error { return writer.Put(ctx, "boiler", map[string]any{"n": n}) }
	next := func() client.StreamMessage {
		t.Helper()
		select {
		case m := <-got:
			return m
		case <-ctx.Done():
			t.Fatal("nothing comes")
			return client.StreamMessage{}
		}
	}
	joined := 0
	for ; len(got) == 0; joined++ { // until the reader has joined
		if err := put(joined); err != nil {
			t.Fatal(err)
		}
	}
	last := next()
	for round := range 3 {
		done := make(chan int)
		go func() { // writes over the restart
			acknowledged := 0
			for acknowledged < 200 {
				if put(1_000_000) == nil {
					acknowledged++
				}
			}
			done <- acknowledged
		}()
		if round%2 == 0 {
			g.kill()
		} else {
			g.stopped()
		}
		g = startIn(t, folder, settings...)
		<-done
		if err := put(round); err != nil {
			t.Fatal(err)
		}
		for {
			m := next()
			if m.Seq != last.Seq+1 || m.Missing != (client.Missing{}) || m.Closed {
				t.Fatalf("round %d: %+v behind %+v", round, m, last)
			}
			if last = m; fmt.Sprint(m.Value) == fmt.Sprintf("map[n:%d]", round) {
				break
			}
		}
	}
}

// restClient returns the root client over HTTP.
func (g *gateway) restClient() *client.Client {
	g.t.Helper()
	c, err := client.New("http://"+g.listen, client.Basic(root.id, root.secret), client.Options{})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(c.CloseIdleConnections)
	return c
}

func remote(t testing.TB, address string) *client.RemoteStream {
	t.Helper()
	r, err := client.NewRemoteStream(address, client.RemoteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// freeAddress returns an address that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// The programs in docs/lines.md do what it says.
func TestDocumentedLinePrograms(t *testing.T) {
	t.Parallel()
	g := startLines(t)
	text, err := os.ReadFile("../../docs/lines.md")
	if err != nil {
		t.Fatal(err)
	}
	for language, run := range map[string][]string{"python": {"python3"}, "javascript": nodeCommand(t)} {
		t.Run(language, func(t *testing.T) {
			if _, err := exec.LookPath(run[0]); err != nil {
				t.Fatalf("there is no %s; run: make %s", run[0], language)
			}
			block := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$").FindSubmatch(text)
			if block == nil {
				t.Fatal("there is no program")
			}
			_, port, _ := net.SplitHostPort(g.lines)
			file := filepath.Join(t.TempDir(), "job")
			if err := os.WriteFile(file, bytes.ReplaceAll(block[1], []byte("3106"), []byte(port)), 0o644); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			out, err := exec.CommandContext(ctx, run[0], append(run[1:len(run):len(run)], file)...).CombinedOutput()
			if want := "header 0\nmessage 1\nmessage 2\nmessage 3\n"; err != nil || string(out) != want {
				t.Errorf("got\n%s%v\nwant\n%s", out, err, want)
			}
		})
	}
}

// seagate lines authenticates, sends its input, and prints what comes.
func TestLinesCommand(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_LINES_LISTEN=127.0.0.1:0")
	for _, test := range []struct {
		args, input, output, says string
		status                    int
	}{
		{"", `{"action":"header","id":1,"stream":"job","message":0}`, `{"action":"header","id":1,"stream":"job"}` + "\n", "", 0},
		{"--listen job --count 1", ``, `{"action":"put","stream":"job","message":0,"header":true}` + "\n", "", 0},
		{"--anonymous", `{"action":"put","id":1,"stream":"job","message":1}`, `"code":"credentials_required"`, "credentials_required", 3},
		{"", `put`, `"code":"malformed_json"`, "malformed_json", 1},
		{"--client nobody", ``, ``, "invalid_credentials", 3},
	} {
		cmd := exec.CommandContext(t.Context(), program, append([]string{"lines", "--address", g.lines}, strings.Fields(test.args)...)...)
		cmd.Env = append(bare(t.TempDir()), "SEAGATE_CLIENT_ID="+root.id, "SEAGATE_CLIENT_SECRET="+root.secret)
		cmd.Stdin = strings.NewReader(test.input)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		cmd.Run()
		if status := cmd.ProcessState.ExitCode(); status != test.status || !strings.Contains(stdout.String(), test.output) || !strings.Contains(stderr.String(), test.says) {
			t.Errorf("lines %s <<< %s: exit status %d\n%s%s", test.args, test.input, status, stdout.String(), stderr.String())
		}
	}
}
