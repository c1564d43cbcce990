//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sys/unix"

	"seagate/cmd/seagate/bench"
)

// secret is that of the root client of the gateways that are measured. It looks like a generated
// one, so that it is not stretched.
const secret = "sea_benchmarks-own-secret-benchmarks-own-secret-benchmarkA"

// A machine starts processes, servers on the first processor and clients on the others, if there
// are several.
type machine struct {
	program string // seagate
	folder  string // for data
	started int
}

// A server is a gateway, or a bare loop, that runs.
type server struct {
	cmd     *exec.Cmd
	address string
}

func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.cmd.Wait()
}

// gateway starts a gateway with an empty data folder.
func (m *machine) gateway() (*server, error) { return m.gatewayOn(m.newFolder()) }

func (m *machine) newFolder() string {
	m.started++
	return filepath.Join(m.folder, strconv.Itoa(m.started))
}

// memoryAfterRestart returns the resident memory of a gateway in which so many streams were
// defined before it was started again, in bytes. It starts twice: the first start reads what the
// storage has in its log, and keeps the memory which that takes.
func (m *machine) memoryAfterRestart(streams int) (int64, error) {
	folder := m.newFolder()
	var r *bench.Report
	for _, load := range []string{
		fmt.Sprintf("--streams %d --publishers 0 --subscribers 1 --duration 1ms --keep", streams),
		"--publishers 0 --subscribers 1 --duration 1ms",
		"--publishers 0 --subscribers 1 --duration 1s",
	} {
		s, err := m.gatewayOn(folder, "GOGC=10") // with little garbage, so that memory is what it needs
		if err != nil {
			return 0, err
		}
		r, err = m.load(s, load)
		s.stop()
		if err != nil {
			return 0, err
		}
	}
	return r.Server.Memory, nil
}

// gatewayOn starts a gateway on a data folder.
func (m *machine) gatewayOn(folder string, environment ...string) (*server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(m.program, "serve")
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "SEAGATE_LISTEN="+address, "SEAGATE_ADMIN_LISTEN=127.0.0.1:0",
		"SEAGATE_DATA_DIR="+folder, "SEAGATE_ROOT_CLIENT_ID=root", "SEAGATE_ROOT_CLIENT_SECRET="+secret,
		"SEAGATE_LOG_LEVEL=error", "SEAGATE_SHUTDOWN_DRAIN=0s", "SEAGATE_LIMITS_CHANGES_PER_SECOND=0",
		"SEAGATE_LIMITS_CONNECTIONS_PER_CLIENT=20000", "SEAGATE_LIMITS_STREAMS_PER_JAIL=20000")
	cmd.Env = append(cmd.Env, environment...)
	s := &server{cmd, address}
	return s, m.start(s)
}

// bare starts a bare loop.
func (m *machine) bare() (*server, error) { return m.bareOn("") }

// bareDurable starts a bare loop that stores each message, and syncs it before its answer.
func (m *machine) bareDurable() (*server, error) { return m.bareOn(m.newFolder()) }

func (m *machine) bareOn(folder string) (*server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-bare", address, "-store", folder)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	s := &server{cmd, address}
	return s, m.start(s)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// start starts a server and waits until it accepts connections.
func (m *machine) start(s *server) error {
	var complaints bytes.Buffer
	s.cmd.Stderr = &complaints
	if err := pinned(s.cmd, true); err != nil {
		return err
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", s.address); err == nil {
			return conn.Close()
		}
	}
	s.stop()
	return fmt.Errorf("%s does not serve: %s", s.cmd, &complaints)
}

// pinned starts a command on the processors of servers, or on those of clients.
func pinned(cmd *exec.Cmd, asServer bool) error {
	runtime.LockOSThread() // a process begins on the processors of the thread that starts it
	defer runtime.UnlockOSThread()
	var all, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil || all.Count() < 2 {
		return cmd.Start()
	}
	first := 0
	for !all.IsSet(first) {
		first++
	}
	if asServer {
		set.Set(first)
	} else {
		set = all
		set.Clear(first)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return err
	}
	defer unix.SchedSetaffinity(0, &all)
	return cmd.Start()
}

// load runs `seagate bench` against a server.
func (m *machine) load(s *server, arguments string) (*bench.Report, error) {
	cmd := exec.Command(m.program, append([]string{"bench", "--json", "--pid", strconv.Itoa(s.cmd.Process.Pid)}, strings.Fields(arguments)...)...)
	cmd.Env = append(os.Environ(), "SEAGATE_URL=http://"+s.address, "SEAGATE_CLIENT_ID=root", "SEAGATE_CLIENT_SECRET="+secret)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := pinned(cmd, false); err != nil {
		return nil, err
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("seagate bench %s: %w: %s", arguments, err, &complaints)
	}
	line, err := bufio.NewReader(&out).ReadBytes('\n')
	if err != nil {
		return nil, errors.New("seagate bench has printed nothing")
	}
	var r bench.Report
	return &r, json.Unmarshal(line, &r)
}

// commits measures a bare Pebble in a process of its own.
func (m *machine) commits(goroutines int) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, "-commits", strconv.Itoa(goroutines), "-folder", m.newFolder())
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := pinned(cmd, true); err != nil {
		return 0, err
	}
	if err := cmd.Wait(); err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(out.String()), 64)
}
