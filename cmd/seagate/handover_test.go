package main_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A serviceManager is what systemd is with a socket unit: it keeps the sockets open,
// and passes them to each gateway that it starts.
type serviceManager struct {
	t      *testing.T
	folder string
	names  []string
	files  []*os.File
}

// newServiceManager opens a socket for each of the names, which may repeat.
func newServiceManager(t *testing.T, folder string, names ...string) *serviceManager {
	t.Helper()
	m := &serviceManager{t: t, folder: folder, names: names}
	for range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		file, err := l.(*net.TCPListener).File()
		l.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		m.files = append(m.files, file)
	}
	return m
}

// command returns a gateway that gets the sockets.
func (m *serviceManager) command() *exec.Cmd {
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" serve`, program)
	cmd.ExtraFiles = m.files
	return cmd
}

func (m *serviceManager) environment(settings ...string) []string {
	return environment(m.folder, slices.Concat([]string{
		fmt.Sprintf("LISTEN_FDS=%d", len(m.files)), "LISTEN_FDNAMES=" + strings.Join(m.names, ":"),
		"SEAGATE_LISTEN=203.0.113.1:1", "SEAGATE_ADMIN_LISTEN=203.0.113.1:2", // not used
	}, settings)...)
}

// start runs a gateway with the sockets.
func (m *serviceManager) start(settings ...string) *gateway {
	m.t.Helper()
	p, err := launchCommand(m.command(), m.environment(settings...))
	if err != nil {
		m.t.Fatal(err)
	}
	return adopt(m.t, p, m.folder)
}

// TestHandOver: gateways follow each other on one folder, and publishers that repeat
// nothing never see an error. Nothing that was acknowledged is lost.
func TestHandOver(t *testing.T) {
	t.Parallel()
	t.Run("HTTP/1.1", func(t *testing.T) {
		t.Parallel()
		h := &handOver{t: t, settings: []string{"SEAGATE_STARTUP_WAIT=50s", "SEAGATE_SHUTDOWN_DRAIN=10s"}}
		h.test(func(g *gateway) []*steady {
			base := "http://" + g.listen
			return []*steady{
				publishSteadily(base, &http.Transport{}), publishSteadily(base, &http.Transport{}),
				publishSteadily(base, &http.Transport{DisableKeepAlives: true}),
			}
		})
	})
	t.Run("HTTP/2", func(t *testing.T) {
		t.Parallel()
		certificate, key := writeCertificate(t)
		h := &handOver{t: t, certificate: certificate, settings: []string{"SEAGATE_STARTUP_WAIT=50s", "SEAGATE_SHUTDOWN_DRAIN=10s",
			"SEAGATE_TLS_CERT_FILE=" + certificate, "SEAGATE_TLS_KEY_FILE=" + key}}
		h.test(func(g *gateway) []*steady {
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust(t, certificate)}, ForceAttemptHTTP2: true}
			// Three streams of one connection.
			return []*steady{publishSteadily("https://"+g.listen, transport), publishSteadily("https://"+g.listen, transport), publishSteadily("https://"+g.listen, transport)}
		})
	})
}

// A handOver is a run of gateways that follow each other.
type handOver struct {
	t           *testing.T
	settings    []string
	certificate string // of the gateways, or ""
	plain       string // the address for clients without TLS
	manager     *serviceManager
}

func (h *handOver) test(publish func(*gateway) []*steady) {
	h.manager = newServiceManager(h.t, h.t.TempDir(), "clients", "admin")
	g := h.manager.start(h.settings...)
	address := g.listen
	h.plain = address
	if h.certificate != "" {
		h.plain = unwrapTLS(h.t, address, h.certificate)
	}
	g.listen = h.plain
	g.define(root, "boiler")
	subscriber := g.login(root, "root")
	subscriber.subscribe(2, "boiler", groupID)
	go func() { // reads until it is closed
		for e := range subscriber.inbox {
			if e.end != nil && e.end.Code == 0 {
				return
			}
		}
	}()
	g.listen = address
	steady := publish(g)
	for round := range 3 {
		for _, s := range steady {
			s.progress(h.t, 50)
		}
		g = h.follow(g, round%2 == 0)
	}
	g.listen = h.plain
	var published int64
	for _, s := range steady {
		s.progress(h.t, 50)
		published += s.stop(h.t)
	}
	if kept := g.lastSeq(root, "boiler"); kept != published {
		h.t.Errorf("%d messages were acknowledged, and %d are there", published, kept)
	}
	g.stopped()
}

