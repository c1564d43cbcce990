package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// patience is how long anything may take that is only waited for. It is long
// because machines that run tests are busy; nothing waits for it that works.
const patience = 60 * time.Second

// root is the operator's own client. Its secret looks like a generated one:
// words of one's own would be stretched, and each start take a second longer.
var root = credentials{"root", "sea_operators-own-secret-operators-own-secret-operators-oA"}

type credentials struct{ id, secret string }

// A process is a gateway that runs.
type process struct {
	cmd    *exec.Cmd
	listen string // HOST:PORT of the public listener
	admin  string // and of the admin listener
	lines  string // and of the lines listener, "" if there is none
	log    *logbook
	exited chan struct{} // closed when the process has ended and its log is complete
}

// bare is the environment of somebody with that home who has set nothing.
func bare(home string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		// Or each process would end a second later. Huge pages spare it page faults at its start.
		"GORACE=atexit_sleep_ms=0 no_huge_pages_for_shadow=0",
	}
}

// environment is that of a gateway on free ports with a root client, changed
// by settings, each KEY=VALUE.
func environment(folder string, settings ...string) []string {
	return slices.Concat(bare(folder), []string{
		"SEAGATE_LISTEN=127.0.0.1:0",
		"SEAGATE_ADMIN_LISTEN=127.0.0.1:0",
		"SEAGATE_DATA_DIR=" + folder,
		"SEAGATE_ROOT_CLIENT_ID=" + root.id,
		"SEAGATE_ROOT_CLIENT_SECRET=" + root.secret,
		"SEAGATE_LOG_LEVEL=debug",
		"SEAGATE_WEBSOCKET_AUTHENTICATION_TIMEOUT=1m",
		"SEAGATE_SHUTDOWN_DRAIN=0s",
		"SEAGATE_SHUTDOWN_TIMEOUT=50s",
	}, settings)
}

// launch starts `seagate serve` and waits until it serves.
func launch(folder string, settings ...string) (*process, error) {
	return launchCommand(exec.Command(program, "serve"), environment(folder, settings...))
}

// launchCommand starts a command that serves, and waits until it does.
func launchCommand(cmd *exec.Cmd, environment []string) (*process, error) {
	p, err := begin(cmd, environment)
	if err == nil {
		err = p.awaitServing()
	}
	return p, err
}

// begin starts a command that serves.
func begin(cmd *exec.Cmd, environment []string) (*process, error) {
	p := &process{cmd: cmd, log: newLogbook(), exited: make(chan struct{})}
	cmd.Env = environment
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.log.readAll(stderr)
		cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// awaitServing waits until the process serves, or else ends it.
func (p *process) awaitServing() error {
	line, err := p.log.await(p.exited, `"msg":"serving"`)
	if err == nil {
		err = p.readAddresses(line)
	}
	if err != nil {
		p.kill()
		return fmt.Errorf("the gateway does not serve: %w\n%s", err, p.log.text())
	}
	return nil
}

func (p *process) readAddresses(line string) error {
	var said struct {
		Listen string `json:"listen"`
		Admin  string `json:"admin"`
		Lines  string `json:"lines"`
	}
	if err := json.Unmarshal([]byte(line), &said); err != nil {
		return err
	}
	p.listen, p.admin, p.lines = said.Listen, said.Admin, said.Lines
	if p.listen == "" || strings.HasSuffix(p.listen, ":0") {
		return fmt.Errorf("the log names no port: %s", line)
	}
	return nil
}

// kill ends the process without a word to it.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// stop asks the process to end and returns its exit status.
func (p *process) stop() (int, error) {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	return p.wait()
}

// wait waits for the end of the process and returns its exit status.
func (p *process) wait() (int, error) {
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(patience):
		p.kill()
		return 0, fmt.Errorf("the process does not end:\n%s", p.log.text())
	}
}

// unwanted is what no gateway may ever log: a failure of its own, or anybody's
// secret or token.
var unwanted = regexp.MustCompile(`DATA RACE|panic|sea_[A-Za-z0-9_-]{40,}|eyJ[A-Za-z0-9_-]{10,}|` +
	regexp.QuoteMeta(root.secret))

