package main_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

// TestHandOver: gateways follow each other on one folder, and a publisher that repeats
// nothing never sees an error. Nothing that was acknowledged is lost.
func TestHandOver(t *testing.T) {
	t.Parallel()
	m := newServiceManager(t, t.TempDir(), "clients", "admin")
	settings := []string{"SEAGATE_STARTUP_WAIT=50s", "SEAGATE_SHUTDOWN_DRAIN=10s"}
	g := m.start(settings...)
	g.define(root, "boiler")
	var subscribers []*peer
	for range 3 {
		p := g.login(root, "root")
		p.subscribe(2, "boiler", groupID)
		subscribers = append(subscribers, p)
	}
	steady := []*steady{publishSteadily(g.listen, true), publishSteadily(g.listen, true), publishSteadily(g.listen, false)}
	for round := range 3 {
		for _, s := range steady {
			s.progress(t, 50)
		}
		var next *gateway
		var starting sync.WaitGroup
		if round%2 == 0 { // the next one is there before the old one stops, and waits for it
			waiting := make(chan struct{})
			starting.Go(func() {
				next = m.startAfter(waiting, settings...)
			})
			<-waiting
		}
		g.terminate()
		g.ends()
		if round == 0 {
			for _, p := range subscribers {
				for e := p.next(); e.end == nil; e = p.next() {
				}
			}
		}
		if round%2 == 1 { // nobody is there for a while: connections wait
			next = m.start(settings...)
		}
		starting.Wait()
		if next == nil {
			t.Fatal("the next gateway did not start")
		}
		g = next
	}
	var published int64
	for _, s := range steady {
		s.progress(t, 50)
		published += s.stop(t)
	}
	if kept := g.lastSeq(root, "boiler"); kept != published {
		t.Errorf("%d messages were acknowledged, and %d are there", published, kept)
	}
	g.stopped()
}

// startAfter runs a gateway that waits for another one. It closes waiting once it does,
// and returns nil if it does not serve.
func (m *serviceManager) startAfter(waiting chan struct{}, settings ...string) *gateway {
	p, err := beginWaiting(m.command(), m.environment(settings...), "data_dir")
	close(waiting)
	if err == nil {
		err = p.awaitServing()
	}
	if err != nil {
		m.t.Error(err)
		return nil
	}
	return adopt(m.t, p, m.folder)
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
			`a socket called "http": set FileDescriptorName=clients or admin`, `a socket called "metrics"`}},
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
	if r := command(t, environment(folder, append(taken, "SEAGATE_STARTUP_WAIT=100ms")...), "serve"); r.code == 0 || !strings.Contains(r.notes, "address already in use") {
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
