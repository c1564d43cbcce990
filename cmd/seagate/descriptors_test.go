package main_test

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// Past bug: with a limit of 400 open files, 420 idle connections of a stranger ended
// the process, because the store could not open a file.
func TestStrangersDoNotUseUpDescriptors(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p, err := launchCommand(exec.Command("sh", "-c", "ulimit -n 300 && exec "+program+" serve"), environment(folder))
	if err != nil {
		t.Fatal(err)
	}
	g := adopt(t, p, folder)
	g.awaitLog("the limit of open files allows fewer connections than limits.sockets")
	g.define(root, "boiler_data")
	subscriber := g.login(root, "root")
	subscriber.subscribe(2, "boiler_data", "")
	strangers := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	for i := range 1000 {
		c, err := strangers.DialContext(t.Context(), "tcp", p.listen)
		if err != nil {
			continue // a stranger may be refused
		}
		defer c.Close()
		if i%2 == 0 {
			fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n") // and no more
		}
		if i%50 == 0 {
			g.publish(root, "boiler_data", `{"n":1}`) // over a new connection
			subscriber.want(delivery(2, "boiler_data", `{"n":1}`))
		}
	}
	if got := g.metric("seagate_sockets_displaced_total"); got < 500 {
		t.Errorf("%v strangers gave way", got)
	}
}

func TestTooFewDescriptorsAreRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sh", "-c", "ulimit -n 100 && exec "+program+" serve")
	cmd.Env = environment(t.TempDir())
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "needs at least 256") || !strings.Contains(string(out), "ulimit -n") {
		t.Errorf("%v: %s", err, out)
	}
}

// A connection that finds no place is told which limit that is, over HTTP, as a WebSocket and
// as lines, by the commands too.
func TestAFullGatewaySaysSo(t *testing.T) {
	t.Parallel()
	const most = 8
	g := startLines(t, fmt.Sprintf("SEAGATE_LIMITS_SOCKETS=%d", most))
	r := command(t, g.asRoot(), "bench", "--publishers", "0", "--subscribers", "20", "--duration", "1ms")
	const why = "too_many_connections: the gateway has 8 connections, as many as it takes, and all are in use (limits.sockets)"
	if r.code != 1 || !strings.Contains(r.notes, why) {
		t.Errorf("exit status %d: %s", r.code, r.notes)
	}
	for range most {
		g.login(root, "root")
	}
	for _, args := range []string{"streams", "subscribe x --count 1", "lines --listen x --count 1"} {
		eventually(t, args+" is told why", func() bool { // one of 32 at a time is
			r := command(t, append(g.asRoot(), "SEAGATE_LINES="+g.lines), strings.Fields(args)...)
			return r.code == 1 && strings.Contains(r.notes, why)
		})
	}
}