// durationText is a duration in a JSON log that is not a number. All of them
// are whole nanoseconds, as docs/configuration.md says.
var durationText = regexp.MustCompile(`"\w+":"([0-9.]+(ns|us|µs|ms|s|m|h))+"`)

// complaint returns an error if the log has something in it that must not be
// there.
func (p *process) complaint() error {
	for _, line := range p.log.copy() {
		if found := durationText.FindString(line); found != "" {
			return fmt.Errorf("the log has a duration as text, %s: %s", found, line)
		}
		if found := unwanted.FindString(line); found != "" {
			return fmt.Errorf("the log has %q in it: %s", found, line)
		}
	}
	return nil
}

// A gateway is a process that a test started.
type gateway struct {
	*process
	t      testing.TB
	folder string
}

// start runs a gateway until the test ends, with settings, each KEY=VALUE of
// the environment.
func start(t testing.TB, settings ...string) *gateway {
	t.Helper()
	return startIn(t, t.TempDir(), settings...)
}

// startIn is start on a data folder that may have been used before.
func startIn(t testing.TB, folder string, settings ...string) *gateway {
	t.Helper()
	p, err := launch(folder, settings...)
	if err != nil {
		t.Fatal(err)
	}
	return adopt(t, p, folder)
}

// adopt ends a process with the test, and then looks through its log.
func adopt(t testing.TB, p *process, folder string) *gateway {
	g := &gateway{p, t, folder}
	t.Cleanup(func() {
		g.kill()
		if err := g.complaint(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// awaitLog waits for a line of the log that has the text in it.
func (g *gateway) awaitLog(text string) string {
	g.t.Helper()
	line, err := g.log.await(g.exited, text)
	if err != nil {
		g.t.Fatal(err)
	}
	return line
}

// stopped stops the gateway, which must end well.
func (g *gateway) stopped() {
	g.t.Helper()
	if status, err := g.stop(); err != nil || status != 0 {
		g.t.Fatalf("exit status %d, %v\n%s", status, err, g.log.text())
	}
}

// The shared gateway is for tests that need nothing of their own. They keep
// apart by jails.
var shared struct {
	once sync.Once
	*process
	folder string
	err    error
}

// sharedGateway returns the shared gateway, which runs until all tests are
// done.
func sharedGateway(t testing.TB) *gateway {
	t.Helper()
	shared.once.Do(func() {
		if shared.folder, shared.err = os.MkdirTemp("", "seagate-test-"); shared.err == nil {
			shared.process, shared.err = launch(shared.folder)
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return &gateway{shared.process, t, shared.folder}
}

func stopShared() error {
	defer os.RemoveAll(shared.folder)
	if shared.process == nil {
		return nil
	}
	status, err := shared.stop()
	if err == nil && status != 0 {
		err = fmt.Errorf("exit status %d", status)
	}
	return errors.Join(err, shared.complaint())
}

// A logbook is what a process writes, line by line.
type logbook struct {
	mu    sync.Mutex // guards what follows
	lines []string
	grown chan struct{} // closed and replaced with each line
}

func newLogbook() *logbook { return &logbook{grown: make(chan struct{})} }

func (l *logbook) readAll(r io.Reader) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		l.add(scanner.Text())
	}
	io.Copy(io.Discard, r)
}

func (l *logbook) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	close(l.grown)
	l.grown = make(chan struct{})
}

// find returns the first line that has the text in it, and what will be closed
// when there are more lines.
func (l *logbook) find(text string) (line string, found bool, grown <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			return line, true, nil
		}
	}
	return "", false, l.grown
}

// await waits for a line that has the text in it.
func (l *logbook) await(exited <-chan struct{}, text string) (string, error) {
	deadline := time.After(patience)
	for {
		line, found, grown := l.find(text)
		if found {
			return line, nil
		}
		select {
		case <-grown:
		case <-exited:
			if line, found, _ := l.find(text); found {
				return line, nil
			}
			return "", fmt.Errorf("the process has ended and its log has no %s", text)
		case <-deadline:
			return "", fmt.Errorf("the log has no %s", text)
		}
	}
}

func (l *logbook) copy() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines...)
}

// text is the end of the log.
func (l *logbook) text() string {
	lines := l.copy()
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}