// follow ends a gateway and returns the next one. That is there before, and waits for
// the folder; or else nobody is there for a while, and connections wait.
func (h *handOver) follow(g *gateway, before bool) (next *gateway) {
	h.t.Helper()
	if !before {
		g.terminate()
		g.ends()
		return h.manager.start(h.settings...)
	}
	p, err := beginWaiting(h.manager.command(), h.manager.environment(h.settings...), "data_dir")
	if err != nil {
		h.t.Fatal(err)
	}
	g.terminate()
	g.ends()
	if err := p.awaitServing(); err != nil {
		h.t.Fatal(err)
	}
	return adopt(h.t, p, h.manager.folder)
}

// beginWaiting starts a gateway, which has to wait for what a setting names.
func beginWaiting(cmd *exec.Cmd, environment []string, setting string) (*process, error) {
	p, err := begin(cmd, environment)
	if err != nil {
		return nil, err
	}
	if _, err := p.log.await(p.exited, `"setting":"`+setting+`"`); err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

// TestSocketsOfTheServiceManager that cannot be used are all named.
func TestSocketsOfTheServiceManager(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		names []string
		want  []string
	}{
		"one without a name":  {[]string{"seagate.socket"}, nil},
		"two for one purpose": {[]string{"admin", "clients", "clients"}, []string{"two sockets for clients"}},
		"unknown names": {[]string{"clients", "http", "metrics"}, []string{
			`a socket called "http": set FileDescriptorName=clients, admin or lines`, `a socket called "metrics"`}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newServiceManager(t, t.TempDir(), test.names...)
			if test.want == nil {
				g := m.start("SEAGATE_ADMIN_LISTEN=127.0.0.1:0")
				g.ok(root, "GET", "/streams", "")
				if line := g.awaitLog("listening on sockets of the service manager"); !strings.Contains(line, "seagate.socket "+g.listen) {
					t.Error(line)
				}
				g.stopped()
				return
			}
			m.refuses(test.want...)
		})
	}
	t.Run("not sockets that listen", func(t *testing.T) {
		m := newServiceManager(t, t.TempDir(), "clients", "admin")
		file, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		unix, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close() })
		unixFile, err := unix.File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unixFile.Close() })
		m.files = []*os.File{file, unixFile}
		m.refuses(`the socket "clients" of the service manager (descriptor 3) cannot be used: it is not open, or not a socket`,
			`the socket "admin" of the service manager (descriptor 4) cannot be used: it listens on unix: set ListenStream= to a port`)
	})
}

// refuses fails unless a gateway ends and says each of the texts.
func (m *serviceManager) refuses(texts ...string) {
	m.t.Helper()
	cmd := m.command()
	cmd.Env = m.environment()
	out, err := cmd.CombinedOutput()
	if err == nil {
		m.t.Fatal("it ends well")
	}
	for _, text := range texts {
		if !strings.Contains(string(out), text) {
			m.t.Errorf("no %q in %s", text, out)
		}
	}
}

// TestStartupWait: without a service manager the next gateway waits for the addresses
// too, and no longer than it may.
func TestStartupWait(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	g := startIn(t, folder)
	taken := []string{"SEAGATE_LISTEN=" + g.listen, "SEAGATE_ADMIN_LISTEN=" + g.admin}
	if r := command(t, environment(folder, append(taken, "SEAGATE_STARTUP_WAIT=100ms")...), "serve"); r.code == 0 || !strings.Contains(r.notes, "is taken") {
		t.Errorf("it ends with %+v", r)
	}
	next, err := beginWaiting(exec.Command(program, "serve"), environment(folder, append(taken, "SEAGATE_STARTUP_WAIT=50s")...), "listen")
	if err != nil {
		t.Fatal(err)
	}
	g.stopped()
	if err := next.awaitServing(); err != nil {
		t.Fatal(err)
	}
	g = adopt(t, next, folder)
	g.ok(root, "GET", "/streams", "")
	g.stopped()
}

// TestServiceManagerIsNotified of what sd_notify(3) lists.
func TestServiceManagerIsNotified(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	address := filepath.Join(folder, "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.SetReadDeadline(time.Now().Add(patience))
	next := func() string {
		b := make([]byte, 1000)
		n, err := l.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	g := start(t, "NOTIFY_SOCKET="+address)
	if got := next(); got != "READY=1" {
		t.Errorf("got %q", got)
	}
	g.hangUp()
	if got := next(); !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") {
		t.Errorf("got %q", got)
	}
	if got := next(); got != "READY=1" {
		t.Errorf("got %q", got)
	}
	g.terminate()
	if got := next(); got != "STOPPING=1" {
		t.Errorf("got %q", got)
	}
	g.ends()
}
