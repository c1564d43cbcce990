package main_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/gateway/ws/wstest"
)

// terminate asks the gateway to end.
func (g *gateway) terminate() {
	g.t.Helper()
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		g.t.Fatal(err)
	}
}

// ends waits until the gateway has ended well.
func (g *gateway) ends() {
	g.t.Helper()
	if status, err := g.wait(); err != nil || status != 0 {
		g.t.Errorf("exit status %d, %v\n%s", status, err, g.log.text())
	}
}

// TestShutdown: on SIGTERM the gateway is not ready any more and refuses new
// WebSockets. It ends those that there are one after the other. HTTP requests and
// publishes are answered until the end.
func TestShutdown(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_SHUTDOWN_CONNECTIONS_PER_SECOND=1", "SEAGATE_SHUTDOWN_DRAIN=50s", "SEAGATE_SHUTDOWN_TIMEOUT=10m")
	g.define(root, "boiler")
	peers := []*peer{g.login(root, "root"), g.login(root, "root"), g.login(root, "root"), g.dial()}
	if a, err := g.operator("/readyz"); err != nil || a.status != http.StatusOK {
		t.Fatalf("readiness before: %d %v", a.status, err)
	}
	begin := time.Now()
	g.terminate()
	eventually(t, "that readiness fails", func() bool {
		a, err := g.operator("/readyz")
		return err == nil && a.status == http.StatusServiceUnavailable
	})
	if a, err := g.operator("/livez"); err != nil || a.status != http.StatusOK {
		t.Errorf("liveness: %d %v", a.status, err)
	}
	eventually(t, "that new WebSockets are refused", func() bool {
		c, response := wstest.Handshake(t, g.listen, "/api/v1/streams")
		defer c.Net.Close()
		return response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") == "5"
	})
	g.publish(root, "boiler", `{"n":1}`)
	open := 0
	for _, p := range peers[:3] {
		select {
		case <-p.inbox:
			continue
		default:
		}
		open++
		p.Send(`{"id":2,"action":"publish","streamName":"boiler","payload":{"n":2}}`)
		if e := p.next(); e.end == nil && !strings.HasPrefix(e.message, `{"id":2,"action":"publish","success":true,"seq":`) {
			t.Errorf("a connection whose turn has not come gets %v", e)
		}
	}
	if open == 0 {
		t.Error("all connections have ended at once")
	}
	g.ends()
	if took := time.Since(begin); took < 3*time.Second || took > 20*time.Second {
		t.Errorf("it took %v", took) // the last of four connections ends after 3 s
	}
	for _, line := range g.log.copy() {
		if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, "cut off") {
			t.Error(line)
		}
	}
}

// TestShutdownOfFewIsQuick, although the drain may take much longer.
func TestShutdownOfFewIsQuick(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_SHUTDOWN_DRAIN=40s")
	g.define(root, "boiler")
	for range 20 {
		g.login(root, "root").subscribe(2, "boiler", "")
	}
	begin := time.Now()
	g.terminate()
	g.ends()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestShutdownWaitsForRequests that have begun, and not for a body that comes slowly.
func TestShutdownWaitsForRequests(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_SHUTDOWN_TIMEOUT=10m")
	g.define(root, "boiler")
	body := `{"payload":{"n":1}}`
	begin := func() net.Conn {
		c := g.connect()
		fmt.Fprintf(c, "POST /api/v1/streams/boiler/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\nContent-Length: %d\r\n\r\n%s",
			basic(root), len(body), body[:5])
		return c
	}
	quick, slow := begin(), begin()
	g.connect() // says nothing
	// Both are with the gateway once a later request is answered.
	g.publish(root, "boiler", `{"n":0}`)
	g.terminate()
	io.WriteString(quick, body[5:])
	if a := readAnswer(t, quick); a.status != http.StatusOK {
		t.Errorf("what was on its way: %d %s", a.status, a.body)
	}
	if a := readAnswer(t, slow); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, `"code":"shutting_down"`) {
		t.Errorf("a slow body: %d %s", a.status, a.body)
	}
	g.ends()
	if _, found, _ := g.log.find(`"level":"ERROR"`); found {
		t.Error(g.log.text())
	}
}

