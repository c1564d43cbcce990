// Package systemd is what a service says to a service manager, and what it is passed
// by one: sockets (sd_listen_fds(3)) and notifications (sd_notify(3)). Other service
// managers than systemd have the same protocols.
package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// A Socket is a listening TCP socket of the service manager. Connections that arrive
// while no process accepts them wait in its queue.
type Socket struct {
	Name     string // FileDescriptorName= of the socket unit; by default the unit's own name
	Listener net.Listener
}

// firstDescriptor is the descriptor of the first socket (SD_LISTEN_FDS_START).
const firstDescriptor = 3

// Sockets returns the sockets that were passed to this process, or none. The caller
// closes them. Sockets removes the variables, so that a child does not take them for its
// own, and a second call returns none. The error joins all problems; no socket is open
// then.
func Sockets() ([]Socket, error) {
	pid, count, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	if count == "" || pid != strconv.Itoa(os.Getpid()) { // for nobody, or for another process
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("LISTEN_FDS is %q, not a number of sockets", count)
	}
	named := strings.Split(names, ":")
	var sockets []Socket
	var problems []error
	for i := range n {
		socket := Socket{Name: "unknown"} // as sd_listen_fds_with_names(3) calls it
		if names != "" && i < len(named) {
			socket.Name = named[i]
		}
		if socket.Listener, err = listener(firstDescriptor + i); err != nil {
			problems = append(problems, fmt.Errorf("the socket %q of the service manager (descriptor %d) cannot be used: %w", socket.Name, firstDescriptor+i, err))
			continue
		}
		sockets = append(sockets, socket)
	}
	if len(problems) > 0 {
		for _, socket := range sockets {
			socket.Listener.Close()
		}
		return nil, errors.Join(problems...)
	}
	return sockets, nil
}

// listener takes over a descriptor.
func listener(fd int) (net.Listener, error) {
	syscall.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), "socket")
	if file == nil {
		return nil, errors.New("it is no descriptor")
	}
	defer file.Close() // the listener has a copy
	accepts, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	if err != nil {
		return nil, fmt.Errorf("it is not open, or not a socket: %w", err)
	}
	if accepts == 0 {
		return nil, errors.New("it does not listen: set ListenStream=, and Accept=no")
	}
	l, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	if _, ok := l.(*net.TCPListener); !ok {
		l.Close()
		return nil, fmt.Errorf("it listens on %s: set ListenStream= to a port, or to an address with a port", l.Addr().Network())
	}
	return l, nil
}