// TestShutdownAnswersPublishes of WebSockets: what a connection was not answered before
// its close frame was not done.
func TestShutdownAnswersPublishes(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	g := startIn(t, folder, "SEAGATE_SHUTDOWN_TIMEOUT=10m")
	g.define(root, "boiler")
	const peers = 8
	var sent, answered atomic.Int64
	var publishing sync.WaitGroup
	for range peers {
		p := g.login(root, "root")
		publishing.Go(func() { // and does not wait for answers
			for id := 2; ; id++ {
				request := fmt.Sprintf(`{"id":%d,"action":"publish","streamName":"boiler","payload":{"n":%d}}`, id, id)
				if p.Write(wstest.Frame(true, wstest.Text, []byte(request))) != nil {
					return
				}
				sent.Add(1)
			}
		})
		publishing.Go(func() {
			for e := range p.inbox {
				switch {
				case e.end != nil && e.end.Code == 1001:
					p.Net.Close()
					return
				case e.end != nil:
					t.Errorf("the connection ended with %v", e)
					return
				case strings.Contains(e.message, `"success":true`):
					answered.Add(1)
				default:
					t.Errorf("got %s", e.message)
				}
			}
		})
	}
	eventually(t, "publishing", func() bool { return answered.Load() > 500 })
	g.terminate()
	g.ends()
	publishing.Wait()
	g = startIn(t, folder)
	if kept := g.lastSeq(root, "boiler"); kept != answered.Load() {
		t.Errorf("%d messages were sent, %d answered, and %d are there", sent.Load(), answered.Load(), kept)
	}
	g.stopped()
}

// lastSeq returns how many messages a stream has had.
func (g *gateway) lastSeq(as credentials, stream string) int64 {
	g.t.Helper()
	var state struct {
		LastSeq int64 `json:"lastSeq"`
	}
	if err := json.Unmarshal([]byte(g.ok(as, "GET", "/streams/"+stream, "")), &state); err != nil {
		g.t.Fatal(err)
	}
	return state.LastSeq
}

// TestShutdownDelay: only readiness fails at first.
func TestShutdownDelay(t *testing.T) {
	t.Parallel()
	g := start(t, "SEAGATE_SHUTDOWN_DELAY=2s")
	g.define(root, "boiler")
	begin := time.Now()
	g.terminate()
	eventually(t, "that readiness fails", func() bool {
		a, err := g.operator("/readyz")
		return err == nil && a.status == http.StatusServiceUnavailable
	})
	p := g.login(root, "root")
	p.subscribe(2, "boiler", "")
	p.wantClose(1001, "server_shutdown")
	if took := time.Since(begin); took < 2*time.Second {
		t.Errorf("it ended after %v", took)
	}
	g.ends()
}

// A steady is a publisher that repeats nothing.
type steady struct {
	url       string
	client    *http.Client
	published atomic.Int64
	done      chan struct{} // closed to end it
	failed    chan error    // one value, at the end
}

// publishSteadily starts a publisher to the stream boiler.
func publishSteadily(base string, transport *http.Transport) *steady {
	s := &steady{
		url:    base + "/api/v1/streams/boiler/publish",
		client: &http.Client{Transport: transport, Timeout: patience},
		done:   make(chan struct{}), failed: make(chan error, 1),
	}
	go func() { s.failed <- s.run() }()
	return s
}

func (s *steady) run() error {
	defer s.client.CloseIdleConnections()
	for n := 0; ; n++ {
		select {
		case <-s.done:
			return nil
		default:
		}
		if err := s.publish(n); err != nil {
			return fmt.Errorf("message %d: %w", n, err)
		}
		s.published.Add(1)
	}
}

func (s *steady) publish(n int) error {
	r, err := http.NewRequest("POST", s.url, strings.NewReader(fmt.Sprintf(`{"payload":{"n":%d}}`, n)))
	if err != nil {
		return err
	}
	if strings.HasPrefix(s.url, "http://") {
		r.GetBody = nil // so that net/http never sends it twice
	} // HTTP/2 says which requests were not handled, and net/http sends those again
	r.SetBasicAuth(root.id, root.secret)
	r.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s: %s", response.Status, body))
	}
	return err
}

// progress waits until it has published some more.
func (s *steady) progress(t *testing.T, more int64) {
	t.Helper()
	goal := s.published.Load() + more
	eventually(t, "publishing", func() bool {
		select {
		case err := <-s.failed:
			t.Fatal(err)
		default:
		}
		return s.published.Load() >= goal
	})
}

// stop ends the publisher, which must not have failed, and returns how much it has
// published.
func (s *steady) stop(t *testing.T) int64 {
	t.Helper()
	close(s.done)
	if err := <-s.failed; err != nil {
		t.Error(err)
	}
	return s.published.Load()
}
